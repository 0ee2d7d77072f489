/* SPDX-License-Identifier: MIT */
/*
 * Entries of a translated domain's tables on x86, for core/p2m.c. Nested page tables (AMD) and EPT (Intel)
 * agree on bits 0 to 2 (present or readable; writable; user or executable), 7 (large) and the address; bits 52
 * to 55, which both leave to software, hold the type. What they do not agree on is in p2m_leaf_bits, set once at
 * boot.
 */
#ifndef HV_ARCH_X86_INLINE_ARCH_P2M_H
#define HV_ARCH_X86_INLINE_ARCH_P2M_H

#include "hv/core/p2m.h"

#define P2M_ROOT_LEVEL 4
#define P2M_ROOT_ORDER 0
#define ARCH_P2M_ON_DEMAND true /* a fault on a marked entry populates it */
#define ARCH_P2M_BREAKS false /* an entry in use may become another at once */
#define P2M_GFN_BITS   36

#define P2M_ENTRY_READ  0x1UL
#define P2M_ENTRY_WRITE 0x2UL
#define P2M_ENTRY_EXEC  0x4UL /* on AMD: user, which all guest accesses are */
#define P2M_ENTRY_LARGE 0x80UL
#define P2M_ENTRY_ADDRESS 0x000ffffffffff000UL
#define P2M_ENTRY_TYPE_SHIFT 52

/* Memory type write-back. A device's pages have none of it: with EPT that is uncached, which the CPU's MTRRs do not
 * say there; on AMD they do. */
extern uint64_t p2m_leaf_bits;
/* The highest level of a leaf: 3 where the CPU has pages of 1 GiB. */
extern unsigned int p2m_leaf_level;

static inline bool arch_p2m_present(uint64_t entry)
{
    return entry & P2M_ENTRY_READ;
}

static inline bool arch_p2m_is_leaf(uint64_t entry, unsigned int level)
{
    return level == 1 || (entry & P2M_ENTRY_LARGE);
}

static inline mfn_t arch_p2m_mfn(uint64_t entry)
{
    return _mfn((entry & P2M_ENTRY_ADDRESS) >> PAGE_SHIFT);
}

static inline enum p2m_type arch_p2m_type(uint64_t entry)
{
    return (enum p2m_type)(entry >> P2M_ENTRY_TYPE_SHIFT & 0xf);
}

static inline uint64_t arch_p2m_leaf(mfn_t mfn, unsigned int level, enum p2m_type type)
{
    bool read_only = type == P2M_RAM_RO || type == P2M_RAM_LOGGED || type == P2M_GRANT_RO || type == P2M_FOREIGN_RO;

    return mfn_x(mfn) << PAGE_SHIFT | P2M_ENTRY_READ | P2M_ENTRY_EXEC |
           (read_only ? 0 : P2M_ENTRY_WRITE) | (level > 1 ? P2M_ENTRY_LARGE : 0) |
           (type == P2M_DEVICE ? 0 : p2m_leaf_bits) |
           (uint64_t)type << P2M_ENTRY_TYPE_SHIFT;
}

static inline uint64_t arch_p2m_table(mfn_t mfn)
{
    return mfn_x(mfn) << PAGE_SHIFT | P2M_ENTRY_READ | P2M_ENTRY_WRITE | P2M_ENTRY_EXEC;
}

#endif
