/* SPDX-License-Identifier: MIT */
/*
 * A step of leak tests for PV domains: leak_pv_context() gives the domain's first vcpu a context in flat kernel
 * segments whose page table is `table`, a frame of the domain that is pinned as a level 4 table. See leak.h.
 */
#ifndef GUEST_LIBGUEST_X86_LEAK_PV_H
#define GUEST_LIBGUEST_X86_LEAK_PV_H

#include "abi/xen.h"

long leak_pv_context(xen_pfn_t table);

#endif
