/* SPDX-License-Identifier: MIT */
/*
 * The page allocator against a model that knows who has each page: no overlap, alignment,
 * address limits, clean pages really clean, counts that add up, and everything merges back at
 * the end.
 */
#include "hv/mm/page_alloc.h"

#include "hv/arch/fake/fake.h"
#include "hv/lib/string.h"
#include "hv/mm/frame.h"
#include "hv/mm/map.h"
#include "tests/unit/unit.h"

#define FIRST  1000
#define PAGES  5000
#define BLOCKS 400

struct block {
    uint64_t mfn; /* 0: not allocated */
    unsigned int order;
};

/* Two nodes; the border lies within what may be one block, and the second has two ranges. */
#define BORDER 3333
static const struct page_node_range nodes[] = {
    { FIRST, BORDER, 0 }, { BORDER, 5000, 1 }, { 5000, FIRST + PAGES, 1 }
};

static struct block blocks[BLOCKS];
static bool taken[FIRST + PAGES];
static uint64_t taken_count;

static void mark(const struct block *b, bool value)
{
    for (uint64_t i = 0; i < BIT(b->order); i++) {
        EXPECT(b->mfn + i >= FIRST && b->mfn + i < FIRST + PAGES);
        EXPECT(taken[b->mfn + i] != value);
        taken[b->mfn + i] = value;
    }
    taken_count += value ? BIT(b->order) : 0 - BIT(b->order);
}

static bool all_bytes(uint64_t mfn, unsigned int order, unsigned char byte)
{
    const unsigned char *p = map_frame(_mfn(mfn));

    for (uint64_t i = 0; i < PAGE_SIZE << order; i += 97) {
        if (p[i] != byte) {
            return false;
        }
    }
    return true;
}

/* A frame by its number is had exactly when nobody has it. */
static void try_alloc_at(struct block *b)
{
    uint64_t wanted = FIRST - 2 + unit_random_below(PAGES + 4);
    bool is_free = wanted >= FIRST && wanted < FIRST + PAGES && !taken[wanted];

    EXPECT_EQ(page_alloc_at(_mfn(wanted)), is_free);
    if (is_free) {
        b->order = 0;
        b->mfn = wanted;
        mark(b, true);
        memset(map_frame(_mfn(wanted)), 0xa5, PAGE_SIZE);
    }
}

static void try_alloc(struct block *b)
{
    unsigned int flags = unit_random_below(3) == 0 ? PAGE_NO_SCRUB : PAGE_ZERO;
    unsigned int bits = unit_random_below(4) == 0 ? 22 + unit_random_below(4) : 0;
    mfn_t mfn;

    if (unit_random_below(8) == 0) {
        try_alloc_at(b);
        return;
    }
    b->order = unit_random_below(7);
    mfn = page_alloc_below(b->order, flags, bits);
    if (mfn_eq(mfn, INVALID_MFN)) {
        return;
    }
    b->mfn = mfn_x(mfn);
    EXPECT_EQ(b->mfn & (BIT(b->order) - 1), 0);
    EXPECT(bits == 0 || (b->mfn + BIT(b->order)) << PAGE_SHIFT <= 1ULL << bits);
    mark(b, true);
    if (!(flags & PAGE_NO_SCRUB)) {
        EXPECT(all_bytes(b->mfn, b->order, 0));
    }
    memset(map_frame(mfn), 0xa5, PAGE_SIZE << b->order);
}

static void release(struct block *b)
{
    EXPECT(all_bytes(b->mfn, b->order, 0xa5));
    mark(b, false);
    if (unit_random_below(2) == 0) {
        page_free(_mfn(b->mfn), b->order, unit_random_below(2));
    } else {
        uint64_t first = unit_random_below((unsigned int)BIT(b->order) + 1);

        page_free_run(_mfn(b->mfn), first);
        page_free_run(_mfn(b->mfn + first), BIT(b->order) - first);
    }
    b->mfn = 0;
}

static uint64_t untaken(uint64_t first, uint64_t end)
{
    uint64_t count = 0;

    for (uint64_t i = first; i < end; i++) {
        count += !taken[i];
    }
    return count;
}

