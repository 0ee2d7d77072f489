/* SPDX-License-Identifier: MIT */
/*
 * dom0 as a PV guest (dom0.h); this is the memory the builder makes:
 *
 *   pfn 0 ...                                                             virtual address
 *   kernel at its place | initrd* | P2M list* | start_info | page tables | stack   from virt_base, 4 MiB
 *   initrd** | P2M list and its page tables** | the rest                          not mapped / at p2m_base
 *
 *   *  only when the kernel does not say that it can do without;  ** when it does
 *
 * The first line is mapped at virt_base + pfn * 4096. Page tables are built in dom0's own pages with plain
 * stores, mapped read-only, and then given to the page-table validation like any guest's, so what dom0
 * starts with has passed the same checks. Pages of the files are not copied where they can simply become
 * dom0's: whole pages of kernel segments, and an initrd that is not mapped. No page is zeroed that the
 * kernel does not expect to be zero.
 *
 * Runs once on the boot CPU before any guest exists; no locks.
 */
#include "hv/init/dom0.h"

#include "abi/features.h"
#include "abi/xen.h"
#include "hv/arch/x86/cpu/pte.h"
#include "hv/arch/x86/guest/guest.h"
#include "hv/base/printk.h"
#include "hv/core/arch_guest.h"
#include "hv/core/domain.h"
#include "hv/core/sched.h"
#include "hv/core/vcpu.h"
#include "hv/core/wallclock.h"
#include "hv/init/bootinfo.h"
#include "hv/init/cmdline.h"
#include "hv/init/console_devices.h"
#include "hv/lib/kernel_image.h"
#include "hv/lib/printf.h"
#include "hv/lib/string.h"
#include "hv/mm/frame.h"
#include "hv/mm/map.h"
#include "hv/mm/page_alloc.h"

#define BOOTSTRAP_ALIGN (4UL << 20)  /* the ABI: the initial mapping ends on 4 MiB */
#define BOOTSTRAP_SLACK (512UL << 10) /* and has this much free after the stack */
#define TABLE_ENTRIES   512UL
#define L1_SPAN         (TABLE_ENTRIES << PAGE_SHIFT)
#define TABLE_FLAGS     (PTE_PRESENT | PTE_RW | PTE_USER | PTE_ACCESSED | PTE_DIRTY)
#define RW_M2P          ((uint64_t *)RW_M2P_START)

/* Page ranges by pfn, end excluded; mapped at virt_base + pfn * 4096 while below boot_pages. */
struct pfn_range {
    uint64_t first;
    uint64_t end;
};

/* Whole pages of the ELF file that became dom0's. */
struct given {
    uint64_t page; /* in the file */
    uint64_t count;
};

struct build {
    struct domain *d;
    struct dom0_files files;
    unsigned int given_count;
    struct given given[KERNEL_SEGMENTS_MAX];

    uint64_t nr_pages;
    uint64_t boot_pages;   /* mapped at virt_base */
    struct pfn_range initrd;
    struct pfn_range p2m_list;   /* pages of the list, when mapped at p2m_base with tables after them */
    struct pfn_range info;
    struct pfn_range tables;
    uint64_t stack;
    uint64_t p2m_table_count;    /* page tables for p2m_base */

    uint64_t *p2m;         /* the list, contiguous: dom0's own pages or a temporary block */
    mfn_t p2m_block;       /* INVALID_MFN once it is dom0's */
    unsigned int p2m_order;
    uint64_t allocated;    /* pfns that have a frame so far */

    uint64_t next_table;   /* pfn the next page table is made in */
    uint64_t end_table;
    uint64_t *l4;
};

static struct build build;

static bool overlaps_hypervisor(uint64_t start, uint64_t end)
{
    return start < HV_VIRT_END && end > HV_VIRT_START;
}

