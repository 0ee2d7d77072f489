/* SPDX-License-Identifier: MIT */
/*
 * Builds the hypervisor's own page tables. See paging.h. All of it runs on the boot CPU, but for
 * arch_map_device(), which takes a lock.
 */
#include "hv/arch/x86/cpu/paging.h"

#include "hv/arch/x86/cpu/e820.h"
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch_cpu.h"
#include "hv/base/lock.h"
#include "hv/base/printk.h"
#include "hv/lib/string.h"
#include "hv/mm/boot_alloc.h"
#include "hv/mm/page_alloc.h"

#define LARGE_PAGES 512UL /* 4 KiB pages in a 2 MiB page */
#define IMAGE_L3_SLOT 322
#define IMAGE_LARGE_PAGES 8 /* 16 MiB: image and its data */
#define DIRECT_AT_BOOT 0x100000000ULL /* what the first direct map reaches */
#define MSR_PAT 0x277
#define PAT_VALUE 0x0000050100070406ULL /* WB WT UC- UC WC WP: part of the PV ABI */
#define CPUID7_SMEP (1U << 7)
#define CR4_SMEP (1UL << 20)

extern const char text_begin[], text_end[], rodata_end[], stubs_begin[], stubs_end[], image_end[];
extern uint64_t paging_direct_l3[512], paging_image_l3[512];

static unsigned long device_next = DEVICE_START;
static struct spinlock device_lock = SPINLOCK_INIT(LOCK_ARCH_DOMAIN + 5);

/* ---- boot memory --------------------------------------------------------------------------- */

/* RAM but for the first megabyte and the image. */
void paging_boot_memory(void)
{
    boot_alloc_init(DIRECT_AT_BOOT);
    for (unsigned int i = 0; i < machine_e820.count; i++) {
        const struct e820_entry *e = &machine_e820.entries[i];

        if (e->type == E820_RAM) {
            boot_alloc_add(e->start, e->start + e->size);
        }
    }
    boot_alloc_reserve(0, 0x100000);
    boot_alloc_reserve(paging_virt_to_phys(text_begin).v, paging_virt_to_phys(image_end).v);
}

/* ---- tables -------------------------------------------------------------------------------- */

mfn_t paging_idle_l4_mfn(void)
{
    return paddr_to_mfn(paging_virt_to_phys(paging_idle_l4));
}

paddr_t paging_virt_to_phys(const void *va)
{
    unsigned long a = (unsigned long)va;

    return _paddr(a >= DIRECT_START ? a - DIRECT_START : a - IMAGE_START);
}

static uint64_t *table_new(uint64_t *entry)
{
    mfn_t mfn = boot_alloc_is_finished() ? page_alloc(0, PAGE_ZERO) : boot_alloc(1);

    if (mfn_eq(mfn, INVALID_MFN)) {
        return NULL;
    }
    *entry = (mfn_x(mfn) << PAGE_SHIFT) | PTE_PRESENT | PTE_RW | PTE_USER | PTE_ACCESSED;
    return arch_direct_map(mfn);
}

/* The entry for va at the wanted level (1 or 2), making the tables above it; NULL when out of memory.
 * A large page in the way is broken into small ones. */
static uint64_t *entry_for(unsigned long va, unsigned int level)
{
    uint64_t *table = paging_idle_l4;

    for (unsigned int l = 4; l > level; l--) {
        uint64_t *e = &table[(va >> (PAGE_SHIFT + 9 * (l - 1))) & 511];
        uint64_t old = *e;

        if (!(old & PTE_PRESENT)) {
            table = table_new(e);
            if (table == NULL) {
                return NULL;
            }
        } else if (old & PTE_LARGE) {
            table = table_new(e);
            if (table == NULL) {
                return NULL;
            }
            for (unsigned int i = 0; i < 512; i++) {
                table[i] = (old & ~PTE_LARGE) + ((uint64_t)i << PAGE_SHIFT);
            }
        } else {
            table = arch_direct_map(_mfn((old & PTE_ADDRESS) >> PAGE_SHIFT));
        }
    }
    return &table[(va >> (PAGE_SHIFT + 9 * (level - 1))) & 511];
}

/* How many pages one entry at va may cover: 512 when a large page fits and nothing is in the way. */
static unsigned long step_for(unsigned long va, mfn_t mfn, unsigned long left)
{
    unsigned long both = (va >> PAGE_SHIFT) | mfn_x(mfn);

    return (both & (LARGE_PAGES - 1)) == 0 && left >= LARGE_PAGES ? LARGE_PAGES : 1;
}

static bool map_pages(unsigned long va, mfn_t mfn, unsigned long count, uint64_t flags)
{
    flags |= PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY;
    while (count > 0) {
        unsigned long step = step_for(va, mfn, count);
        uint64_t *e = entry_for(va, step == 1 ? 1 : 2);

        if (e == NULL) {
            return false;
        }
        *e = (mfn_x(mfn) << PAGE_SHIFT) | flags | (step == 1 ? 0 : PTE_LARGE);
        arch_tlb_flush_local(va);
        va += step << PAGE_SHIFT;
        mfn = mfn_add(mfn, step);
        count -= step;
    }
    return true;
}

void paging_map(unsigned long va, mfn_t mfn, unsigned long count, uint64_t flags)
{
    if (!map_pages(va, mfn, count, flags)) {
        panic("out of memory for page tables");
    }
}

static bool is_mapped(unsigned long va)
{
    uint64_t *table = paging_idle_l4;

    for (unsigned int l = 4; l > 0; l--) {
        uint64_t e = table[(va >> (PAGE_SHIFT + 9 * (l - 1))) & 511];

        if (!(e & PTE_PRESENT)) {
            return false;
        }
        if (e & PTE_LARGE) {
            return true;
        }
        table = arch_direct_map(_mfn((e & PTE_ADDRESS) >> PAGE_SHIFT));
    }
    return true;
}

