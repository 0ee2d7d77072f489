/* SPDX-License-Identifier: MIT */
/*
 * What building guests has in common, whatever they are: memory in large extents, one mapping of all that is
 * written, the ramdisk, and the connections to console and store. Private to lib/build.
 *
 *   guest_sizes()      the ramdisk is opened, what is asked for makes sense
 *   guest_limits()     memory limit, claim;  guest_populate() extents of 2 MiB, then pages
 *   guest_add_window() .. guest_map(), guest_page(), guest_unmap()
 *   guest_load_ramdisk(), guest_clear_pages()
 *   guest_ports(), guest_set_ring_params(), guest_grants()
 *   guest_close()
 *
 * A window is a run of guest pages that is mapped; windows are added in order of their pages. Pages come zeroed
 * from the hypervisor unless `dirty` says otherwise.
 */
#ifndef LIB_BUILD_GUEST_H
#define LIB_BUILD_GUEST_H

#include "hv/lib/types.h"
#include "lib/build/build.h"
#include "lib/build/pfn_range.h"

#define GUEST_WINDOWS_MAX 24 /* a kernel's segments, and what is added to them */

struct guest_window {
    struct pfn_range pfns;
    char *at;
};

struct guest_build {
    struct err *e;
    struct ctrl *c;
    const struct build_config *config;
    const struct build_kernel *kernel;
    uint64_t pages; /* of memory= */
    uint64_t *p2m;  /* machine frames of a PV guest, by pfn; NULL: the guest's frames are its pfns */
    int ramdisk;    /* -1: none */
    uint64_t ramdisk_size;
    struct guest_window windows[GUEST_WINDOWS_MAX];
    unsigned int window_count;
    char *map;
    size_t map_pages;
    bool dirty; /* pages were not zero when we got them */
};

int guest_failed(struct guest_build *b, int rc, const char *what);

int guest_sizes(struct guest_build *b);
int guest_limits(struct guest_build *b, uint64_t limit_kib);
/* mem_flags: XENMEMF_... */
int guest_populate(struct guest_build *b, struct pfn_range pfns, unsigned int mem_flags);
/* What is claimed and was not taken goes back. */
void guest_claim_end(struct guest_build *b);

void guest_add_window(struct guest_build *b, uint64_t first, uint64_t end);
/* All windows and, behind them, `last`, a frame that is no page of the guest's (NULL: none). */
int guest_map(struct guest_build *b, const xen_pfn_t *last);
void guest_unmap(struct guest_build *b);
/* The frames of a run of pages. */
void guest_put_frames(const struct guest_build *b, struct pfn_range r, xen_pfn_t *frames);
/* Where a page of a window is mapped. */
void *guest_page(const struct guest_build *b, uint64_t pfn);

/* Looks at a fresh page whether memory comes zeroed. */
void guest_see_dirt(struct guest_build *b, const void *fresh);
void guest_clear_pages(void *pages, uint64_t count);
int guest_load_ramdisk(struct guest_build *b, uint64_t pfn);

int guest_ports(struct guest_build *b, struct build_result *r);
/* One of HVM_PARAM_... of a guest that is not PV. */
int guest_set_param(struct guest_build *b, uint32_t index, uint64_t value);
/* Those by which it finds its rings and their event channels. */
int guest_set_ring_params(struct guest_build *b, const struct build_result *r);
int guest_grants(struct guest_build *b, const struct build_result *r);
void guest_close(struct guest_build *b);

#endif
