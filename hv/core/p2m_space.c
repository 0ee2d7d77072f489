/* SPDX-License-Identifier: MIT */
/*
 * What may be shown in a translated domain's physical space, and the references that go with it:
 * XENMEM_add_to_physmap for its spaces, and grants mapped at a guest physical address. See p2m.h.
 *
 * A page of the domain's own RAM that is in the way of something added makes room and is freed, as the guest
 * could not reach it any more.
 */
#include "abi/grant_table.h"
#include "abi/memory.h"
#include "hv/core/arch_guest.h"
#include "hv/core/grant.h"
#include "hv/core/p2m.h"

/* A page of RAM at gfn goes back; anything else there is in the way. */
static int make_room(struct domain *d, gfn_t gfn)
{
    enum p2m_type type;
    struct frame *f;
    int rc;

    p2m_lookup(d, gfn, &type);
    if (type == P2M_NONE) {
        return 0;
    }
    if (type == P2M_ON_DEMAND) {
        return p2m_unmark(d, gfn) ? 0 : -EAGAIN;
    }
    f = p2m_get_frame(d, gfn, false);
    if (f == NULL) {
        return p2m_remove_any(d, gfn);
    }
    rc = p2m_remove(d, gfn, frame_mfn(f), 0);
    if (rc == 0 && frame_clear_allocated(f)) {
        frame_put(f);
    }
    frame_put(f);
    return rc;
}

/* Shows a page of the hypervisor's that is shared with d. */
static int add_shared(struct domain *d, gfn_t gfn, mfn_t mfn)
{
    struct frame *f = frame_get_mfn(mfn, d->id);
    int rc;

    if (f == NULL) {
        return -EINVAL;
    }
    rc = make_room(d, gfn);
    if (rc == 0) {
        rc = p2m_set(d, gfn, mfn, 0, P2M_SHARED);
    }
    if (rc != 0) {
        frame_put(f);
    } else {
        arch_set_m2p(mfn, gfn_x(gfn));
    }
    return rc;
}

static int add_grant_frame(struct domain *d, unsigned long idx, gfn_t gfn)
{
    bool status = idx & XENMAPIDX_grant_table_status;
    mfn_t mfn;
    int rc;

    idx &= ~(unsigned long)XENMAPIDX_grant_table_status;
    if (idx > UINT32_MAX) {
        return -EINVAL;
    }
    rc = grant_get_frame(d, status, (unsigned int)idx, &mfn);
    return rc != 0 ? rc : add_shared(d, gfn, mfn);
}

/* A page of the domain's own comes from another place of its space. */
static int move_page(struct domain *d, gfn_t from, gfn_t to)
{
    struct frame *f;
    int rc;

    if (gfn_x(from) == gfn_x(to)) {
        return 0;
    }
    f = p2m_get_frame(d, from, false);
    if (f == NULL) {
        return -EINVAL;
    }
    rc = make_room(d, to);
    if (rc == 0) {
        rc = p2m_remove(d, from, frame_mfn(f), 0);
    }
    if (rc == 0) {
        rc = p2m_set(d, to, frame_mfn(f), 0, P2M_RAM);
        if (rc == 0) {
            arch_set_m2p(frame_mfn(f), gfn_x(to));
        }
    }
    frame_put(f);
    return rc;
}

static int add_foreign(struct domain *d, struct domain *foreign, gfn_t from, gfn_t to)
{
    struct frame *f = arch_get_gfn(foreign, from, true);
    enum p2m_type type = P2M_FOREIGN;
    int rc;

    if (f == NULL) {
        f = arch_get_gfn(foreign, from, false);
        type = P2M_FOREIGN_RO;
    }
    if (f == NULL) {
        return -EINVAL;
    }
    rc = make_room(d, to);
    if (rc == 0) {
        rc = p2m_set(d, to, frame_mfn(f), 0, type);
    }
    if (rc != 0) {
        arch_put_gfn(f, type == P2M_FOREIGN);
    }
    return rc;
}

int p2m_add_resource(struct domain *d, gfn_t gfn, const struct domain *owner, mfn_t mfn)
{
    struct frame *f = frame_get_mfn(mfn, owner->id);
    int rc;

    if (f == NULL) {
        return -EINVAL;
    }
    rc = frame_get_role(f, ROLE_WRITABLE, false);
    if (rc != 0) {
        frame_put(f);
        return rc;
    }
    rc = make_room(d, gfn);
    if (rc == 0) {
        rc = p2m_set(d, gfn, mfn, 0, P2M_FOREIGN);
    }
    if (rc != 0) {
        arch_put_gfn(f, true);
    }
    return rc;
}

int p2m_add_to_physmap(struct domain *d, unsigned int space, struct domain *foreign,
                       unsigned long idx, gfn_t gfn)
{
    switch (space) {
    case XENMAPSPACE_shared_info:
        return idx == 0 ? add_shared(d, gfn, d->shared_info_mfn) : -EINVAL;
    case XENMAPSPACE_grant_table:
        return add_grant_frame(d, idx, gfn);
    case XENMAPSPACE_gmfn:
    case XENMAPSPACE_gmfn_range:
        return move_page(d, _gfn(idx), gfn);
    case XENMAPSPACE_gmfn_foreign:
        return foreign == d ? -EINVAL : add_foreign(d, foreign, _gfn(idx), gfn);
    default:
        return -ENOSYS;
    }
}

/* ---- Grants ------------------------------------------------------------------------------- */
int p2m_grant_map(uint64_t addr, mfn_t mfn, unsigned int flags)
{
    struct domain *d = current_domain();
    gfn_t gfn = _gfn(addr >> PAGE_SHIFT);
    enum p2m_type type = flags & GNTMAP_readonly ? P2M_GRANT_RO : P2M_GRANT;

    if ((flags & GNTMAP_contains_pte) || !frame_valid(mfn)) {
        return GNTST_general_error;
    }
    if (make_room(d, gfn) != 0 || p2m_set(d, gfn, mfn, 0, type) != 0) {
        return GNTST_general_error;
    }
    return GNTST_okay;
}

int p2m_grant_unmap(uint64_t addr, mfn_t mfn, unsigned int flags)
{
    struct domain *d = current_domain();
    gfn_t gfn = _gfn(addr >> PAGE_SHIFT);
    enum p2m_type type;

    p2m_lookup(d, gfn, &type);
    if (type != (flags & GNTMAP_readonly ? P2M_GRANT_RO : P2M_GRANT)) {
        return GNTST_general_error;
    }
    return p2m_remove(d, gfn, mfn, 0) == 0 ? GNTST_okay : GNTST_general_error;
}
