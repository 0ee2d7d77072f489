/* SPDX-License-Identifier: MIT */
/*
 * What the files of the memory_op hypercall share. A handler gets the argument pointer and how
 * far an earlier run got (0 at first), and returns the hypercall's result, or -ERESTART after
 * setting *start to what should come back as `start` next time.
 */
#ifndef HV_CALLS_MEMORY_OP_H
#define HV_CALLS_MEMORY_OP_H

#include "abi/memory.h"
#include "hv/core/domain.h"
#include "hv/mm/guest_copy.h"

#define MEMOP_EXTENT_SHIFT 6 /* progress is kept above the command in the first argument */
#define MEMOP_CMD_MASK     ((1UL << MEMOP_EXTENT_SHIFT) - 1)
#define MEMOP_PROGRESS_MAX (UINT32_MAX >> MEMOP_EXTENT_SHIFT)

/* The domain named, referenced, if the caller may change its memory; else NULL and *rc. */
struct domain *memory_op_domain_get(domid_t domid, int *rc);
/* Largest extent the caller may ask for: bounds the work between preemption checks. */
unsigned int memory_op_max_order(void);
/* Decodes XENMEMF address bits: false when no memory can satisfy them; *bits is 0 for any
 * address. */
bool memory_op_address_bits(unsigned int mem_flags, unsigned int *bits);
/* Allocates 1 << order frames for d below the width; INVALID_MFN on failure. */
mfn_t memory_op_alloc(struct domain *d, unsigned int order, unsigned int bits);

/* memory_reservation.c: these return extents done, never an error. */
long memory_increase_reservation(guest_ptr_t arg, unsigned long *start);
long memory_decrease_reservation(guest_ptr_t arg, unsigned long *start);
long memory_populate_physmap(guest_ptr_t arg, unsigned long *start);

/* memory_exchange.c */
long memory_exchange(guest_ptr_t arg, unsigned long *start);

/* memory_physmap.c */
long memory_add_to_physmap(guest_ptr_t arg, unsigned long *start);
long memory_add_to_physmap_batch(guest_ptr_t arg, unsigned long *start);
long memory_remove_from_physmap(guest_ptr_t arg, unsigned long *start);
long memory_acquire_resource(guest_ptr_t arg, unsigned long *start);

#endif
