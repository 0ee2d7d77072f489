/* SPDX-License-Identifier: MIT */
/*
 * dom0 under hardware virtualisation (dom0=pvh). Its physical space is the machine's: RAM that is dom0's is where the
 * machine has it, since no IOMMU would translate what devices are told; RAM that is not dom0's is reserved in its
 * memory map; what is no RAM is mapped at the first touch (hvm_io.c).
 *
 *   below 1 MiB                  all of it but the CPUs' start page
 *   kernel                       where it is linked to be
 *   start info, memory map, ...  behind the kernel: Linux reads them while it has little mapped
 *   initrd                       where the boot loader has put it, unless these go there
 *   root pointer, XSDT, MADT     a block below 4 GiB, ACPI memory in the map
 *   the rest                     large blocks
 *
 * Runs once on the boot CPU before any guest exists; no locks.
 */
#include "abi/hvm_start_info.h"
#include "hv/arch/x86/cpu/smp.h"
#include "hv/arch/x86/guest/guest.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/arch/x86/hvm/hvm_io.h"
#include "hv/base/printk.h"
#include "hv/core/arch_guest.h"
#include "hv/init/dom0.h"
#include "hv/init/dom0_acpi.h"
#include "hv/lib/string.h"
#include "hv/mm/heap.h"
#include "hv/mm/map.h"
#include "hv/mm/page_alloc.h"

#define LOW_END      0x100000UL
#define INFO_BYTES   (4 * PAGE_SIZE) /* a page for start info and module, one for the map, two for the command line */
#define ACPI_ORDER   1U
#define SMALL_ORDER  4U /* smaller blocks would only make the memory map long */
#define TABLES_DOM0  (1U << 16)
#define NO_IOMMU     " swiotlb=force"

BUILD_ASSERT(sizeof(struct hvm_start_info) + sizeof(struct hvm_modlist_entry) <= PAGE_SIZE);
BUILD_ASSERT(E820_MAX * sizeof(struct hvm_memmap_table_entry) <= PAGE_SIZE);
BUILD_ASSERT(BOOTINFO_CMDLINE_MAX + sizeof(NO_IOMMU) <= 2 * PAGE_SIZE);

struct build {
    struct domain *d;
    struct dom0_files *files;
    uint64_t pages;       /* that it is to have */
    uint64_t given;       /* and has */
    uint64_t kernel_start; /* bytes, whole pages */
    uint64_t kernel_end;  /* with the information behind it */
    uint64_t initrd;      /* address */
    uint64_t initrd_size;
    uint64_t info;        /* addresses */
    uint64_t acpi;
    uint64_t rsdp;
};

static struct build build;

static char *at(uint64_t address)
{
    return (char *)arch_direct_map(_mfn(address >> PAGE_SHIFT)) + (address & ~PAGE_MASK);
}

/* ---- Memory --------------------------------------------------------------------------------- */

static void give(struct build *b, mfn_t mfn, unsigned int order)
{
    int rc = frame_assign(&b->d->memory, mfn, order, false);

    if (rc == 0) {
        rc = arch_p2m_add(b->d, _gfn(mfn_x(mfn)), mfn, order);
    }
    if (rc != 0) {
        dom0_fail("memory cannot be given to dom0 (error %d)", -rc);
    }
    b->given += 1UL << order;
}

static void give_range(struct build *b, uint64_t first, uint64_t end)
{
    while (first < end) {
        unsigned int order = MIN((unsigned int)__builtin_ctzll(first), PAGE_MAX_ORDER);

        while (first + BIT(order) > end) {
            order--;
        }
        give(b, _mfn(first), order);
        first += BIT(order);
    }
}

/* Frames by their numbers, from the page allocator. */
static void take_and_give(struct build *b, uint64_t first, uint64_t end)
{
    for (uint64_t mfn = first; mfn < end; mfn++) {
        if (!page_alloc_at(_mfn(mfn))) {
            dom0_fail("the place it is linked to, %lx to %lx, is not free", (unsigned long)(first << PAGE_SHIFT),
                      (unsigned long)(end << PAGE_SHIFT));
        }
    }
    give_range(b, first, end);
}

static uint64_t give_block(struct build *b, unsigned int order)
{
    mfn_t mfn = page_alloc(order, PAGE_ZERO | PAGE_DMA32);

    if (mfn_eq(mfn, INVALID_MFN)) {
        dom0_fail("not enough memory for what it is told at its start");
    }
    give(b, mfn, order);
    return mfn_to_paddr(mfn).v;
}

