/* SPDX-License-Identifier: MIT */
/*
 * A domain's grant table: its birth, growth, version, and end. Pins are in grant_pin.c,
 * mappings in grant_map.c, copies in grant_copy.c.
 *
 * Frames of the table are hypervisor pages shared with the domain; once there they stay until
 * its end, even status frames of a table that went back to version 1, so nothing a guest may
 * have mapped is ever freed early.
 */
#include "hv/core/grant.h"

#include "hv/base/printk.h"
#include "hv/core/arch_guest.h"
#include "hv/core/grant_table.h"
#include "hv/core/rights.h"
#include "hv/lib/string.h"
#include "hv/mm/heap.h"
#include "hv/mm/page_alloc.h"

#define FRAMES_LIMIT   65536U
#define FRAMES_INITIAL 1U

static unsigned int refs_per_frame(const struct grant_table *gt)
{
    return gt->version == 1 ? GRANT_V1_PER_FRAME : GRANT_V2_PER_FRAME;
}

/* Status frames that frames of a v2 table need. */
static unsigned int status_frames_for(unsigned int frames)
{
    return DIV_ROUND_UP(frames * (unsigned int)GRANT_V2_PER_FRAME,
                        (unsigned int)GRANT_STATUS_PER_FRAME);
}

/* ---- Birth and end ----------------------------------------------------------------------- */
int grant_domain_init(struct domain *d, unsigned int max_frames,
                      unsigned int max_maptrack_frames, unsigned int max_version)
{
    struct grant_table *gt;

    if (max_frames < FRAMES_INITIAL || max_frames > FRAMES_LIMIT ||
        max_maptrack_frames > FRAMES_LIMIT || max_version > 2) {
        return -EINVAL;
    }
    gt = heap_alloc(sizeof(*gt));
    if (gt == NULL) {
        return -ENOMEM;
    }
    spin_init(&gt->lock, LOCK_GRANT);
    spin_init(&gt->maptrack_lock, LOCK_GRANT_MAPTRACK);
    gt->max_frames = max_frames;
    gt->max_maptrack_frames = max_maptrack_frames;
    gt->max_version = max_version == 0 ? 1 : max_version;
    gt->version = 1;
    gt->maptrack_free = MAPTRACK_NONE;
    gt->shared = heap_alloc_array(max_frames, sizeof(*gt->shared));
    gt->status = heap_alloc_array(status_frames_for(max_frames), sizeof(*gt->status));
    gt->active = heap_alloc_array(max_frames * GRANT_V1_PER_FRAME / GRANT_ACTIVE_PER_PAGE,
                                  sizeof(*gt->active));
    d->grants = gt;
    if (gt->shared == NULL || gt->status == NULL || gt->active == NULL) {
        grant_domain_exit(d);
        return -ENOMEM;
    }
    return 0;
}

/* A page that somebody still refers to is left behind rather than freed under them. */
static void unshare_page(void *page)
{
    if (page == NULL) {
        return;
    }
    if (frame_unshare(arch_direct_mfn(page)) != 0) {
        log_warning("grant table frame %#llx is still in use: lost\n",
                    (unsigned long long)mfn_x(arch_direct_mfn(page)));
        return;
    }
    heap_free_page(page);
}

void grant_domain_exit(struct domain *d)
{
    struct grant_table *gt = d->grants;

    if (gt == NULL) {
        return;
    }
    ASSERT(gt->pinned_count == 0);
    for (unsigned int i = 0; i < gt->frame_count; i++) {
        unshare_page(gt->shared[i]);
    }
    for (unsigned int i = 0; i < gt->status_count; i++) {
        unshare_page(gt->status[i]);
    }
    if (gt->active != NULL) {
        for (unsigned int i = 0;
             i < gt->max_frames * GRANT_V1_PER_FRAME / GRANT_ACTIVE_PER_PAGE; i++) {
            heap_free_page(gt->active[i]);
        }
    }
    for (unsigned int i = 0; i < gt->maptrack_frames; i++) {
        heap_free_page(gt->maptrack[i]);
    }
    heap_free(gt->shared);
    heap_free(gt->status);
    heap_free(gt->active);
    heap_free(gt->maptrack);
    heap_free(gt);
    d->grants = NULL;
}

/* ---- Growth: under the lock -------------------------------------------------------------- */
static void *new_shared_page(struct domain *d)
{
    void *page = heap_alloc_page();

    if (page != NULL) {
        frame_share(&d->memory, arch_direct_mfn(page), true);
    }
    return page;
}

