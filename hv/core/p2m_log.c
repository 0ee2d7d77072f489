/* SPDX-License-Identifier: MIT */
/*
 * The log of written pages of a translated domain, see p2m.h: it is the type of the leaves themselves. Starting or
 * clearing it makes P2M_RAM leaves P2M_RAM_LOGGED, which guests may only read; a fault, or the hypervisor before it
 * writes, makes the one page P2M_RAM again, splitting a large leaf.
 *
 * A walk goes by chunks of 512 frames, which one table of level 1 or one leaf of level 2 covers, and holds the lock for
 * one. What CPUs still write by older translations until the flush at its end lies before what its caller reads.
 */
#include "hv/core/p2m_private.h"

#include <arch_p2m.h>

#include "hv/base/softirq.h"
#include "hv/core/arch_guest.h"
#include "hv/lib/string.h"
#include "hv/mm/guest_copy.h"

#define CHUNK       P2M_ENTRIES
#define CHUNK_BYTES (CHUNK / 8)

enum { WALK_NONE, WALK_START, WALK_STOP, WALK_LOOK, WALK_CLEAR };

/* Somebody may write one of these pages at any time, through more than the leaf. */
static bool is_held(mfn_t mfn, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (READ_ONCE(frame_of(mfn_add(mfn, i))->role) & ROLE_COUNT_MASK) {
            return true;
        }
    }
    return false;
}

/* The type that a walk gives to a leaf of this type. */
static enum p2m_type type_after(unsigned int walk, enum p2m_type type, mfn_t mfn, unsigned int level)
{
    if (walk == WALK_STOP) {
        return type == P2M_RAM_LOGGED ? P2M_RAM : type;
    }
    return walk != WALK_LOOK && type == P2M_RAM && !is_held(mfn, p2m_pages_of(level)) ? P2M_RAM_LOGGED : type;
}

/* What a leaf says, and what becomes of it: true when its pages were written. */
static bool step(uint64_t *slot, unsigned int level, unsigned int walk, bool *changed)
{
    uint64_t e = *slot;
    enum p2m_type type = arch_p2m_present(e) ? arch_p2m_type(e) : P2M_NONE;
    enum p2m_type after = type_after(walk, type, arch_p2m_mfn(e), level);

    if (after != type) {
        __atomic_store_n(slot, arch_p2m_leaf(arch_p2m_mfn(e), level, after), __ATOMIC_SEQ_CST);
        *changed = true;
    }
    return type == P2M_RAM;
}

/* One chunk; bits are zero. may_split: there are spares. The number of pages that were written. */
static unsigned int walk_chunk(struct p2m *p, uint64_t gfn, unsigned int walk, bool may_split, uint8_t *bits,
                               bool *changed)
{
    unsigned int count = 0;
    unsigned int level;
    uint64_t e = p2m_find_leaf(p, gfn, &level);
    bool splits = may_split && (walk == WALK_START || walk == WALK_CLEAR) && arch_p2m_type(e) == P2M_RAM;
    uint64_t *slot;

    if (!arch_p2m_present(e) && level > 1) {
        return 0;
    }
    /* Of a large leaf whose pages are not alike, because one is held, pages are made. */
    if (level > 1 && !(splits && is_held(mfn_add(arch_p2m_mfn(e), gfn & (p2m_pages_of(level) - 1)), CHUNK))) {
        bool all = level > 2 && !splits ? arch_p2m_type(e) == P2M_RAM /* it is never P2M_RAM_LOGGED */
                                        : step(p2m_make_slot(p, gfn, 2), 2, walk, changed);

        memset(bits, all ? 0xff : 0, CHUNK_BYTES);
        return all ? CHUNK : 0;
    }
    slot = p2m_make_slot(p, gfn, 1);
    for (unsigned int i = 0; i < CHUNK; i++) {
        if (step(&slot[i], 1, walk, changed)) {
            bits[i / 8] |= (uint8_t)(1U << i % 8);
            count++;
        }
    }
    return count;
}

