/* SPDX-License-Identifier: MIT */
/*
 * The tree behind p2m.h: walking it, changing it, taking it down. What a page that is shown needs in references
 * (add_to_physmap, grants) is in p2m_space.c.
 *
 * A change prepares the tables it may need before it takes the lock, so nothing allocates inside. An entry is
 * written with one store; a large leaf that must be split is replaced by a full table of the same meaning, where the
 * architecture wants it so by way of an empty entry.
 */
#include "hv/core/p2m.h"

#include <arch_p2m.h>

#include "hv/base/printk.h"
#include "hv/base/softirq.h"
#include "hv/core/arch_guest.h"
#include "hv/core/p2m_private.h"
#include "hv/mm/heap.h"
#include "hv/mm/map.h"
#include "hv/mm/page_alloc.h"

#define ROOT_TABLES   (1U << P2M_ROOT_ORDER)
#define SPARES_WANTED (P2M_ROOT_LEVEL - 1U)
#define TABLES_FIRST  256U /* what a domain may use before the toolstack has said how much */
#define RELINQUISH_CHUNK 512U
#define ON_DEMAND     0x800ULL /* a leaf that is not present on any architecture */

/* The entry for gfn in a table of this level; the root may be several tables side by side. */
static inline unsigned int index_of(uint64_t gfn, unsigned int level)
{
    uint64_t i = gfn >> (9 * (level - 1));

    return (unsigned int)(level == P2M_ROOT_LEVEL ? i & (P2M_ENTRIES * ROOT_TABLES - 1)
                                                  : i & (P2M_ENTRIES - 1));
}

static inline bool is_marked(uint64_t entry)
{
    return entry == ON_DEMAND;
}

static inline uint64_t leaf_of(mfn_t mfn, unsigned int level, enum p2m_type type)
{
    return type == P2M_ON_DEMAND ? ON_DEMAND : arch_p2m_leaf(mfn, level, type);
}

static inline bool in_space(uint64_t gfn)
{
    return gfn >> P2M_GFN_BITS == 0;
}

/* ---- Tables ------------------------------------------------------------------------------- */
static int refill(struct p2m *p)
{
    while (READ_ONCE(p->spare_count) < SPARES_WANTED) {
        void *page;

        if (READ_ONCE(p->table_count) >= MAX(READ_ONCE(p->table_limit), TABLES_FIRST)) {
            return -ENOMEM;
        }
        page = heap_alloc_page();
        if (page == NULL) {
            return -ENOMEM;
        }
        spin_lock(&p->lock);
        *(void **)page = p->spare;
        p->spare = page;
        p->spare_count++;
        p->table_count++;
        spin_unlock(&p->lock);
    }
    return 0;
}

static uint64_t *take_spare(struct p2m *p)
{
    void *page = p->spare;

    p->spare = *(void **)page;
    p->spare_count--;
    *(void **)page = NULL;
    return page;
}

/* A table below an empty entry, or one that says what the large leaf or mark there says. */
static uint64_t *table_below(struct p2m *p, uint64_t *slot, unsigned int level)
{
    uint64_t old = *slot;
    uint64_t *table;

    if (arch_p2m_present(old) && !arch_p2m_is_leaf(old, level)) {
        return map_frame(arch_p2m_mfn(old));
    }
    table = take_spare(p);
    if (arch_p2m_present(old)) {
        for (unsigned int i = 0; i < P2M_ENTRIES; i++) {
            table[i] = arch_p2m_leaf(mfn_add(arch_p2m_mfn(old), i * p2m_pages_of(level - 1)), level - 1,
                                     arch_p2m_type(old));
        }
    }
    for (unsigned int i = 0; is_marked(old) && i < P2M_ENTRIES; i++) {
        table[i] = ON_DEMAND;
    }
    if (ARCH_P2M_BREAKS && arch_p2m_present(old)) {
        __atomic_store_n(slot, 0, __ATOMIC_SEQ_CST);
        arch_p2m_invalidate(p);
    }
    /* Release: who walks in sees the table filled. */
    __atomic_store_n(slot, arch_p2m_table(arch_direct_mfn(table)), __ATOMIC_RELEASE);
    return table;
}