static void check_kernel(const struct build *b)
{
    const struct kernel_image *k = &b->files.image;
    uint64_t limit = k->virt_base + (KERNEL_SIZE_MAX << 1);

    log_info("dom0 kernel: %s %s, loader %s, %lx to %lx, entry %lx\n", k->guest_os,
             k->guest_version, k->loader, (unsigned long)k->start, (unsigned long)k->end,
             (unsigned long)k->entry);
    if (strstr(k->xen_version, "xen-3.0") == NULL) {
        dom0_fail("made for another hypervisor interface (%s, not xen-3.0)", k->xen_version);
    }
    if (k->has_features && !(k->features & BIT(XENFEAT_dom0))) {
        dom0_fail("its Xen notes say that it cannot be dom0");
    }
    if (limit < k->virt_base) {
        limit = ~0ULL;
    }
    if (overlaps_hypervisor(k->virt_base, limit) ||
        (k->virt_base >= 1UL << 47 && k->virt_base < HV_VIRT_START)) {
        dom0_fail("wants to be where the hypervisor is");
    }
    if (k->wants_p2m && (overlaps_hypervisor(k->p2m_base, k->p2m_base + (1ULL << 39)) ||
                         k->p2m_base >= 1UL << 47)) {
        dom0_fail("wants its P2M list where the hypervisor is");
    }
}

/* ---- layout -------------------------------------------------------------------------------- */

static struct pfn_range take_pfns(uint64_t *next, uint64_t count)
{
    struct pfn_range r = { *next, *next + count };

    *next = r.end;
    return r;
}

/* Page tables of one level that cover [start, end), each spanning bytes. */
static uint64_t tables_for(uint64_t start, uint64_t end, uint64_t span)
{
    return (end - 1) / span - start / span + 1;
}

static uint64_t tables_below_l4(uint64_t start, uint64_t end)
{
    return tables_for(start, end, L1_SPAN) + tables_for(start, end, L1_SPAN << 9) +
           tables_for(start, end, L1_SPAN << 18);
}

static uint64_t bytes_with_tables(uint64_t from, uint64_t tables)
{
    uint64_t used = from + ((tables + 1) << PAGE_SHIFT); /* and the stack's page */
    uint64_t end = ALIGN_UP(used, BOOTSTRAP_ALIGN);

    return end - used < BOOTSTRAP_SLACK ? end + BOOTSTRAP_ALIGN : end;
}

/* The tables lie in what they map, so the mapping grows until they fit. Only the low 48 bits count for
 * spans: a mapping at the very top of the address space ends at 2^48. */
static void lay_out_tables(struct build *b, uint64_t *next)
{
    uint64_t base = b->files.image.virt_base & (BIT(48) - 1);
    uint64_t tables = 4;
    uint64_t bytes;

    for (;;) {
        uint64_t needed;

        bytes = bytes_with_tables(*next << PAGE_SHIFT, tables);
        if (base + bytes > BIT(48)) {
            dom0_fail("does not fit between its virtual base and the end of the address space");
        }
        needed = 1 + tables_below_l4(base, base + bytes);
        if (needed <= tables) {
            break;
        }
        tables = needed;
    }
    b->tables = take_pfns(next, tables);
    b->stack = *next;
    b->boot_pages = bytes >> PAGE_SHIFT;
}

static void lay_out(struct build *b)
{
    const struct kernel_image *k = &b->files.image;
    uint64_t next = DIV_ROUND_UP(k->end - k->virt_base, PAGE_SIZE);
    uint64_t p2m_pages = DIV_ROUND_UP(b->nr_pages * sizeof(uint64_t), PAGE_SIZE);
    uint64_t needed;

    if (!k->initrd_by_pfn) {
        b->initrd = take_pfns(&next, dom0_module_pages(b->files.initrd_module));
    }
    if (!k->wants_p2m) {
        b->p2m_list = take_pfns(&next, p2m_pages);
    }
    b->info = take_pfns(&next, DIV_ROUND_UP(sizeof(struct start_info) +
                                            sizeof(struct dom0_vga_console_info), PAGE_SIZE));
    lay_out_tables(b, &next);
    next = b->boot_pages;
    if (k->initrd_by_pfn) {
        b->initrd = take_pfns(&next, dom0_module_pages(b->files.initrd_module));
    }
    if (k->wants_p2m) {
        b->p2m_table_count = tables_below_l4(
            k->p2m_base, k->p2m_base + (p2m_pages << PAGE_SHIFT));
        b->p2m_list = take_pfns(&next, p2m_pages);
        needed = next + b->p2m_table_count;
    } else {
        needed = next;
    }
    if (needed > b->nr_pages) {
        dom0_fail("too large: it needs %lu MiB with its initrd, dom0 has %lu MiB (dom0_mem=)",
             dom0_mib(needed), dom0_mib(b->nr_pages));
    }
}

