/* SPDX-License-Identifier: MIT */
/*
 * Frames: ownership and limits, the last reference, stealing, sharing, and which roles exclude each other.
 * Page tables as such are tested with the architecture that has them.
 */
#include "hv/mm/frame.h"

#include "hv/mm/page_alloc.h"
#include "tests/unit/world.h"

static struct domain *d;

static struct frame *page(void)
{
    return frame_of(world_page(d));
}

static void set_up(void)
{
    world_init();
    d = world_domain(1, false);
    (void)world_domain(2, false);
    world_enter(d);
}

TEST(frame_valid_knows_ram)
{
    frame_table_add_range(_mfn(0), 0x9f);
    frame_table_add_range(_mfn(0x100), 0x20000);
    frame_table_add_range(_mfn(0x100000), 0x1000);
    EXPECT(!frame_valid(_mfn(0)));
    EXPECT(!frame_valid(_mfn(0x50))); /* the first MiB is device memory */
    EXPECT(!frame_valid(_mfn(0xff)));
    EXPECT(frame_valid(_mfn(0x100)));
    EXPECT(frame_valid(_mfn(0x8000)));
    EXPECT(frame_valid(_mfn(0x200ff)));
    EXPECT(!frame_valid(_mfn(0x20100)));
    EXPECT(!frame_valid(_mfn(0xfffff)));
    EXPECT(frame_valid(_mfn(0x100fff)));
    EXPECT(!frame_valid(_mfn(0x101000)));
    EXPECT(!frame_valid(_mfn(~0ULL)));
    EXPECT_EQ(frame_max, 0x101000);
}

TEST(frame_last_reference_frees)
{
    uint64_t free_before;
    struct frame *f;

    set_up();
    free_before = page_alloc_free_count();
    f = page();
    EXPECT_EQ(d->memory.total, 1);
    EXPECT_EQ(d->refs, 2); /* it owns something */
    EXPECT(frame_get(f, d->id));
    EXPECT(!frame_get(f, 2));
    EXPECT(frame_get_any(frame_mfn(f)) == f);
    frame_put(f);
    EXPECT(frame_clear_allocated(f));
    EXPECT(!frame_clear_allocated(f));
    frame_put(f);
    EXPECT_EQ(d->memory.total, 1);
    frame_put(f);
    EXPECT_EQ(d->memory.total, 0);
    EXPECT_EQ(d->refs, 1);
    EXPECT(!frame_get(f, d->id));
    softirq_run(); /* after the flush it goes to the allocator */
    EXPECT_EQ(page_alloc_free_count(), free_before);
    EXPECT(f->count & FRAME_FREE);
}

TEST(frame_limits)
{
    mfn_t mfn;

    set_up();
    d->memory.max = 5;
    mfn = page_alloc(2, 0);
    EXPECT_EQ(frame_assign(&d->memory, mfn, 2, false), 0);
    mfn = page_alloc(1, 0);
    EXPECT_EQ(frame_assign(&d->memory, mfn, 1, false), -E2BIG);
    EXPECT_EQ(frame_assign(&d->memory, mfn, 1, true), 0);
    EXPECT_EQ(d->memory.total, 4);
    EXPECT_EQ(d->memory.listed, 6);
    d->memory.dying = true;
    EXPECT_EQ(frame_assign(&d->memory, page_alloc(0, 0), 0, false), -EINVAL);
}

/* The frames of extents are listed one behind the other, and each can go. */
TEST(frame_extents_listed)
{
    mfn_t one, four;
    struct frame *f;

    set_up();
    one = frame_mfn(page());
    four = page_alloc(2, 0);
    EXPECT_EQ(frame_assign(&d->memory, four, 2, false), 0);
    EXPECT_EQ(d->memory.first, mfn_x(one));
    EXPECT_EQ(frame_of(one)->next, mfn_x(four));
    EXPECT_EQ(frame_of(four)->prev, mfn_x(one));
    for (unsigned int i = 0; i < 4; i++) {
        f = frame_of(mfn_add(four, i));
        EXPECT_EQ(f->next, i < 3 ? mfn_x(four) + i + 1 : FRAME_NONE);
        EXPECT(i == 0 || f->prev == mfn_x(four) + i - 1);
        EXPECT_EQ(f->owner, d->id);
        EXPECT_EQ(f->count, FRAME_ALLOCATED | 1);
    }
    EXPECT_EQ(d->memory.last, mfn_x(four) + 3);
    f = frame_of(mfn_add(four, 1));
    frame_owner_next(&d->memory, f);
    EXPECT_EQ(d->memory.last, mfn_x(four) + 1);
    EXPECT_EQ(f->prev, mfn_x(four) + 3);
    EXPECT_EQ(frame_of(four)->next, mfn_x(four) + 2);
    for (unsigned int i = 0; i < 4; i++) {
        EXPECT(frame_clear_allocated(frame_of(mfn_add(four, i))));
        frame_put(frame_of(mfn_add(four, i)));
    }
    EXPECT_EQ(d->memory.last, mfn_x(one));
    EXPECT_EQ(frame_of(one)->next, FRAME_NONE);
    EXPECT_EQ(d->memory.total, 1);
}

