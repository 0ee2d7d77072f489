/* SPDX-License-Identifier: MIT */
/*
 * Frames and addresses. The kernel image and everything the builder placed lies in one linear
 * region: va = MEMORY_BASE + (pfn << 12). pfn -> mfn comes from start_info->mfn_list, mfn ->
 * pfn from the hypervisor's table. memory_alloc() hands out zeroed pages of a fixed arena in
 * bss (mapped writable, 4 KiB mappings); memory_free() gives one back. Not for concurrent use
 * by several vcpus.
 */
#ifndef GUEST_LIBGUEST_MEMORY_H
#define GUEST_LIBGUEST_MEMORY_H

#include <stdint.h>

#include "abi/memory.h"
#include "abi/xen.h"
#include "guest/libguest/start.h"

#define MEMORY_BASE 0xffffffff80000000UL
#define MEMORY_PAGE 4096UL

enum { MEMORY_ARENA_PAGES = 512 };

static inline void *memory_va(unsigned long pfn)
{
    return (void *)(MEMORY_BASE + (pfn << 12));
}

static inline unsigned long memory_pfn(const void *va)
{
    return ((unsigned long)va - MEMORY_BASE) >> 12;
}

static inline unsigned long *memory_p2m(void)
{
    return (unsigned long *)start_info->mfn_list;
}

static inline unsigned long memory_mfn(const void *va)
{
    return memory_p2m()[memory_pfn(va)];
}

static inline uint64_t memory_maddr(const void *va)
{
    return (uint64_t)memory_mfn(va) << 12 | ((unsigned long)va & 4095);
}

static inline unsigned long memory_m2p(unsigned long mfn)
{
    return machine_to_phys_mapping[mfn];
}

void *memory_alloc(void);
void memory_free(void *page);

/*
 * Pages that lie beyond the boot mapping: takes pfns from the end of the guest's memory
 * downwards.
 */
unsigned long memory_take_pfn(void);
#endif
