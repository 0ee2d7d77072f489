/* SPDX-License-Identifier: MIT */
/*
 * Boot memory: pages come zeroed, from the top, below the limit, never twice and never reserved ones; what is left is
 * handed on, all of it, once.
 */
#include "hv/mm/boot_alloc.h"

#include "hv/arch/fake/fake.h"
#include "hv/lib/string.h"
#include "tests/unit/unit.h"

#define PAGES 4096U

enum use { NO_RAM, IS_FREE, IS_TAKEN, IS_RESERVED };

static enum use use[PAGES];

static void ram(uint64_t first, uint64_t count)
{
    memset(arch_direct_map(_mfn(first)), 0x5a, count << PAGE_SHIFT);
    for (uint64_t i = first; i < first + count; i++) {
        use[i] = IS_FREE;
    }
}

static void reserve(uint64_t first, uint64_t count)
{
    boot_alloc_reserve((first << PAGE_SHIFT) + 1, ((first + count) << PAGE_SHIFT) - 1);
    for (uint64_t i = first; i < first + count; i++) {
        use[i] = use[i] == NO_RAM ? NO_RAM : IS_RESERVED;
    }
}

static uint64_t take(unsigned long pages)
{
    uint64_t first = mfn_x(boot_alloc(pages));

    for (uint64_t i = first; i < first + pages; i++) {
        const char *bytes = arch_direct_map(_mfn(i));

        EXPECT(i < PAGES && use[i] == IS_FREE);
        EXPECT(bytes[0] == 0 && memcmp(bytes, bytes + 1, PAGE_SIZE - 1) == 0);
        use[i] = IS_TAKEN;
    }
    return first;
}

static void give(mfn_t first, uint64_t count)
{
    for (uint64_t i = mfn_x(first); i < mfn_x(first) + count; i++) {
        EXPECT(i < PAGES && use[i] == IS_FREE);
        use[i] = IS_TAKEN;
    }
}

/* Two ranges, the second of which does not begin or end with a page. */
static void begin(uint64_t limit)
{
    fake_machine_init();
    boot_alloc_init(limit);
    boot_alloc_add(16 << PAGE_SHIFT, 100 << PAGE_SHIFT);
    boot_alloc_add((1024 << PAGE_SHIFT) - 5, (3000 << PAGE_SHIFT) + 5);
    boot_alloc_add((3100 << PAGE_SHIFT) + 1, (3101 << PAGE_SHIFT) - 1); /* no page */
    ram(16, 84);
    ram(1024, 1976);
}

static void expect_nothing_left(void)
{
    for (unsigned int i = 0; i < PAGES; i++) {
        EXPECT(use[i] != IS_FREE);
    }
}

TEST(boot_alloc_from_the_top)
{
    begin(~0ULL);
    EXPECT_EQ(take(1), 2999);
    EXPECT_EQ(take(3), 2996);
    EXPECT_EQ(take(512), 2048); /* 2 MiB and more: at a multiple of them */
    EXPECT_EQ(take(1), 2995);   /* what was passed over is not lost */
    EXPECT(!boot_alloc_is_finished());
    boot_alloc_finish(give);
    EXPECT(boot_alloc_is_finished());
    expect_nothing_left();
}

TEST(boot_alloc_below_the_limit)
{
    begin(2000UL << PAGE_SHIFT);
    EXPECT_EQ(take(1), 1999);
    EXPECT_EQ(take(900), 1024); /* aligned down */
    EXPECT_EQ(take(84), 16);
    boot_alloc_finish(give);    /* what lies above as well */
    expect_nothing_left();
}

TEST(boot_alloc_reserved_ranges)
{
    begin(~0ULL);
    reserve(2990, 50);  /* the end of a range, and what is no RAM */
    reserve(0, 20);     /* the beginning */
    reserve(1500, 1);   /* the middle */
    reserve(1400, 200); /* around it */
    reserve(50, 1100);  /* over a border */
    EXPECT_EQ(take(1), 2989);
    EXPECT_EQ(take(500), 2489);
    EXPECT_EQ(take(500), 1989);
    EXPECT_EQ(take(300), 1689);
    EXPECT_EQ(take(240), 1160); /* the 250 pages that two reservations leave */
    boot_alloc_finish(give);
    expect_nothing_left();
}

TEST(boot_alloc_at_random)
{
    begin(~0ULL);
    for (unsigned int i = 0; i < 60; i++) {
        uint64_t first = unit_random_below(PAGES - 20);

        if (unit_random_below(3) == 0) {
            bool is_free = true;

            for (uint64_t j = first; j < first + 20; j++) {
                is_free = is_free && use[j] != IS_TAKEN; /* boot code reserves before it takes */
            }
            if (is_free) {
                reserve(first, 1 + unit_random_below(20));
            }
        } else {
            (void)take(1 + unit_random_below(8));
        }
    }
    boot_alloc_finish(give);
    expect_nothing_left();
}