TEST(frame_claims_are_used_up)
{
    set_up();
    EXPECT_EQ(page_alloc_claim(10), 0);
    d->memory.claimed = 10;
    (void)page();
    EXPECT_EQ(d->memory.claimed, 9);
    EXPECT_EQ(page_alloc_claimed(), 9);
}

TEST(frame_steal_only_unused)
{
    struct frame *f;

    set_up();
    f = page();
    EXPECT(frame_get(f, d->id));
    EXPECT(frame_get(f, d->id));
    EXPECT_EQ(frame_steal(&d->memory, f), -EBUSY);
    frame_put(f);
    EXPECT_EQ(frame_get_role(f, ROLE_WRITABLE, false), 0);
    EXPECT_EQ(frame_steal(&d->memory, f), -EBUSY);
    EXPECT_EQ(frame_put_role(f, false), 0);
    EXPECT_EQ(frame_steal(&d->memory, f), 0);
    EXPECT_EQ(d->memory.total, 0);
    EXPECT_EQ(f->count, 0);
    EXPECT_EQ(frame_assign(&d->memory, frame_mfn(f), 0, false), 0);
    EXPECT_EQ(d->memory.total, 1);
}

TEST(frame_shared_pages)
{
    struct frame *f;
    mfn_t mfn;

    set_up();
    mfn = page_alloc(0, 0);
    f = frame_of(mfn);
    EXPECT(!frame_get(f, d->id)); /* the hypervisor's own */
    frame_share(&d->memory, mfn, false);
    EXPECT(frame_get(f, d->id));
    EXPECT_EQ(frame_get_role(f, ROLE_WRITABLE, false), -EINVAL);
    EXPECT_EQ(frame_unshare(mfn), -EBUSY);
    frame_put(f);
    EXPECT_EQ(frame_unshare(mfn), 0);
    frame_share(&d->memory, mfn, true);
    EXPECT_EQ(frame_get_with_role(f, d->id, ROLE_L1), -EINVAL);
    EXPECT_EQ(frame_get_with_role(f, d->id, ROLE_WRITABLE), 0);
    frame_put_with_role(f);
    EXPECT_EQ(frame_unshare(mfn), 0);
    EXPECT(!frame_get(f, d->id));
}

TEST(frame_roles_exclude)
{
    struct frame *f;

    set_up();
    f = page();
    for (unsigned int a = ROLE_L1; a <= ROLE_WRITABLE; a++) {
        unsigned int flushes = fake_counts.frame_flushes;

        EXPECT_EQ(frame_get_with_role(f, d->id, a), 0);
        EXPECT_EQ(frame_role(f), a);
        /* A page that was something else may still be in a TLB as that. */
        EXPECT_EQ(fake_counts.frame_flushes - flushes, a == ROLE_L1 ? 0 : 1);
        for (unsigned int b = ROLE_L1; b <= ROLE_WRITABLE; b++) {
            EXPECT_EQ(frame_get_role(f, b, false), a == b ? 0 : -EINVAL);
        }
        EXPECT_EQ(frame_put_role(f, false), 0);
        frame_put_with_role(f);
        EXPECT_EQ(f->count & FRAME_COUNT_MASK, 1);
    }
}

TEST(frame_pins)
{
    struct frame *f;

    set_up();
    f = page();
    EXPECT_EQ(frame_unpin(f, false), -EINVAL);
    EXPECT_EQ(frame_get_with_role(f, d->id, ROLE_L2), 0);
    EXPECT_EQ(frame_pin(f), 0);
    EXPECT_EQ(frame_pin(f), -EINVAL);
    EXPECT_EQ(frame_get_with_role(f, d->id, ROLE_L2), 0);
    EXPECT_EQ(frame_unpin(f, false), 0);
    EXPECT_EQ(frame_role(f), ROLE_L2);
    frame_put_with_role(f);
    EXPECT_EQ(f->role & ~(7U << ROLE_SHIFT), 0);
}

TEST(frame_flush_stamps)
{
    uint64_t tick = frame_flush_tick();
    uint16_t stamp = frame_flush_stamp();

    EXPECT(tick <= frame_flush_expand(stamp)); /* flushed before the stamp: not enough */
    EXPECT(frame_flush_tick() > frame_flush_expand(stamp));
    EXPECT_EQ(frame_flush_tick(), frame_flush_tick()); /* nobody asked in between */
    for (unsigned int i = 0; i < 70000; i++) {
        (void)frame_flush_stamp();
        tick = frame_flush_tick();
    }
    EXPECT(frame_flush_expand(stamp) <= tick); /* an old stamp counts as a newer one */
    EXPECT(frame_flush_expand(frame_flush_stamp()) == tick);
}
