/* SPDX-License-Identifier: MIT */
/*
 * Page table entries of x86_64: bits of all levels (Intel SDM volume 3, 4.5) and small helpers.
 *
 * An entry is a plain uint64_t. Level 1 is the leaf table, level 4 the root; PTE_LARGE in a level 1
 * entry is the PAT bit.
 */
#ifndef HV_ARCH_X86_CPU_PTE_H
#define HV_ARCH_X86_CPU_PTE_H

#include "hv/lib/types.h"

#define PTE_PRESENT  0x001UL
#define PTE_RW       0x002UL
#define PTE_USER     0x004UL
#define PTE_PWT      0x008UL
#define PTE_PCD      0x010UL
#define PTE_ACCESSED 0x020UL
#define PTE_DIRTY    0x040UL
#define PTE_LARGE    0x080UL
#define PTE_PAT      0x080UL
#define PTE_GLOBAL   0x100UL
#define PTE_AVAIL    0xe00UL
#define PTE_AVAIL_SHIFT 9
#define PTE_ADDRESS  0x000ffffffffff000UL
#define PTE_NX       0x8000000000000000UL

#define PTE_COUNT    512U /* entries in a table of any level */
#define PTE_LEVELS   4U

static inline mfn_t pte_mfn(uint64_t pte)
{
    return _mfn((pte & PTE_ADDRESS) >> PAGE_SHIFT);
}

static inline uint64_t pte_make(mfn_t mfn, uint64_t flags)
{
    return mfn_x(mfn) << PAGE_SHIFT | flags;
}

/* The slot of va in a table of the level. */
static inline unsigned int pte_index(unsigned long va, unsigned int level)
{
    return (unsigned int)(va >> (PAGE_SHIFT + 9 * (level - 1))) & (PTE_COUNT - 1);
}

#endif
