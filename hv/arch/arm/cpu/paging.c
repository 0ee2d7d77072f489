/* SPDX-License-Identifier: MIT */
/*
 * Builds the hypervisor's own page tables (stage 1 of EL2, 48 bits, 4 KiB). See paging.h. All of it runs on the boot
 * CPU, but for arch_map_device() and paging_map_memory(), which take a lock.
 *
 * Tables come from a pool at the image's end until the direct map reaches all RAM; what it has not given by then is
 * memory as any other.
 */
#include "hv/arch/arm/cpu/paging.h"

#include "hv/arch/arm/arm64/sysreg_values.h"
#include "hv/arch/arm/cpu/errata.h"
#include "hv/arch/arm/cpu/machine.h"
#include "hv/arch/arm/cpu/sysreg.h"
#include "hv/arch_cpu.h"
#include "hv/base/lock.h"
#include "hv/base/printk.h"
#include "hv/lib/string.h"
#include "hv/mm/boot_alloc.h"
#include "hv/mm/page_alloc.h"

#define LARGE_PAGES 512UL
#define LARGE_SIZE  (LARGE_PAGES << PAGE_SHIFT)
#define POOL_PAGES  (24 + 4 * MACHINE_RANGES_MAX) /* both ends of each range between blocks, and between gigabytes */
#define POOL_SECTION ".tables,\"aw\",@nobits" ARCH_ASM_COMMENT
#define PTE_ADDRESS 0x0000fffffffff000ULL
#define PTE_XN      (1ULL << 54)
#define IMAGE_BLOCKS 8U
#define FDT_SLOT    ((uint64_t)IMAGE_BLOCKS) /* in paging_image_l2, two blocks */

extern uint64_t paging_l0[512], paging_image_l2[512];
extern const char image_begin[], text_begin[], text_end[], rodata_end[], image_end[];

static uint64_t pool[POOL_PAGES][512] ALIGNED(4096) __attribute__((__section__(POOL_SECTION)));
static unsigned int pool_used;
static enum { TABLES_POOL, TABLES_BOOT } tables_from;
static unsigned long device_next = DEVICE_START;
static struct spinlock device_lock = SPINLOCK_INIT(LOCK_ARCH_DOMAIN + 5);

/* Where the image ends, with the tables that are in use. */
static unsigned long used_end(void)
{
    return (unsigned long)pool[pool_used];
}

paddr_t paging_virt_to_phys(const void *va)
{
    unsigned long a = (unsigned long)va;

    return _paddr(a >= DIRECT_START ? a - DIRECT_START
                                    : a - (unsigned long)image_begin + machine.image_start);
}

static void *table_at(uint64_t entry)
{
    uint64_t pa = entry & PTE_ADDRESS;
    uint64_t in_image = pa - machine.image_start;

    if (in_image < used_end() - (unsigned long)image_begin) {
        return (void *)((unsigned long)image_begin + in_image);
    }
    return arch_direct_map(_mfn(pa >> PAGE_SHIFT));
}

static uint64_t *table_new(uint64_t *entry)
{
    uint64_t *table;
    mfn_t mfn;

    if (tables_from == TABLES_POOL) {
        if (pool_used == POOL_PAGES) {
            panic("memory and reserved memory of the device tree are in too many pieces");
        }
        table = pool[pool_used++];
        arch_page_clear(table);
        dsb_ish();
        *entry = paging_virt_to_phys(table).v | PTE_TABLE;
        return table;
    }
    mfn = boot_alloc_is_finished() ? page_alloc(0, PAGE_ZERO) : boot_alloc(1);
    if (mfn_eq(mfn, INVALID_MFN)) {
        return NULL;
    }
    table = arch_direct_map(mfn);
    dsb_ish(); /* the empty table before the entry that leads to it */
    *entry = mfn_to_paddr(mfn).v | PTE_TABLE;
    return table;
}

static unsigned int index_at(unsigned long va, unsigned int level)
{
    return (va >> (PAGE_SHIFT + 9 * (3 - level))) & 511;
}

/* The entry for va at a level (1: 1 GiB, 2: 2 MiB, 3: 4 KiB), making the tables above it; NULL when out of memory. */
static uint64_t *entry_for(unsigned long va, unsigned int level)
{
    uint64_t *table = paging_l0;

    for (unsigned int l = 0; l < level; l++) {
        uint64_t *e = &table[index_at(va, l)];

        BUG_ON((*e & PTE_TABLE) == PTE_VALID); /* a block: nothing is mapped twice */
        table = *e & PTE_VALID ? table_at(*e) : table_new(e);
        if (table == NULL) {
            return NULL;
        }
    }
    return &table[index_at(va, level)];
}

