/* SPDX-License-Identifier: MIT */
/* The machine-to-physical table; everything else pv_memory.c does is in core/arch_guest.h. */
#ifndef HV_ARCH_X86_GUEST_PV_MEMORY_H
#define HV_ARCH_X86_GUEST_PV_MEMORY_H

#include "hv/lib/types.h"

/* Boot: backs the table for a RAM range whose frame table entries are there. */
void m2p_add_range(mfn_t first, uint64_t count);

#endif
