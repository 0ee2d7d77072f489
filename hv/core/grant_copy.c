/* SPDX-License-Identifier: MIT */
/*
 * GNTTABOP_copy: bytes from one page to another, each the caller's own (by frame number) or
 * granted to it (by ref).
 *
 * Between a page of the caller's and one granted to it whole, the usual case, the ref is borrowed: its
 * table stays locked while at most a page is copied, and nothing is counted. Everything else, and
 * whatever is refused, goes through pins, two struct sides a copy. A transitive grant is pinned twice:
 * the entry that names another domain's ref, and that ref, whose grantee must be the first domain. No
 * two grant locks are ever held together.
 */
#include "hv/core/grant.h"

#include "hv/core/arch_guest.h"
#include "hv/core/grant_claim.h"
#include "hv/lib/string.h"
#include "hv/mm/map.h"

/* A pinned entry of a domain. */
struct copy_pin {
    struct domain *domain; /* referenced; NULL: none */
    grant_ref_t ref;
};

struct side {
    bool write;
    struct copy_pin pin;
    struct copy_pin through; /* the transitive entry in front of it */
    uint16_t start;          /* the bytes of the page that may be touched */
    uint16_t length;
    mfn_t mfn;
    char *page;
};

static unsigned int side_use(const struct side *s)
{
    return GRANT_USE_HOST | (s->write ? GRANT_USE_WRITE : 0);
}

static void unpin(struct side *s, struct copy_pin *pin)
{
    if (pin->domain != NULL) {
        grant_unpin(pin->domain, pin->ref, side_use(s));
        domain_put(pin->domain);
        pin->domain = NULL;
    }
}

static void side_close(struct side *s)
{
    unmap_frame(s->page);
    /* References first: once the granter sees the entry unused the page is its own again. */
    grant_frame_put(s->mfn, s->write);
    unpin(s, &s->pin);
    unpin(s, &s->through);
}

/* Pins ref of the domain named, which must have granted it to user. The domain stays
 * referenced. */
static int pin_ref(struct side *s, struct copy_pin *pin, domid_t domid, grant_ref_t ref,
                   domid_t user, const struct grant_active **found)
{
    struct domain *d = domain_get_or_self(domid);
    int status;

    if (d == NULL) {
        return GNTST_bad_domain;
    }
    status = grant_pin(d, ref, user, side_use(s), found);
    if (status != GNTST_okay) {
        domain_put(d);
        return status;
    }
    *pin = (struct copy_pin){ d, ref };
    return GNTST_okay;
}

static NOINLINE int follow_transitive(struct side *s, const struct grant_active *first,
                                      const struct grant_active **found)
{
    int status = GNTST_general_error;

    s->through = s->pin;
    s->pin.domain = NULL;
    /* DOMID_SELF would mean the caller, and a grant to oneself a way round the first one. */
    if (first->other_domid < DOMID_FIRST_RESERVED &&
        first->other_domid != s->through.domain->id) {
        status = pin_ref(s, &s->pin, first->other_domid, first->other_ref,
                         s->through.domain->id, found);
    }
    if (status == GNTST_okay && ((*found)->flags & ACTIVE_TRANSITIVE)) {
        unpin(s, &s->pin);
        status = GNTST_general_error;
    }
    if (status != GNTST_okay) {
        unpin(s, &s->through);
    }
    return status;
}

static int open_ref(struct side *s, domid_t domid, grant_ref_t ref)
{
    const struct grant_active *found;
    int status = pin_ref(s, &s->pin, domid, ref, current_domain()->id, &found);

    if (status == GNTST_okay && unlikely(found->flags & ACTIVE_TRANSITIVE)) {
        status = follow_transitive(s, found, &found);
    }
    if (status == GNTST_okay) {
        s->mfn = _mfn(found->mfn);
        s->start = found->start;
        s->length = found->length;
    }
    return status;
}

static int open_frame(struct side *s, uint64_t gfn)
{
    s->start = 0;
    s->length = PAGE_SIZE;
    return grant_frame_get(current_domain(), _gfn(gfn), s->write, &s->mfn) == 0
               ? GNTST_okay
               : GNTST_general_error;
}

static int side_open(struct side *s, const struct gnttab_copy_ptr *p, bool by_ref, bool write)
{
    int status;

    *s = (struct side){ .write = write };
    if (!by_ref && p->domid != DOMID_SELF) {
        return GNTST_permission_denied;
    }
    status = by_ref ? open_ref(s, p->domid, p->u.ref) : open_frame(s, p->u.gmfn);
    if (status == GNTST_okay) {
        s->page = map_frame(s->mfn);
    }
    return status;
}

static bool side_covers(const struct side *s, unsigned int offset, unsigned int len)
{
    return offset >= s->start && offset + len <= (unsigned int)s->start + s->length;
}