static uint64_t leaf(unsigned int flags)
{
    uint64_t e = PTE_VALID | PTE_ONE | PTE_SHARED | PTE_ACCESSED;

    e |= flags & PAGING_DEVICE ? ATTR_DEVICE << 2 : ATTR_NORMAL << 2;
    e |= flags & PAGING_RW ? 0 : PTE_RO;
    return flags & PAGING_EXEC ? e : e | PTE_XN;
}

static unsigned int level_for(unsigned long va, mfn_t mfn, unsigned long left)
{
    unsigned long both = (va >> PAGE_SHIFT) | mfn_x(mfn);

    if ((both & (LARGE_PAGES * LARGE_PAGES - 1)) == 0 && left >= LARGE_PAGES * LARGE_PAGES) {
        return 1;
    }
    return (both & (LARGE_PAGES - 1)) == 0 && left >= LARGE_PAGES ? 2 : 3;
}

static bool map_pages(unsigned long va, mfn_t mfn, unsigned long count, unsigned int flags)
{
    while (count > 0) {
        unsigned int level = level_for(va, mfn, count);
        unsigned long step = 1UL << (9 * (3 - level));
        uint64_t *e = entry_for(va, level);

        if (e == NULL) {
            return false;
        }
        *e = mfn_to_paddr(mfn).v | leaf(flags) | (level == 3 ? PTE_PAGE : 0);
        va += step << PAGE_SHIFT;
        mfn = mfn_add(mfn, step);
        count -= step;
    }
    dsb_ish();
    isb();
    return true;
}

void paging_map(unsigned long va, mfn_t mfn, unsigned long count, unsigned int flags)
{
    if (!map_pages(va, mfn, count, flags)) {
        panic("out of memory for page tables");
    }
}

static bool is_mapped(unsigned long va)
{
    uint64_t *table = paging_l0;

    for (unsigned int l = 0; l < 4; l++) {
        uint64_t e = table[index_at(va, l)];

        if (!(e & PTE_VALID)) {
            return false;
        }
        if (l == 3 || (e & PTE_TABLE) == PTE_VALID) {
            return true;
        }
        table = table_at(e);
    }
    return true;
}

void paging_back(unsigned long va, unsigned long bytes)
{
    unsigned long end = ALIGN_UP(va + bytes, PAGE_SIZE);

    va = ALIGN_DOWN(va, PAGE_SIZE);
    while (va < end) {
        unsigned long pages = 1;

        if (!is_mapped(va)) {
            if (level_for(va, _mfn(0), (end - va) >> PAGE_SHIFT) < 3) {
                pages = LARGE_PAGES;
            }
            paging_map(va, boot_alloc(pages), pages, PAGING_RW);
        }
        va += pages << PAGE_SHIFT;
    }
}

const void *paging_map_fdt(uint64_t start)
{
    uint64_t block = ALIGN_DOWN(start, LARGE_SIZE);

    for (uint64_t i = 0; i < 2; i++) {
        paging_image_l2[FDT_SLOT + i] = (block + (i << 21)) | PTE_BLOCK_RAM | PTE_RO | PTE_XN;
    }
    dsb_ish();
    isb();
    return (const void *)(IMAGE_START + (FDT_SLOT << 21) + (start - block));
}

/* ---- boot memory ------------------------------------------------------------------------------ */

/* RAM but for what firmware keeps and the image; the tables in use follow when it is known which. */
void paging_boot_memory(void)
{
    boot_alloc_init(~0ULL);
    for (unsigned int i = 0; i < machine.ram_count; i++) {
        boot_alloc_add(machine.ram[i].start, machine.ram[i].end);
    }
    for (unsigned int i = 0; i < machine.reserved_count; i++) {
        boot_alloc_reserve(machine.reserved[i].start, machine.reserved[i].end);
    }
    boot_alloc_reserve(machine.image_start, paging_virt_to_phys(pool).v);
}

/* ---- final tables ---------------------------------------------------------------------------- */

static void direct_map_range(uint64_t start, uint64_t end)
{
    if (start < end) {
        paging_map(DIRECT_START + start, _mfn(start >> PAGE_SHIFT), (end - start) >> PAGE_SHIFT,
                   PAGING_RW);
    }
}