/* ---- frames -------------------------------------------------------------------------------- */

/* Gives frames of one aligned block to dom0 as its next pfns. */
static void give_block(struct build *b, mfn_t mfn, unsigned int order)
{
    uint64_t pfn = b->allocated;
    uint64_t m = mfn_x(mfn);

    if (frame_assign(&b->d->memory, mfn, order, false) != 0) {
        dom0_fail("cannot give memory to dom0");
    }
    for (uint64_t i = 0; i < BIT(order); i++) {
        b->p2m[pfn + i] = m + i;
        RW_M2P[m + i] = pfn + i;
    }
    b->allocated += BIT(order);
}

static void give_range(struct build *b, mfn_t mfn, uint64_t count)
{
    while (count > 0) {
        unsigned int order = MIN((unsigned int)__builtin_ctzll(mfn_x(mfn)), PAGE_MAX_ORDER);

        while (BIT(order) > count) {
            order--;
        }
        give_block(b, mfn, order);
        mfn = mfn_add(mfn, BIT(order));
        count -= BIT(order);
    }
}

/* Fresh memory for pfns up to end. */
static void allocate_to(struct build *b, uint64_t end)
{
    unsigned int order = PAGE_MAX_ORDER;

    while (b->allocated < end) {
        mfn_t mfn;

        while (BIT(order) > end - b->allocated) {
            order--;
        }
        mfn = page_alloc(order, PAGE_NO_SCRUB);
        if (!mfn_eq(mfn, INVALID_MFN)) {
            give_block(b, mfn, order);
        } else if (order-- == 0) {
            dom0_fail("not enough memory: dom0 got %lu of %lu MiB", dom0_mib(b->allocated),
                 dom0_mib(b->nr_pages));
        }
    }
}

static void *page_of(const struct build *b, uint64_t pfn)
{
    return arch_direct_map(_mfn(b->p2m[pfn]));
}

/* The list is written while memory is given out, so its own memory comes first. */
static void allocate_p2m(struct build *b)
{
    uint64_t pages = b->p2m_list.end - b->p2m_list.first;

    b->p2m_block = dom0_block_alloc(pages, 0, &b->p2m_order);
    if (mfn_eq(b->p2m_block, INVALID_MFN)) {
        dom0_fail("no contiguous memory for its P2M list (%lu MiB)", dom0_mib(pages));
    }
    b->p2m = arch_direct_map(b->p2m_block);
    /* Entries after the last page of the list's last page. */
    memset(&b->p2m[b->nr_pages], 0xff,
           (pages << PAGE_SHIFT) - b->nr_pages * sizeof(uint64_t));
}

/* The whole pages of a segment's file data, as they lie in the file; 0 when they cannot be used as they
 * are: not aligned alike in file and memory, or (partly) given for another segment. */
static struct given whole_pages(const struct build *b, const struct kernel_segment *s)
{
    uint64_t first = DIV_ROUND_UP(s->offset, PAGE_SIZE);
    uint64_t end = (s->offset + s->file_size) >> PAGE_SHIFT;
    const struct given *last = b->given_count > 0 ? &b->given[b->given_count - 1] : NULL;

    if (((unsigned long)b->files.elf & ~PAGE_MASK) != 0 || ((s->offset ^ s->address) & ~PAGE_MASK) != 0 ||
        end <= first || (last != NULL && first < last->page + last->count)) {
        return (struct given){ first, 0 };
    }
    return (struct given){ first, end - first };
}

