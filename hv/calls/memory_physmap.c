/* SPDX-License-Identifier: MIT */
/*
 * Where pages appear in a translated guest's physical space (XENMEM_add_to_physmap and its
 * kin), and XENMEM_acquire_resource, through which a toolstack gets at pages that are not a
 * guest's RAM.
 */
#include "hv/calls/hypercall.h"
#include "hv/calls/memory_op.h"
#include "hv/core/arch_guest.h"
#include "hv/core/grant.h"
#include "hv/core/p2m.h"
#include "hv/core/rights.h"

/* As memory_op_domain_get(), for operations only translated guests have. */
static struct domain *translated_get(domid_t domid, int *rc)
{
    struct domain *d = memory_op_domain_get(domid, rc);

    if (d != NULL && !d->is_translated) {
        domain_put(d);
        *rc = -EACCES;
        return NULL;
    }
    return d;
}

static long add_range(struct domain *d, const struct xen_add_to_physmap *a,
                      unsigned long *start)
{
    uint64_t end;

    if (*start > a->size) {
        return -EILSEQ;
    }
    if (add_overflows((uint64_t)a->gpfn, (uint64_t)a->size, &end) ||
        add_overflows((uint64_t)a->idx, (uint64_t)a->size, &end)) {
        return -EOVERFLOW;
    }
    for (unsigned long i = *start; i < a->size; i++) {
        int rc;

        if (i != *start && hypercall_preempt_check()) {
            *start = i;
            return -ERESTART;
        }
        rc = arch_add_to_physmap(d, a->space, NULL, a->idx + i, _gfn(a->gpfn + i));
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

long memory_add_to_physmap(guest_ptr_t arg, unsigned long *start)
{
    struct xen_add_to_physmap a;
    struct domain *d;
    int error = 0;
    long rc;

    if (copy_from_guest(&a, arg, sizeof(a)) != 0) {
        return -EFAULT;
    }
    /* A foreign domain can be named only in a batch. */
    if (a.space == XENMAPSPACE_gmfn_foreign) {
        return -ENOSYS;
    }
    d = translated_get(a.domid, &error);
    if (d == NULL) {
        return error;
    }
    rc = a.space == XENMAPSPACE_gmfn_range
             ? add_range(d, &a, start)
             : arch_add_to_physmap(d, a.space, NULL, a.idx, _gfn(a.gpfn));
    domain_put(d);
    return rc;
}

static int add_batch_one(struct domain *d, const struct xen_add_to_physmap_batch *b,
                         struct domain *foreign, unsigned long i)
{
    xen_ulong_t idx;
    xen_pfn_t gpfn;
    int rc;

    if (copy_from_guest(&idx, guest_ptr_at(guest_ptr(b->idxs), i, sizeof(idx)), sizeof(idx)) !=
            0 ||
        copy_from_guest(&gpfn, guest_ptr_at(guest_ptr(b->gpfns), i, sizeof(gpfn)),
                        sizeof(gpfn)) != 0) {
        return -EFAULT;
    }
    rc = arch_add_to_physmap(d, b->space, foreign, idx, _gfn(gpfn));
    return copy_to_guest(guest_ptr_at(guest_ptr(b->errs), i, sizeof(rc)), &rc, sizeof(rc));
}

static long add_batch(struct domain *d, const struct xen_add_to_physmap_batch *b,
                      struct domain *foreign, unsigned long *start)
{
    for (unsigned long i = *start; i < b->size; i++) {
        int rc;

        if (i != *start && hypercall_preempt_check()) {
            *start = i;
            return -ERESTART;
        }
        rc = add_batch_one(d, b, foreign, i);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* The other domain of a batch: 0 with *foreign NULL when the space has none. */
static int batch_foreign_get(const struct domain *d, const struct xen_add_to_physmap_batch *b,
                             struct domain **foreign)
{
    *foreign = NULL;
    if (b->space != XENMAPSPACE_gmfn_foreign) {
        return b->u.res0 == 0 ? 0 : -EINVAL;
    }
    *foreign = domain_get(b->u.foreign_domid);
    if (*foreign == NULL) {
        return -ESRCH;
    }
    if (*foreign != d && !rights_may_control(d, *foreign)) {
        domain_put(*foreign);
        *foreign = NULL;
        return -EPERM;
    }
    return 0;
}

long memory_add_to_physmap_batch(guest_ptr_t arg, unsigned long *start)
{
    struct xen_add_to_physmap_batch b;
    struct domain *foreign;
    struct domain *d;
    int error = 0;
    long rc;

    if (copy_from_guest(&b, arg, sizeof(b)) != 0) {
        return -EFAULT;
    }
    if (*start > b.size) {
        return -EILSEQ;
    }
    if (b.space == XENMAPSPACE_gmfn_range) {
        return -EINVAL;
    }
    d = translated_get(b.domid, &error);
    if (d == NULL) {
        return error;
    }
    rc = batch_foreign_get(d, &b, &foreign);
    if (rc == 0) {
        rc = add_batch(d, &b, foreign, start);
    }
    if (foreign != NULL) {
        domain_put(foreign);
    }
    domain_put(d);
    return rc;
}

long memory_remove_from_physmap(guest_ptr_t arg, unsigned long *start)
{
    struct xen_remove_from_physmap r;
    struct domain *d;
    int rc = 0;

    if (copy_from_guest(&r, arg, sizeof(r)) != 0) {
        return -EFAULT;
    }
    d = translated_get(r.domid, &rc);
    if (d == NULL) {
        return rc;
    }
    rc = p2m_remove_any(d, _gfn(r.gpfn));
    domain_put(d);
    return rc;
}

/* ---- Resources --------------------------------------------------------------------------- */
static int resource_frame(struct domain *d, const struct xen_mem_acquire_resource *r,
                          uint64_t index, mfn_t *mfn)
{
    if (index > UINT32_MAX) {
        return -EINVAL;
    }
    if (r->type != XENMEM_resource_grant_table) {
        return arch_acquire_resource(d, r->type, r->id, (unsigned int)index, mfn);
    }
    return grant_get_frame(d, r->id == XENMEM_resource_grant_table_id_status,
                           (unsigned int)index, mfn);
}

static long resource_size(struct domain *d, struct xen_mem_acquire_resource *r, guest_ptr_t arg)
{
    if (r->type != XENMEM_resource_grant_table) {
        return -EOPNOTSUPP;
    }
    r->nr_frames = grant_max_frames(d, r->id == XENMEM_resource_grant_table_id_status);
    return copy_to_guest(arg, r, sizeof(*r));
}

/* A PV caller gets the frame's number; a translated one has said where in its own physical space it wants it. */
static int resource_give(struct domain *d, guest_ptr_t entry, mfn_t mfn)
{
    xen_pfn_t value = (xen_pfn_t)mfn_x(mfn);

    if (!current_domain()->is_translated) {
        return copy_to_guest(entry, &value, sizeof(value));
    }
    if (copy_from_guest(&value, entry, sizeof(value)) != 0) {
        return -EFAULT;
    }
    return p2m_add_resource(current_domain(), _gfn(value), d, mfn);
}

static long resource_map(struct domain *d, const struct xen_mem_acquire_resource *r,
                         unsigned long *start)
{
    uint64_t end;

    if (*start >= r->nr_frames || r->nr_frames > MEMOP_PROGRESS_MAX ||
        add_overflows(r->frame, (uint64_t)r->nr_frames, &end)) {
        return *start >= r->nr_frames && *start != 0 ? -EILSEQ : -EINVAL;
    }
    for (unsigned long i = *start; i < r->nr_frames; i++) {
        mfn_t mfn;
        int rc;

        if (i != *start && hypercall_preempt_check()) {
            *start = i;
            return -ERESTART;
        }
        rc = resource_frame(d, r, r->frame + i, &mfn);
        if (rc != 0) {
            return rc;
        }
        rc = resource_give(d, guest_ptr_at(guest_ptr(r->frame_list), i, sizeof(xen_pfn_t)), mfn);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

long memory_acquire_resource(guest_ptr_t arg, unsigned long *start)
{
    struct xen_mem_acquire_resource r;
    struct domain *d;
    long rc;

    if (copy_from_guest(&r, arg, sizeof(r)) != 0) {
        return -EFAULT;
    }
    if (r.pad != 0 || (r.type == XENMEM_resource_grant_table &&
                       r.id > XENMEM_resource_grant_table_id_status)) {
        return -EINVAL;
    }
    d = domain_get(r.domid);
    if (d == NULL) {
        return -ESRCH;
    }
    if (d == current_domain() || !rights_may_control(current_domain(), d)) {
        rc = -EPERM;
    } else if (r.nr_frames == 0) {
        rc = guest_ptr_is_null(guest_ptr(r.frame_list)) ? resource_size(d, &r, arg) : -EINVAL;
    } else {
        rc = resource_map(d, &r, start);
    }
    domain_put(d);
    return rc;
}