uint64_t *p2m_make_slot(struct p2m *p, uint64_t gfn, unsigned int level)
{
    uint64_t *table = map_frame(p->root);

    for (unsigned int l = P2M_ROOT_LEVEL; l > level; l--) {
        table = table_below(p, &table[index_of(gfn, l)], l);
    }
    return &table[index_of(gfn, level)];
}

uint64_t p2m_find_leaf(const struct p2m *p, uint64_t gfn, unsigned int *level)
{
    const uint64_t *table = map_frame(p->root);

    for (unsigned int l = P2M_ROOT_LEVEL;; l--) {
        uint64_t e = __atomic_load_n(&table[index_of(gfn, l)], __ATOMIC_ACQUIRE);

        if (!arch_p2m_present(e) || arch_p2m_is_leaf(e, l)) {
            *level = l;
            return e;
        }
        table = map_frame(arch_p2m_mfn(e));
    }
}

/* ---- Looking up --------------------------------------------------------------------------- */
/* Where a large leaf that is being split is not there for a moment (ARCH_P2M_BREAKS), the lock tells what is. */
static uint64_t find_settled(struct p2m *p, uint64_t gfn, unsigned int *level)
{
    uint64_t e;

    spin_lock(&p->lock);
    e = p2m_find_leaf(p, gfn, level);
    spin_unlock(&p->lock);
    return e;
}

mfn_t p2m_lookup(const struct domain *d, gfn_t gfn, enum p2m_type *type)
{
    unsigned int level = 1;
    uint64_t e = in_space(gfn_x(gfn)) ? p2m_find_leaf(d->p2m, gfn_x(gfn), &level) : 0;

    if (ARCH_P2M_BREAKS && !arch_p2m_present(e) && in_space(gfn_x(gfn))) {
        e = find_settled(d->p2m, gfn_x(gfn), &level);
    }
    if (!arch_p2m_present(e)) {
        if (type != NULL) {
            *type = is_marked(e) ? P2M_ON_DEMAND : P2M_NONE;
        }
        return INVALID_MFN;
    }
    if (type != NULL) {
        *type = arch_p2m_type(e);
    }
    return mfn_add(arch_p2m_mfn(e), gfn_x(gfn) & (p2m_pages_of(level) - 1));
}

struct frame *p2m_get_frame(struct domain *d, gfn_t gfn, bool writable)
{
    enum p2m_type type;
    mfn_t mfn = p2m_lookup(d, gfn, &type);
    struct frame *f;

    if (unlikely(type == P2M_ON_DEMAND) && p2m_populate(d, gfn) == 0) {
        mfn = p2m_lookup(d, gfn, &type);
    }
    if (type != P2M_RAM && type != P2M_RAM_LOGGED && (type != P2M_RAM_RO || writable)) {
        return NULL;
    }
    f = frame_get_mfn(mfn, d->id);
    if (f == NULL) {
        return NULL;
    }
    /* It may have been taken away, freed and given to the domain again elsewhere. */
    if (!mfn_eq(p2m_lookup(d, gfn, NULL), mfn) ||
        (writable && frame_get_role(f, ROLE_WRITABLE, false) != 0)) {
        frame_put(f);
        return NULL;
    }
    if (writable && unlikely(READ_ONCE(d->p2m->logging))) { /* after the role, which p2m_log_read() looks for */
        p2m_log_write(d, gfn);
    }
    return f;
}

uint64_t p2m_end(const struct domain *d)
{
    return READ_ONCE(d->p2m->end);
}