/* The hypervisor has no other use for memory down there, and starting CPUs needs some. */
static void give_low(struct build *b)
{
    for (unsigned int i = 0; i < machine_e820.count; i++) {
        const struct e820_entry *e = &machine_e820.entries[i];
        uint64_t first = MAX(ALIGN_UP(e->start, PAGE_SIZE), PAGE_SIZE);
        uint64_t end = ALIGN_DOWN(MIN(e->start + e->size, LOW_END), PAGE_SIZE);

        if (e->type != E820_RAM || first >= end) {
            continue;
        }
        if (smp_trampoline_page.v >= first && smp_trampoline_page.v < end) {
            give_range(b, first >> PAGE_SHIFT, smp_trampoline_page.v >> PAGE_SHIFT);
        } else {
            give_range(b, first >> PAGE_SHIFT, end >> PAGE_SHIFT);
        }
    }
}

/* Large blocks first, until dom0 has this many pages or there are no more. */
static void give_up_to(struct build *b, uint64_t pages, unsigned int flags)
{
    unsigned int order = PAGE_MAX_ORDER;

    while (b->given < pages && order >= SMALL_ORDER) {
        mfn_t mfn = b->given + BIT(order) > pages ? INVALID_MFN : page_alloc(order, PAGE_NO_SCRUB | flags);

        if (!mfn_eq(mfn, INVALID_MFN)) {
            give(b, mfn, order);
        } else {
            order--;
        }
    }
}

/* ---- Kernel and initrd -------------------------------------------------------------------------- */

/* A file that lies in a module is copied out, as the kernel's own place may be under it. */
static void unpack_away(struct dom0_files *f)
{
    uint64_t size = f->kernel_module->end - f->kernel_module->start;
    const char *data = dom0_module_data(f->kernel_module);

    if (mfn_eq(f->elf_block, INVALID_MFN)) {
        f->elf_block = dom0_block_alloc(DIV_ROUND_UP(size, PAGE_SIZE), 0, &f->elf_order);
        if (mfn_eq(f->elf_block, INVALID_MFN)) {
            dom0_fail("not enough memory to copy it (%lu MiB)", dom0_mib(size >> PAGE_SHIFT));
        }
        memcpy(arch_direct_map(f->elf_block), data, size);
        f->elf = (const char *)arch_direct_map(f->elf_block) + ((const char *)f->elf - data);
    }
    dom0_free_module(f->kernel_module);
}

static void load_kernel(struct build *b)
{
    const struct kernel_image *k = &b->files->image;

    take_and_give(b, b->kernel_start >> PAGE_SHIFT, b->kernel_end >> PAGE_SHIFT);
    memset(at(b->kernel_start), 0, b->kernel_end - b->kernel_start);
    for (unsigned int i = 0; i < k->segment_count; i++) {
        const struct kernel_segment *s = &k->segments[i];

        memcpy(at(s->address), (const char *)b->files->elf + s->offset, s->file_size);
    }
    page_free(b->files->elf_block, b->files->elf_order, true);
}

/* Out of the kernel's way, into one block below 4 GiB, which is as far as Linux looks for it. */
static void move_initrd(struct build *b, const struct boot_module *m)
{
    uint64_t pages = dom0_module_pages(m);
    unsigned int order;
    mfn_t block = dom0_block_alloc(pages, PAGE_DMA32, &order);

    if (mfn_eq(block, INVALID_MFN)) {
        dom0_fail("not enough memory for its initrd (%lu MiB)", dom0_mib(pages));
    }
    memcpy(arch_direct_map(block), dom0_module_data(m), b->initrd_size);
    dom0_free_range(mfn_add(block, pages), BIT(order) - pages);
    dom0_free_module(m);
    b->initrd = mfn_to_paddr(block).v;
}

static void place_initrd(struct build *b)
{
    const struct boot_module *m = b->files->initrd_module;

    if (m == NULL) {
        return;
    }
    b->initrd = m->start;
    b->initrd_size = m->end - m->start;
    if ((m->start & ~PAGE_MASK) != 0 || m->end > 1UL << 32 || (m->start < b->kernel_end && m->end > b->kernel_start)) {
        move_initrd(b, m);
    }
    give_range(b, b->initrd >> PAGE_SHIFT, DIV_ROUND_UP(b->initrd + b->initrd_size, PAGE_SIZE));
}

/* ---- The memory map ------------------------------------------------------------------------------- */

static void map_add(struct e820_map *m, uint64_t start, uint64_t end, uint32_t type)
{
    struct e820_entry *last = m->count > 0 ? &m->entries[m->count - 1] : NULL;

    if (last != NULL && last->type == type && last->start + last->size == start) {
        last->size += end - start;
    } else if (m->count < E820_MAX) {
        m->entries[m->count++] = (struct e820_entry){ start, end - start, type };
    }
}

static uint32_t type_of(const struct build *b, uint64_t address)
{
    mfn_t mfn = _mfn(address >> PAGE_SHIFT);

    if (address >= b->acpi && address < b->acpi + (PAGE_SIZE << ACPI_ORDER)) {
        return E820_ACPI;
    }
    return mfn_eq(p2m_lookup(b->d, _gfn(mfn_x(mfn)), NULL), mfn) ? E820_RAM : E820_RESERVED;
}

