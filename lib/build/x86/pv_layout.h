/* SPDX-License-Identifier: MIT */
/*
 * Where things lie in a PV guest that starts, and its first page tables. Pure: no hypercalls, no guest
 * memory.
 *
 *   pfn 0 ...                                                                       virtual address
 *   kernel | ramdisk* | P2M list* | start_info | store | console | tables | stack    from virt_base, to 4 MiB
 *   ramdisk** | P2M list and its page tables** | the rest                            not mapped / at p2m_base
 *
 *   *  only when the kernel does not say that it can do without;  ** when it does
 *
 *   pv_layout_make()    sizes -> places, or why it does not fit
 *   pv_layout_tables()  places and machine frames -> the contents of all page tables, in the order of their
 * pfns
 */
#ifndef LIB_BUILD_X86_PV_LAYOUT_H
#define LIB_BUILD_X86_PV_LAYOUT_H

#include "hv/lib/kernel_image.h"
#include "lib/base/err.h"
#include "lib/build/pfn_range.h"

struct pv_layout {
    const struct kernel_image *image;
    uint64_t pages;      /* of the guest */
    uint64_t boot_pages; /* mapped at virt_base */
    struct pfn_range kernel;
    struct pfn_range ramdisk;
    struct pfn_range p2m;
    struct pfn_range p2m_tables; /* for p2m_base; empty when the list lies in the boot mapping */
    struct pfn_range tables;     /* the first is the L4 */
    uint64_t start_info, store, console, stack;
    uint64_t needed; /* pages the guest must have at least */
};

int pv_layout_make(struct err *e, const struct kernel_image *image, uint64_t pages, uint64_t ramdisk_size,
                   struct pv_layout *l);
/* Virtual address of a page of the boot mapping, and of the P2M list. */
uint64_t pv_layout_address(const struct pv_layout *l, uint64_t pfn);
uint64_t pv_layout_p2m_address(const struct pv_layout *l);
/* Zeroed, 4096 bytes for each page of l->tables and of l->p2m_tables. */
void pv_layout_tables(const struct pv_layout *l, const uint64_t *p2m, uint64_t *tables, uint64_t *p2m_tables);

#endif
