/* SPDX-License-Identifier: MIT */
/*
 * The buddy allocator. Free blocks are aligned powers of two; their first frame has FRAME_FREE,
 * its order in `aux`, and links to others of its kind through `next` and `prev`.
 *
 * Kinds: zone (number of bits in the frame number, so an address width is a set of zones and no
 * block lies in two), order, and clean (all zero) or dirty (FRAME_DIRTY). Only blocks of the
 * same kind merge, so a freed page does not make a large clean block dirty; scrubbing merges
 * them later, and an allocation that fails for lack of a large block merges whatever touches
 * and tries again.
 *
 * Every page is dirty when it comes in, whoever had it, because "clean" promises zeroes. Frame
 * 0 is never handed out. Each zone keeps a mask of orders with blocks, so finding one costs a
 * few instructions.
 *
 * Lock: heap_lock (LOCK_HEAP_PAGES), interrupts stay on, so not for interrupt handlers.
 * Scrubbing happens outside it.
 */
#include "hv/mm/page_alloc.h"

#include "hv/arch_cpu.h"
#include "hv/base/lock.h"
#include "hv/base/printk.h"
#include "hv/mm/frame.h"
#include "hv/mm/map.h"

#define ORDERS      (PAGE_MAX_ORDER + 1)
#define ZONES       33 /* bits in a frame number: 0 to 32 */
#define SCRUB_ORDER 4  /* an idle CPU scrubs at most 16 pages at once */

enum kind { CLEAN, DIRTY, KINDS };

struct zone {
    uint32_t orders[KINDS]; /* bit per order: the list is not empty */
    uint32_t first[KINDS][ORDERS];
    uint64_t free;
};

static struct spinlock heap_lock = SPINLOCK_INIT(LOCK_HEAP_PAGES);

/* under heap_lock: */
static struct zone zones[ZONES];
static unsigned int zone_top; /* highest zone that ever had a page */
static uint64_t free_pages;
static uint64_t dirty_pages;
static uint64_t total_pages;
static uint64_t claimed_pages;
static unsigned int scrubs_active; /* idle CPUs that hold a block for scrubbing */
static unsigned int scrub_hold;    /* allocations that wait for the blocks being scrubbed: start no more */
static const struct page_node_range *node_ranges; /* set once at boot */
static unsigned int node_range_count;
static uint64_t node_free[PAGE_NODES_MAX]; /* not kept while there are no ranges */
static bool mixed;                 /* a block may lie beside a free buddy of the other kind */

static unsigned int zone_of(uint64_t mfn)
{
    return mfn == 0 ? 0 : 64 - (unsigned int)__builtin_clzll(mfn);
}

/* ---- Lists ------------------------------------------------------------------------------- */
static void block_insert(uint64_t mfn, unsigned int order, enum kind kind)
{
    struct zone *z = &zones[zone_of(mfn)];
    struct frame *f = frame_of(_mfn(mfn));
    bool empty = !(z->orders[kind] & BIT(order));

    f->count = FRAME_FREE | (kind == DIRTY ? FRAME_DIRTY : 0);
    f->aux = (uint16_t)order;
    f->prev = FRAME_NONE;
    f->next = empty ? FRAME_NONE : z->first[kind][order];
    if (!empty) {
        frame_of(_mfn(f->next))->prev = (uint32_t)mfn;
    }
    z->first[kind][order] = (uint32_t)mfn;
    z->orders[kind] |= (uint32_t)BIT(order);
}

static enum kind block_kind(const struct frame *f)
{
    return f->count & FRAME_DIRTY ? DIRTY : CLEAN;
}

static void block_remove(uint64_t mfn)
{
    struct zone *z = &zones[zone_of(mfn)];
    struct frame *f = frame_of(_mfn(mfn));
    enum kind kind = block_kind(f);
    unsigned int order = f->aux;

    if (f->prev != FRAME_NONE) {
        frame_of(_mfn(f->prev))->next = f->next;
    } else if (f->next != FRAME_NONE) {
        z->first[kind][order] = f->next;
    } else {
        z->orders[kind] &= ~(uint32_t)BIT(order);
    }
    if (f->next != FRAME_NONE) {
        frame_of(_mfn(f->next))->prev = f->prev;
    }
    f->count = 0;
    f->aux = 0;
    f->next = FRAME_NONE;
    f->prev = FRAME_NONE;
}

/* The free block that is the buddy of mfn's block and may merge with it, or NULL. */
static struct frame *block_buddy(uint64_t mfn, unsigned int order)
{
    uint64_t buddy = mfn ^ BIT(order);
    struct frame *f;

