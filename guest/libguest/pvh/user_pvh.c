/* SPDX-License-Identifier: MIT */
/*
 * User mode of a PVH test (x86/user.h): a descriptor table with user segments behind the kernel's own, a task state
 * for the stack of traps, and three pages of user memory in the kernel's address space. One vcpu.
 */
#include "guest/libguest/x86/user.h"

#include "guest/libguest/memory.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/string.h"
#include "guest/libguest/x86/pagetable.h"

enum { KERNEL_ENTRIES = 4, USER_DS = 0x20 | 3, USER_CS = 0x28 | 3, TSS = 0x30 };

struct table {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

static struct {
    uint32_t reserved;
    uint64_t rsp0;
    uint8_t unused[90];
    uint16_t port_bitmap; /* behind the end: none */
} __attribute__((packed, aligned(16))) tss = { .port_bitmap = 104 };

static uint64_t gdt[KERNEL_ENTRIES + 4];

static void load_segments(void)
{
    struct table now;
    uint64_t base = (uint64_t)&tss;

    __asm__ volatile("sgdt %0" : "=m"(now));
    memcpy(gdt, (const void *)now.base, KERNEL_ENTRIES * sizeof(gdt[0]));
    gdt[USER_DS / 8] = 0x00cff3000000ffffUL;
    gdt[USER_CS / 8] = 0x00affb000000ffffUL;
    gdt[TSS / 8] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89UL << 40 | (base >> 24 & 0xff) << 56;
    gdt[TSS / 8 + 1] = base >> 32;
    now = (struct table){ sizeof(gdt) - 1, (uint64_t)gdt };
    __asm__ volatile("lgdt %0; ltr %w1" : : "m"(now), "r"(TSS));
}

static uint64_t *next_table(uint64_t *slot)
{
    if (!(*slot & PTE_P)) {
        pagetable_set(slot, pte_make(memory_pfn(memory_alloc()), PTE_DATA));
    }
    return memory_va(pte_mfn(*slot));
}

static void map(unsigned long va, const void *page)
{
    uint64_t *table = pagetable_root();

    for (unsigned int level = 4; level > 1; level--) {
        table = next_table(&table[pagetable_index(va, level)]);
    }
    pagetable_set(&table[pagetable_index(va, 1)], pte_make(memory_pfn(page), PTE_DATA));
}

void user_make_space(struct user_space *space)
{
    space->base = PVH_USER_BASE;
    space->cs = USER_CS;
    space->ss = USER_DS;
    load_segments();
    map(PVH_USER_BASE, space->code);
    map(PVH_USER_BASE + MEMORY_PAGE, space->data);
    map(PVH_USER_BASE + 2 * MEMORY_PAGE, memory_alloc());
}

void user_set_trap_stack(unsigned long top)
{
    tss.rsp0 = top;
}
