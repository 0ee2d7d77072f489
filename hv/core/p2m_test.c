/* SPDX-License-Identifier: MIT */
/* Physical spaces of translated domains: large leaves and their splitting, refusals, references, the end. */
#include "hv/core/p2m.h"

#include "abi/grant_table.h"
#include "abi/memory.h"
#include "hv/mm/heap.h"
#include "hv/mm/page_alloc.h"
#include "tests/unit/world.h"

#define LARGE 512U

static struct domain *guest;
static struct domain *other;

static void set_up(void)
{
    world_init();
    guest = world_domain(1, false);
    other = world_domain(2, false);
    EXPECT_EQ(p2m_domain_init(guest), 0);
    guest->is_translated = true;
    world_enter(guest);
}

static void tear_down(void)
{
    EXPECT_EQ(p2m_relinquish(guest), 0);
    p2m_domain_exit(guest);
    guest->is_translated = false;
    world_domain_end(guest);
    world_domain_end(other);
    world_domain_free(1);
    world_domain_free(2);
    world_expect_clean();
}

static bool shows(uint64_t gfn, mfn_t mfn, enum p2m_type type)
{
    enum p2m_type found;

    return mfn_eq(p2m_lookup(guest, _gfn(gfn), &found), mfn) && found == type;
}

TEST(p2m_pages_and_large_pages)
{
    unsigned int tables;

    set_up();
    EXPECT_EQ(p2m_set(guest, _gfn(LARGE), _mfn(4 * LARGE), 9, P2M_RAM), 0);
    tables = guest->p2m->table_count - guest->p2m->spare_count;
    EXPECT_EQ(tables, 2U + 1U); /* two root tables, one of level 2: a large leaf */
    EXPECT(shows(LARGE, _mfn(4 * LARGE), P2M_RAM));
    EXPECT(shows(2 * LARGE - 1, _mfn(5 * LARGE - 1), P2M_RAM));
    EXPECT(shows(LARGE - 1, INVALID_MFN, P2M_NONE));
    EXPECT(shows(2 * LARGE, INVALID_MFN, P2M_NONE));
    EXPECT_EQ(p2m_end(guest), 2 * LARGE);
    /* The middle goes: the rest stays. A large leaf that was in use is out of use before a table takes its place. */
    fake_p2m_invalidations = 0;
    EXPECT_EQ(p2m_remove(guest, _gfn(LARGE + 5), _mfn(4 * LARGE + 4), 0), -ENOENT);
    EXPECT_EQ(p2m_remove(guest, _gfn(LARGE + 5), _mfn(4 * LARGE + 5), 0), 0);
    EXPECT(fake_p2m_flushes > 0);
    EXPECT_EQ(fake_p2m_invalidations, 1);
    EXPECT(shows(LARGE + 4, _mfn(4 * LARGE + 4), P2M_RAM));
    EXPECT(shows(LARGE + 5, INVALID_MFN, P2M_NONE));
    EXPECT(shows(LARGE + 6, _mfn(4 * LARGE + 6), P2M_RAM));
    EXPECT_EQ(p2m_set(guest, _gfn(LARGE + 5), _mfn(77), 0, P2M_RAM_RO), 0);
    EXPECT(shows(LARGE + 5, _mfn(77), P2M_RAM_RO));
    tear_down();
}

/* Pairs of pages on both sides of a table's end, until there are no tables left: what was shown of the last goes. */
static void fill_by_pairs(void)
{
    uint64_t gfn = LARGE - 1;
    int rc;

    while ((rc = p2m_set(guest, _gfn(gfn), _mfn(4 * LARGE), 1, P2M_RAM)) == 0) {
        gfn += 2 * LARGE;
    }
    EXPECT_EQ(rc, -ENOMEM);
    EXPECT(shows(gfn, INVALID_MFN, P2M_NONE));
    EXPECT(shows(gfn + 1, INVALID_MFN, P2M_NONE));
    /* Taking a page away needs no table. */
    EXPECT_EQ(p2m_remove(guest, _gfn(LARGE), _mfn(4 * LARGE + 1), 0), 0);
    EXPECT_EQ(p2m_remove_any(guest, _gfn(LARGE - 1)), 0);
}

