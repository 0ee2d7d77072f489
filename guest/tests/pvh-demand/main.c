/* SPDX-License-Identifier: MIT */
/*
 * Memory that is populated on demand: it reads as zero, holds what is written, can be named in hypercalls before it was
 * touched, and given back without ever having been there.
 */
#include "abi/grant_table.h"
#include "abi/memory.h"
#include "abi/sched.h"
#include "abi/version.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"

enum { PAGES = 512 };

static uint64_t *page(unsigned int i)
{
    return start_map_own_mfn(start_info->nr_pages - PAGES + i);
}

/* Of the domain: what it has now, pages set aside included. */
static long current(void)
{
    struct xen_memory_domain d = { .domid = DOMID_SELF };

    return hypercall_memory_op(XENMEM_current_reservation, &d);
}

static void give_back(unsigned int i, long wanted)
{
    xen_pfn_t gfn = start_info->nr_pages - PAGES + i;
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

    set_xen_guest_handle(r.extent_start, &gfn);
    EXPECT_EQ(hypercall_memory_op(XENMEM_decrease_reservation, &r), wanted);
}

static void test_calls(void)
{
    struct gnttab_copy c = { .dest = { .u.gmfn = start_info->nr_pages - PAGES + 1, .domid = DOMID_SELF },
                             .source = { .u.gmfn = memory_pfn(start_info), .domid = DOMID_SELF },
                             .len = 16 };

    /* Written by a call, named in one, and read as a call's argument. */
    EXPECT_EQ(hypercall_xen_version(XENVER_extraversion, page(0)), 0);
    EXPECT(*(char *)page(0) == '.');
    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_copy, &c, 1), 0);
    EXPECT_EQ(c.status, GNTST_okay);
    EXPECT_EQ(page(1)[2], 0);
    EXPECT_EQ(hypercall_xen_version(XENVER_get_features, page(2)), 0);
}

static void test_giving_back(long before)
{
    give_back(3, 1);
    give_back(3, 0);
    EXPECT_EQ(current(), before - 1);
    *page(4) = 5;
    give_back(4, 1);
    EXPECT_EQ(current(), before - 2);
    EXPECT_EQ(*(volatile uint64_t *)page(3), ~0UL);
    EXPECT_EQ(*(volatile uint64_t *)page(4), ~0UL);
}

static void test_touch(void)
{
    unsigned int wrong = 0;

    for (unsigned int i = 5; i < PAGES; i++) {
        wrong += *(volatile uint64_t *)page(i) != 0 || page(i)[511] != 0;
        *page(i) = i;
    }
    for (unsigned int i = 5; i < PAGES; i++) {
        wrong += *page(i) != i;
    }
    EXPECT_EQ(wrong, 0);
}

void test_main(void)
{
    long before = current();

    test_calls();
    EXPECT_EQ(current(), before);
    test_giving_back(before);
    before = current();
    test_touch();
    EXPECT_EQ(current(), before);
}