/* RAM but for what firmware keeps: speculation may touch whatever is mapped. */
static void direct_map_ram(void)
{
    for (unsigned int i = 0; i < machine.ram_count; i++) {
        uint64_t at = machine.ram[i].start;

        while (at < machine.ram[i].end) {
            uint64_t stop = machine.ram[i].end;
            uint64_t go_on = stop;

            for (unsigned int j = 0; j < machine.reserved_count; j++) {
                const struct machine_range *r = &machine.reserved[j];

                if (r->end > at && r->start < stop) {
                    stop = MAX(r->start, at);
                    go_on = r->end;
                }
            }
            direct_map_range(at, ALIGN_DOWN(stop, PAGE_SIZE));
            at = ALIGN_UP(go_on, PAGE_SIZE);
        }
    }
}

static void fill_image_table(uint64_t *l3, unsigned long base)
{
    for (unsigned int i = 0; i < 512; i++) {
        unsigned long va = base + ((unsigned long)i << PAGE_SHIFT);
        unsigned int flags = va < (unsigned long)text_end     ? PAGING_EXEC
                             : va < (unsigned long)rodata_end ? 0
                                                              : PAGING_RW;

        l3[i] = va < used_end()
                    ? paging_virt_to_phys((const void *)va).v | leaf(flags) | PTE_PAGE
                    : 0;
    }
}

/* Small pages for the image, a block at a time: the entry changes from a block to a table with the same addresses,
 * so what runs and its stack must not lie in it while it is invalid. The rules want break before make; the table is
 * complete before it is linked, and no CPU but this one runs. */
static void image_remap(void)
{
    for (unsigned int i = 0; i < IMAGE_BLOCKS; i++) {
        unsigned long base = IMAGE_START + ((unsigned long)i << 21);

        if (base >= used_end()) {
            paging_image_l2[i] = 0;
            continue;
        }
        uint64_t entry = 0;

        fill_image_table(table_new(&entry), base);
        dsb_ish();
        WRITE_ONCE(paging_image_l2[i], entry);
        dsb_ish();
        arch_tlb_flush_local(ARCH_FLUSH_ALL);
    }
    arch_tlb_flush_local(ARCH_FLUSH_ALL);
}

void paging_init(void)
{
    direct_map_ram();
    tables_from = TABLES_BOOT;
    boot_alloc_reserve(paging_virt_to_phys(pool).v, paging_virt_to_phys(pool[pool_used]).v);
    image_remap();
}

void paging_init_cpu(void)
{
    SYSREG_WRITE("sctlr_el2", SYSREG_READ("sctlr_el2") | SCTLR_WXN);
    isb();
}

void paging_drop_identity(void)
{
    paging_l0[machine.image_start >> 39] = 0;
    dsb_ish();
    arch_tlb_flush(&arch_cpus_online, ARCH_FLUSH_ALL);
}

/* Eight lines a turn: what is done to each, one instruction. */
#define EACH_LINE(instruction, va, bytes) do { \
        unsigned long line = 4UL << (SYSREG_READ("ctr_el0") >> 16 & 0xf); \
        unsigned long at = ALIGN_DOWN((unsigned long)(va), line); \
        unsigned long end = (unsigned long)(va) + (bytes); \
        while (at + 8 * line <= end) { \
            __asm__ __volatile__(".rept 8; " instruction ", %0; add %0, %0, %1; .endr" \
                                 : "+r"(at) : "r"(line) : "memory"); \
        } \
        for (; at < end; at += line) { \
            __asm__ __volatile__(instruction ", %0" ::"r"(at) : "memory"); \
        } \
        dsb_sy(); \
    } while (0)

void paging_clean_cache(const void *va, size_t bytes)
{
    if (unlikely(errata_clean)) {
        EACH_LINE("dc civac", va, bytes);
    } else {
        EACH_LINE("dc cvac", va, bytes);
    }
}

void paging_flush_cache(const void *va, size_t bytes)
{
    EACH_LINE("dc civac", va, bytes);
}

void paging_flush_instructions(void)
{
    __asm__ __volatile__("ic ialluis; dsb ish; isb" ::: "memory");
}

static void *map_anywhere(paddr_t start, size_t bytes, unsigned int flags)
{
    uint64_t offset = start.v & ~PAGE_MASK;
    unsigned long count = DIV_ROUND_UP(offset + bytes, PAGE_SIZE);
    unsigned long va;
    bool ok;

    spin_lock(&device_lock);
    va = device_next;
    if (count >= LARGE_PAGES) { /* where large blocks can map it */
        va = ALIGN_UP(va, LARGE_SIZE) + ALIGN_DOWN(start.v & (LARGE_SIZE - 1), PAGE_SIZE);
    }
    ok = va < DEVICE_END && count <= (DEVICE_END - va) >> PAGE_SHIFT;
    if (ok) {
        device_next = va + (count << PAGE_SHIFT);
        ok = map_pages(va, paddr_to_mfn(start), count, flags);
    }
    spin_unlock(&device_lock);
    return ok ? (void *)(va + offset) : NULL;
}