/* ---- Changing ----------------------------------------------------------------------------- */
/* The level of the largest leaf that fits at gfn: aligned, and nothing there yet. */
static unsigned int level_for(const struct p2m *p, uint64_t gfn, mfn_t mfn, uint64_t count)
{
    unsigned int there;
    uint64_t e = p2m_find_leaf(p, gfn, &there);
    unsigned int level = arch_p2m_present(e) ? 1 : MIN(there, p2m_leaf_level);

    while (level > 1 && (((gfn | mfn_x(mfn)) & (p2m_pages_of(level) - 1)) != 0 || count < p2m_pages_of(level))) {
        level--;
    }
    return level;
}

static int set_one(struct p2m *p, uint64_t gfn, mfn_t mfn, uint64_t count, enum p2m_type type,
                   uint64_t *done)
{
    unsigned int level;
    uint64_t *slot;
    int rc = refill(p);

    if (rc != 0) {
        return rc;
    }
    spin_lock(&p->lock);
    if (p->spare_count < SPARES_WANTED) {
        spin_unlock(&p->lock); /* another vcpu was quicker: again */
        *done = 0;
        return 0;
    }
    level = level_for(p, gfn, mfn, count);
    slot = p2m_make_slot(p, gfn, level);
    if (arch_p2m_present(*slot) || (type == P2M_ON_DEMAND && is_marked(*slot))) {
        rc = -EEXIST;
    } else {
        p->on_demand += type == P2M_ON_DEMAND ? p2m_pages_of(level) : 0;
        p->on_demand -= is_marked(*slot) ? p2m_pages_of(level) : 0;
        __atomic_store_n(slot, leaf_of(mfn, level, type), __ATOMIC_RELEASE);
        *done = p2m_pages_of(level);
        WRITE_ONCE(p->end, MAX(p->end, gfn + p2m_pages_of(level)));
    }
    spin_unlock(&p->lock);
    return rc;
}

/* Takes back what p2m_set() put there, by whole leaves, so that no table is needed. Another vcpu may have taken or
 * split some of it meanwhile. */
static void undo(struct domain *d, uint64_t gfn, mfn_t mfn, uint64_t count, enum p2m_type type)
{
    struct p2m *p = d->p2m;
    uint64_t end = gfn + count;

    spin_lock(&p->lock);
    for (uint64_t at = gfn; at < end;) {
        unsigned int level;
        uint64_t e = p2m_find_leaf(p, at, &level);
        uint64_t next = (at & ~(p2m_pages_of(level) - 1)) + p2m_pages_of(level);
        bool whole = next - at == p2m_pages_of(level) && next <= end;
        bool ours = type == P2M_ON_DEMAND ? is_marked(e)
                                          : arch_p2m_present(e) && mfn_eq(arch_p2m_mfn(e), mfn_add(mfn, at - gfn));

        if (whole && ours) {
            p->on_demand -= is_marked(e) ? p2m_pages_of(level) : 0;
            __atomic_store_n(p2m_make_slot(p, at, level), 0, __ATOMIC_SEQ_CST);
        }
        at = next;
    }
    __atomic_fetch_add(&p->generation, 1, __ATOMIC_SEQ_CST);
    spin_unlock(&p->lock);
    arch_p2m_flush(d);
}

int p2m_set(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type)
{
    uint64_t count = 1ULL << order;
    uint64_t done = 0;
    uint64_t end;
    int rc = 0;

    if (add_overflows(gfn_x(gfn), count - 1, &end) || !in_space(end)) {
        return -EINVAL;
    }
    while (rc == 0 && done < count) {
        uint64_t step = 0;

        rc = set_one(d->p2m, gfn_x(gfn) + done, mfn_add(mfn, done), count - done, type, &step);
        done += step;
    }
    if (rc != 0 && done > 0) {
        undo(d, gfn_x(gfn), mfn, done, type);
    }
    return rc;
}

