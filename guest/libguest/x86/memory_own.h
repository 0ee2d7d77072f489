/* SPDX-License-Identifier: MIT */
/*
 * Frames and addresses on x86. The kernel image and everything the builder placed lies in one linear region:
 * va = MEMORY_BASE + (pfn << 12). pfn -> mfn comes from start_info->mfn_list, mfn -> pfn from the hypervisor's table.
 */
#ifndef GUEST_LIBGUEST_X86_MEMORY_OWN_H
#define GUEST_LIBGUEST_X86_MEMORY_OWN_H

#include <stdint.h>

#include "abi/xen.h"
#include "guest/libguest/start.h"

#define MEMORY_BASE  0xffffffff80000000UL
#define MEMORY_ARENA ".arena,\"aw\",@nobits#"

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

#endif
