/* SPDX-License-Identifier: MIT */
/*
 * The machine's free memory: a buddy allocator over struct frame, orders 0 (4 KiB) to 18 (1 GiB).
 *
 * Free blocks know whether they are scrubbed; idle CPUs scrub the others (page_alloc_scrub_idle()).
 * Pages that may hold another domain's data are never handed out unscrubbed unless asked for with
 * PAGE_NO_SCRUB. Claims set memory aside for a domain that is being built.
 */
#ifndef HV_MM_PAGE_ALLOC_H
#define HV_MM_PAGE_ALLOC_H

#include "hv/lib/types.h"

#define PAGE_MAX_ORDER 18

enum page_flags {
    PAGE_ZERO = 1,         /* contents are all zero (scrubbing gives that as well) */
    PAGE_NO_SCRUB = 2,     /* the caller overwrites every byte */
    PAGE_DMA32 = 4,        /* wholly below 4 GiB */
    PAGE_FROM_CLAIM = 8    /* may use memory set aside by claims: the caller accounts for it */
};

/* First frame of 1 << order aligned contiguous frames, or INVALID_MFN. max_bits 0 for anywhere, else
 * the address width the frames must be below (as xenmemf address_bits). */
mfn_t page_alloc(unsigned int order, unsigned int flags);
mfn_t page_alloc_below(unsigned int order, unsigned int flags, unsigned int max_bits);
/* This very frame, when it is free; contents undefined. For what is bound to an address. */
MUST_CHECK bool page_alloc_at(mfn_t mfn);
/* dirty: may hold a guest's data. Freed pages are scrubbed before reuse either way. */
void page_free(mfn_t mfn, unsigned int order, bool dirty);
/* The same for any number of consecutive frames, at less than one by one. Each may have been allocated by itself. */
void page_free_run(mfn_t mfn, uint64_t count);

/* Boot: gives a RAM range (all its frames have frame table entries) to the allocator. */
void page_alloc_add_range(mfn_t first, uint64_t count);
uint64_t page_alloc_free_count(void);
uint64_t page_alloc_total_count(void);
uint64_t page_alloc_dirty_count(void);
/* Free pages whose address has at least min_bits and at most max_bits (sysctl availheap). */
uint64_t page_alloc_free_in_zone(unsigned int min_bits, unsigned int max_bits);

/* Which frames are near which CPUs; without it all are on node 0. Boot, once; the ranges stay with the caller and do
 * not overlap. Only for counting: where a page comes from does not depend on it. */
#define PAGE_NODES_MAX 64
struct page_node_range {
    uint64_t first;
    uint64_t end;
    unsigned int node; /* below PAGE_NODES_MAX */
};
void page_alloc_set_nodes(const struct page_node_range *ranges, unsigned int count);
uint64_t page_alloc_free_on_node(unsigned int node);

/* Scrubs a little; true when there is more to do. Called by idle CPUs with interrupts on. */
bool page_alloc_scrub_idle(void);

/* Claims: total pages set aside in the machine; free minus this is what others may take. */
MUST_CHECK int page_alloc_claim(uint64_t pages); /* -ENOMEM when not available */
void page_alloc_unclaim(uint64_t pages);
uint64_t page_alloc_claimed(void);

#endif