static int grow_status(struct domain *d, unsigned int count)
{
    struct grant_table *gt = d->grants;

    while (gt->status_count < count) {
        grant_status_t *page = new_shared_page(d);

        if (page == NULL) {
            return -ENOMEM;
        }
        gt->status[gt->status_count++] = page;
    }
    return 0;
}

/* At least frames frames; status frames come first, so every ref has its status word. */
static int grow(struct domain *d, unsigned int frames)
{
    struct grant_table *gt = d->grants;

    if (frames > gt->max_frames) {
        return -EINVAL;
    }
    if (gt->version == 2) {
        int rc = grow_status(d, status_frames_for(frames));

        if (rc != 0) {
            return rc;
        }
    }
    while (gt->frame_count < frames) {
        void *page = new_shared_page(d);

        if (page == NULL) {
            return -ENOMEM;
        }
        gt->shared[gt->frame_count++] = page;
        WRITE_ONCE(gt->ref_count, gt->frame_count * refs_per_frame(gt));
    }
    return 0;
}

unsigned int grant_max_frames(const struct domain *d, bool status)
{
    unsigned int frames = d->grants->max_frames;

    return status ? status_frames_for(frames) : frames;
}

int grant_get_frame(struct domain *d, bool status, unsigned int idx, mfn_t *mfn)
{
    struct grant_table *gt = d->grants;
    int rc;

    if (idx >= grant_max_frames(d, status)) {
        return -EINVAL;
    }
    spin_lock(&gt->lock);
    if (!status) {
        rc = grow(d, idx + 1);
        *mfn = rc == 0 ? arch_direct_mfn(gt->shared[idx]) : INVALID_MFN;
    } else if (gt->version != 2) {
        rc = -EINVAL;
    } else {
        unsigned int frames = (idx + 1) * (GRANT_STATUS_PER_FRAME / GRANT_V2_PER_FRAME);

        rc = grow(d, MIN(frames, gt->max_frames));
        *mfn = rc == 0 ? arch_direct_mfn(gt->status[idx]) : INVALID_MFN;
    }
    spin_unlock(&gt->lock);
    return rc;
}

int grant_set_entry(struct domain *d, grant_ref_t ref, domid_t to, gfn_t gfn)
{
    struct grant_table *gt = d->grants;
    struct grant_entry_v1 *e;
    int rc = -EINVAL;

    if (gfn_x(gfn) > UINT32_MAX) {
        return -EINVAL;
    }
    spin_lock(&gt->lock);
    if (gt->version == 1) {
        rc = grow(d, (unsigned int)(ref / GRANT_V1_PER_FRAME) + 1);
    }
    if (rc == 0) {
        e = grant_v1(gt, ref);
        e->domid = to;
        e->frame = (uint32_t)gfn_x(gfn);
        smp_wmb(); /* the entry is whole before it is valid */
        WRITE_ONCE(e->flags, GTF_permit_access);
    }
    spin_unlock(&gt->lock);
    return rc;
}

/* ---- Operations -------------------------------------------------------------------------- */
/* The domain an operation names, referenced, if the caller may manage its table. */
static struct domain *managed_get(domid_t domid, int16_t *status)
{
    struct domain *d = domain_get_or_self(domid);

    if (d == NULL || d->grants == NULL) {
        *status = GNTST_bad_domain;
    } else if (d != current_domain() && !rights_may_control(current_domain(), d)) {
        *status = GNTST_permission_denied;
    } else {
        *status = GNTST_okay;
        return d;
    }
    if (d != NULL) {
        domain_put(d);
    }
    return NULL;
}

/* Where the domain sees one of its table's frames. */
static uint64_t frame_number(struct domain *d, void *page)
{
    mfn_t mfn = arch_direct_mfn(page);

    return d->is_translated ? gfn_x(arch_mfn_to_gfn(d, mfn)) : mfn_x(mfn);
}