/* Bytes of a segment before its first whole page. */
static uint64_t head_bytes(const struct kernel_segment *s)
{
    return MIN(-s->offset & ~PAGE_MASK, s->file_size);
}

/* Memory for the mapped part: pages of the kernel's file where they fit, else fresh ones. */
static void allocate_kernel(struct build *b)
{
    const struct kernel_image *k = &b->files.image;

    for (unsigned int i = 0; i < k->segment_count; i++) {
        const struct kernel_segment *s = &k->segments[i];
        struct given g = whole_pages(b, s);

        if (g.count > 0) {
            allocate_to(b, (s->address + head_bytes(s) - k->virt_base) >> PAGE_SHIFT);
            give_range(b, mfn_add(arch_direct_mfn(b->files.elf), g.page), g.count);
            b->given[b->given_count++] = g;
        }
    }
    allocate_to(b, b->boot_pages);
}

/* dom0 gets the memory it starts from, which is all that is written by us. */
static void allocate_bootstrap(struct build *b)
{
    uint64_t p2m_pages = b->p2m_list.end - b->p2m_list.first;

    allocate_p2m(b);
    allocate_kernel(b);
    if (b->files.image.initrd_by_pfn && b->files.initrd_module != NULL) {
        if ((b->files.initrd_module->start & ~PAGE_MASK) == 0) {
            give_range(b, _mfn(b->files.initrd_module->start >> PAGE_SHIFT),
                       b->initrd.end - b->initrd.first);
        } else {
            allocate_to(b, b->initrd.end);
        }
    }
    if (b->files.image.wants_p2m) {
        give_range(b, b->p2m_block, p2m_pages);
        dom0_free_range(mfn_add(b->p2m_block, p2m_pages), BIT(b->p2m_order) - p2m_pages);
        b->p2m_block = INVALID_MFN;
        allocate_to(b, b->p2m_list.end + b->p2m_table_count);
    }
}

/* ---- contents ------------------------------------------------------------------------------ */

/* Copies to (from not NULL) or zeroes [offset, offset + bytes) of the memory mapped at virt_base. */
static void fill(struct build *b, uint64_t offset, const void *from, uint64_t bytes)
{
    while (bytes > 0) {
        uint64_t in_page = offset & ~PAGE_MASK;
        uint64_t n = MIN(bytes, PAGE_SIZE - in_page);
        char *to = (char *)page_of(b, offset >> PAGE_SHIFT) + in_page;

        if (from == NULL) {
            memset(to, 0, n);
        } else {
            memcpy(to, from, n);
            from = (const char *)from + n;
        }
        offset += n;
        bytes -= n;
    }
}

/* Whether the segment's whole pages were given, so that only what is before and after them is missing. */
static const struct given *given_for(const struct build *b, const struct kernel_segment *s)
{
    for (unsigned int i = 0; i < b->given_count; i++) {
        uint64_t pfn = (s->address + head_bytes(s) - b->files.image.virt_base) >> PAGE_SHIFT;

        if (b->given[i].page == DIV_ROUND_UP(s->offset, PAGE_SIZE) &&
            b->p2m[pfn] == mfn_x(arch_direct_mfn(b->files.elf)) + b->given[i].page) {
            return &b->given[i];
        }
    }
    return NULL;
}

static void load_segment(struct build *b, const struct kernel_segment *s)
{
    const char *data = (const char *)b->files.elf + s->offset;
    uint64_t offset = s->address - b->files.image.virt_base;
    const struct given *g = given_for(b, s);
    uint64_t done = 0;

    if (g != NULL) {
        fill(b, offset, data, head_bytes(s));
        done = head_bytes(s) + (g->count << PAGE_SHIFT);
    }
    fill(b, offset + done, data + done, s->file_size - done);
    fill(b, offset + s->file_size, NULL, s->size - s->file_size);
}

