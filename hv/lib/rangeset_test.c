/* SPDX-License-Identifier: MIT */
/* Range sets against an array of bools, under random changes, with the invariants checked. */
#include "hv/lib/rangeset.h"

#include "hv/arch/fake/fake.h"
#include "hv/mm/heap.h"
#include "tests/unit/unit.h"

#define SPAN 200

static void check(const struct rangeset *r, const bool *model)
{
    unsigned int at = 0;

    for (unsigned int i = 0; i < r->count; i++) {
        EXPECT(r->ranges[i].first <= r->ranges[i].last);
        EXPECT(i == 0 || r->ranges[i].first > r->ranges[i - 1].last + 1);
        for (; at < r->ranges[i].first; at++) {
            EXPECT(!model[at]);
        }
        for (; at <= r->ranges[i].last; at++) {
            EXPECT(model[at]);
        }
    }
    for (; at < SPAN; at++) {
        EXPECT(!model[at]);
    }
}

TEST(rangeset_matches_model)
{
    struct rangeset r;
    bool model[SPAN] = { false };

    fake_machine_add_ram(256, 256);
    rangeset_init(&r, 1000);
    for (unsigned int i = 0; i < 5000; i++) {
        unsigned int first = unit_random_below(SPAN);
        unsigned int length = unit_random_below(12);
        unsigned int last = MIN(SPAN - 1, first + length);
        bool add = unit_random_below(2);
        bool all = true;
        bool any = false;

        for (unsigned int n = first; n <= last; n++) {
            all &= model[n];
            any |= model[n];
        }
        EXPECT_EQ(rangeset_contains(&r, first, last), all);
        EXPECT_EQ(rangeset_overlaps(&r, first, last), any);
        EXPECT_EQ(add ? rangeset_add(&r, first, last) : rangeset_remove(&r, first, last), 0);
        for (unsigned int n = first; n <= last; n++) {
            model[n] = add;
        }
        check(&r, model);
    }
    rangeset_exit(&r);
    EXPECT_EQ(heap_used(), 0);
}

TEST(rangeset_edges)
{
    struct rangeset r;

    fake_machine_add_ram(256, 256);
    rangeset_init(&r, 2);
    EXPECT_EQ(rangeset_add(&r, 5, 4), -EINVAL);
    EXPECT_EQ(rangeset_add(&r, 0, UINT64_MAX), 0);
    EXPECT_EQ(rangeset_add(&r, 7, 7), 0);
    EXPECT_EQ(r.count, 1);
    EXPECT_EQ(rangeset_remove(&r, 10, 20), 0);
    EXPECT_EQ(r.count, 2);
    EXPECT_EQ(rangeset_remove(&r, 30, 40), -ENOSPC);
    EXPECT(rangeset_contains(&r, 30, 40));
    EXPECT_EQ(rangeset_remove(&r, 21, UINT64_MAX), 0);
    EXPECT_EQ(rangeset_remove(&r, 0, 5), 0);
    EXPECT(rangeset_contains(&r, 6, 9));
    EXPECT(!rangeset_contains(&r, 6, 10));
    rangeset_exit(&r);
}

TEST(rangeset_survives_lack_of_memory)
{
    struct rangeset r;

    fake_machine_add_ram(256, 256);
    rangeset_init(&r, 100);
    for (unsigned int i = 0; i < 8; i++) {
        EXPECT_EQ(rangeset_add(&r, 10 * i, 10 * i), 0);
    }
    heap_fail_after(0);
    EXPECT_EQ(rangeset_add(&r, 1000, 1000), -ENOMEM);
    EXPECT_EQ(r.count, 8);
    EXPECT_EQ(rangeset_add(&r, 1, 1), 0);
    heap_fail_after(-1);
    EXPECT_EQ(rangeset_add(&r, 1000, 1000), 0);
    EXPECT_EQ(r.count, 9);
    rangeset_exit(&r);
}