int p2m_lock_with_spares(struct p2m *p)
{
    for (;;) {
        int rc = refill(p);

        if (rc != 0) {
            return rc;
        }
        spin_lock(&p->lock);
        if (p->spare_count >= SPARES_WANTED) {
            return 0;
        }
        spin_unlock(&p->lock);
    }
}

/* Takes the lock, with spares when what covers gfn has to be split. */
static int lock_to_clear(struct p2m *p, uint64_t gfn)
{
    unsigned int level;

    spin_lock(&p->lock);
    if (p2m_find_leaf(p, gfn, &level) == 0 || level == 1) {
        return 0;
    }
    spin_unlock(&p->lock);
    return p2m_lock_with_spares(p);
}

/* Empties gfn's entry when it shows mfn (INVALID_MFN: whatever); *old is what was there. Not flushed. */
static int clear_one(struct p2m *p, uint64_t gfn, mfn_t mfn, uint64_t *old)
{
    bool any = mfn_eq(mfn, INVALID_MFN);
    unsigned int level;
    uint64_t *slot;
    uint64_t e;
    int rc = lock_to_clear(p, gfn);

    if (rc != 0) {
        return rc;
    }
    e = p2m_find_leaf(p, gfn, &level);
    if (arch_p2m_present(e) ? !any && !mfn_eq(mfn_add(arch_p2m_mfn(e), gfn & (p2m_pages_of(level) - 1)), mfn)
                            : !any || !is_marked(e)) {
        rc = -ENOENT;
    } else {
        slot = p2m_make_slot(p, gfn, 1);
        *old = *slot;
        p->on_demand -= is_marked(*slot) ? 1 : 0;
        __atomic_store_n(slot, 0, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&p->generation, 1, __ATOMIC_SEQ_CST);
    }
    spin_unlock(&p->lock);
    return rc;
}

int p2m_remove(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    uint64_t count = 1ULL << order;
    uint64_t i;
    uint64_t end;
    int rc = 0;

    if (add_overflows(gfn_x(gfn), count - 1, &end) || !in_space(end)) {
        return -ENOENT;
    }
    for (i = 0; rc == 0 && i < count; i++) {
        uint64_t old;

        rc = clear_one(d->p2m, gfn_x(gfn) + i, mfn_eq(mfn, INVALID_MFN) ? mfn : mfn_add(mfn, i), &old);
    }
    if (rc == 0 || i > 1) {
        arch_p2m_flush(d);
    }
    return rc;
}

/* What a leaf held goes; nobody can reach the page through it any more. */
static void drop_leaf(uint64_t entry)
{
    mfn_t mfn = arch_p2m_mfn(entry);

    if (is_marked(entry)) {
        return;
    }
    switch (arch_p2m_type(entry)) {
    case P2M_SHARED:
        frame_put(frame_of(mfn));
        break;
    case P2M_FOREIGN:
        arch_put_gfn(frame_of(mfn), true);
        break;
    case P2M_FOREIGN_RO:
        arch_put_gfn(frame_of(mfn), false);
        break;
    default:
        break;
    }
}

int p2m_remove_any(struct domain *d, gfn_t gfn)
{
    enum p2m_type type;
    uint64_t old;
    int rc;

    p2m_lookup(d, gfn, &type);
    if (type == P2M_NONE) {
        return -ENOENT;
    }
    if (type == P2M_GRANT || type == P2M_GRANT_RO) {
        return -EBUSY; /* it goes by being unmapped */
    }
    rc = clear_one(d->p2m, gfn_x(gfn), INVALID_MFN, &old);
    if (rc == 0) {
        arch_p2m_flush(d);
        drop_leaf(old);
    }
    return rc;
}

/* ---- Populating on demand ----------------------------------------------------------------- */
int p2m_mark_on_demand(struct domain *d, gfn_t gfn, unsigned int order)
{
    /* Its own number stands for a frame whose alignment is the mark's. */
    return ARCH_P2M_ON_DEMAND ? p2m_set(d, gfn, _mfn(gfn_x(gfn)), order, P2M_ON_DEMAND) : -EOPNOTSUPP;
}

