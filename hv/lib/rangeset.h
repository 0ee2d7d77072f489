/* SPDX-License-Identifier: MIT */
/*
 * Sets of unsigned numbers kept as sorted, disjoint, closed ranges: which I/O ports, memory frames or
 * interrupts a domain may touch. Grows through rangeset_memory(); callers lock.
 */
#ifndef HV_LIB_RANGESET_H
#define HV_LIB_RANGESET_H

#include "hv/lib/types.h"

struct range {
    uint64_t first;
    uint64_t last;
};

struct rangeset {
    struct range *ranges;
    unsigned int count;
    unsigned int capacity;
    unsigned int limit; /* most ranges it may hold; -ENOSPC beyond */
};

/* Implemented above (mm/heap.c): resizes old (NULL: none yet) to bytes, or frees it when bytes is 0. */
MUST_CHECK void *rangeset_memory(void *old, size_t bytes);

void rangeset_init(struct rangeset *r, unsigned int limit);
void rangeset_exit(struct rangeset *r);
MUST_CHECK int rangeset_add(struct rangeset *r, uint64_t first, uint64_t last);
MUST_CHECK int rangeset_remove(struct rangeset *r, uint64_t first, uint64_t last);
bool rangeset_contains(const struct rangeset *r, uint64_t first, uint64_t last);
bool rangeset_overlaps(const struct rangeset *r, uint64_t first, uint64_t last);

#endif