void *arch_map_device(paddr_t start, size_t bytes)
{
    return map_anywhere(start, bytes, PAGING_RW | PAGING_DEVICE);
}

void *paging_map_memory(paddr_t start, size_t bytes)
{
    return map_anywhere(start, bytes, PAGING_RW);
}

/* ---- translations ----------------------------------------------------------------------------- */

/* Invalidation reaches all CPUs by itself; an entry that was invalid is never cached. */
void arch_tlb_flush(const struct cpumask *cpus, unsigned long va)
{
    (void)cpus;
    dsb_ish();
    for (unsigned int rounds = errata_invalidate_twice ? 2 : 1; rounds != 0; rounds--) {
        if (va == ARCH_FLUSH_ALL) {
            __asm__ __volatile__("tlbi alle2is" ::: "memory");
        } else {
            __asm__ __volatile__("tlbi vae2is, %0" ::"r"(va >> PAGE_SHIFT) : "memory");
        }
        dsb_ish();
    }
    isb();
}

void arch_tlb_flush_local(unsigned long va)
{
    arch_tlb_flush(NULL, va);
}

/* ---- bytes ------------------------------------------------------------------------------------ */

/* DC ZVA zeroes a block, whose size DCZID_EL0 gives in words; a page is eight of them or more. */
void arch_page_clear(void *page)
{
    uint64_t id = SYSREG_READ("dczid_el0");
    unsigned long block = 4UL << (id & 15);
    unsigned long at = (unsigned long)page;
    unsigned long end = at + PAGE_SIZE;

    if ((id & 16) != 0 || block > PAGE_SIZE / 8) {
        memset(page, 0, PAGE_SIZE);
        return;
    }
    while (at != end) {
        __asm__ __volatile__(".rept 8; dc zva, %0; add %0, %0, %1; .endr" : "+r"(at) : "r"(block) : "memory");
    }
}

void paging_clear_clean(void *pages, size_t bytes)
{
    uint64_t id = SYSREG_READ("dczid_el0");
    unsigned long line = 4UL << (id & 15);
    unsigned long at = (unsigned long)pages;
    unsigned long end = at + bytes;

    if (errata_clean || (id & 16) != 0 || line > PAGE_SIZE / 32 ||
        line != 4UL << (SYSREG_READ("ctr_el0") >> 16 & 0xf)) {
        memset(pages, 0, bytes);
        paging_clean_cache(pages, bytes);
        return;
    }
    while (at != end) {
        __asm__ __volatile__(".rept 32; dc zva, %0; dc cvac, %0; add %0, %0, %1; .endr"
                             : "+r"(at) : "r"(line) : "memory");
    }
    dsb_sy();
}

void paging_copy_clean_page(void *to, const void *from); /* entry.S */

/* By 64 bytes, a part of one line, each cleaned when it is written. */
void paging_copy_clean(void *to, const void *from, size_t bytes)
{
    bool by_line = !errata_clean && (SYSREG_READ("ctr_el0") >> 16 & 0xf) >= 4 && ((unsigned long)to & 63) == 0;
    size_t whole = by_line ? ALIGN_DOWN(bytes, PAGE_SIZE) : 0;

    for (size_t i = 0; i < whole; i += PAGE_SIZE) {
        paging_copy_clean_page(to + i, from + i);
    }
    arch_bytes_copy(to + whole, from + whole, bytes - whole);
    paging_clean_cache(to + whole, bytes - whole);
}

void arch_page_copy(void *dst, const void *src)
{
    arch_bytes_copy(dst, src, PAGE_SIZE);
}

void arch_bytes_copy(void *dst, const void *src, size_t size)
{
    size_t large = size & ~63UL;
    char *to = dst;
    const char *from = src;

    for (const char *end = from + large; from != end;) {
        __asm__ __volatile__("ldp x9, x10, [%1]\n\tldp x11, x12, [%1, #16]\n\t"
                             "ldp x13, x14, [%1, #32]\n\tldp x15, x16, [%1, #48]\n\t"
                             "stp x9, x10, [%0]\n\tstp x11, x12, [%0, #16]\n\t"
                             "stp x13, x14, [%0, #32]\n\tstp x15, x16, [%0, #48]\n\t"
                             "add %0, %0, #64\n\tadd %1, %1, #64"
                             : "+r"(to), "+r"(from)::"x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "memory");
    }
    memcpy(to, from, size - large);
}
