/* SPDX-License-Identifier: MIT */
/*
 * The only way to follow an address a guest gave. A guest_ptr_t is never dereferenced; copies go through
 * here, return 0 or -EFAULT, and never hold a lock that a fault could need.
 *
 * Implemented by the architecture's upper half (PV: the current page tables with fault recovery;
 * translated guests: their p2m).
 */
#ifndef HV_MM_GUEST_COPY_H
#define HV_MM_GUEST_COPY_H

#include "hv/lib/types.h"

typedef struct {
    uint64_t va;
} guest_ptr_t;

/* From a XEN_GUEST_HANDLE, or from a raw hypercall argument. */
#define guest_ptr(handle) ((guest_ptr_t){ (unsigned long)(handle).p })
static inline guest_ptr_t guest_ptr_from_arg(unsigned long arg)
{
    return (guest_ptr_t){ arg };
}

static inline bool guest_ptr_is_null(guest_ptr_t p)
{
    return p.va == 0;
}

/* The address of element index of an array; an overflow gives an address every copy refuses. */
static inline guest_ptr_t guest_ptr_at(guest_ptr_t p, uint64_t index, size_t element_size)
{
    uint64_t offset;
    uint64_t va;

    if (mul_overflows(index, (uint64_t)element_size, &offset) ||
        add_overflows(p.va, offset, &va)) {
        va = ~0ULL;
    }
    return (guest_ptr_t){ va };
}

MUST_CHECK int copy_from_guest(void *dst, guest_ptr_t src, size_t bytes);
/* One word, for the calls made most: its value, or -EFAULT; 0 or -EFAULT. */
MUST_CHECK long copy_u32_from_guest(guest_ptr_t src);
MUST_CHECK int copy_pair_from_guest(uint64_t *pair, guest_ptr_t src);
MUST_CHECK int copy_u64_to_guest(guest_ptr_t dst, uint64_t value);
MUST_CHECK int copy_to_guest(guest_ptr_t dst, const void *src, size_t bytes);
MUST_CHECK int clear_guest(guest_ptr_t dst, size_t bytes);

#endif