    if (order == PAGE_MAX_ORDER || zone_of(buddy) != zone_of(mfn) ||
        !frame_valid(_mfn(buddy))) {
        return NULL;
    }
    f = frame_of(_mfn(buddy));
    return (f->count & FRAME_FREE) && f->aux == order ? f : NULL;
}

/* Puts a block that is on no list among the free ones, merged with its buddies of the same
 * kind, or of any kind (and then it is dirty). Does not count pages. */
static void block_release(uint64_t mfn, unsigned int order, enum kind kind, bool any_kind)
{
    struct frame *buddy;

    while ((buddy = block_buddy(mfn, order)) != NULL) {
        if (block_kind(buddy) != kind) {
            if (!any_kind) {
                mixed = true;
                break;
            }
            dirty_pages += BIT(order);
            kind = DIRTY;
        }
        block_remove(mfn_x(frame_mfn(buddy)));
        mfn &= ~BIT(order);
        order++;
    }
    block_insert(mfn, order, kind);
}

static void count_on_nodes(uint64_t mfn, unsigned int order, bool add)
{
    for (unsigned int i = 0; i < node_range_count; i++) {
        const struct page_node_range *r = &node_ranges[i];
        uint64_t first = MAX(mfn, r->first);
        uint64_t end = MIN(mfn + BIT(order), r->end);

        if (first < end) {
            node_free[r->node] += add ? end - first : first - end;
        }
    }
}

static void count_free(uint64_t mfn, unsigned int order, enum kind kind, bool add)
{
    uint64_t pages = add ? BIT(order) : 0 - BIT(order);

    free_pages += pages;
    zones[zone_of(mfn)].free += pages;
    dirty_pages += kind == DIRTY ? pages : 0;
    count_on_nodes(mfn, order, add);
}

/* ---- Allocation -------------------------------------------------------------------------- */
/* Takes the first block of a list, cut down to order; the rest goes back. */
static uint64_t take_from(struct zone *z, enum kind kind, unsigned int from, unsigned int order)
{
    uint64_t mfn = z->first[kind][from];

    block_remove(mfn);
    while (from > order) {
        from--;
        block_insert(mfn + BIT(from), from, kind);
    }
    count_free(mfn, order, kind, false);
    return mfn;
}

static bool take_from_zone(struct zone *z, unsigned int order, enum kind liked, uint64_t *mfn,
                           enum kind *kind)
{
    uint32_t fit = ~0U << order;
    uint32_t liked_fit = z->orders[liked] & fit;
    uint32_t other_fit = z->orders[!liked] & fit;

    if ((liked_fit | other_fit) == 0) {
        return false;
    }
    /* The smallest block that will do, so that large ones stay whole; of two, the kind the
     * caller likes. */
    *kind = other_fit == 0 ||
                    (liked_fit != 0 && __builtin_ctz(liked_fit) <= __builtin_ctz(other_fit))
                ? liked
                : (enum kind) !liked;
    *mfn = take_from(
        z, *kind, (unsigned int)__builtin_ctz(*kind == liked ? liked_fit : other_fit), order);
    return true;
}

/* Merges every dirty block with whatever free buddies it has. */
static void merge_mixed(void)
{
    mixed = false;
    for (unsigned int zone = 0; zone <= zone_top; zone++) {
        for (unsigned int order = 0; order < PAGE_MAX_ORDER; order++) {
            uint32_t next = zones[zone].orders[DIRTY] & BIT(order)
                                ? zones[zone].first[DIRTY][order]
                                : FRAME_NONE;

            while (next != FRAME_NONE) {
                uint64_t mfn = next;
                struct frame *buddy = block_buddy(mfn, order);

                next = frame_of(_mfn(mfn))->next;
                if (buddy == NULL) {
                    continue;
                }
                if (mfn_x(frame_mfn(buddy)) == next) {
                    next = buddy->next;
                }
                block_remove(mfn);
                block_release(mfn, order, DIRTY, true);
            }
        }
    }
}

static bool take(unsigned int order, unsigned int flags, unsigned int zone_max, uint64_t *mfn,
                 enum kind *kind)
{
    enum kind liked = flags & PAGE_NO_SCRUB ? DIRTY : CLEAN;

    if (!(flags & PAGE_FROM_CLAIM) && free_pages < claimed_pages + BIT(order)) {
        return false;
    }
    for (unsigned int zone = MIN(zone_max, zone_top) + 1; zone-- > 0;) {
        if (zones[zone].free >= BIT(order) &&
            take_from_zone(&zones[zone], order, liked, mfn, kind)) {
            return true;
        }
    }
    return false;
}

/* What idle CPUs scrub right now comes back in a moment; they must not take more meanwhile. */
static void scrubs_wait(void)
{
    scrub_hold++;
    spin_unlock(&heap_lock);
    while (READ_ONCE(scrubs_active) != 0) {
        arch_relax();
    }
    spin_lock(&heap_lock);
    scrub_hold--;
}

