/* SPDX-License-Identifier: MIT */
/*
 * What the files of p2m.h share: steps through a domain's tables. A leaf of level 1 covers a page, of level 2 512
 * pages, and so on. Lock: p2m.lock where it says so; finding is without.
 */
#ifndef HV_CORE_P2M_PRIVATE_H
#define HV_CORE_P2M_PRIVATE_H

#include "hv/core/p2m.h"

static inline uint64_t p2m_pages_of(unsigned int level)
{
    return 1ULL << (9 * (level - 1));
}

/* The leaf that covers gfn, or the empty entry where the walk ends, and its level. */
uint64_t p2m_find_leaf(const struct p2m *p, uint64_t gfn, unsigned int *level);
/* The entry for gfn at a level, with the tables above it made and leaves above it split. Spares are there, unless no
 * table is missing, and the lock is held. */
uint64_t *p2m_make_slot(struct p2m *p, uint64_t gfn, unsigned int level);
/* Takes the lock with spares to make any slot: -ENOMEM, and then it is not taken. */
MUST_CHECK int p2m_lock_with_spares(struct p2m *p);

#endif