TEST(p2m_undoes_without_tables)
{
    set_up();
    fill_by_pairs();
    tear_down();
}

TEST(p2m_undoes_with_one_table)
{
    set_up();
    EXPECT_EQ(p2m_set(guest, _gfn(510 * LARGE), _mfn(1), 0, P2M_RAM), 0);
    fill_by_pairs();
    tear_down();
}

TEST(p2m_refusals)
{
    uint64_t last = (1ULL << 28) - 1;

    set_up();
    EXPECT_EQ(p2m_set(guest, _gfn(last), _mfn(5), 0, P2M_RAM), 0);
    EXPECT_EQ(p2m_set(guest, _gfn(last), _mfn(5), 1, P2M_RAM), -EINVAL);
    EXPECT_EQ(p2m_set(guest, _gfn(last + 1), _mfn(5), 0, P2M_RAM), -EINVAL);
    EXPECT_EQ(p2m_set(guest, _gfn(~0ULL), _mfn(5), 0, P2M_RAM), -EINVAL);
    EXPECT_EQ(p2m_remove(guest, _gfn(~0ULL), _mfn(5), 0), -ENOENT);
    EXPECT_EQ(p2m_remove_any(guest, _gfn(7)), -ENOENT);
    EXPECT(shows(~0ULL, INVALID_MFN, P2M_NONE));
    /* A range that meets something leaves nothing behind. */
    EXPECT_EQ(p2m_set(guest, _gfn(100), _mfn(9), 0, P2M_RAM), 0);
    EXPECT_EQ(p2m_set(guest, _gfn(96), _mfn(200), 3, P2M_RAM), -EEXIST);
    for (uint64_t g = 96; g < 104; g++) {
        EXPECT(g == 100 ? shows(g, _mfn(9), P2M_RAM) : shows(g, INVALID_MFN, P2M_NONE));
    }
    tear_down();
}

TEST(p2m_tables_are_limited)
{
    uint64_t gfn = 0;
    int rc = 0;

    set_up();
    for (gfn = 0; rc == 0 && gfn < 1000; gfn++) {
        rc = p2m_set(guest, _gfn(gfn * LARGE), _mfn(5), 0, P2M_RAM);
    }
    EXPECT_EQ(rc, -ENOMEM);
    EXPECT_EQ(guest->p2m->table_count, 256U);
    guest->p2m->table_limit = 300;
    EXPECT_EQ(p2m_set(guest, _gfn(gfn * LARGE), _mfn(5), 0, P2M_RAM), 0);
    guest->p2m->table_limit = 0;
    heap_fail_after(0);
    EXPECT_EQ(p2m_set(guest, _gfn(2000 * LARGE), _mfn(5), 0, P2M_RAM), -ENOMEM);
    heap_fail_after(-1);
    tear_down();
}

TEST(p2m_own_pages)
{
    mfn_t mfn;
    struct frame *f;

    set_up();
    mfn = world_page(guest);
    EXPECT_EQ(p2m_set(guest, _gfn(40), mfn, 0, P2M_RAM), 0);
    f = p2m_get_frame(guest, _gfn(40), true);
    EXPECT(f == frame_of(mfn));
    arch_put_gfn(f, true);
    EXPECT(p2m_get_frame(guest, _gfn(41), false) == NULL);
    EXPECT_EQ(p2m_add_to_physmap(guest, XENMAPSPACE_gmfn, NULL, 40, _gfn(50)), 0);
    EXPECT(shows(40, INVALID_MFN, P2M_NONE));
    EXPECT(shows(50, mfn, P2M_RAM));
    EXPECT_EQ(p2m_add_to_physmap(guest, XENMAPSPACE_gmfn, NULL, 40, _gfn(51)), -EINVAL);
    EXPECT_EQ(p2m_add_to_physmap(guest, 99, NULL, 40, _gfn(51)), -ENOSYS);
    tear_down();
}

