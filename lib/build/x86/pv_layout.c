/* SPDX-License-Identifier: MIT */
/*
 * Layout and first page tables of a PV guest: see pv_layout.h. The rules are those of start-of-day memory in
 * the public xen.h: the mapping ends on 4 MiB with at least 512 KiB free after the stack. Page tables lie in
 * what they map, so the mapping grows until they fit; they are mapped read-only, as the hypervisor demands.
 */
#include "lib/build/x86/pv_layout.h"

#include <string.h>

#define BOOT_ALIGN   (4UL << 20)
#define BOOT_SLACK   (512UL << 10)
#define ENTRIES      512UL
#define SPAN(level)  (PAGE_SIZE << (9 * ((level)-1))) /* bytes one entry of that level maps */
#define ADDRESS_BITS 48
#define ADDRESS_MASK ((1ULL << ADDRESS_BITS) - 1)
#define ENTRY_WRITE  0x002ULL
#define ENTRY_FLAGS  0x067ULL /* present, write, user, accessed, dirty */

/* Below lies what Xen keeps for itself, and below that addresses that are not canonical. */
#define XEN_END 0xffff880000000000ULL

/* ---- layout ---- */

static struct pfn_range take(uint64_t *next, uint64_t count)
{
    struct pfn_range r = { *next, *next + count };

    *next = r.end;
    return r;
}

/* Tables of one level that [start, end) needs, when one table spans that many bytes. */
static uint64_t tables_of_span(uint64_t start, uint64_t end, uint64_t span)
{
    return (end - 1) / span - start / span + 1;
}

static uint64_t tables_below_l4(uint64_t start, uint64_t end)
{
    return tables_of_span(start, end, SPAN(2)) + tables_of_span(start, end, SPAN(3)) +
           tables_of_span(start, end, SPAN(4));
}

static uint64_t bytes_with(uint64_t used)
{
    uint64_t end = ALIGN_UP(used, BOOT_ALIGN);

    return end - used < BOOT_SLACK ? end + BOOT_ALIGN : end;
}

static int too_far(struct err *e)
{
    return err_set(e, -EINVAL, "it does not fit between its virtual base and the end of the address space");
}

static int lay_out_tables(struct err *e, struct pv_layout *l, uint64_t *next)
{
    uint64_t base = l->image->virt_base & ADDRESS_MASK;
    uint64_t tables = 4;

    for (;;) {
        uint64_t bytes = bytes_with((*next + tables + 1) << PAGE_SHIFT);
        uint64_t needed;

        if (base + bytes > ADDRESS_MASK + 1) {
            return too_far(e);
        }
        needed = 1 + tables_below_l4(base, base + bytes);
        if (needed <= tables) {
            l->tables = take(next, tables);
            l->stack = (*next)++;
            l->boot_pages = bytes >> PAGE_SHIFT;
            return 0;
        }
        tables = needed;
    }
}

static bool is_guest_address(uint64_t start, uint64_t size)
{
    uint64_t last = start + size - 1;

    return last >= start && (last < 1ULL << (ADDRESS_BITS - 1) || start >= XEN_END);
}

static int check_addresses(struct err *e, const struct pv_layout *l)
{
    const struct kernel_image *k = l->image;
    uint64_t p2m_bytes = (l->p2m.end - l->p2m.first) << PAGE_SHIFT;

    if (!is_guest_address(k->virt_base, l->boot_pages << PAGE_SHIFT)) {
        return err_set(e, -EINVAL, "it wants to be where the hypervisor is");
    }
    if (k->wants_p2m && !is_guest_address(k->p2m_base, p2m_bytes)) {
        return err_set(e, -EINVAL, "it wants its P2M list where the hypervisor is");
    }
    /* One L4 entry holds either the boot mapping or the list: their tables are built apart. */
    if (k->wants_p2m &&
        (k->p2m_base & ADDRESS_MASK) >> 39 <=
            ((k->virt_base & ADDRESS_MASK) + (l->boot_pages << PAGE_SHIFT) - 1) >> 39 &&
        ((k->p2m_base & ADDRESS_MASK) + p2m_bytes - 1) >> 39 >= (k->virt_base & ADDRESS_MASK) >> 39) {
        return err_set(e, -EINVAL, "it wants its P2M list too near to itself");
    }
    return 0;
}

int pv_layout_make(struct err *e, const struct kernel_image *image, uint64_t pages, uint64_t ramdisk_size,
                   struct pv_layout *l)
{
    uint64_t ramdisk_pages = DIV_ROUND_UP(ramdisk_size, PAGE_SIZE);
    uint64_t p2m_pages = DIV_ROUND_UP(pages * sizeof(uint64_t), PAGE_SIZE);
    uint64_t next = 0;
    int rc;