int p2m_populate(struct domain *d, gfn_t gfn)
{
    struct p2m *p = d->p2m;
    mfn_t mfn = INVALID_MFN;
    unsigned int level;
    uint64_t e;
    int rc = in_space(gfn_x(gfn)) ? p2m_lock_with_spares(p) : -ENOENT;

    if (rc != 0) {
        return rc;
    }
    e = p2m_find_leaf(p, gfn_x(gfn), &level);
    if (!is_marked(e)) {
        rc = arch_p2m_present(e) ? 0 : -ENOENT;
    } else if (p->cache_count == 0) {
        rc = -ENOMEM;
    } else {
        uint64_t *slot = p2m_make_slot(p, gfn_x(gfn), 1);
        mfn_t *first = arch_direct_map(p->cache);

        mfn = p->cache;
        p->cache = *first;
        p->cache_count--;
        p->on_demand--;
        *first = _mfn(0); /* the rest of it is zero since it was allocated */
        __atomic_store_n(slot, arch_p2m_leaf(mfn, 1, P2M_RAM), __ATOMIC_RELEASE);
    }
    spin_unlock(&p->lock);
    if (!mfn_eq(mfn, INVALID_MFN)) {
        arch_set_m2p(mfn, gfn_x(gfn));
    }
    return rc;
}

static int cache_grow(struct domain *d)
{
    struct p2m *p = d->p2m;
    mfn_t mfn = frame_alloc_for(&d->memory, 0, 0);

    if (mfn_eq(mfn, INVALID_MFN)) {
        return -ENOMEM;
    }
    spin_lock(&p->lock);
    if (!p->cache_closed) {
        *(mfn_t *)arch_direct_map(mfn) = p->cache;
        p->cache = mfn;
        p->cache_count++;
    }
    spin_unlock(&p->lock);
    return 0;
}

static void cache_shrink(struct domain *d)
{
    struct p2m *p = d->p2m;
    struct frame *f = NULL;

    spin_lock(&p->lock);
    if (p->cache_count > 0) {
        f = frame_of(p->cache);
        p->cache = *(mfn_t *)arch_direct_map(p->cache);
        p->cache_count--;
    }
    spin_unlock(&p->lock);
    if (f != NULL && frame_clear_allocated(f)) {
        frame_put(f);
    }
}

/* Pages that nothing is marked for are given back. */
bool p2m_unmark(struct domain *d, gfn_t gfn)
{
    enum p2m_type type;

    p2m_lookup(d, gfn, &type);
    if (type != P2M_ON_DEMAND || p2m_remove_any(d, gfn) != 0) {
        return false;
    }
    if (READ_ONCE(d->p2m->cache_count) > READ_ONCE(d->p2m->on_demand)) {
        cache_shrink(d);
    }
    return true;
}

int p2m_cache_resize(struct domain *d, uint64_t wanted)
{
    struct p2m *p = d->p2m;
    unsigned int done = 0;
    int rc = 0;

    while (rc == 0 && READ_ONCE(p->cache_count) != wanted && !READ_ONCE(p->cache_closed)) {
        if (++done % RELINQUISH_CHUNK == 0 && softirq_urgent()) {
            return -ERESTART;
        }
        if (READ_ONCE(p->cache_count) < wanted) {
            rc = cache_grow(d);
        } else {
            cache_shrink(d);
        }
    }
    return rc;
}

/* The pages are in the domain's list, with which they go. */
static void cache_close(struct p2m *p)
{
    spin_lock(&p->lock);
    p->cache_closed = true;
    p->cache_count = 0;
    spin_unlock(&p->lock);
}

void p2m_cache_replace(struct domain *d)
{
    struct p2m *p = d->p2m;

    if (READ_ONCE(p->cache_count) < READ_ONCE(p->on_demand)) {
        (void)cache_grow(d); /* without memory the balloon makes up for it */
    }
}