/* Of a range of RAM, what is dom0's; bytes that are no whole page are nobody's. */
static void map_add_ram(struct build *b, struct e820_map *m, const struct e820_entry *e)
{
    uint64_t end = ALIGN_DOWN(e->start + e->size, PAGE_SIZE);

    for (uint64_t a = ALIGN_UP(e->start, PAGE_SIZE); a < end; a += PAGE_SIZE) {
        map_add(m, a, a + PAGE_SIZE, type_of(b, a));
    }
}

static const struct e820_map *make_map(struct build *b)
{
    struct e820_map *m = heap_alloc(sizeof(*m));

    if (m == NULL) {
        dom0_fail("no memory for its memory map");
    }
    for (unsigned int i = 0; i < machine_e820.count; i++) {
        const struct e820_entry *e = &machine_e820.entries[i];

        if (e->type == E820_RAM) {
            map_add_ram(b, m, e);
        } else {
            map_add(m, e->start, e->start + e->size, e->type);
        }
    }
    b->d->arch->memory_map = m;
    return m;
}

/* ---- What it is told --------------------------------------------------------------------------------- */

/* A grant that dom0 maps is at an address of dom0's own, which no device knows: with swiotlb=force Linux has all
 * transfers go by way of buffers in RAM that is where it seems to be. */
static void write_command_line(const struct build *b, char *to)
{
    string_copy(to, b->files->kernel_module->string, BOOTINFO_CMDLINE_MAX);
    if (strstr(to, "swiotlb=") == NULL) {
        memcpy(to + strlen(to), NO_IOMMU, sizeof(NO_IOMMU));
    }
}

static void write_start_info(struct build *b, const struct e820_map *map)
{
    struct hvm_start_info *si = (struct hvm_start_info *)at(b->info);
    struct hvm_modlist_entry *module = (struct hvm_modlist_entry *)(si + 1);
    struct hvm_memmap_table_entry *entries = (struct hvm_memmap_table_entry *)at(b->info + PAGE_SIZE);

    write_command_line(b, at(b->info + 2 * PAGE_SIZE));
    for (unsigned int i = 0; i < map->count; i++) {
        entries[i].addr = map->entries[i].start;
        entries[i].size = map->entries[i].size;
        entries[i].type = map->entries[i].type;
    }
    module->paddr = b->initrd;
    module->size = b->initrd_size;
    si->magic = XEN_HVM_START_MAGIC_VALUE;
    si->version = 1;
    si->flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
    si->nr_modules = b->initrd_size != 0 ? 1 : 0;
    si->modlist_paddr = b->initrd_size != 0 ? b->info + sizeof(*si) : 0;
    si->cmdline_paddr = b->info + 2 * PAGE_SIZE;
    si->rsdp_paddr = b->rsdp;
    si->memmap_paddr = b->info + PAGE_SIZE;
    si->memmap_entries = map->count;
}

static void create(struct build *b)
{
    b->d = dom0_create(XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap, XEN_X86_EMU_LAPIC);
    b->d->p2m->table_limit = TABLES_DOM0;
    if (hvm_io_hardware_init(b->d) != 0) {
        dom0_fail("no memory for its interrupt controllers");
    }
}

void dom0_pvh_build(struct dom0_files *files)
{
    struct build *b = &build;
    const struct kernel_image *k = &files->image;

    b->files = files;
    b->kernel_start = ALIGN_DOWN(k->start, PAGE_SIZE);
    b->info = ALIGN_UP(k->end, PAGE_SIZE);
    b->kernel_end = b->info + INFO_BYTES;
    b->pages = dom0_choose_size(files);
    unpack_away(files);
    create(b);
    b->d->memory.max = MAX(dom0_max_pages(b->pages), b->pages + (LOW_END >> PAGE_SHIFT));
    place_initrd(b);
    load_kernel(b);
    give_low(b);
    b->acpi = give_block(b, ACPI_ORDER);
    give_up_to(b, b->pages / 2, PAGE_DMA32); /* devices that reach no further want some */
    give_up_to(b, b->pages, 0);
    b->rsdp = dom0_acpi_write(at(b->acpi), PAGE_SIZE << ACPI_ORDER, b->acpi, b->d->max_vcpus);
    write_start_info(b, make_map(b));
    log_info("dom0: PVH, %lu MiB, %u vcpus, kernel at %lx, entry %lx\n", dom0_mib(b->given), b->d->max_vcpus,
             (unsigned long)b->kernel_start, (unsigned long)k->entry);
    if (hvm_start_flat(b->d->vcpu[0], (uint32_t)k->entry, (uint32_t)b->info) != 0) {
        dom0_fail("its first vcpu cannot be started");
    }
    dom0_start(b->d);
}
