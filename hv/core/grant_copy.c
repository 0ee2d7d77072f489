/* SPDX-License-Identifier: MIT */
/*
 * GNTTABOP_copy: bytes from one page to another, each the caller's own (by frame number) or
 * granted to it (by ref).
 *
 * Each end of a copy is a struct side, opened once and kept while the following operations of
 * the batch name the same page, so a packet that spans many pieces pins its pages once. A
 * transitive grant is pinned twice: the entry that names another domain's ref, and that ref,
 * whose grantee must be the first domain. No two grant locks are ever held together.
 */
#include "hv/core/grant.h"

#include "hv/core/arch_guest.h"
#include "hv/core/grant_table.h"
#include "hv/lib/string.h"
#include "hv/mm/map.h"

/* A pinned entry of a domain. */
struct copy_pin {
    struct domain *domain; /* referenced; NULL: none */
    grant_ref_t ref;
};

struct side {
    bool open;
    bool by_ref;
    bool write;
    domid_t domid; /* what the operation said */
    uint64_t id;   /* its ref or frame number */
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
    if (!s->open) {
        return;
    }
    unmap_frame(s->page);
    /* References first: once the granter sees the entry unused the page is its own again. */
    grant_frame_put(s->mfn, s->write);
    unpin(s, &s->pin);
    unpin(s, &s->through);
    s->open = false;
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

static int open_ref(struct side *s)
{
    const struct grant_active *found;
    int status = pin_ref(s, &s->pin, s->domid, (grant_ref_t)s->id, current_domain()->id,
                         &found);

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

static int open_frame(struct side *s)
{
    s->start = 0;
    s->length = PAGE_SIZE;
    return grant_frame_get(current_domain(), _gfn(s->id), s->write, &s->mfn) == 0
               ? GNTST_okay
               : GNTST_general_error;
}

static int side_open(struct side *s, const struct gnttab_copy_ptr *p, bool by_ref, bool write)
{
    uint64_t id = by_ref ? p->u.ref : p->u.gmfn;
    int status;

    if (s->open) {
        if (s->domid == p->domid && s->by_ref == by_ref && s->id == id) {
            return GNTST_okay;
        }
        side_close(s);
    }
    if (!by_ref && p->domid != DOMID_SELF) {
        return GNTST_permission_denied;
    }
    s->by_ref = by_ref;
    s->write = write;
    s->domid = p->domid;
    s->id = id;
    s->pin.domain = NULL;
    s->through.domain = NULL;
    status = by_ref ? open_ref(s) : open_frame(s);
    if (status == GNTST_okay) {
        s->open = true;
        s->page = map_frame(s->mfn);
    }
    return status;
}

static bool side_covers(const struct side *s, unsigned int offset, unsigned int len)
{
    return offset >= s->start && offset + len <= (unsigned int)s->start + s->length;
}

static int copy_one(const struct gnttab_copy *op, struct side *from, struct side *to)
{
    unsigned int len = op->len;
    int status;

    if ((unsigned int)op->source.offset + len > PAGE_SIZE ||
        (unsigned int)op->dest.offset + len > PAGE_SIZE) {
        return GNTST_bad_copy_arg;
    }
    status = side_open(from, &op->source, op->flags & GNTCOPY_source_gref, false);
    if (status == GNTST_okay) {
        status = side_open(to, &op->dest, op->flags & GNTCOPY_dest_gref, true);
    }
    if (status != GNTST_okay) {
        return status;
    }
    if (!side_covers(from, op->source.offset, len) || !side_covers(to, op->dest.offset, len)) {
        return GNTST_general_error;
    }
    /* The two may be one page. */
    memmove(to->page + op->dest.offset, from->page + op->source.offset, len);
    return GNTST_okay;
}

void grant_copy(struct gnttab_copy *ops, unsigned int count)
{
    struct side from = { .open = false };
    struct side to = { .open = false };

    for (unsigned int i = 0; i < count; i++) {
        ops[i].status = (int16_t)copy_one(&ops[i], &from, &to);
    }
    side_close(&from);
    side_close(&to);
}
