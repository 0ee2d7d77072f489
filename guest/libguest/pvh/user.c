/* SPDX-License-Identifier: MIT */
/*
 * User mode of a PVH test, see x86/user.h: a descriptor table with user segments behind the kernel's own, a task state
 * for the stack of traps, and three pages of user memory in the kernel's address space. One vcpu.
 */
#include "guest/libguest/x86/user.h"

#include "guest/libguest/memory.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/percpu.h"

enum { STACK_GAP = 2048, KERNEL_ENTRIES = 4, USER_DS = 0x20 | 3, USER_CS = 0x28 | 3, TSS = 0x30 };

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
static char *code_page, *data_page;

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

void user_init(void)
{
    code_page = memory_alloc();
    data_page = memory_alloc();
    load_segments();
    map(PVH_USER_BASE, code_page);
    map(PVH_USER_BASE + MEMORY_PAGE, data_page);
    map(PVH_USER_BASE + 2 * MEMORY_PAGE, memory_alloc());
}

void user_load(struct trap_frame *frame, const char *code, const char *code_end)
{
    memcpy(code_page, code, (size_t)(code_end - code));
    *frame = (struct trap_frame){
        .rip = PVH_USER_BASE,
        .cs = USER_CS,
        .rflags = 0x2,
        .rsp = PVH_USER_BASE + 3 * MEMORY_PAGE,
        .ss = USER_DS,
    };
}

static void enter(void *frame)
{
    struct trap_frame copy = *(struct trap_frame *)frame;

    tss.rsp0 = ((uint64_t)&copy - STACK_GAP) & ~63UL;
    trap_return_to(&copy);
}

void user_run(struct trap_frame *frame)
{
    struct percpu *cpu = percpu();
    struct trap_recovery recovery = { .outer = cpu->recovery };

    cpu->recovery = &recovery;
    cpu->user_exit = frame;
    if (trap_try_call(&recovery, enter, frame) == 0 || cpu->user_exit != NULL) {
        test_broken("user mode was not entered");
    }
    cpu->recovery = recovery.outer;
}

void *user_data(void)
{
    return data_page;
}