TEST(p2m_shared_and_foreign_pages)
{
    mfn_t theirs;
    uint64_t before;

    set_up();
    theirs = world_page(other);
    EXPECT_EQ(p2m_set(guest, _gfn(60), world_page(guest), 0, P2M_RAM), 0);
    before = guest->memory.total;
    /* Makes room: the page that was there is given back. */
    EXPECT_EQ(p2m_add_to_physmap(guest, XENMAPSPACE_shared_info, NULL, 0, _gfn(60)), 0);
    EXPECT_EQ(guest->memory.total, before - 1);
    EXPECT(shows(60, guest->shared_info_mfn, P2M_SHARED));
    EXPECT(p2m_get_frame(guest, _gfn(60), false) == NULL);
    EXPECT_EQ(p2m_add_to_physmap(guest, XENMAPSPACE_shared_info, NULL, 1, _gfn(61)), -EINVAL);
    EXPECT_EQ(p2m_add_to_physmap(guest, XENMAPSPACE_grant_table, NULL, 0, _gfn(62)), 0);
    EXPECT_EQ(p2m_add_to_physmap(guest, XENMAPSPACE_grant_table, NULL, 1UL << 40, _gfn(63)), -EINVAL);
    EXPECT_EQ(p2m_add_to_physmap(guest, XENMAPSPACE_gmfn_foreign, guest, 60, _gfn(64)), -EINVAL);
    EXPECT_EQ(p2m_add_to_physmap(guest, XENMAPSPACE_gmfn_foreign, other, mfn_x(theirs), _gfn(64)), 0);
    EXPECT(shows(64, theirs, P2M_FOREIGN));
    EXPECT_EQ(p2m_remove_any(guest, _gfn(64)), 0);
    EXPECT_EQ(p2m_add_to_physmap(guest, XENMAPSPACE_gmfn_foreign, other, mfn_x(theirs), _gfn(65)), 0);
    tear_down(); /* what is still shown lets go of its references */
}

TEST(p2m_grants)
{
    mfn_t theirs;

    set_up();
    theirs = world_page(other);
    EXPECT_EQ(p2m_grant_map(70 << PAGE_SHIFT, theirs, GNTMAP_host_map), GNTST_okay);
    EXPECT(shows(70, theirs, P2M_GRANT));
    EXPECT_EQ(p2m_grant_map(70 << PAGE_SHIFT, theirs, GNTMAP_host_map), GNTST_general_error);
    EXPECT_EQ(p2m_remove_any(guest, _gfn(70)), -EBUSY);
    EXPECT_EQ(p2m_grant_unmap(70 << PAGE_SHIFT, theirs, GNTMAP_host_map | GNTMAP_readonly),
              GNTST_general_error);
    EXPECT_EQ(p2m_grant_unmap(70 << PAGE_SHIFT, _mfn(mfn_x(theirs) + 1), GNTMAP_host_map),
              GNTST_general_error);
    EXPECT_EQ(p2m_grant_unmap(70 << PAGE_SHIFT, theirs, GNTMAP_host_map), GNTST_okay);
    EXPECT(shows(70, INVALID_MFN, P2M_NONE));
    EXPECT_EQ(p2m_grant_map(70 << PAGE_SHIFT, theirs, GNTMAP_host_map | GNTMAP_contains_pte),
              GNTST_general_error);
    tear_down();
}

/* Cache, marks, and what the domain has in all. */
static bool demand_is(uint64_t cache, uint64_t marks, uint64_t total)
{
    return guest->p2m->cache_count == cache && guest->p2m->on_demand == marks && guest->memory.total == total;
}

