/* SPDX-License-Identifier: MIT */
/*
 * A guest whose writes are logged, as when it is saved while it runs: it writes, reads and has written, and pvhost
 * compares with the bitmap (guest/host/log.c). Nothing of it shows here: what was written is there.
 */
#include "abi/sched.h"
#include "abi/version.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/pvh/share.h"
#include "guest/libguest/test.h"
#include "guest/libguest/time.h"

static volatile uint64_t pages[SHARE_LOG_PAGES][512] __attribute__((aligned(4096)));

static void give_turn(struct share *s, uint32_t turn)
{
    uint64_t end = time_now() + 20000000000UL;

    __atomic_store_n(&s->state, SHARE_LOG_HOST + turn, __ATOMIC_SEQ_CST);
    while (s->state != turn + 1 && time_now() < end) {
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    EXPECT_EQ(s->state, turn + 1);
}

static void write_all(uint64_t what)
{
    for (unsigned int i = 0; i < SHARE_LOG_PAGES; i++) {
        pages[i][i] = what + i;
    }
}

void test_main(void)
{
    struct share *s = (struct share *)((char *)pvh_start_info + SHARE_OFFSET);

    if (s->magic != SHARE_MAGIC_LOG) {
        test_skip("the toolstack does not log");
    }
    s->first_gfn = (uint32_t)memory_pfn((void *)pages);
    write_all(1000);
    give_turn(s, SHARE_LOG_START);
    pages[3][3] = 3;
    pages[5][5] = 5;
    EXPECT_EQ(pages[4][4], 1004);
    EXPECT(hypercall_xen_version(XENVER_extraversion, (void *)pages[6]) >= 0);
    EXPECT_EQ(pages[6][6], 1006);
    give_turn(s, SHARE_LOG_WROTE);
    __atomic_fetch_add(&pages[5][5], 1, __ATOMIC_SEQ_CST);
    give_turn(s, SHARE_LOG_AGAIN);
    give_turn(s, SHARE_LOG_MAPPED);
    EXPECT_EQ(pages[8][0], 88);
    EXPECT_EQ(pages[3][3], 3);
    EXPECT_EQ(pages[5][5], 6);
    write_all(2000);
    EXPECT_EQ(pages[15][15], 2015);
}