/* As take(), but looks harder when there is no block though there may be the pages. */
static bool take_or_merge(unsigned int order, unsigned int flags, unsigned int zone_max,
                          uint64_t *mfn, enum kind *kind)
{
    bool found;

    spin_lock(&heap_lock);
    while (!(found = take(order, flags, zone_max, mfn, kind))) {
        if (order > 0 && mixed) {
            merge_mixed();
            continue;
        }
        if (scrubs_active == 0) {
            break;
        }
        scrubs_wait();
    }
    spin_unlock(&heap_lock);
    return found;
}

static void clear_pages(uint64_t mfn, unsigned int order)
{
    for (uint64_t i = 0; i < BIT(order); i++) {
        void *page = map_frame(_mfn(mfn + i));

        arch_page_clear(page);
        unmap_frame(page);
    }
}

mfn_t page_alloc_below(unsigned int order, unsigned int flags, unsigned int max_bits)
{
    unsigned int zone_max = ZONES - 1;
    enum kind kind;
    uint64_t mfn;

    if (flags & PAGE_DMA32) {
        max_bits = max_bits == 0 ? 32 : MIN(max_bits, 32U);
    }
    if (max_bits != 0) {
        if (max_bits <= PAGE_SHIFT) {
            return INVALID_MFN;
        }
        zone_max = MIN(zone_max, max_bits - PAGE_SHIFT);
    }
    if (order > PAGE_MAX_ORDER || !take_or_merge(order, flags, zone_max, &mfn, &kind)) {
        return INVALID_MFN;
    }
    if (kind == DIRTY && !(flags & PAGE_NO_SCRUB)) {
        clear_pages(mfn, order);
    }
    return _mfn(mfn);
}

mfn_t page_alloc(unsigned int order, unsigned int flags)
{
    return page_alloc_below(order, flags, 0);
}

/* Frees consecutive frames that are on no list, in the largest blocks there are among them. */
static void release_run(uint64_t mfn, uint64_t end)
{
    while (mfn < end) {
        unsigned int order = MIN((unsigned int)__builtin_ctzll(mfn), PAGE_MAX_ORDER);

        while (BIT(order) > end - mfn) {
            order--;
        }
        count_free(mfn, order, DIRTY, true);
        block_release(mfn, order, DIRTY, false);
        mfn += BIT(order);
    }
}

void page_free_run(mfn_t mfn, uint64_t count)
{
    uint64_t first = mfn_x(mfn);

    ASSERT(first != 0);
    spin_lock(&heap_lock);
    release_run(first, first + count);
    spin_unlock(&heap_lock);
}

/* The free block that mfn is in, and its order. */
static bool find_block(uint64_t mfn, uint64_t *first, unsigned int *order)
{
    for (unsigned int o = 0; o <= PAGE_MAX_ORDER; o++) {
        uint64_t base = mfn & ~(BIT(o) - 1);
        const struct frame *f = frame_valid(_mfn(base)) ? frame_of(_mfn(base)) : NULL;

        if (f != NULL && (f->count & FRAME_FREE) && f->aux == o) {
            *first = base;
            *order = o;
            return true;
        }
    }
    return false;
}

bool page_alloc_at(mfn_t mfn)
{
    uint64_t wanted = mfn_x(mfn);
    unsigned int order;
    uint64_t first;
    enum kind kind;
    bool found;

    spin_lock(&heap_lock);
    while (!(found = find_block(wanted, &first, &order)) && scrubs_active != 0) {
        scrubs_wait();
    }
    if (found) {
        kind = block_kind(frame_of(_mfn(first)));
        block_remove(first);
        while (order > 0) {
            uint64_t half = first + BIT(--order);

            block_insert(wanted < half ? half : first, order, kind);
            first = wanted < half ? first : half;
        }
        count_free(wanted, 0, kind, false);
    }
    spin_unlock(&heap_lock);
    return found;
}

void page_free(mfn_t mfn, unsigned int order, bool dirty)
{
    uint64_t first = mfn_x(mfn);

    ASSERT(order <= PAGE_MAX_ORDER && (first & (BIT(order) - 1)) == 0 && first != 0);
    ASSERT(!(frame_of(mfn)->count & FRAME_FREE));
    spin_lock(&heap_lock);
    count_free(first, order, DIRTY, true);
    block_release(first, order, DIRTY, false);
    spin_unlock(&heap_lock);
}