static int copy_bits(guest_ptr_t bitmap, uint64_t gfn, const uint8_t *bits, uint64_t pages)
{
    uint64_t bytes = MIN((pages - gfn + 7) / 8, (uint64_t)CHUNK_BYTES);

    return guest_ptr_is_null(bitmap) ? 0 : copy_to_guest(guest_ptr_at(bitmap, gfn / 8, 1), bits, bytes);
}

static void flush(struct domain *d)
{
    __atomic_fetch_add(&d->p2m->generation, 1, __ATOMIC_SEQ_CST);
    arch_p2m_flush(d);
}

static int walk_all(struct domain *d, unsigned int walk, guest_ptr_t bitmap, uint64_t pages)
{
    struct p2m *p = d->p2m;
    bool changed = false;
    int rc = 0;

    if (p->log_walk != walk) {
        p->log_walk = walk;
        p->log_next = p->log_found = 0;
    }
    while (rc == 0 && p->log_next < pages) {
        uint8_t bits[CHUNK_BYTES] = { 0 };
        bool may_split = p2m_lock_with_spares(p) == 0;

        if (!may_split) {
            spin_lock(&p->lock);
        }
        if (p->log_next < p->end && p->logging) {
            p->log_found += walk_chunk(p, p->log_next, walk, may_split, bits, &changed);
        }
        spin_unlock(&p->lock);
        rc = copy_bits(bitmap, p->log_next, bits, pages);
        p->log_next += CHUNK;
        if (rc == 0 && p->log_next < pages && softirq_urgent()) {
            rc = -ERESTART;
        }
    }
    if (changed) {
        flush(d);
    }
    p->log_walk = rc == -ERESTART ? walk : WALK_NONE;
    return rc;
}

int p2m_log_start(struct domain *d)
{
    struct p2m *p = d->p2m;

    if (READ_ONCE(p->logging) && p->log_walk != WALK_START) {
        return -EINVAL;
    }
    p->log_faults = 0;
    /* Before looking who holds a page: pairs with p2m_get_frame(), which takes the role and then looks here. */
    __atomic_store_n(&p->logging, true, __ATOMIC_SEQ_CST);
    return walk_all(d, WALK_START, (guest_ptr_t){ 0 }, p2m_end(d));
}

int p2m_log_stop(struct domain *d)
{
    int rc = READ_ONCE(d->p2m->logging) ? walk_all(d, WALK_STOP, (guest_ptr_t){ 0 }, p2m_end(d)) : 0;

    if (rc == 0) {
        WRITE_ONCE(d->p2m->logging, false);
    }
    return rc;
}

int p2m_log_read(struct domain *d, guest_ptr_t bitmap, uint64_t *pages, bool clear, uint64_t *written,
                 uint32_t *faults)
{
    struct p2m *p = d->p2m;
    uint64_t end = p2m_end(d);
    int rc;

    if (!guest_ptr_is_null(bitmap)) {
        end = MIN(end, *pages);
    }
    rc = walk_all(d, clear ? WALK_CLEAR : WALK_LOOK, bitmap, end);
    if (rc == 0) {
        *pages = guest_ptr_is_null(bitmap) ? *pages : end;
        *written = p->log_found;
        *faults = p->log_faults;
        p->log_faults = clear ? 0 : p->log_faults;
    }
    return rc;
}

void p2m_log_write(struct domain *d, gfn_t gfn)
{
    struct p2m *p = d->p2m;
    bool may_split = p2m_lock_with_spares(p) == 0;
    unsigned int level;
    uint64_t e;

    if (!may_split) {
        spin_lock(&p->lock);
    }
    e = p2m_find_leaf(p, gfn_x(gfn), &level);
    if (arch_p2m_present(e) && arch_p2m_type(e) == P2M_RAM_LOGGED) {
        uint64_t *slot = p2m_make_slot(p, gfn_x(gfn), may_split ? 1 : level);

        __atomic_store_n(slot, arch_p2m_leaf(arch_p2m_mfn(*slot), may_split ? 1 : level, P2M_RAM), __ATOMIC_RELEASE);
        p->log_faults++;
    }
    spin_unlock(&p->lock);
}