TEST(p2m_on_demand)
{
    uint64_t base;
    struct frame *f;

    set_up();
    base = guest->memory.total;
    EXPECT_EQ(p2m_cache_resize(guest, 3), 0);
    EXPECT_EQ(p2m_mark_on_demand(guest, _gfn(LARGE), 9), 0);
    EXPECT_EQ(p2m_mark_on_demand(guest, _gfn(2 * LARGE), 0), 0);
    EXPECT(demand_is(3, LARGE + 1, base + 3));
    EXPECT_EQ(p2m_mark_on_demand(guest, _gfn(LARGE + 1), 0), -EEXIST);
    EXPECT_EQ(p2m_mark_on_demand(guest, _gfn(LARGE - 1), 1), -EEXIST);
    EXPECT(demand_is(3, LARGE + 1, base + 3)); /* the first of the two was undone */
    EXPECT(shows(LARGE + 7, INVALID_MFN, P2M_ON_DEMAND));
    EXPECT_EQ(p2m_end(guest), 2 * LARGE + 1);
    EXPECT_EQ(p2m_populate(guest, _gfn(5)), -ENOENT);
    EXPECT_EQ(p2m_populate(guest, _gfn(~0ULL)), -ENOENT);
    /* By its number, as grants come. */
    f = p2m_get_frame(guest, _gfn(LARGE + 7), true);
    EXPECT(f != NULL);
    EXPECT_EQ(*(uint64_t *)arch_direct_map(frame_mfn(f)), 0);
    EXPECT(shows(LARGE + 7, frame_mfn(f), P2M_RAM));
    EXPECT(shows(LARGE + 6, INVALID_MFN, P2M_ON_DEMAND));
    arch_put_gfn(f, true);
    EXPECT_EQ(p2m_populate(guest, _gfn(LARGE + 7)), 0);
    EXPECT_EQ(p2m_populate(guest, _gfn(LARGE + 8)), 0);
    EXPECT_EQ(p2m_populate(guest, _gfn(LARGE + 9)), 0);
    EXPECT_EQ(p2m_populate(guest, _gfn(LARGE + 10)), -ENOMEM);
    EXPECT(p2m_get_frame(guest, _gfn(LARGE + 10), false) == NULL);
    EXPECT(demand_is(0, LARGE - 2, base + 3));
    /* Something else may be put where only a mark is; a mark goes without a page. */
    EXPECT_EQ(p2m_add_to_physmap(guest, XENMAPSPACE_shared_info, NULL, 0, _gfn(LARGE + 20)), 0);
    EXPECT_EQ(p2m_set(guest, _gfn(LARGE + 21), world_page(guest), 0, P2M_RAM), 0);
    EXPECT(demand_is(0, LARGE - 4, base + 4));
    EXPECT(!p2m_unmark(guest, _gfn(LARGE + 21)));
    EXPECT_EQ(p2m_cache_resize(guest, 2), 0);
    EXPECT(p2m_unmark(guest, _gfn(2 * LARGE)));
    for (uint64_t g = LARGE; guest->p2m->on_demand > 1; g++) {
        (void)p2m_unmark(guest, _gfn(g));
    }
    EXPECT(demand_is(1, 1, base + 5)); /* a page nothing is marked for has gone */
    p2m_cache_replace(guest);
    EXPECT(demand_is(1, 1, base + 5));
    EXPECT_EQ(p2m_cache_resize(guest, 0), 0);
    p2m_cache_replace(guest);
    EXPECT(demand_is(1, 1, base + 5));
    tear_down();
}

/* Reads the log of the first 2 * LARGE frames and more. */
static bool log_is(bool clear, uint64_t written, uint64_t bit, bool set)
{
    uint8_t *bitmap = (void *)fake_guest_memory;
    uint64_t pages = 3 * LARGE;
    uint64_t found = 0;
    uint32_t faults = 0;
    uint64_t bits = 0;

    memset(bitmap, 0xaa, 3 * LARGE / 8);
    if (p2m_log_read(guest, fake_guest_ptr(bitmap), &pages, clear, &found, &faults) != 0) {
        return false;
    }
    if (pages != MIN(p2m_end(guest), 3UL * LARGE) || (pages < 3 * LARGE && bitmap[pages / 8 + 1] != 0xaa)) {
        return false; /* behind the end nothing is written */
    }
    for (unsigned int i = 0; i < pages; i++) {
        bits += bitmap[i / 8] >> i % 8 & 1;
    }
    return found == written && bits == written && (bitmap[bit / 8] >> bit % 8 & 1) == set;
}

