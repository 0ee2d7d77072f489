/* SPDX-License-Identifier: MIT */
/*
 * Sets of numbers as a sorted array of disjoint closed ranges; neighbours are always merged.
 * Looking up is a binary search, changing shifts the tail of the array: sets are small and
 * change rarely.
 */
#include "hv/lib/rangeset.h"

#include "hv/lib/string.h"

#define RANGESET_FIRST_CAPACITY 8

void rangeset_init(struct rangeset *r, unsigned int limit)
{
    *r = (struct rangeset){ .limit = limit };
}

void rangeset_exit(struct rangeset *r)
{
    (void)!rangeset_memory(r->ranges, 0);
    rangeset_init(r, r->limit);
}

/* Index of the first range that ends at or after n; count when there is none. */
static unsigned int lower_bound(const struct rangeset *r, uint64_t n)
{
    unsigned int low = 0;
    unsigned int high = r->count;

    while (low < high) {
        unsigned int middle = low + (high - low) / 2;

        if (r->ranges[middle].last < n) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Makes room for one more range; nothing changes on failure. */
static int reserve_one(struct rangeset *r)
{
    unsigned int capacity;
    struct range *grown;

    if (r->count >= r->limit) {
        return -ENOSPC;
    }
    if (r->count < r->capacity) {
        return 0;
    }
    capacity = r->capacity == 0 ? RANGESET_FIRST_CAPACITY : 2 * r->capacity;
    grown = rangeset_memory(r->ranges, capacity * sizeof(*grown));
    if (grown == NULL) {
        return -ENOMEM;
    }
    r->ranges = grown;
    r->capacity = capacity;
    return 0;
}

/* Replaces the ranges [from, to) by count others, which have room. */
static void splice(struct rangeset *r, unsigned int from, unsigned int to,
                   const struct range *with, unsigned int count)
{
    if (r->count > to) {
        memmove(&r->ranges[from + count], &r->ranges[to], (r->count - to) * sizeof(*r->ranges));
    }
    for (unsigned int i = 0; i < count; i++) {
        r->ranges[from + i] = with[i];
    }
    r->count = r->count - (to - from) + count;
}

int rangeset_add(struct rangeset *r, uint64_t first, uint64_t last)
{
    struct range merged = { first, last };
    unsigned int from;
    unsigned int to;

    if (first > last) {
        return -EINVAL;
    }
    /* Ranges [from, to) overlap or touch the new one. */
    from = lower_bound(r, first == 0 ? 0 : first - 1);
    for (to = from; to < r->count; to++) {
        if (last != UINT64_MAX && r->ranges[to].first > last + 1) {
            break;
        }
    }
    if (from == to) {
        int rc = reserve_one(r);

        if (rc != 0) {
            return rc;
        }
    } else {
        merged.first = MIN(first, r->ranges[from].first);
        merged.last = MAX(last, r->ranges[to - 1].last);
    }
    splice(r, from, to, &merged, 1);
    return 0;
}

int rangeset_remove(struct rangeset *r, uint64_t first, uint64_t last)
{
    struct range kept[2];
    unsigned int count = 0;
    unsigned int from = lower_bound(r, first);
    unsigned int to;

    if (first > last) {
        return -EINVAL;
    }
    for (to = from; to < r->count && r->ranges[to].first <= last; to++) {
        if (r->ranges[to].first < first) {
            kept[count++] = (struct range){ r->ranges[to].first, first - 1 };
        }
        if (r->ranges[to].last > last) {
            kept[count++] = (struct range){ last + 1, r->ranges[to].last };
        }
    }
    if (count > to - from) {
        int rc = reserve_one(r);

        if (rc != 0) {
            return rc;
        }
    }
    splice(r, from, to, kept, count);
    return 0;
}

bool rangeset_contains(const struct rangeset *r, uint64_t first, uint64_t last)
{
    unsigned int i = lower_bound(r, first);

    return first <= last && i < r->count && r->ranges[i].first <= first &&
           r->ranges[i].last >= last;
}

bool rangeset_overlaps(const struct rangeset *r, uint64_t first, uint64_t last)
{
    unsigned int i = lower_bound(r, first);

    return first <= last && i < r->count && r->ranges[i].first <= last;
}