int grant_setup_table(struct gnttab_setup_table *op)
{
    guest_ptr_t list = guest_ptr(op->frame_list);
    struct domain *d = managed_get(op->dom, &op->status);
    struct grant_table *gt;
    int rc;

    if (d == NULL) {
        return 0;
    }
    gt = d->grants;
    spin_lock(&gt->lock);
    rc = grow(d, op->nr_frames);
    spin_unlock(&gt->lock);
    /* Frames stay once there, so their list needs no lock. */
    for (unsigned int i = 0; rc == 0 && i < op->nr_frames; i++) {
        xen_pfn_t frame = (xen_pfn_t)frame_number(d, gt->shared[i]);

        if (copy_to_guest(guest_ptr_at(list, i, sizeof(frame)), &frame, sizeof(frame)) != 0) {
            op->status = GNTST_bad_virt_addr;
            break;
        }
    }
    if (rc != 0) {
        op->status = GNTST_general_error;
    }
    domain_put(d);
    return 0;
}

int grant_query_size(struct gnttab_query_size *op)
{
    struct domain *d = managed_get(op->dom, &op->status);

    if (d != NULL) {
        op->nr_frames = MAX(READ_ONCE(d->grants->frame_count), FRAMES_INITIAL);
        op->max_nr_frames = d->grants->max_frames;
        domain_put(d);
    }
    return 0;
}

int grant_get_status_frames(struct gnttab_get_status_frames *op)
{
    guest_ptr_t list = guest_ptr(op->frame_list);
    struct domain *d = managed_get(op->dom, &op->status);
    struct grant_table *gt;

    if (d == NULL) {
        return 0;
    }
    gt = d->grants;
    spin_lock(&gt->lock);
    if (gt->version != 2 || op->nr_frames > gt->status_count) {
        op->status = GNTST_general_error;
    }
    spin_unlock(&gt->lock);
    for (unsigned int i = 0; op->status == GNTST_okay && i < op->nr_frames; i++) {
        uint64_t frame = frame_number(d, gt->status[i]);

        if (copy_to_guest(guest_ptr_at(list, i, sizeof(frame)), &frame, sizeof(frame)) != 0) {
            op->status = GNTST_bad_virt_addr;
        }
    }
    domain_put(d);
    return 0;
}

int grant_get_version(struct gnttab_get_version *op)
{
    struct domain *d = domain_get_or_self(op->dom);
    int rc = 0;

    if (d == NULL || d->grants == NULL) {
        rc = -ESRCH;
    } else if (d != current_domain() && !rights_may_control(current_domain(), d)) {
        rc = -EPERM;
    } else {
        op->version = READ_ONCE(d->grants->version);
    }
    if (d != NULL) {
        domain_put(d);
    }
    return rc;
}

/* ---- Changing the version ---------------------------------------------------------------- */
/* An entry that can live in either version: nothing, or a plain grant of a whole page. */
struct plain_entry {
    uint16_t flags;
    domid_t domid;
    uint64_t frame;
};

static int read_reserved(const struct grant_table *gt, struct plain_entry *kept)
{
    for (grant_ref_t ref = 0; ref < GNTTAB_NR_RESERVED_ENTRIES; ref++) {
        struct plain_entry *k = &kept[ref];

        if (gt->version == 1) {
            struct grant_entry_v1 e = *(volatile struct grant_entry_v1 *)grant_v1(gt, ref);

            *k = (struct plain_entry){ e.flags, e.domid, e.frame };
        } else {
            union grant_entry_v2 e = *(volatile union grant_entry_v2 *)grant_v2(gt, ref);

            *k = (struct plain_entry){ e.hdr.flags, e.hdr.domid, e.full_page.frame };
        }
        switch (k->flags & GTF_type_mask) {
        case GTF_invalid:
            *k = (struct plain_entry){ 0 };
            break;
        case GTF_permit_access:
            if (gt->version == 2 && ((k->flags & GTF_sub_page) || k->frame > UINT32_MAX)) {
                return -ERANGE;
            }
            k->flags &= (uint16_t) ~(GTF_reading | GTF_writing);
            break;
        default:
            return -EINVAL;
        }
    }
    return 0;
}

static void write_reserved(struct grant_table *gt, const struct plain_entry *kept)
{
    for (grant_ref_t ref = 0; ref < GNTTAB_NR_RESERVED_ENTRIES; ref++) {
        const struct plain_entry *k = &kept[ref];

        if (gt->version == 1) {
            *grant_v1(gt, ref) = (struct grant_entry_v1){ k->flags, k->domid,
                                                          (uint32_t)k->frame };
        } else {
            union grant_entry_v2 *e = grant_v2(gt, ref);

            e->full_page.frame = k->frame;
            e->hdr.domid = k->domid;
            e->hdr.flags = k->flags;
        }
    }
}