static void load_kernel(struct build *b)
{
    const struct kernel_image *k = &b->files.image;

    for (unsigned int i = 0; i < k->segment_count; i++) {
        load_segment(b, &k->segments[i]);
    }
    if (k->wants_hypercall_page) {
        arch_fill_hypercall_page(b->d,
                                 page_of(b, (k->hypercall_page - k->virt_base) >> PAGE_SHIFT));
    }
}

/* Copies the initrd where its pages could not simply be given, and keeps the rest of its last page clean. */
static void load_initrd(struct build *b)
{
    const struct boot_module *m = b->files.initrd_module;
    uint64_t size;

    if (m == NULL) {
        return;
    }
    size = m->end - m->start;
    if (b->p2m[b->initrd.first] != m->start >> PAGE_SHIFT) {
        fill(b, b->initrd.first << PAGE_SHIFT, dom0_module_data(m), size);
    }
    fill(b, (b->initrd.first << PAGE_SHIFT) + size, NULL, ALIGN_UP(size, PAGE_SIZE) - size);
}

/* Frees what dom0 did not get of the pages [first, end) that hold the ELF file. */
static void free_around_given(const struct build *b, uint64_t first, uint64_t end,
                              void (*release)(uint64_t from, uint64_t to))
{
    for (unsigned int i = 0; i < b->given_count; i++) {
        uint64_t from = mfn_x(arch_direct_mfn(b->files.elf)) + b->given[i].page;

        release(first, from);
        first = from + b->given[i].count;
    }
    release(first, end);
}

static void free_block_part(uint64_t first, uint64_t end)
{
    dom0_free_range(_mfn(first), end - first);
}

/* The files have been copied or given away: their memory is free from here on. */
static void free_files(struct build *b)
{
    const struct boot_module *m = b->files.kernel_module;
    uint64_t block = mfn_x(b->files.elf_block);

    if (!mfn_eq(b->files.elf_block, INVALID_MFN)) {
        free_around_given(b, block, block + BIT(b->files.elf_order), free_block_part);
        dom0_free_module(m);
    } else if (b->given_count > 0) {
        free_around_given(b, m->start >> PAGE_SHIFT, DIV_ROUND_UP(m->end, PAGE_SIZE), dom0_add_free);
    } else {
        dom0_free_module(m);
    }
    if (b->files.initrd_module != NULL &&
        b->p2m[b->initrd.first] != b->files.initrd_module->start >> PAGE_SHIFT) {
        dom0_free_module(b->files.initrd_module);
    }
}

/* ---- page tables --------------------------------------------------------------------------- */

static uint64_t *table_new(struct build *b, uint64_t *entry)
{
    uint64_t *table;

    BUG_ON(b->next_table == b->end_table);
    table = page_of(b, b->next_table);
    arch_page_clear(table);
    if (entry != NULL) {
        *entry = b->p2m[b->next_table] << PAGE_SHIFT | TABLE_FLAGS;
    }
    b->next_table++;
    return table;
}

/* The L1 table for va, made with what is missing above it. */
static uint64_t *l1_for(struct build *b, uint64_t va)
{
    uint64_t *table = b->l4;

    for (unsigned int level = 4; level > 1; level--) {
        uint64_t *e = &table[va >> (PAGE_SHIFT + 9 * (level - 1)) & (TABLE_ENTRIES - 1)];

        table = *e != 0 ? arch_direct_map(_mfn((*e & PTE_ADDRESS) >> PAGE_SHIFT))
                        : table_new(b, e);
    }
    return table;
}

/* Maps pfns at va, read-write. */
static void map_pfns(struct build *b, uint64_t va, struct pfn_range pfns)
{
    uint64_t *l1 = NULL;

    for (uint64_t pfn = pfns.first; pfn < pfns.end; pfn++, va += PAGE_SIZE) {
        uint64_t i = va >> PAGE_SHIFT & (TABLE_ENTRIES - 1);

        if (l1 == NULL || i == 0) {
            l1 = l1_for(b, va);
        }
        l1[i] = b->p2m[pfn] << PAGE_SHIFT | TABLE_FLAGS;
    }
}