    *l = (struct pv_layout){ .image = image, .pages = pages };
    l->kernel = take(&next, DIV_ROUND_UP(image->end - image->virt_base, PAGE_SIZE));
    if (!image->initrd_by_pfn) {
        l->ramdisk = take(&next, ramdisk_pages);
    }
    if (!image->wants_p2m) {
        l->p2m = take(&next, p2m_pages);
    }
    l->start_info = next++;
    l->store = next++;
    l->console = next++;
    rc = lay_out_tables(e, l, &next);
    if (rc < 0) {
        return rc;
    }
    next = l->boot_pages;
    if (image->initrd_by_pfn) {
        l->ramdisk = take(&next, ramdisk_pages);
    }
    if (image->wants_p2m) {
        uint64_t base = image->p2m_base & ADDRESS_MASK;

        if (base + (p2m_pages << PAGE_SHIFT) > ADDRESS_MASK + 1) {
            return too_far(e);
        }
        l->p2m = take(&next, p2m_pages);
        l->p2m_tables = take(&next, tables_below_l4(base, base + (p2m_pages << PAGE_SHIFT)));
    }
    l->needed = next;
    return check_addresses(e, l);
}

uint64_t pv_layout_address(const struct pv_layout *l, uint64_t pfn)
{
    return l->image->virt_base + (pfn << PAGE_SHIFT);
}

uint64_t pv_layout_p2m_address(const struct pv_layout *l)
{
    return l->image->wants_p2m ? l->image->p2m_base : pv_layout_address(l, l->p2m.first);
}

/* ---- page tables ---- */

struct table_writer {
    const struct pv_layout *l;
    const uint64_t *p2m;
    uint64_t *tables, *p2m_tables; /* contents of l->tables and of l->p2m_tables */
    struct pfn_range pool;
    uint64_t next; /* pfn of the next table of the pool */
};

static uint64_t *table_at(const struct table_writer *w, uint64_t pfn)
{
    const struct pv_layout *l = w->l;

    return pfn >= l->p2m_tables.first && pfn < l->p2m_tables.end
               ? w->p2m_tables + (pfn - l->p2m_tables.first) * ENTRIES
               : w->tables + (pfn - l->tables.first) * ENTRIES;
}

/*
 * The L1 table for an address. path[] has the tables last used at levels 4 to 1, by pfn: addresses come in
 * order, so a table is new exactly when the address is at its start, or the first at all.
 */
static uint64_t *l1_for(struct table_writer *w, uint64_t va, bool first, uint64_t path[5])
{
    for (unsigned int level = 4; level > 1; level--) {
        uint64_t index = va / SPAN(level) % ENTRIES;

        if (first || va % SPAN(level) == 0) {
            path[level - 1] = w->next++;
            table_at(w, path[level])[index] = w->p2m[path[level - 1]] << PAGE_SHIFT | ENTRY_FLAGS;
        }
    }
    return table_at(w, path[1]);
}

static bool holds_table(const struct pv_layout *l, uint64_t pfn)
{
    return pfn >= l->tables.first && pfn < l->tables.end;
}

static void map_range(struct table_writer *w, uint64_t va, struct pfn_range pfns)
{
    uint64_t path[5] = { 0, 0, 0, 0, w->l->tables.first };
    uint64_t *l1 = NULL;

    va &= ADDRESS_MASK;
    for (uint64_t pfn = pfns.first; pfn < pfns.end; pfn++, va += PAGE_SIZE) {
        if (l1 == NULL || va % SPAN(2) == 0) {
            l1 = l1_for(w, va, l1 == NULL, path);
        }
        l1[va / PAGE_SIZE % ENTRIES] = w->p2m[pfn] << PAGE_SHIFT |
                                       (holds_table(w->l, pfn) ? ENTRY_FLAGS & ~ENTRY_WRITE : ENTRY_FLAGS);
    }
}

void pv_layout_tables(const struct pv_layout *l, const uint64_t *p2m, uint64_t *tables, uint64_t *p2m_tables)
{
    struct table_writer w = {
        .l = l, .p2m = p2m, .tables = tables, .p2m_tables = p2m_tables, .next = l->tables.first + 1
    };

    map_range(&w, l->image->virt_base, (struct pfn_range){ 0, l->boot_pages });
    if (l->image->wants_p2m) {
        w.next = l->p2m_tables.first;
        map_range(&w, l->image->p2m_base, l->p2m);
    }
}
