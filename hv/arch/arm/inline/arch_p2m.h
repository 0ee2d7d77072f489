/* SPDX-License-Identifier: MIT */
/*
 * Stage 2 entries as core/p2m.c sees them: 40 bits of guest physical space by two root tables side by side, whose
 * entries are 1 GiB each (Arm ARM D8.3). The type is in bits 58:55, which the hardware leaves to software.
 */
#ifndef HV_ARCH_ARM_INLINE_ARCH_P2M_H
#define HV_ARCH_ARM_INLINE_ARCH_P2M_H

#include "hv/core/p2m.h"

#define P2M_ROOT_LEVEL 3
#define P2M_ROOT_ORDER 1
#define ARCH_P2M_ON_DEMAND false /* a fault on a marked entry populates it */
#define ARCH_P2M_BREAKS true /* break before make, Arm ARM D8.14 */
#define P2M_GFN_BITS   28

#define S2_VALID      1ULL
#define S2_TABLE      2ULL /* or a page, in the last level */
#define S2_NORMAL     (0xfULL << 2) /* write-back, both caches */
#define S2_DEVICE     (0x1ULL << 2) /* nGnRE */
#define S2_READ       (1ULL << 6)
#define S2_WRITE      (2ULL << 6)
#define S2_SHARED     (3ULL << 8)
#define S2_ACCESSED   (1ULL << 10)
#define S2_XN         (1ULL << 54)
#define S2_TYPE_SHIFT 55
#define S2_ADDRESS    0x0000fffffffff000ULL

static const unsigned int p2m_leaf_level = 3;

static inline bool arch_p2m_present(uint64_t e)
{
    return (e & S2_VALID) != 0;
}

static inline bool arch_p2m_is_leaf(uint64_t e, unsigned int level)
{
    return level == 1 || (e & S2_TABLE) == 0;
}

static inline mfn_t arch_p2m_mfn(uint64_t e)
{
    return _mfn((e & S2_ADDRESS) >> PAGE_SHIFT);
}

static inline enum p2m_type arch_p2m_type(uint64_t e)
{
    return (enum p2m_type)(e >> S2_TYPE_SHIFT & 15);
}

static inline uint64_t arch_p2m_leaf(mfn_t mfn, unsigned int level, enum p2m_type type)
{
    uint64_t e = mfn_x(mfn) << PAGE_SHIFT | (uint64_t)type << S2_TYPE_SHIFT | S2_VALID | S2_SHARED |
                 S2_ACCESSED | S2_READ | (level == 1 ? S2_TABLE : 0);

    switch (type) {
    case P2M_DEVICE:
        return e | S2_DEVICE | S2_WRITE | S2_XN;
    case P2M_RAM:
        return e | S2_NORMAL | S2_WRITE;
    case P2M_RAM_RO:
        return e | S2_NORMAL;
    case P2M_GRANT_RO:
    case P2M_FOREIGN_RO:
        return e | S2_NORMAL | S2_XN;
    default:
        return e | S2_NORMAL | S2_WRITE | S2_XN;
    }
}

static inline uint64_t arch_p2m_table(mfn_t mfn)
{
    return mfn_x(mfn) << PAGE_SHIFT | S2_VALID | S2_TABLE;
}

#endif