static void protect_tables(struct build *b)
{
    for (uint64_t pfn = b->tables.first; pfn < b->tables.end; pfn++) {
        uint64_t va = b->files.image.virt_base + (pfn << PAGE_SHIFT);

        l1_for(b, va)[va >> PAGE_SHIFT & (TABLE_ENTRIES - 1)] &= ~PTE_RW;
    }
}

static void build_tables(struct build *b)
{
    b->next_table = b->tables.first;
    b->end_table = b->tables.end;
    b->l4 = table_new(b, NULL);
    map_pfns(b, b->files.image.virt_base, (struct pfn_range){ 0, b->boot_pages });
    protect_tables(b);
    /* Tables left over (the count is an upper bound) stay read-only, zeroed pages of dom0. */
    while (b->next_table < b->end_table) {
        table_new(b, NULL);
    }
    if (b->files.image.wants_p2m) {
        b->next_table = b->p2m_list.end;
        b->end_table = b->p2m_list.end + b->p2m_table_count;
        map_pfns(b, b->files.image.p2m_base, b->p2m_list);
    }
}

/* ---- start_info ---------------------------------------------------------------------------- */

static uint64_t boot_va(const struct build *b, uint64_t pfn)
{
    return b->files.image.virt_base + (pfn << PAGE_SHIFT);
}

static void fill_framebuffer(struct dom0_vga_console_info *info)
{
    const struct boot_video *v = &bootinfo.video;
    uint64_t bytes = (uint64_t)v->pitch * v->height;

    info->video_type = bootinfo.efi ? XEN_VGATYPE_EFI_LFB : XEN_VGATYPE_VESA_LFB;
    info->u.vesa_lfb.width = (uint16_t)v->width;
    info->u.vesa_lfb.height = (uint16_t)v->height;
    info->u.vesa_lfb.bytes_per_line = (uint16_t)v->pitch;
    info->u.vesa_lfb.bits_per_pixel = v->bits_per_pixel;
    info->u.vesa_lfb.lfb_base = (uint32_t)v->address;
    info->u.vesa_lfb.ext_lfb_base = (uint32_t)(v->address >> 32);
    info->u.vesa_lfb.lfb_size = (uint32_t)DIV_ROUND_UP(bytes, 0x10000);
    info->u.vesa_lfb.red_pos = v->red_position;
    info->u.vesa_lfb.red_size = v->red_size;
    info->u.vesa_lfb.green_pos = v->green_position;
    info->u.vesa_lfb.green_size = v->green_size;
    info->u.vesa_lfb.blue_pos = v->blue_position;
    info->u.vesa_lfb.blue_size = v->blue_size;
}

/* How much of info is filled in; 0 when there is no screen. */
static uint32_t fill_console(struct dom0_vga_console_info *info)
{
    const struct boot_video *v = &bootinfo.video;

    switch (v->kind) {
    case BOOT_VIDEO_TEXT:
        info->video_type = XEN_VGATYPE_TEXT_MODE_3;
        info->u.text_mode_3.font_height = v->font_height;
        info->u.text_mode_3.rows = v->rows;
        info->u.text_mode_3.columns = v->columns;
        info->u.text_mode_3.cursor_x = v->cursor_x;
        info->u.text_mode_3.cursor_y = v->rows - 1;
        return sizeof(*info);
    case BOOT_VIDEO_FRAMEBUFFER:
        fill_framebuffer(info);
        return sizeof(*info);
    default:
        return 0;
    }
}

static void fill_initrd_info(const struct build *b, struct start_info *si)
{
    if (b->files.initrd_module == NULL) {
        return;
    }
    si->mod_len = b->files.initrd_module->end - b->files.initrd_module->start;
    if (b->files.image.initrd_by_pfn) {
        si->mod_start = b->initrd.first;
        si->flags |= SIF_MOD_START_PFN;
    } else {
        si->mod_start = boot_va(b, b->initrd.first);
    }
}

