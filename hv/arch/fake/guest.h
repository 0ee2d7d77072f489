/* SPDX-License-Identifier: MIT */
/*
 * The fake upper half: a PV-like domain's page table is a row of slots. An address a guest
 * gives for a mapping is FAKE_SLOT_ADDRESS(n) for slot n of the current domain; a full slot
 * holds the references a page table entry would.
 */
#ifndef HV_ARCH_FAKE_GUEST_H
#define HV_ARCH_FAKE_GUEST_H

#include "hv/core/domain.h"

#define FAKE_SLOTS           64
#define FAKE_SLOT_ADDRESS(n) (0x1000000UL + (n)*8UL)

struct fake_slot {
    bool full;
    bool writable;
    bool counted; /* holds references (RAM) */
    mfn_t mfn;
};

struct arch_domain {
    struct fake_slot slots[FAKE_SLOTS];
};

struct fake_slot *fake_slot(struct domain *d, uint64_t addr);
/* What the guest does when it clears a mapping behind the grant code's back: drops its
 * references. */
void fake_slot_clear(struct fake_slot *s);
/* The pseudo-physical number last set for a frame (the M2P), ~0 for none. */
uint64_t fake_m2p(mfn_t mfn);
/* Calls of arch_p2m_flush(). */
extern unsigned int fake_p2m_flushes;
/* Calls of arch_p2m_invalidate(). */
extern unsigned int fake_p2m_invalidations;

#endif