/* ---- Birth and end ------------------------------------------------------------------------ */
int p2m_domain_init(struct domain *d)
{
    struct p2m *p = heap_alloc(sizeof(*p));

    if (p == NULL) {
        return -ENOMEM;
    }
    spin_init(&p->lock, LOCK_P2M);
    p->root = page_alloc(P2M_ROOT_ORDER, PAGE_ZERO);
    if (mfn_eq(p->root, INVALID_MFN)) {
        heap_free(p);
        return -ENOMEM;
    }
    p->table_count = ROOT_TABLES;
    p->generation = 1;
    p->cache = INVALID_MFN;
    d->p2m = p;
    return 0;
}

/* Gives back the domain's pages; those that others hold go when they let go. */
static int relinquish_pages(struct domain *d)
{
    struct p2m *p = d->p2m;
    struct frame *f;

    if (p->pages_left == 0) {
        p->pages_left = d->memory.listed + 1;
    }
    while (--p->pages_left > 0 && (f = frame_owner_first(&d->memory)) != NULL) {
        frame_owner_next(&d->memory, f); /* to the end, where it stays while somebody holds it */
        if (frame_clear_allocated(f)) {
            frame_put(f);
        }
        frame_put(f);
        if (p->pages_left % RELINQUISH_CHUNK == 0 && softirq_urgent()) {
            return -ERESTART;
        }
    }
    return 0;
}

int p2m_relinquish(struct domain *d)
{
    struct p2m *p = d->p2m;
    unsigned int done = 0;

    if (p != NULL && !p->cache_closed) {
        cache_close(p);
    }
    while (p != NULL && in_space(p->relinquish_next)) {
        unsigned int level;
        uint64_t gfn = p->relinquish_next;
        uint64_t e = p2m_find_leaf(p, gfn, &level);

        if (arch_p2m_present(e) && arch_p2m_type(e) != P2M_RAM) {
            spin_lock(&p->lock);
            *p2m_make_slot(p, gfn, level) = 0;
            spin_unlock(&p->lock);
            drop_leaf(e);
        }
        p->relinquish_next = (gfn & ~(p2m_pages_of(level) - 1)) + p2m_pages_of(level);
        if (++done % RELINQUISH_CHUNK == 0 && softirq_urgent()) {
            return -ERESTART;
        }
    }
    return p != NULL ? relinquish_pages(d) : 0;
}

/* Tables of level - 1 and below, by a walk that keeps its place at each level. */
static void free_tables(const struct p2m *p)
{
    struct {
        uint64_t *table;
        unsigned int next;
        unsigned int count;
    } at[P2M_ROOT_LEVEL + 1];
    unsigned int level = P2M_ROOT_LEVEL;

    at[level].table = map_frame(p->root);
    at[level].next = 0;
    at[level].count = P2M_ENTRIES * ROOT_TABLES;
    while (level <= P2M_ROOT_LEVEL) {
        uint64_t e;

        if (level == 1 || at[level].next == at[level].count) {
            if (level < P2M_ROOT_LEVEL) {
                heap_free_page(at[level].table);
            }
            level++;
            continue;
        }
        e = at[level].table[at[level].next++];
        if (arch_p2m_present(e) && !arch_p2m_is_leaf(e, level)) {
            level--;
            at[level].table = map_frame(arch_p2m_mfn(e));
            at[level].next = 0;
            at[level].count = P2M_ENTRIES;
        }
    }
}

void p2m_domain_exit(struct domain *d)
{
    struct p2m *p = d->p2m;

    if (p == NULL) {
        return;
    }
    free_tables(p);
    while (p->spare != NULL) {
        heap_free_page(take_spare(p));
    }
    page_free(p->root, P2M_ROOT_ORDER, false);
    heap_free(p);
    d->p2m = NULL;
}
