/* SPDX-License-Identifier: MIT */
/* Entries of a translated domain's tables on the fake machine: bit 0 present, bit 1 leaf, the type above the
 * address. Three levels, so that tests come to every edge soon. */
#ifndef HV_ARCH_FAKE_INLINE_ARCH_P2M_H
#define HV_ARCH_FAKE_INLINE_ARCH_P2M_H

#include "hv/core/p2m.h"

#define P2M_ROOT_LEVEL 3
#define P2M_ROOT_ORDER 1
#define ARCH_P2M_ON_DEMAND true /* a fault on a marked entry populates it */
#define ARCH_P2M_BREAKS true
#define P2M_GFN_BITS   28
#define p2m_leaf_level 2U

static inline bool arch_p2m_present(uint64_t entry)
{
    return entry & 1;
}

static inline bool arch_p2m_is_leaf(uint64_t entry, unsigned int level)
{
    (void)level;
    return entry & 2;
}

static inline mfn_t arch_p2m_mfn(uint64_t entry)
{
    return _mfn((entry & 0x0000fffffffff000UL) >> PAGE_SHIFT);
}

static inline enum p2m_type arch_p2m_type(uint64_t entry)
{
    return (enum p2m_type)(entry >> 52);
}

static inline uint64_t arch_p2m_leaf(mfn_t mfn, unsigned int level, enum p2m_type type)
{
    (void)level;
    return mfn_x(mfn) << PAGE_SHIFT | 3 | (uint64_t)type << 52;
}

static inline uint64_t arch_p2m_table(mfn_t mfn)
{
    return mfn_x(mfn) << PAGE_SHIFT | 1;
}

#endif