static int change_version(struct domain *d, unsigned int version)
{
    struct grant_table *gt = d->grants;
    struct plain_entry kept[GNTTAB_NR_RESERVED_ENTRIES] = { { 0 } };
    int rc;

    if (gt->pinned_count > 0) {
        return -EBUSY;
    }
    for (unsigned int i = 0; version == 1 && i < gt->status_count; i++) {
        if (frame_shared_in_use(arch_direct_mfn(gt->status[i]))) {
            return -EBUSY;
        }
    }
    if (gt->frame_count > 0) {
        rc = read_reserved(gt, kept);
        if (rc != 0) {
            return rc;
        }
    }
    if (version == 2) {
        rc = grow_status(d, status_frames_for(gt->frame_count));
        if (rc != 0) {
            return rc;
        }
    }
    for (unsigned int i = 0; i < gt->frame_count; i++) {
        memset(gt->shared[i], 0, PAGE_SIZE);
    }
    for (unsigned int i = 0; i < gt->status_count; i++) {
        memset(gt->status[i], 0, PAGE_SIZE);
    }
    gt->version = version;
    WRITE_ONCE(gt->ref_count, gt->frame_count * refs_per_frame(gt));
    if (gt->frame_count > 0) {
        write_reserved(gt, kept);
    }
    return 0;
}

int grant_set_version(struct gnttab_set_version *op)
{
    struct domain *d = current_domain();
    struct grant_table *gt = d->grants;
    int rc = 0;

    if (op->version != 1 && op->version != 2) {
        return -EINVAL;
    }
    spin_lock(&gt->lock);
    if (op->version > gt->max_version) {
        rc = -ENOSYS;
    } else if (op->version != gt->version) {
        rc = change_version(d, op->version);
    }
    op->version = gt->version;
    spin_unlock(&gt->lock);
    return rc;
}

static bool ref_pinned(const struct grant_table *gt, grant_ref_t ref)
{
    const struct grant_active *page = gt->active[ref / GRANT_ACTIVE_PER_PAGE];
    const struct grant_active *a;

    if (page == NULL) {
        return false;
    }
    a = &page[ref % GRANT_ACTIVE_PER_PAGE];
    return a->pins != 0;
}

void grant_swap_refs(struct gnttab_swap_grant_ref *op)
{
    struct grant_table *gt = current_domain()->grants;
    grant_ref_t a = op->ref_a;
    grant_ref_t b = op->ref_b;

    spin_lock(&gt->lock);
    if (a >= gt->ref_count || b >= gt->ref_count) {
        op->status = GNTST_bad_gntref;
    } else if (ref_pinned(gt, a) || ref_pinned(gt, b)) {
        op->status = GNTST_eagain;
    } else if (gt->version == 1) {
        struct grant_entry_v1 e = *grant_v1(gt, a);

        *grant_v1(gt, a) = *grant_v1(gt, b);
        *grant_v1(gt, b) = e;
        op->status = GNTST_okay;
    } else {
        union grant_entry_v2 e = *grant_v2(gt, a);

        *grant_v2(gt, a) = *grant_v2(gt, b);
        *grant_v2(gt, b) = e;
        op->status = GNTST_okay;
    }
    spin_unlock(&gt->lock);
}

/* ---- Debug key --------------------------------------------------------------------------- */
static void dump_active(const struct grant_table *gt, grant_ref_t ref)
{
    const struct grant_active *a =
        &gt->active[ref / GRANT_ACTIVE_PER_PAGE][ref % GRANT_ACTIVE_PER_PAGE];

    printk("  ref %u: d%u mfn %#llx host %u/%u device %u/%u (read/write)\n", ref, a->domid,
           (unsigned long long)a->mfn, a->pin[PIN_HOST_READ], a->pin[PIN_HOST_WRITE],
           a->pin[PIN_DEVICE_READ], a->pin[PIN_DEVICE_WRITE]);
}

void grant_dump(struct domain *d)
{
    struct grant_table *gt = d->grants;

    if (gt == NULL) {
        return;
    }
    spin_lock(&gt->lock);
    printk("d%u: grant table v%u, %u of %u frames, %u refs in use, %u maptrack frames\n", d->id,
           gt->version, gt->frame_count, gt->max_frames, gt->pinned_count, gt->maptrack_frames);
    for (grant_ref_t ref = 0; ref < gt->ref_count; ref++) {
        if (ref_pinned(gt, ref)) {
            dump_active(gt, ref);
        }
    }
    spin_unlock(&gt->lock);
}
