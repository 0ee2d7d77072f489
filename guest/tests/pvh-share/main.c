/* SPDX-License-Identifier: MIT */
/*
 * Pages and events shared with a PV domain, both ways: what a frontend and a backend do. The other side is pvhost;
 * under another toolstack there is none, and nothing to test.
 */
#include "abi/sched.h"
#include "guest/libguest/events.h"
#include "guest/libguest/grant.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/pvh/share.h"
#include "guest/libguest/test.h"
#include "guest/libguest/time.h"

enum { WRITABLE = 20, READABLE, UNTOUCHED };

static uint64_t pages[2][512] __attribute__((aligned(4096)));
static uint64_t local[512] __attribute__((aligned(4096)));
static volatile unsigned int events;

static void on_event(unsigned int port)
{
    (void)port;
    events++;
}

static bool wait_state(struct share *s, uint32_t state)
{
    uint64_t end = time_now() + 5000000000UL;

    while (s->state != state && time_now() < end) {
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    return s->state == state;
}

static void offer(struct share *s)
{
    share_fill(pages[0], 1);
    share_fill(pages[1], 2);
    grant_access(WRITABLE, s->host_domid, memory_pfn(pages[0]), GTF_permit_access);
    grant_access(READABLE, s->host_domid, memory_pfn(pages[1]), GTF_permit_access | GTF_readonly);
    s->writable_ref = WRITABLE;
    s->readable_ref = READABLE;
    EXPECT_EQ(events_alloc_unbound(DOMID_SELF, s->host_domid, &s->port), 0);
    events_hook(s->port, on_event);
    events_unmask(s->port);
    __atomic_store_n(&s->state, SHARE_OFFERED, __ATOMIC_SEQ_CST);
}

static void copy_from_host(const struct share *s)
{
    struct gnttab_copy c = {
        .source = { .u.ref = s->host_ref, .domid = s->host_domid },
        .dest = { .u.gmfn = memory_pfn(local), .domid = DOMID_SELF },
        .len = 4096,
        .flags = GNTCOPY_source_gref,
    };

    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_copy, &c, 1), 0);
    EXPECT_EQ(c.status, GNTST_okay);
    EXPECT_EQ(share_wrong(local, 3), 0);
}

/* The host's page, in a hole of our space and over a page of ours. */
static void use_host_page(const struct share *s)
{
    uint64_t hole = (uint64_t)(start_info->nr_pages + 5) << 12;
    volatile uint64_t *at = (volatile uint64_t *)hole;
    uint32_t handle;

    EXPECT_EQ(at[0], ~0UL);
    EXPECT_EQ(grant_map(s->host_domid, s->host_ref, hole, GNTMAP_host_map, &handle), GNTST_okay);
    EXPECT_EQ(share_wrong(at, 3), 0);
    at[7] = 77;
    EXPECT_EQ(grant_unmap(hole, handle + 1), GNTST_bad_handle);
    EXPECT_EQ(grant_unmap(hole, handle), GNTST_okay);
    EXPECT_EQ(at[0], ~0UL);
    EXPECT_EQ(grant_map(s->host_domid, s->host_ref, hole, GNTMAP_host_map | GNTMAP_readonly, &handle), GNTST_okay);
    EXPECT_EQ(at[7], 77);
    EXPECT_EQ(grant_unmap(hole, handle), GNTST_okay);
    EXPECT(grant_map(s->host_domid, UNTOUCHED, hole, GNTMAP_host_map, &handle) < 0);
    EXPECT(grant_map(s->host_domid, 1U << 20, hole, GNTMAP_host_map, &handle) < 0);
    EXPECT_EQ(at[0], ~0UL);
}

void test_main(void)
{
    struct share *s = (struct share *)((char *)pvh_start_info + SHARE_OFFSET);

    if (s->magic != SHARE_MAGIC) {
        test_skip("the toolstack shares nothing");
    }
    grant_init(1, 1);
    offer(s);
    events_enable();
    EXPECT(wait_state(s, SHARE_USED));
    EXPECT_EQ(share_wrong(pages[0], 4), 0); /* the host has written it */
    EXPECT_EQ(share_wrong(pages[1], 2), 0);
    EXPECT(events > 0);
    copy_from_host(s);
    use_host_page(s);
    EXPECT_EQ(events_send(s->port), 0);
    __atomic_store_n(&s->state, SHARE_ANSWERED, __ATOMIC_SEQ_CST);
    EXPECT(wait_state(s, SHARE_ENDED));
    EXPECT_EQ(grant_v1(WRITABLE)->flags & (GTF_reading | GTF_writing), 0);
    EXPECT_EQ(grant_v1(READABLE)->flags & (GTF_reading | GTF_writing), 0);
}