static NOINLINE int copy_pinned(const struct gnttab_copy *op)
{
    unsigned int len = op->len;
    struct side from;
    struct side to;
    int status = side_open(&from, &op->source, op->flags & GNTCOPY_source_gref, false);

    if (status != GNTST_okay) {
        return status;
    }
    status = side_open(&to, &op->dest, op->flags & GNTCOPY_dest_gref, true);
    if (status == GNTST_okay) {
        if (side_covers(&from, op->source.offset, len) && side_covers(&to, op->dest.offset, len)) {
            /* The two may be one page. */
            memmove(to.page + op->dest.offset, from.page + op->source.offset, len);
        } else {
            status = GNTST_general_error;
        }
        side_close(&to);
    }
    side_close(&from);
    return status;
}

static inline void copy_bytes(const struct gnttab_copy *op, mfn_t from, mfn_t to)
{
    const char *source = (const char *)map_frame(from) + op->source.offset;
    char *dest = (char *)map_frame(to) + op->dest.offset;

    if (likely((uintptr_t)dest - (uintptr_t)source >= op->len)) {
        arch_bytes_copy(dest, source, op->len);
    } else {
        memmove(dest, source, op->len);
    }
    unmap_frame(dest);
    unmap_frame(source);
}

static inline void unclaim_v1(const struct grant_table *gt, grant_ref_t ref)
{
    static const struct grant_active none;
    const struct grant_active *page = gt->active[ref / GRANT_ACTIVE_PER_PAGE];

    grant_unclaim(gt, ref, page == NULL ? &none : &page[ref % GRANT_ACTIVE_PER_PAGE]);
}

/*
 * The use of a ref for a moment, without a pin: the page, with the granter's table locked and the references
 * of one use on it; give_back() returns both. NULL when only a pin can do it, or say why not: version 2, a
 * translated granter, an entry that does not permit it.
 */
static ALWAYS_INLINE struct frame *borrow(struct domain *granter, grant_ref_t ref, domid_t user, bool write)
{
    struct grant_table *gt = granter->grants;
    struct grant_entry_v1 *entry;
    struct frame *f;

    if (unlikely(gt == NULL) || unlikely(granter->is_translated)) {
        return NULL;
    }
    spin_lock(&gt->lock);
    if (likely(gt->version == 1) && likely(ref < gt->ref_count)) {
        entry = grant_v1(gt, ref);
        if (likely(grant_claim_v1(entry, user, write ? GRANT_USE_WRITE : 0) == GNTST_okay)) {
            f = grant_machine_frame_get(granter->id, _mfn(READ_ONCE(entry->frame)), write);
            if (likely(f != NULL)) {
                return f;
            }
            unclaim_v1(gt, ref);
        }
    }
    spin_unlock(&gt->lock);
    return NULL;
}

static inline void give_back(struct domain *granter, grant_ref_t ref, bool write, struct frame *f)
{
    /* References first: once the granter sees the entry unused the page is its own again. */
    grant_machine_frame_put(f, write);
    unclaim_v1(granter->grants, ref);
    spin_unlock(&granter->grants->lock);
}

/* From or to the caller's own frame, the other end being a ref: false when that needs pins. */
static ALWAYS_INLINE bool copy_borrowed(const struct gnttab_copy *op, const struct gnttab_copy_ptr *theirs,
                                 mfn_t mfn, bool write)
{
    struct domain *self = current_domain();
    struct domain *granter;
    struct frame *page = NULL;
    struct frame *own;

    if (unlikely(self->is_translated)) {
        return false;
    }
    granter = domain_get_or_self(theirs->domid);
    if (unlikely(granter == NULL)) {
        return false;
    }
    own = grant_machine_frame_get(self->id, mfn, !write);
    if (likely(own != NULL)) {
        page = borrow(granter, theirs->u.ref, self->id, write);
        if (likely(page != NULL)) {
            copy_bytes(op, write ? mfn : frame_mfn(page), write ? frame_mfn(page) : mfn);
            give_back(granter, theirs->u.ref, write, page);
        }
        grant_machine_frame_put(own, !write);
    }
    domain_put(granter);
    return page != NULL;
}

static int copy_one(const struct gnttab_copy *op)
{
    unsigned int refs = op->flags & (GNTCOPY_source_gref | GNTCOPY_dest_gref);
    bool done = false;

    if (unlikely((unsigned int)op->source.offset + op->len > PAGE_SIZE) ||
        unlikely((unsigned int)op->dest.offset + op->len > PAGE_SIZE)) {
        return GNTST_bad_copy_arg;
    }
    if (refs == GNTCOPY_source_gref && op->dest.domid == DOMID_SELF) {
        done = copy_borrowed(op, &op->source, _mfn(op->dest.u.gmfn), false);
    } else if (refs == GNTCOPY_dest_gref && op->source.domid == DOMID_SELF) {
        done = copy_borrowed(op, &op->dest, _mfn(op->source.u.gmfn), true);
    }
    return likely(done) ? GNTST_okay : copy_pinned(op);
}

void grant_copy(struct gnttab_copy *ops, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        ops[i].status = (int16_t)copy_one(&ops[i]);
    }
}