TEST(p2m_log_of_written_pages)
{
    uint64_t pages = 77;
    uint64_t found;
    uint32_t faults;
    struct frame *f;
    mfn_t page;

    set_up();
    page = world_page(guest);
    EXPECT_EQ(p2m_set(guest, _gfn(7), page, 0, P2M_RAM), 0);
    EXPECT_EQ(p2m_set(guest, _gfn(8), world_page(guest), 0, P2M_RAM), 0);
    EXPECT_EQ(p2m_add_to_physmap(guest, XENMAPSPACE_shared_info, NULL, 0, _gfn(9)), 0);
    EXPECT(log_is(true, 0, 7, false));
    EXPECT_EQ(p2m_log_start(guest), 0);
    EXPECT_EQ(p2m_log_start(guest), -EINVAL);
    EXPECT(shows(7, page, P2M_RAM_LOGGED));
    EXPECT(log_is(false, 0, 7, false));
    p2m_log_write(guest, _gfn(7));
    p2m_log_write(guest, _gfn(7));
    p2m_log_write(guest, _gfn(9)); /* not in the log */
    p2m_log_write(guest, _gfn(100));
    EXPECT(log_is(false, 1, 7, true));
    EXPECT(log_is(true, 1, 7, true));
    EXPECT(log_is(true, 0, 7, false));
    /* Who reads leaves no trace, who may write does as long as it holds the page. */
    f = p2m_get_frame(guest, _gfn(8), false);
    EXPECT(f != NULL && log_is(false, 0, 8, false));
    arch_put_gfn(f, false);
    f = p2m_get_frame(guest, _gfn(8), true);
    EXPECT(f != NULL && log_is(true, 1, 8, true));
    EXPECT(log_is(true, 1, 8, true));
    arch_put_gfn(f, true);
    EXPECT(log_is(true, 1, 8, true));
    EXPECT(log_is(true, 0, 8, false));
    /* What comes anew was written; what has gone was not. */
    EXPECT_EQ(p2m_set(guest, _gfn(LARGE + 3), world_page(guest), 0, P2M_RAM), 0);
    p2m_log_write(guest, _gfn(7));
    EXPECT_EQ(p2m_remove(guest, _gfn(7), page, 0), 0);
    EXPECT(log_is(false, 1, LARGE + 3, true));
    EXPECT_EQ(p2m_log_read(guest, (guest_ptr_t){ 0 }, &pages, false, &found, &faults), 0);
    EXPECT_EQ(found, 1);
    EXPECT_EQ(faults, 1);
    EXPECT_EQ(pages, 77);
    EXPECT_EQ(p2m_log_stop(guest), 0);
    EXPECT(shows(LARGE + 3, p2m_lookup(guest, _gfn(LARGE + 3), NULL), P2M_RAM));
    EXPECT(shows(8, p2m_lookup(guest, _gfn(8), NULL), P2M_RAM));
    EXPECT(log_is(true, 0, 8, false));
    EXPECT_EQ(p2m_log_stop(guest), 0);
    tear_down();
}

TEST(p2m_log_of_large_pages)
{
    mfn_t first = _mfn(4 * LARGE);

    set_up();
    EXPECT_EQ(p2m_set(guest, _gfn(LARGE), first, 9, P2M_RAM), 0);
    EXPECT_EQ(p2m_log_start(guest), 0);
    EXPECT(shows(LARGE + 77, mfn_add(first, 77), P2M_RAM_LOGGED));
    EXPECT(log_is(true, 0, LARGE, false));
    EXPECT_EQ(guest->p2m->table_count - guest->p2m->spare_count, 3);
    p2m_log_write(guest, _gfn(LARGE + 77));
    EXPECT_EQ(guest->p2m->table_count - guest->p2m->spare_count, 4); /* split */
    EXPECT(shows(LARGE + 77, mfn_add(first, 77), P2M_RAM));
    EXPECT(shows(LARGE + 78, mfn_add(first, 78), P2M_RAM_LOGGED));
    EXPECT(log_is(true, 1, LARGE + 77, true));
    EXPECT(log_is(true, 0, LARGE + 77, false));
    EXPECT_EQ(p2m_log_stop(guest), 0);
    EXPECT(shows(LARGE + 78, mfn_add(first, 78), P2M_RAM));
    EXPECT_EQ(p2m_remove(guest, _gfn(LARGE), first, 9), 0);
    tear_down();
}
