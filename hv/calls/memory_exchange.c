/* SPDX-License-Identifier: MIT */
/*
 * XENMEM_exchange: a PV domain trades pages for others, to get contiguous ones or ones below an
 * address.
 *
 * Work goes by chunks: as many pages as the larger of the two extents. A chunk's old pages
 * leave the domain first, then the new ones are allocated; when that fails the old ones return,
 * so a chunk happens wholly or not at all. The links of frames nobody owns hold the chunk's
 * lists together.
 */
#include "hv/calls/hypercall.h"
#include "hv/calls/memory_op.h"
#include "hv/core/arch_guest.h"
#include "hv/mm/page_alloc.h"

#define EXCHANGE_ORDER_MAX 12 /* 16 MiB at a time is all that devices ask for */

struct exchange {
    struct domain *d;
    guest_ptr_t in_list;
    guest_ptr_t out_list;
    unsigned int in_order;
    unsigned int out_order;
    unsigned int in_extents; /* extents in a chunk */
    unsigned int out_extents;
    unsigned int out_bits;
};

/* A stack of frames linked through `next`. */
struct frame_stack {
    uint32_t top;
};

static void stack_push(struct frame_stack *s, mfn_t mfn)
{
    frame_of(mfn)->next = s->top;
    s->top = (uint32_t)mfn_x(mfn);
}

static bool stack_pop(struct frame_stack *s, mfn_t *mfn)
{
    if (s->top == FRAME_NONE) {
        return false;
    }
    *mfn = _mfn(s->top);
    s->top = frame_of(*mfn)->next;
    return true;
}

static bool list_read(guest_ptr_t list, uint64_t index, uint64_t *frame)
{
    xen_pfn_t value;

    if (copy_from_guest(&value, guest_ptr_at(list, index, sizeof(value)), sizeof(value)) != 0) {
        return false;
    }
    *frame = value;
    return true;
}

static int decode(const struct xen_memory_exchange *raw, struct exchange *x)
{
    const struct xen_memory_reservation *in = &raw->in;
    const struct xen_memory_reservation *out = &raw->out;
    unsigned int max_order = MIN(memory_op_max_order(), (unsigned int)EXCHANGE_ORDER_MAX);

    if (in->domid != out->domid || raw->nr_exchanged > in->nr_extents ||
        in->nr_extents > MEMOP_PROGRESS_MAX || out->nr_extents > MEMOP_PROGRESS_MAX) {
        return -EINVAL;
    }
    if (in->extent_order > max_order || out->extent_order > max_order) {
        return -EPERM;
    }
    if ((uint64_t)in->nr_extents << in->extent_order != (uint64_t)out->nr_extents
                                                            << out->extent_order ||
        !memory_op_address_bits(out->mem_flags, &x->out_bits)) {
        return -EINVAL;
    }
    x->in_list = guest_ptr(in->extent_start);
    x->out_list = guest_ptr(out->extent_start);
    x->in_order = in->extent_order;
    x->out_order = out->extent_order;
    x->in_extents = 1U << (x->out_order > x->in_order ? x->out_order - x->in_order : 0);
    x->out_extents = 1U << (x->in_order > x->out_order ? x->in_order - x->out_order : 0);
    /* A partial last chunk, or progress within one, cannot come from us. */
    if (raw->nr_exchanged % x->in_extents != 0 || in->nr_extents % x->in_extents != 0) {
        return -EINVAL;
    }
    return 0;
}

static int steal_extent(struct exchange *x, uint64_t first, struct frame_stack *stolen)
{
    for (uint64_t i = 0; i < 1UL << x->in_order; i++) {
        mfn_t mfn = _mfn(first + i);
        struct frame *f = frame_get_mfn(mfn, x->d->id);
        int rc;

        if (f == NULL) {
            return -EINVAL;
        }
        rc = frame_steal(&x->d->memory, f);
        if (rc != 0) {
            frame_put(f);
            return rc;
        }
        stack_push(stolen, mfn);
    }
    return 0;
}

static void give_back(struct exchange *x, struct frame_stack *stolen)
{
    mfn_t mfn;

    while (stack_pop(stolen, &mfn)) {
        if (frame_assign(&x->d->memory, mfn, 0, false) != 0) {
            /* The domain is dying, or took more memory meanwhile. */
            arch_set_m2p(mfn, ~0ULL);
            page_free(mfn, 0, true);
        }
    }
}

