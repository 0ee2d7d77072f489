/* SPDX-License-Identifier: MIT */
/*
 * Mapping granted pages into the current domain, by handle.
 *
 * A handle being unmapped is marked busy, so of two vcpus that unmap one handle one is refused.
 * Page table changes are made with no grant lock held. Unmapping goes in three steps for a
 * whole batch: entries are cleared, TLBs are flushed once, and only then pins and references
 * go: until the flush a CPU may still write to the page.
 */
#include "hv/core/grant.h"

#include "hv/base/printk.h"
#include "hv/base/softirq.h"
#include "hv/core/arch_guest.h"
#include "hv/core/grant_table.h"
#include "hv/mm/heap.h"

#define LIVE_FLAGS    (GNTMAP_device_map | GNTMAP_host_map)
#define RELEASE_CHUNK 256

/* ---- Handles ----------------------------------------------------------------------------- */
static struct maptrack *maptrack_at(const struct grant_table *gt, grant_handle_t handle)
{
    return &gt->maptrack[handle / MAPTRACK_PER_FRAME][handle % MAPTRACK_PER_FRAME];
}

static void maptrack_push(struct grant_table *gt, grant_handle_t handle)
{
    maptrack_at(gt, handle)->ref = gt->maptrack_free;
    gt->maptrack_free = handle;
}

/* One more page of handles; false when the limit or memory is reached. */
static NOINLINE bool maptrack_grow(struct grant_table *gt)
{
    struct maptrack **list = NULL;
    struct maptrack *page = heap_alloc_page();
    bool grown = false;

    if (page != NULL && READ_ONCE(gt->maptrack) == NULL) {
        list = heap_alloc_array(gt->max_maptrack_frames, sizeof(*list));
    }
    spin_lock(&gt->maptrack_lock);
    if (gt->maptrack == NULL) {
        WRITE_ONCE(gt->maptrack, list);
        list = NULL;
    }
    if (page != NULL && gt->maptrack != NULL && gt->maptrack_frames < gt->max_maptrack_frames) {
        grant_handle_t first = gt->maptrack_frames * (grant_handle_t)MAPTRACK_PER_FRAME;

        gt->maptrack[gt->maptrack_frames] = page;
        page = NULL;
        /* Pairs with maptrack_claim(): a handle below the count has its page. */
        __atomic_store_n(&gt->maptrack_frames, gt->maptrack_frames + 1, __ATOMIC_RELEASE);
        for (grant_handle_t i = MAPTRACK_PER_FRAME; i-- > 0;) {
            maptrack_push(gt, first + i);
        }
        grown = true;
    }
    spin_unlock(&gt->maptrack_lock);
    heap_free(list);
    heap_free_page(page);
    return grown;
}

static bool maptrack_get(struct grant_table *gt, grant_handle_t *handle)
{
    do {
        spin_lock(&gt->maptrack_lock);
        *handle = gt->maptrack_free;
        if (*handle != MAPTRACK_NONE) {
            gt->maptrack_free = maptrack_at(gt, *handle)->ref;
        }
        spin_unlock(&gt->maptrack_lock);
    } while (unlikely(*handle == MAPTRACK_NONE) && maptrack_grow(gt));
    return *handle != MAPTRACK_NONE;
}

static void maptrack_put(struct grant_table *gt, grant_handle_t handle)
{
    spin_lock(&gt->maptrack_lock);
    maptrack_push(gt, handle);
    spin_unlock(&gt->maptrack_lock);
}

/* Marks a live handle busy: NULL when it is none, or somebody else has it. */
static struct maptrack *maptrack_claim(struct grant_table *gt, grant_handle_t handle)
{
    unsigned int frames = __atomic_load_n(&gt->maptrack_frames, __ATOMIC_ACQUIRE);
    struct maptrack *m;
    uint16_t flags;