/* ---- Boot, counts ------------------------------------------------------------------------ */
void page_alloc_add_range(mfn_t first, uint64_t count)
{
    uint64_t mfn = mfn_x(first);
    uint64_t end = mfn + count;

    if (mfn == 0 && count > 0) {
        mfn++;
    }
    if (mfn >= end) {
        return;
    }
    spin_lock(&heap_lock);
    zone_top = MAX(zone_top, zone_of(end - 1));
    total_pages += end - mfn;
    release_run(mfn, end);
    spin_unlock(&heap_lock);
}

uint64_t page_alloc_free_count(void)
{
    return READ_ONCE(free_pages);
}

uint64_t page_alloc_total_count(void)
{
    return READ_ONCE(total_pages);
}

uint64_t page_alloc_dirty_count(void)
{
    return READ_ONCE(dirty_pages);
}

uint64_t page_alloc_free_in_zone(unsigned int min_bits, unsigned int max_bits)
{
    uint64_t sum = 0;

    spin_lock(&heap_lock);
    for (unsigned int zone = 0; zone <= zone_top; zone++) {
        if (zone + PAGE_SHIFT >= min_bits && zone + PAGE_SHIFT <= max_bits) {
            sum += zones[zone].free;
        }
    }
    spin_unlock(&heap_lock);
    return sum;
}

static void count_list_on_nodes(const struct zone *z, enum kind kind, unsigned int order)
{
    uint32_t next = z->orders[kind] & BIT(order) ? z->first[kind][order] : FRAME_NONE;

    for (; next != FRAME_NONE; next = frame_of(_mfn(next))->next) {
        count_on_nodes(next, order, true);
    }
}

void page_alloc_set_nodes(const struct page_node_range *ranges, unsigned int count)
{
    spin_lock(&heap_lock);
    node_ranges = ranges;
    node_range_count = count;
    for (unsigned int zone = 0; zone <= zone_top; zone++) {
        for (unsigned int order = 0; order < ORDERS; order++) {
            count_list_on_nodes(&zones[zone], CLEAN, order);
            count_list_on_nodes(&zones[zone], DIRTY, order);
        }
    }
    spin_unlock(&heap_lock);
}

uint64_t page_alloc_free_on_node(unsigned int node)
{
    if (node_range_count == 0) {
        return node == 0 ? page_alloc_free_count() : 0;
    }
    return node < PAGE_NODES_MAX ? READ_ONCE(node_free[node]) : 0;
}

/* ---- Scrubbing --------------------------------------------------------------------------- */
/* Takes some dirty block of at most SCRUB_ORDER; it stays counted as free. */
static bool scrub_take(uint64_t *mfn, unsigned int *order)
{
    for (unsigned int zone = zone_top + 1; zone-- > 0;) {
        struct zone *z = &zones[zone];
        unsigned int from;

        if (z->orders[DIRTY] == 0) {
            continue;
        }
        from = (unsigned int)__builtin_ctz(z->orders[DIRTY]);
        *order = MIN(from, (unsigned int)SCRUB_ORDER);
        *mfn = take_from(z, DIRTY, from, *order);
        count_free(*mfn, *order, DIRTY, true);
        return true;
    }
    return false;
}

/* An idle CPU never queues for the lock: one after the other would stand before the CPU that frees a domain's pages,
 * and where CPUs are virtual, one of those may not be running. */
bool page_alloc_scrub_idle(void)
{
    unsigned int order;
    uint64_t mfn;
    bool more;

    if (READ_ONCE(dirty_pages) == 0) {
        return false;
    }
    if (!spin_trylock(&heap_lock)) {
        arch_relax();
        return true;
    }
    if (scrub_hold > 0 || !scrub_take(&mfn, &order)) {
        spin_unlock(&heap_lock);
        return false;
    }
    scrubs_active++;
    spin_unlock(&heap_lock);

    clear_pages(mfn, order);

    while (!spin_trylock(&heap_lock)) {
        arch_relax();
    }
    dirty_pages -= BIT(order);
    block_release(mfn, order, CLEAN, false);
    WRITE_ONCE(scrubs_active, scrubs_active - 1);
    more = dirty_pages > 0;
    spin_unlock(&heap_lock);
    return more;
}

/* ---- Claims ------------------------------------------------------------------------------ */
int page_alloc_claim(uint64_t pages)
{
    int rc = -ENOMEM;

    spin_lock(&heap_lock);
    if (free_pages >= claimed_pages && free_pages - claimed_pages >= pages) {
        claimed_pages += pages;
        rc = 0;
    }
    spin_unlock(&heap_lock);
    return rc;
}

void page_alloc_unclaim(uint64_t pages)
{
    spin_lock(&heap_lock);
    ASSERT(claimed_pages >= pages);
    claimed_pages -= pages;
    spin_unlock(&heap_lock);
}

uint64_t page_alloc_claimed(void)
{
    return READ_ONCE(claimed_pages);
}