TEST(page_alloc_matches_model)
{
    fake_machine_add_ram(FIRST, PAGES);
    EXPECT_EQ(page_alloc_free_on_node(0), PAGES);
    EXPECT_EQ(page_alloc_free_on_node(1), 0);
    page_alloc_set_nodes(nodes, ARRAY_SIZE(nodes));
    EXPECT_EQ(page_alloc_total_count(), PAGES);
    for (unsigned int i = 0; i < 30000; i++) {
        struct block *b = &blocks[unit_random_below(BLOCKS)];

        if (b->mfn != 0) {
            release(b);
        } else {
            try_alloc(b);
        }
        if (unit_random_below(10) == 0) {
            page_alloc_scrub_idle();
        }
        EXPECT_EQ(page_alloc_free_count(), PAGES - taken_count);
        EXPECT(page_alloc_dirty_count() <= page_alloc_free_count());
        EXPECT_EQ(page_alloc_free_on_node(0), untaken(FIRST, BORDER));
        EXPECT_EQ(page_alloc_free_on_node(1), untaken(BORDER, FIRST + PAGES));
    }
    for (unsigned int i = 0; i < BLOCKS; i++) {
        if (blocks[i].mfn != 0) {
            release(&blocks[i]);
        }
    }
    EXPECT_EQ(page_alloc_free_count(), PAGES);
    EXPECT_EQ(page_alloc_free_in_zone(0, 64), PAGES);
    while (page_alloc_scrub_idle()) {
    }
    EXPECT_EQ(page_alloc_dirty_count(), 0);
    /* 1000..5999 holds one aligned block of 2048 pages. */
    EXPECT_EQ(mfn_x(page_alloc(11, 0)), 2048);
    EXPECT(mfn_eq(page_alloc(12, 0), INVALID_MFN));
}

TEST(page_alloc_large_block_from_mixed_pieces)
{
    mfn_t a;

    fake_machine_add_ram(1024, 1024);
    while (page_alloc_scrub_idle()) {
    }
    a = page_alloc(0, 0);
    page_free(a, 0, true);
    EXPECT_EQ(page_alloc_dirty_count(), 1);
    /* The dirty page keeps the block from merging until somebody needs it whole. */
    EXPECT_EQ(mfn_x(page_alloc(10, 0)), 1024);
    EXPECT_EQ(page_alloc_dirty_count(), 0);
    EXPECT_EQ(page_alloc_free_count(), 0);
    EXPECT(all_bytes(1024, 10, 0));
}

TEST(page_alloc_widths_and_zones)
{
    mfn_t m;

    fake_machine_add_ram(0x1c0, 0x80);          /* across 2 MiB */
    fake_machine_add_ram(1UL << 20, 1UL << 10); /* from 4 GiB on */
    EXPECT_EQ(page_alloc_total_count(), 128 + 1024);
    EXPECT_EQ(page_alloc_free_in_zone(0, 32), 128);
    EXPECT_EQ(page_alloc_free_in_zone(0, 21), 64);
    EXPECT_EQ(page_alloc_free_in_zone(33, 64), 1024);
    m = page_alloc(0, 0);
    EXPECT(mfn_x(m) >= 1UL << 20);
    m = page_alloc(3, PAGE_DMA32);
    EXPECT(mfn_x(m) < 1UL << 20);
    m = page_alloc_below(6, 0, 21);
    EXPECT_EQ(mfn_x(m), 0x1c0);
    EXPECT(mfn_eq(page_alloc_below(0, 0, 21), INVALID_MFN));
    EXPECT(mfn_eq(page_alloc_below(0, 0, 12), INVALID_MFN));
    EXPECT(mfn_eq(page_alloc_below(7, 0, 32), INVALID_MFN));
    EXPECT(mfn_eq(page_alloc_below(PAGE_MAX_ORDER + 1, 0, 0), INVALID_MFN));
}

TEST(page_alloc_claims)
{
    fake_machine_add_ram(256, 16);
    EXPECT_EQ(page_alloc_claim(17), -ENOMEM);
    EXPECT_EQ(page_alloc_claim(10), 0);
    EXPECT_EQ(page_alloc_claim(7), -ENOMEM);
    EXPECT(!mfn_eq(page_alloc(2, 0), INVALID_MFN));
    EXPECT(mfn_eq(page_alloc(2, 0), INVALID_MFN));
    EXPECT(!mfn_eq(page_alloc(2, PAGE_FROM_CLAIM), INVALID_MFN));
    page_alloc_unclaim(4);
    EXPECT(mfn_eq(page_alloc(2, 0), INVALID_MFN));
    page_alloc_unclaim(6);
    EXPECT(!mfn_eq(page_alloc(2, 0), INVALID_MFN));
    EXPECT_EQ(page_alloc_claimed(), 0);
}

TEST_DIES(page_alloc_double_free)
{
    mfn_t m;

    fake_machine_add_ram(256, 16);
    m = page_alloc(0, 0);
    page_free(m, 0, true);
    page_free(m, 0, true);
}