static void fill_start_info(struct build *b)
{
    /* Both structures fit the first page of the range, which is zeroed whole. */
    struct start_info *si = page_of(b, b->info.first);
    struct dom0_vga_console_info *console = (struct dom0_vga_console_info *)(si + 1);

    BUILD_ASSERT(sizeof(*si) + sizeof(*console) <= PAGE_SIZE);
    arch_page_clear(si);
    string_copy(si->magic, "xen-3.0-x86_64", sizeof(si->magic));
    si->nr_pages = b->nr_pages;
    si->shared_info = mfn_to_paddr(b->d->shared_info_mfn).v;
    b->d->shared_info->arch.max_pfn = b->nr_pages;
    si->flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
    si->pt_base = boot_va(b, b->tables.first);
    si->nr_pt_frames = b->tables.end - b->tables.first;
    si->mfn_list = b->files.image.wants_p2m ? b->files.image.p2m_base : boot_va(b, b->p2m_list.first);
    si->first_p2m_pfn = b->p2m_list.first;
    si->nr_p2m_frames = b->p2m_list.end - b->p2m_list.first + b->p2m_table_count;
    fill_initrd_info(b, si);
    si->console.dom0.info_off = sizeof(*si);
    si->console.dom0.info_size = fill_console(console);
    if (!string_copy((char *)si->cmd_line, b->files.kernel_module->string, sizeof(si->cmd_line))) {
        log_warning("dom0's command line is cut to %u bytes\n",
                    (unsigned int)sizeof(si->cmd_line) - 1);
    }
}

/* The rest of dom0's memory: nothing but bookkeeping. */
static void allocate_rest(struct build *b)
{
    allocate_to(b, b->nr_pages);
    if (!mfn_eq(b->p2m_block, INVALID_MFN)) {
        const void *from = b->p2m;
        mfn_t block = b->p2m_block;

        fill(b, b->p2m_list.first << PAGE_SHIFT, from,
             (b->p2m_list.end - b->p2m_list.first) << PAGE_SHIFT);
        b->p2m = NULL; /* nobody may ask it any more */
        page_free(block, b->p2m_order, false);
    }
}

/* ---- the domain ---------------------------------------------------------------------------- */

static void set_registers(struct build *b, struct vcpu *v)
{
    struct arch_vcpu *a = v->arch;

    memset(&a->regs, 0, sizeof(a->regs));
    a->regs.rip = b->files.image.entry;
    a->regs.cs = FLAT_KERNEL_CS;
    a->regs.ss = FLAT_KERNEL_SS;
    a->regs.rsp = boot_va(b, b->stack + 1);
    a->regs.rsi = boot_va(b, b->info.first);
    a->regs.rflags = 0x202; /* IF, and the bit that is always set */
    a->kernel_mode = true;
    a->kernel_ss = FLAT_KERNEL_SS;
    v->info->evtchn_upcall_mask = 1;
    v->is_initialised = true;
}

static void start(struct build *b, mfn_t l4)
{
    struct vcpu *v = b->d->vcpu[0];
    int rc = pv_mmu_set_tables(v, l4, INVALID_MFN);

    if (rc == 0) {
        rc = pv_mmu_pin(b->d, l4, 4);
    }
    if (rc != 0) {
        dom0_fail("its first page tables were refused (error %d)", -rc);
    }
    set_registers(b, v);
}

void dom0_pv_build(const struct dom0_files *files)
{
    struct build *b = &build;
    mfn_t l4;

    b->files = *files;
    check_kernel(b);
    b->d = dom0_create(0, 0);
    b->nr_pages = dom0_choose_size(files);
    lay_out(b);
    b->d->memory.max = dom0_max_pages(b->nr_pages);
    allocate_bootstrap(b);
    load_kernel(b);
    load_initrd(b);
    free_files(b);
    build_tables(b);
    fill_start_info(b);
    l4 = _mfn(b->p2m[b->tables.first]);
    log_info("dom0: %lu MiB, %u vcpus, %lu MiB mapped at %lx\n", dom0_mib(b->nr_pages),
             b->d->max_vcpus, dom0_mib(b->boot_pages), (unsigned long)b->files.image.virt_base);
    allocate_rest(b);
    start(b, l4);
    dom0_start(b->d);
}