    if (handle / MAPTRACK_PER_FRAME >= frames) {
        return NULL;
    }
    m = maptrack_at(gt, handle);
    flags = READ_ONCE(m->flags);
    do {
        if (flags == 0 || (flags & MAPTRACK_BUSY)) {
            return NULL;
        }
    } while (!__atomic_compare_exchange_n(&m->flags, &flags, flags | MAPTRACK_BUSY, false,
                                          __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    return m;
}

/* Ends a claim; the handle is freed when nothing of its mapping is left. */
static void maptrack_release(struct grant_table *gt, grant_handle_t handle, struct maptrack *m,
                             uint16_t flags)
{
    struct domain *granter = m->granter;

    if (flags & LIVE_FLAGS) {
        __atomic_store_n(&m->flags, flags, __ATOMIC_RELEASE);
        return;
    }
    m->granter = NULL;
    __atomic_store_n(&m->flags, 0, __ATOMIC_RELEASE);
    maptrack_put(gt, handle);
    domain_put(granter);
}

static unsigned int use_of_flags(unsigned int flags)
{
    return GRANT_USE_MAP | (flags & GNTMAP_host_map ? GRANT_USE_HOST : 0) |
           (flags & GNTMAP_device_map ? GRANT_USE_DEVICE : 0) |
           (flags & GNTMAP_readonly ? 0 : GRANT_USE_WRITE);
}

/* Drops the frame references of the uses given. */
static void frame_refs_put(mfn_t mfn, bool mmio, unsigned int use)
{
    if (mmio) {
        return;
    }
    if (use & GRANT_USE_HOST) {
        grant_frame_put(mfn, use & GRANT_USE_WRITE);
    }
    if (use & GRANT_USE_DEVICE) {
        grant_frame_put(mfn, use & GRANT_USE_WRITE);
    }
}

/* ---- Mapping ----------------------------------------------------------------------------- */
static int map_pinned(struct gnttab_map_grant_ref *op, struct domain *granter, unsigned int use,
                      grant_handle_t handle)
{
    struct grant_table *own = current_domain()->grants;
    const struct grant_active *pinned;
    bool mmio;
    mfn_t mfn;
    struct maptrack *m;
    int status = grant_pin(granter, op->ref, current_domain()->id, use, &pinned);

    if (status != GNTST_okay) {
        return status;
    }
    mfn = _mfn(pinned->mfn);
    mmio = pinned->flags & ACTIVE_MMIO;
    if (op->flags & GNTMAP_host_map) {
        status = arch_grant_map(op->host_addr, mfn, op->flags, mmio ? pinned->cache : 0);
        if (status != GNTST_okay) {
            frame_refs_put(mfn, mmio, use);
            grant_unpin(granter, op->ref, use);
            return status;
        }
    }
    m = maptrack_at(own, handle);
    m->granter = granter;
    m->ref = op->ref;
    __atomic_store_n(
        &m->flags, (uint16_t)((op->flags & MAPTRACK_GNTMAP_BITS) | (mmio ? MAPTRACK_MMIO : 0)),
        __ATOMIC_RELEASE);
    op->handle = handle;
    op->dev_bus_addr = mfn_to_paddr(mfn).v;
    return GNTST_okay;
}

void grant_map(struct gnttab_map_grant_ref *op)
{
    struct grant_table *own = current_domain()->grants;
    struct domain *granter;
    grant_handle_t handle;

    if (!(op->flags & LIVE_FLAGS)) {
        op->status = GNTST_bad_gntref;
        return;
    }
    granter = domain_get_or_self(op->dom);
    if (granter == NULL) {
        op->status = GNTST_bad_domain;
        return;
    }
    if (!maptrack_get(own, &handle)) {
        domain_put(granter);
        op->status = GNTST_no_space;
        return;
    }
    op->status = (int16_t)map_pinned(op, granter, use_of_flags(op->flags), handle);
    if (op->status != GNTST_okay) {
        maptrack_put(own, handle);
        domain_put(granter);
    }
}

/* ---- Unmapping --------------------------------------------------------------------------- */
/* What one unmapping has begun and owes after the flush. */
struct unmapping {
    struct maptrack *m; /* NULL: nothing */
    grant_handle_t handle;
    mfn_t mfn;
    uint16_t left;     /* flags the mapping keeps */
    unsigned int done; /* uses ended */
};

static int clear_host(uint64_t host_addr, const uint64_t *new_addr, mfn_t mfn,
                      unsigned int flags)
{
    return new_addr != NULL ? arch_grant_replace(host_addr, mfn, flags, *new_addr)
                            : arch_grant_unmap(host_addr, mfn, flags);
}

/* Clears what is asked of one mapping; new_addr is not NULL for unmap_and_replace. */
static int unmap_begin(struct unmapping *u, grant_handle_t handle, uint64_t host_addr,
                       uint64_t device_addr, const uint64_t *new_addr)
{
    struct maptrack *m = maptrack_claim(current_domain()->grants, handle);
    uint16_t flags;
    int status = GNTST_okay;

    *u = (struct unmapping){ .m = NULL };
    if (m == NULL) {
        return GNTST_bad_handle;
    }
    flags = (uint16_t)(READ_ONCE(m->flags) & ~MAPTRACK_BUSY);
    *u = (struct unmapping){ m, handle, grant_pinned_mfn(m->granter, m->ref), flags, 0 };
    if (device_addr != 0 && (flags & GNTMAP_device_map)) {
        if (device_addr != mfn_to_paddr(u->mfn).v) {
            return GNTST_general_error;
        }
        u->done |= GRANT_USE_DEVICE;
        u->left &= (uint16_t)~GNTMAP_device_map;
    }
    if (host_addr != 0 && (flags & GNTMAP_host_map)) {
        status = clear_host(host_addr, new_addr, u->mfn, flags & MAPTRACK_GNTMAP_BITS);
        if (status == GNTST_okay) {
            u->done |= GRANT_USE_HOST;
            u->left &= (uint16_t)~GNTMAP_host_map;
        }
    }
    return status;
}

static void unmap_finish(struct unmapping *u)
{
    struct maptrack *m = u->m;

    if (m == NULL) {
        return;
    }
    if (u->done != 0) {
        unsigned int use = u->done | (u->left & GNTMAP_readonly ? 0 : GRANT_USE_WRITE);

        frame_refs_put(u->mfn, u->left & MAPTRACK_MMIO, use);
        grant_unpin(m->granter, m->ref, use);
    }
    maptrack_release(current_domain()->grants, u->handle, m, u->left);
}

/* No CPU may reach what was unmapped any more. A translated domain's mappings are flushed by
 * who made them. */
static void flush_unmapped(void)
{
    struct domain *d = current_domain();
    struct cpumask cpus = { { 0 } };
    struct vcpu *v;

    if (d->is_translated) {
        return;
    }
    domain_for_each_vcpu(d, v) {
        for (unsigned int i = 0; i < ARRAY_SIZE(cpus.bits); i++) {
            cpus.bits[i] |= READ_ONCE(v->dirty_cpus.bits[i]);
        }
    }
    arch_tlb_flush(&cpus, ARCH_FLUSH_ALL);
}

static void unmap_finish_all(struct unmapping *u, unsigned int count, unsigned int done)
{
    if (done & GRANT_USE_HOST) {
        flush_unmapped();
    }
    for (unsigned int i = 0; i < count; i++) {
        unmap_finish(&u[i]);
    }
}

void grant_unmap(struct gnttab_unmap_grant_ref *ops, unsigned int count)
{
    struct unmapping u[GRANT_UNMAP_BATCH];
    unsigned int done = 0;

    ASSERT(count <= GRANT_UNMAP_BATCH);
    for (unsigned int i = 0; i < count; i++) {
        ops[i].status = (int16_t)unmap_begin(&u[i], ops[i].handle, ops[i].host_addr,
                                             ops[i].dev_bus_addr, NULL);
        done |= u[i].done;
    }
    unmap_finish_all(u, count, done);
}

void grant_unmap_and_replace(struct gnttab_unmap_and_replace *ops, unsigned int count)
{
    struct unmapping u[GRANT_UNMAP_BATCH];
    unsigned int done = 0;

    ASSERT(count <= GRANT_UNMAP_BATCH);
    for (unsigned int i = 0; i < count; i++) {
        ops[i].status = (int16_t)unmap_begin(&u[i], ops[i].handle, ops[i].host_addr, 0,
                                             &ops[i].new_addr);
        done |= u[i].done;
    }
    unmap_finish_all(u, count, done);
}

/* ---- The mapper's end -------------------------------------------------------------------- */
static void release_one(struct domain *d, grant_handle_t handle)
{
    struct grant_table *gt = d->grants;
    struct maptrack *m = maptrack_claim(gt, handle);
    unsigned int use;
    uint16_t flags;
    mfn_t mfn;

    if (m == NULL) {
        return;
    }
    flags = READ_ONCE(m->flags);
    mfn = grant_pinned_mfn(m->granter, m->ref);
    use = use_of_flags(flags);
    /* A PV host mapping's references belong to the page table entry, which may still be there.
     */
    frame_refs_put(mfn, flags & MAPTRACK_MMIO, d->is_translated ? use : use & ~GRANT_USE_HOST);
    grant_unpin(m->granter, m->ref, use);
    maptrack_release(gt, handle, m, 0);
}

int grant_release_mappings(struct domain *d)
{
    struct grant_table *gt = d->grants;

    if (gt == NULL) {
        return 0;
    }
    while (gt->release_next < gt->maptrack_frames * MAPTRACK_PER_FRAME) {
        release_one(d, gt->release_next++);
        if (gt->release_next % RELEASE_CHUNK == 0 && softirq_pending()) {
            return -ERESTART;
        }
    }
    return 0;
}