void paging_back(unsigned long va, unsigned long bytes, uint64_t flags)
{
    unsigned long end = ALIGN_UP(va + bytes, PAGE_SIZE);

    va = ALIGN_DOWN(va, PAGE_SIZE);
    while (va < end) {
        unsigned long pages = 1;

        if (!is_mapped(va)) {
            if (step_for(va, _mfn(0), (end - va) >> PAGE_SHIFT) == LARGE_PAGES) {
                pages = LARGE_PAGES;
            }
            paging_map(va, boot_alloc(pages), pages, flags);
        }
        va += pages << PAGE_SHIFT;
    }
}

static void map_image(const char *from, const char *to, uint64_t flags)
{
    paging_map((unsigned long)from, paddr_to_mfn(paging_virt_to_phys(from)),
               (unsigned long)(to - from) >> PAGE_SHIFT, flags);
}

static void map_image_final(void)
{
    map_image(text_begin, text_end, 0);
    map_image(text_end, rodata_end, PTE_NX);
    map_image(rodata_end, stubs_begin, PTE_RW | PTE_NX);
    map_image(stubs_begin, stubs_end, 0);
}

/* Small pages for the image area, put in place of the large ones in one store: this code runs there. */
static void image_area_remap(void)
{
    mfn_t l2_mfn = boot_alloc(1);
    uint64_t *l2 = arch_direct_map(l2_mfn);

    for (unsigned int i = 0; i < IMAGE_LARGE_PAGES; i++) {
        l2[i] = ((uint64_t)i << 21) | PTE_PRESENT | PTE_RW | PTE_ACCESSED | PTE_DIRTY | PTE_LARGE;
    }
    WRITE_ONCE(paging_image_l3[IMAGE_L3_SLOT],
               mfn_x(l2_mfn) << PAGE_SHIFT | PTE_PRESENT | PTE_RW | PTE_ACCESSED);
    write_cr3(paging_virt_to_phys(paging_idle_l4).v);
    map_image_final();
}

/* The first 2 MiB stay mapped at their physical address until all CPUs are up; nothing else does. */
static void identity_shrink(void)
{
    mfn_t l3_mfn = boot_alloc(1);
    mfn_t l2_mfn = boot_alloc(1);
    uint64_t *l3 = arch_direct_map(l3_mfn);
    uint64_t *l2 = arch_direct_map(l2_mfn);

    l2[0] = PTE_PRESENT | PTE_RW | PTE_ACCESSED | PTE_DIRTY | PTE_LARGE;
    l3[0] = mfn_x(l2_mfn) << PAGE_SHIFT | PTE_PRESENT | PTE_RW | PTE_ACCESSED;
    WRITE_ONCE(paging_idle_l4[0], mfn_x(l3_mfn) << PAGE_SHIFT | PTE_PRESENT | PTE_RW | PTE_ACCESSED);
}

void paging_drop_identity(void)
{
    paging_idle_l4[0] = 0;
    write_cr3(paging_virt_to_phys(paging_idle_l4).v);
}

static void direct_map_finish(void)
{
    for (unsigned int i = 0; i < 4; i++) {
        uint64_t *l2 = arch_direct_map(_mfn((paging_direct_l3[i] & PTE_ADDRESS) >> PAGE_SHIFT));

        for (unsigned int j = 0; j < 512; j++) {
            l2[j] |= PTE_NX;
        }
    }
    for (unsigned int i = 0; i < machine_e820.count; i++) {
        uint64_t start = ALIGN_DOWN(machine_e820.entries[i].start, PAGE_SIZE);
        uint64_t end = machine_e820.entries[i].start + machine_e820.entries[i].size;

        start = MAX(start, 0x100000000ULL);
        end = MIN(ALIGN_UP(end, PAGE_SIZE), HV_VIRT_END - DIRECT_START);
        if (machine_e820.entries[i].type == E820_RAM && start < end) {
            paging_map(DIRECT_START + start, _mfn(start >> PAGE_SHIFT),
                       (end - start) >> PAGE_SHIFT, PTE_RW | PTE_NX);
        }
    }
}

void paging_init_cpu(void)
{
    uint32_t a, b, c, d;

    write_msr(MSR_PAT, PAT_VALUE);
    cpuid(7, 0, &a, &b, &c, &d);
    if (b & CPUID7_SMEP) {
        write_cr4(read_cr4() | CR4_SMEP);
    }
}

void paging_init(void)
{
    image_area_remap();
    identity_shrink();
    direct_map_finish();
    /* Level 3 tables of the shared slots must exist before the first guest copies the slots. */
    (void)entry_for(DEVICE_START, 2);
    (void)entry_for(RO_M2P_START, 2);
    write_cr3(paging_virt_to_phys(paging_idle_l4).v);
}

void *arch_map_device(paddr_t start, size_t bytes)
{
    uint64_t offset = start.v & ~PAGE_MASK;
    unsigned long count = DIV_ROUND_UP(offset + bytes, PAGE_SIZE);
    unsigned long va;
    bool ok;

    spin_lock(&device_lock);
    va = device_next;
    ok = count <= (DEVICE_END - va) >> PAGE_SHIFT;
    if (ok) {
        device_next += count << PAGE_SHIFT;
        ok = map_pages(va, paddr_to_mfn(start), count, PTE_RW | PTE_NX | PTE_PCD | PTE_PWT);
    }
    spin_unlock(&device_lock);
    return ok ? (void *)(va + offset) : NULL;
}
