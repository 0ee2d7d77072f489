/* SPDX-License-Identifier: MIT */
/*
 * Pins: the one place that reads grant entries, which the granter may change at any moment.
 *
 * An entry is claimed by setting GTF_reading (and GTF_writing) where the granter looks before
 * it reuses the page: in the entry itself with compare and exchange (v1), or in the status
 * word, after which the entry is looked at again (v2). Everything else is taken from the entry
 * once, at the first pin, and then from the active record.
 *
 * arch_get_gfn() is called under the grant lock, so an architecture must do that without a lock
 * of its own.
 */
#include "hv/core/grant_table.h"

#include "hv/base/printk.h"
#include "hv/core/arch_guest.h"
#include "hv/core/rights.h"
#include "hv/mm/heap.h"

#define CLAIM_TRIES 5

/* Flags and domid as one word, which v1 exchanges and v2 reads at once. */
typedef uint32_t entry_word __attribute__((may_alias));

static uint16_t word_flags(uint32_t word)
{
    return (uint16_t)word;
}

static domid_t word_domid(uint32_t word)
{
    return (domid_t)(word >> 16);
}

BUILD_ASSERT(offsetof(struct grant_entry_v1, flags) == 0);
BUILD_ASSERT(offsetof(struct grant_entry_v1, domid) == 2);
BUILD_ASSERT(sizeof(struct grant_active) == 32);
BUILD_ASSERT(sizeof(struct maptrack) == 16);

/* Whether an entry with these flags may be used so by user. */
static int check_word(uint32_t word, unsigned int version, domid_t user, unsigned int use)
{
    uint16_t flags = word_flags(word);
    unsigned int type = flags & GTF_type_mask;
    bool whole = !(flags & GTF_sub_page) || version == 1;

    if (type == GTF_transitive) {
        if (version == 1 || (use & GRANT_USE_MAP)) {
            return GNTST_bad_gntref;
        }
    } else if (type != GTF_permit_access || ((use & GRANT_USE_MAP) && !whole)) {
        return GNTST_bad_gntref;
    }
    if (word_domid(word) != user) {
        return GNTST_bad_gntref;
    }
    return (use & GRANT_USE_WRITE) && (flags & GTF_readonly) ? GNTST_general_error : GNTST_okay;
}

