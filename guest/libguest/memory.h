/* SPDX-License-Identifier: MIT */
/*
 * Pages to try things with. memory_alloc() hands out zeroed pages of a fixed arena in bss (4 KiB mappings, writable);
 * memory_free() gives one back. Not for concurrent use by several vcpus. memory_mfn(va) of <memory_own.h> is the frame
 * by which the hypervisor knows a page: a machine frame of a PV guest, else the guest's own.
 */
#ifndef GUEST_LIBGUEST_MEMORY_H
#define GUEST_LIBGUEST_MEMORY_H

#include <stdint.h>

#include "abi/memory.h"
#include "abi/xen.h"
#include "guest/libguest/start.h"

#define MEMORY_PAGE 4096UL

#include <memory_own.h> /* of the architecture */

void *memory_alloc(void);
void memory_free(void *page);

/*
 * Pages that lie beyond the boot mapping: takes pfns from the end of the guest's memory
 * downwards.
 */
unsigned long memory_take_pfn(void);

/* A frame of this guest's that is no plain memory: a page table (PV), the interrupt controller (Arm). */
unsigned long memory_not_plain(void);
#endif
