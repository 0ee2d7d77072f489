/* SPDX-License-Identifier: MIT */
/*
 * Pins: an entry is claimed (grant_claim.h) with its first pin; everything else is taken from the entry
 * once, then, and afterwards from the active record.
 *
 * arch_get_gfn() is called under the grant lock, so what an architecture locks there must come
 * later in the order, as LOCK_P2M does.
 */
#include "hv/core/grant_claim.h"

#include "hv/base/printk.h"
#include "hv/core/arch_guest.h"
#include "hv/core/rights.h"
#include "hv/mm/heap.h"

BUILD_ASSERT(offsetof(struct grant_entry_v1, flags) == 0);
BUILD_ASSERT(offsetof(struct grant_entry_v1, domid) == 2);
BUILD_ASSERT(sizeof(struct grant_active) == 32);
BUILD_ASSERT(sizeof(struct maptrack) == 16);

/* ---- Frames ------------------------------------------------------------------------------ */
int grant_frame_get(struct domain *granter, gfn_t gfn, bool write, mfn_t *mfn)
{
    struct frame *f;
    bool ok;

    if (!granter->is_translated) {
        /* PV: the guest's frame numbers are the machine's. */
        *mfn = _mfn(gfn_x(gfn));
        return grant_machine_frame_get(granter->id, *mfn, write) != NULL ? 0 : -EINVAL;
    }
    f = arch_get_gfn(granter, gfn, write);
    if (f == NULL) {
        return -EINVAL;
    }
    *mfn = frame_mfn(f);
    ok = grant_machine_frame_get(granter->id, *mfn, write) != NULL;
    arch_put_gfn(f, write);
    return ok ? 0 : -EINVAL;
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
        if (grant_machine_frame_get(granter->id, mfn, write) == NULL) {
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
    bool pinned = grant_is_pinned(a);
    uint64_t gfn = 0;
    int status;

    if (pinned &&
        (a->domid != user || !may_count(a, use) ||
         ((use & GRANT_USE_MAP) && (a->flags & (ACTIVE_SUB_PAGE | ACTIVE_TRANSITIVE))) ||
         (!(use & GRANT_USE_MAP) && (a->flags & ACTIVE_MMIO)))) {
        return GNTST_general_error;
    }
    if (!pinned || ((use & GRANT_USE_WRITE) && !grant_is_write_pinned(a))) {
        status = grant_claim(gt, ref, user, use);
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
    grant_unclaim(gt, ref, a);
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
    grant_unclaim(gt, ref, a);
    if (!grant_is_pinned(a)) {
        gt->pinned_count--;
    }
    spin_unlock(&gt->lock);
}