static int claim_v1(struct grant_entry_v1 *entry, domid_t user, unsigned int use)
{
    entry_word *shared = (entry_word *)entry;
    uint16_t mark = GTF_reading | (use & GRANT_USE_WRITE ? GTF_writing : 0);
    uint32_t word = READ_ONCE(*shared);

    for (unsigned int i = 0; i < CLAIM_TRIES; i++) {
        int status = check_word(word, 1, user, use);

        if (status != GNTST_okay) {
            return status;
        }
        /* Pairs with the granter's exchange that ends access: one of the two sees the other. */
        if (__atomic_compare_exchange_n(shared, &word, word | mark, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {
            return GNTST_okay;
        }
    }
    return GNTST_general_error;
}

static int claim_v2(const union grant_entry_v2 *entry, grant_status_t *status_word,
                    domid_t user, unsigned int use)
{
    const entry_word *shared = (const entry_word *)entry;
    uint16_t mark = GTF_reading | (use & GRANT_USE_WRITE ? GTF_writing : 0);
    uint16_t before;
    int status = check_word(READ_ONCE(*shared), 2, user, use);

    if (status != GNTST_okay) {
        return status;
    }
    /* Pairs with the granter, which invalidates the entry, then looks at the status word. */
    before = __atomic_fetch_or(status_word, mark, __ATOMIC_SEQ_CST);
    status = check_word(READ_ONCE(*shared), 2, user, use);
    if (status != GNTST_okay) {
        __atomic_fetch_and(status_word, (uint16_t) ~(mark & ~before), __ATOMIC_SEQ_CST);
    }
    return status;
}

static int claim(const struct grant_table *gt, grant_ref_t ref, domid_t user, unsigned int use)
{
    if (likely(gt->version == 1)) {
        return claim_v1(grant_v1(gt, ref), user, use);
    }
    return claim_v2(grant_v2(gt, ref), grant_status_word(gt, ref), user, use);
}

static bool is_pinned(const struct grant_active *a)
{
    return (a->pin[0] | a->pin[1] | a->pin[2] | a->pin[3]) != 0;
}

static bool is_write_pinned(const struct grant_active *a)
{
    return (a->pin[PIN_HOST_WRITE] | a->pin[PIN_DEVICE_WRITE]) != 0;
}

/* Takes back the marks the granter sees that no pin stands behind any more. */
static void unclaim(const struct grant_table *gt, grant_ref_t ref, const struct grant_active *a)
{
    uint16_t clear = is_pinned(a) ? 0 : GTF_reading;
    uint16_t *marks;

    clear |= is_write_pinned(a) ? 0 : GTF_writing;
    if (clear != 0) {
        marks = gt->version == 1 ? &grant_v1(gt, ref)->flags : grant_status_word(gt, ref);
        /* Release: what we wrote to the page is seen before the granter sees it free. */
        __atomic_fetch_and(marks, (uint16_t)~clear, __ATOMIC_SEQ_CST);
    }
}

/* ---- Frames ------------------------------------------------------------------------------ */
static bool refs_take(struct frame *f, domid_t owner, bool write)
{
    return write ? frame_get_with_role(f, owner, ROLE_WRITABLE) == 0 : frame_get(f, owner);
}

int grant_frame_get(struct domain *granter, gfn_t gfn, bool write, mfn_t *mfn)
{
    struct frame *f;
    bool ok;

    if (!granter->is_translated) {
        /* PV: the guest's frame numbers are the machine's. */
        *mfn = _mfn(gfn_x(gfn));
        return frame_valid(*mfn) && refs_take(frame_of(*mfn), granter->id, write) ? 0 : -EINVAL;
    }
    f = arch_get_gfn(granter, gfn, write);
    if (f == NULL) {
        return -EINVAL;
    }
    ok = refs_take(f, granter->id, write);
    *mfn = frame_mfn(f);
    arch_put_gfn(f, write);
    return ok ? 0 : -EINVAL;
}

void grant_frame_put(mfn_t mfn, bool write)
{
    if (write) {
        frame_put_with_role(frame_of(mfn));
    } else {
        frame_put(frame_of(mfn));
    }
}

mfn_t grant_pinned_mfn(const struct domain *granter, grant_ref_t ref)
{
    const struct grant_table *gt = granter->grants;

    return _mfn(gt->active[ref / GRANT_ACTIVE_PER_PAGE][ref % GRANT_ACTIVE_PER_PAGE].mfn);
}

static bool is_mmio_of(const struct domain *granter, uint64_t gfn)
{
    return !granter->is_translated && !frame_valid(_mfn(gfn)) &&
           rights_has(granter, RIGHT_MEMORY, gfn, gfn);
}

/* References for the uses asked: the record says which frame when it is pinned, else gfn does.
 */
static int take_frame(struct domain *granter, struct grant_active *a, bool pinned, uint64_t gfn,
                      unsigned int use)
{
    bool write = use & GRANT_USE_WRITE;
    unsigned int count = (use & GRANT_USE_HOST ? 1 : 0) + (use & GRANT_USE_DEVICE ? 1 : 0);
    mfn_t mfn = _mfn(a->mfn);

    if (!pinned) {
        if ((use & GRANT_USE_MAP) && is_mmio_of(granter, gfn)) {
            a->mfn = gfn;
            a->flags |= ACTIVE_MMIO;
            return GNTST_okay;
        }
        if (grant_frame_get(granter, _gfn(gfn), write, &mfn) != 0) {
            return GNTST_bad_page;
        }
        a->mfn = mfn_x(mfn);
        count--;
    }
    for (unsigned int i = 0; i < count; i++) {
        if (!refs_take(frame_of(mfn), granter->id, write)) {
            if (i > 0 || !pinned) {
                grant_frame_put(mfn, write);
            }
            return GNTST_general_error;
        }
    }
    return GNTST_okay;
}

/* ---- Pinning ----------------------------------------------------------------------------- */
/* Fills the record of an entry that was just claimed for the first time; *gfn is the page it
 * names. */
static void read_entry(const struct grant_table *gt, grant_ref_t ref, struct grant_active *a,
                       uint64_t *gfn)
{
    const union grant_entry_v2 *e;
    uint16_t flags;

    *a = (struct grant_active){ .length = PAGE_SIZE };
    if (gt->version == 1) {
        const struct grant_entry_v1 *e1 = grant_v1(gt, ref);

        a->cache = READ_ONCE(e1->flags) & (GTF_PAT | GTF_PCD | GTF_PWT);
        *gfn = READ_ONCE(e1->frame);
        return;
    }
    e = grant_v2(gt, ref);
    flags = READ_ONCE(e->hdr.flags);
    a->cache = flags & (GTF_PAT | GTF_PCD | GTF_PWT);
    if ((flags & GTF_type_mask) == GTF_transitive) {
        a->flags = ACTIVE_TRANSITIVE;
        a->other_domid = READ_ONCE(e->transitive.trans_domid);
        a->other_ref = READ_ONCE(e->transitive.gref);
        return;
    }
    *gfn = READ_ONCE(e->full_page.frame);
    if (flags & GTF_sub_page) {
        a->flags = ACTIVE_SUB_PAGE;
        a->start = READ_ONCE(e->sub_page.page_off);
        a->length = READ_ONCE(e->sub_page.length);
    }
}

/* The pin counter of a use, for use with exactly one of host and device. */
static enum grant_pin_kind pin_kind(bool device, unsigned int use)
{
    return (device ? PIN_DEVICE_READ : PIN_HOST_READ) + (use & GRANT_USE_WRITE ? 1 : 0);
}

static bool may_count(const struct grant_active *a, unsigned int use)
{
    return (!(use & GRANT_USE_HOST) || a->pin[pin_kind(false, use)] != UINT16_MAX) &&
           (!(use & GRANT_USE_DEVICE) || a->pin[pin_kind(true, use)] != UINT16_MAX);
}

static int pin_locked(struct domain *granter, grant_ref_t ref, domid_t user, unsigned int use,
                      struct grant_active *a)
{
    struct grant_table *gt = granter->grants;
    bool pinned = is_pinned(a);
    uint64_t gfn = 0;
    int status;

    if (pinned &&
        (a->domid != user || !may_count(a, use) ||
         ((use & GRANT_USE_MAP) && (a->flags & (ACTIVE_SUB_PAGE | ACTIVE_TRANSITIVE))) ||
         (!(use & GRANT_USE_MAP) && (a->flags & ACTIVE_MMIO)))) {
        return GNTST_general_error;
    }
    if (!pinned || ((use & GRANT_USE_WRITE) && !is_write_pinned(a))) {
        status = claim(gt, ref, user, use);
        if (status != GNTST_okay) {
            return status;
        }
    }
    if (!pinned) {
        read_entry(gt, ref, a, &gfn);
        a->domid = user;
        /* The entry may have changed between the claim and the reading. */
        if ((use & GRANT_USE_MAP) && a->flags != 0) {
            status = GNTST_bad_gntref;
            goto undo;
        }
    }
    if (!(a->flags & (ACTIVE_TRANSITIVE | ACTIVE_MMIO))) {
        status = take_frame(granter, a, pinned, gfn, use);
        if (status != GNTST_okay) {
            goto undo;
        }
    }
    gt->pinned_count += !pinned;
    if (use & GRANT_USE_HOST) {
        a->pin[pin_kind(false, use)]++;
    }
    if (use & GRANT_USE_DEVICE) {
        a->pin[pin_kind(true, use)]++;
    }
    return GNTST_okay;

undo:
    unclaim(gt, ref, a);
    return status;
}

/* Makes the page of active records ref lies in; false when there is no memory. */
static NOINLINE bool make_active(struct grant_table *gt, grant_ref_t ref)
{
    struct grant_active *page = heap_alloc_page();
    struct grant_active **slot = &gt->active[ref / GRANT_ACTIVE_PER_PAGE];

    if (page == NULL) {
        return false;
    }
    spin_lock(&gt->lock);
    if (*slot == NULL) {
        WRITE_ONCE(*slot, page);
        page = NULL;
    }
    spin_unlock(&gt->lock);
    heap_free_page(page);
    return true;
}

int grant_pin(struct domain *granter, grant_ref_t ref, domid_t user, unsigned int use,
              const struct grant_active **out)
{
    struct grant_table *gt = granter->grants;
    struct grant_active *a;
    int status;

    if (gt == NULL || ref >= READ_ONCE(gt->ref_count)) {
        return GNTST_bad_gntref;
    }
    if (unlikely(READ_ONCE(gt->active[ref / GRANT_ACTIVE_PER_PAGE]) == NULL) &&
        !make_active(gt, ref)) {
        return GNTST_no_space;
    }
    spin_lock(&gt->lock);
    /* Again: changing the version shrinks it. */
    if (unlikely(ref >= gt->ref_count)) {
        spin_unlock(&gt->lock);
        return GNTST_bad_gntref;
    }
    a = &gt->active[ref / GRANT_ACTIVE_PER_PAGE][ref % GRANT_ACTIVE_PER_PAGE];
    status = pin_locked(granter, ref, user, use, a);
    *out = a;
    spin_unlock(&gt->lock);
    return status;
}

void grant_unpin(struct domain *granter, grant_ref_t ref, unsigned int use)
{
    struct grant_table *gt = granter->grants;
    struct grant_active *a;

    spin_lock(&gt->lock);
    a = &gt->active[ref / GRANT_ACTIVE_PER_PAGE][ref % GRANT_ACTIVE_PER_PAGE];
    if (use & GRANT_USE_HOST) {
        ASSERT(a->pin[pin_kind(false, use)] > 0);
        a->pin[pin_kind(false, use)]--;
    }
    if (use & GRANT_USE_DEVICE) {
        ASSERT(a->pin[pin_kind(true, use)] > 0);
        a->pin[pin_kind(true, use)]--;
    }
    unclaim(gt, ref, a);
    if (!is_pinned(a)) {
        gt->pinned_count--;
    }
    spin_unlock(&gt->lock);
}
