/* SPDX-License-Identifier: MIT */
/*
 * XENMEM_increase_reservation, _decrease_reservation and _populate_physmap: a domain gets or
 * gives back extents of pages. The ABI lets them report only how many extents were done,
 * whatever stopped them.
 */
#include "hv/calls/hypercall.h"
#include "hv/calls/memory_op.h"
#include "hv/core/arch_guest.h"
#include "hv/core/p2m.h"
#include "hv/mm/page_alloc.h"

/* A decoded xen_memory_reservation. */
struct reservation {
    struct domain *d;
    guest_ptr_t list; /* of xen_pfn_t; may be null when only output */
    unsigned long count;
    unsigned int order;
    unsigned int bits;
    bool on_demand;
};

/* One extent: false stops the call. */
typedef bool (*extent_fn)(const struct reservation *r, unsigned long index);

static bool reservation_get(guest_ptr_t arg, unsigned long start, unsigned int refused_flags,
                            struct reservation *r)
{
    struct xen_memory_reservation raw;
    int rc = 0;

    if (copy_from_guest(&raw, arg, sizeof(raw)) != 0 || raw.nr_extents > MEMOP_PROGRESS_MAX ||
        start >= raw.nr_extents || raw.extent_order > memory_op_max_order() ||
        (raw.mem_flags & refused_flags) || !memory_op_address_bits(raw.mem_flags, &r->bits)) {
        return false;
    }
    r->list = guest_ptr(raw.extent_start);
    r->count = raw.nr_extents;
    r->order = raw.extent_order;
    r->on_demand = raw.mem_flags & XENMEMF_populate_on_demand;
    r->d = memory_op_domain_get(raw.domid, &rc);
    return r->d != NULL;
}

static long for_each_extent(guest_ptr_t arg, unsigned long *start, unsigned int refused_flags,
                            extent_fn fn)
{
    struct reservation r;
    unsigned long i;

    if (!reservation_get(arg, *start, refused_flags, &r)) {
        return (long)*start;
    }
    for (i = *start; i < r.count; i++) {
        if (i != *start && hypercall_preempt_check()) {
            domain_put(r.d);
            *start = i;
            return -ERESTART;
        }
        if (!fn(&r, i)) {
            break;
        }
    }
    domain_put(r.d);
    return (long)i;
}

static bool extent_read(const struct reservation *r, unsigned long index, uint64_t *frame)
{
    xen_pfn_t value;
    uint64_t end;

    if (copy_from_guest(&value, guest_ptr_at(r->list, index, sizeof(value)), sizeof(value)) !=
        0) {
        return false;
    }
    *frame = value;
    return !add_overflows((uint64_t)value, 1UL << r->order, &end);
}

static bool extent_write(const struct reservation *r, unsigned long index, mfn_t mfn)
{
    xen_pfn_t value = (xen_pfn_t)mfn_x(mfn);

    return copy_to_guest(guest_ptr_at(r->list, index, sizeof(value)), &value, sizeof(value)) ==
           0;
}

static bool increase_one(const struct reservation *r, unsigned long index)
{
    mfn_t mfn = memory_op_alloc(r->d, r->order, r->bits);

    if (mfn_eq(mfn, INVALID_MFN)) {
        return false;
    }
    return r->d->is_translated || guest_ptr_is_null(r->list) || extent_write(r, index, mfn);
}

long memory_increase_reservation(guest_ptr_t arg, unsigned long *start)
{
    return for_each_extent(arg, start, 0, increase_one);
}

/* Takes the page at gfn away from its domain; it is freed when the last other use of it ends.
 */
static bool remove_page(struct domain *d, gfn_t gfn)
{
    struct frame *f;
    bool removed;

    if (d->is_translated && p2m_unmark(d, gfn)) {
        return true;
    }
    f = arch_get_gfn(d, gfn, false);
    if (f == NULL) {
        return false;
    }
    removed = f->owner == d->id && arch_p2m_remove(d, gfn, frame_mfn(f), 0) == 0;
    if (removed && frame_clear_allocated(f)) {
        frame_put(f);
    }
    arch_put_gfn(f, false);
    if (removed && d->is_translated) {
        p2m_cache_replace(d);
    }
    return removed;
}

static bool decrease_one(const struct reservation *r, unsigned long index)
{
    uint64_t first;

    if (!extent_read(r, index, &first)) {
        return false;
    }
    for (uint64_t i = 0; i < 1UL << r->order; i++) {
        if (!remove_page(r->d, _gfn(first + i))) {
            return false;
        }
    }
    return true;
}

long memory_decrease_reservation(guest_ptr_t arg, unsigned long *start)
{
    return for_each_extent(arg, start, 0, decrease_one);
}

/* Gives back frames just assigned that nobody has seen. */
static void unassign(mfn_t mfn, unsigned int order)
{
    for (uint64_t i = 0; i < 1UL << order; i++) {
        struct frame *f = frame_of(mfn_add(mfn, i));

        if (frame_clear_allocated(f)) {
            frame_put(f);
        }
    }
}

static bool populate_one(const struct reservation *r, unsigned long index)
{
    uint64_t gfn;
    mfn_t mfn;

    if (!extent_read(r, index, &gfn)) {
        return false;
    }
    if (r->on_demand) {
        return r->d->is_translated && p2m_mark_on_demand(r->d, _gfn(gfn), r->order) == 0;
    }
    mfn = memory_op_alloc(r->d, r->order, r->bits);
    if (mfn_eq(mfn, INVALID_MFN)) {
        return false;
    }
    if (arch_p2m_add(r->d, _gfn(gfn), mfn, r->order) != 0) {
        unassign(mfn, r->order);
        return false;
    }
    return r->d->is_translated || extent_write(r, index, mfn);
}

long memory_populate_physmap(guest_ptr_t arg, unsigned long *start)
{
    return for_each_extent(arg, start, XENMEMF_vnode, populate_one);
}