static int allocate(struct exchange *x, struct frame_stack *fresh)
{
    for (unsigned int i = 0; i < x->out_extents; i++) {
        mfn_t mfn = page_alloc_below(x->out_order, 0, x->out_bits);

        if (mfn_eq(mfn, INVALID_MFN)) {
            return -ENOMEM;
        }
        stack_push(fresh, mfn);
    }
    return 0;
}

/* The new extents become the domain's, at the places its list names. */
static int commit(struct exchange *x, uint64_t chunk, struct frame_stack *fresh)
{
    uint64_t index = chunk * x->out_extents;
    int rc = 0;
    mfn_t mfn;

    while (stack_pop(fresh, &mfn)) {
        xen_pfn_t value = (xen_pfn_t)mfn_x(mfn);
        uint64_t gfn;

        if (rc == 0 && !list_read(x->out_list, index, &gfn)) {
            rc = -EFAULT;
        }
        if (rc != 0 || frame_assign(&x->d->memory, mfn, x->out_order, false) != 0) {
            page_free(mfn, x->out_order, false);
            rc = rc != 0 ? rc : -EINVAL;
            continue;
        }
        rc = arch_p2m_add(x->d, _gfn(gfn), mfn, x->out_order);
        if (rc == 0 && copy_to_guest(guest_ptr_at(x->out_list, index, sizeof(value)), &value,
                                     sizeof(value)) != 0) {
            rc = -EFAULT;
        }
        index++;
    }
    return rc;
}

static int exchange_chunk(struct exchange *x, uint64_t chunk)
{
    struct frame_stack stolen = { FRAME_NONE };
    struct frame_stack fresh = { FRAME_NONE };
    int rc = 0;
    mfn_t mfn;

    for (unsigned int i = 0; i < x->in_extents && rc == 0; i++) {
        uint64_t first = 0;

        rc = list_read(x->in_list, chunk * x->in_extents + i, &first)
                 ? steal_extent(x, first, &stolen)
                 : -EFAULT;
    }
    if (rc == 0) {
        rc = allocate(x, &fresh);
    }
    if (rc != 0) {
        while (stack_pop(&fresh, &mfn)) {
            page_free(mfn, x->out_order, false);
        }
        give_back(x, &stolen);
        return rc;
    }
    while (stack_pop(&stolen, &mfn)) {
        arch_set_m2p(mfn, ~0ULL);
        page_free(mfn, 0, true);
    }
    return commit(x, chunk, &fresh);
}

static int write_progress(guest_ptr_t arg, xen_ulong_t done)
{
    return copy_to_guest(
        guest_ptr_at(arg, offsetof(struct xen_memory_exchange, nr_exchanged), 1), &done,
        sizeof(done));
}

/* Progress is in the argument's nr_exchanged, as the ABI has it. */
long memory_exchange(guest_ptr_t arg, unsigned long *start)
{
    struct xen_memory_exchange raw;
    struct exchange x;
    uint64_t chunk;
    int rc;

    if (copy_from_guest(&raw, arg, sizeof(raw)) != 0) {
        return -EFAULT;
    }
    rc = decode(&raw, &x);
    if (rc != 0) {
        return rc;
    }
    x.d = memory_op_domain_get(raw.in.domid, &rc);
    if (x.d == NULL) {
        return rc;
    }
    if (x.d->is_translated) {
        domain_put(x.d);
        return -EOPNOTSUPP;
    }
    for (chunk = raw.nr_exchanged / x.in_extents; chunk < raw.in.nr_extents / x.in_extents;
         chunk++) {
        if (chunk * x.in_extents != raw.nr_exchanged && hypercall_preempt_check()) {
            rc = -ERESTART;
            break;
        }
        rc = exchange_chunk(&x, chunk);
        if (rc != 0) {
            break;
        }
    }
    domain_put(x.d);
    if (write_progress(arg, (xen_ulong_t)(chunk * x.in_extents)) != 0 && rc != -ERESTART) {
        rc = rc != 0 ? rc : -EFAULT;
    }
    return rc;
}
