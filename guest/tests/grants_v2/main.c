/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, version 2: status frames, mapping with the status kept apart from the entry,
 * sub-page grants for copies, transitive grants, switching versions, and the refusals.
 */
#include "abi/grant_table.h"
#include "abi/xen.h"
#include "guest/libguest/grant.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/percpu.h"

enum { REF = 20, REF_SUB = 21, REF_TRANS = 22, REF_LOOP = 23 };

static unsigned int self;
static char *page, *page2, *window;

static void grant_full(unsigned int ref, unsigned long mfn, unsigned int flags)
{
    union grant_entry_v2 *e = grant_v2(ref);

    e->hdr.flags = 0;
    e->full_page.frame = mfn;
    e->hdr.domid = self;
    __atomic_store_n(&e->hdr.flags, GTF_permit_access | flags, __ATOMIC_SEQ_CST);
}

static void test_map(void)
{
    uint32_t handle;

    page[7] = '2';
    grant_full(REF, memory_mfn(page), 0);
    EXPECT_EQ(grant_map(self, REF, (uint64_t)window, GNTMAP_host_map, &handle), GNTST_okay);
    EXPECT_EQ(window[7], '2');
    EXPECT_EQ(*grant_status(REF), GTF_reading | GTF_writing);
    EXPECT_EQ(grant_v2(REF)->hdr.flags, GTF_permit_access);
    EXPECT_EQ(grant_unmap((uint64_t)window, handle), GNTST_okay);
    EXPECT_EQ(*grant_status(REF), 0);
    grant_full(REF, memory_mfn(page), GTF_readonly);
    EXPECT(grant_map(self, REF, (uint64_t)window, GNTMAP_host_map, &handle) < 0);
    EXPECT_EQ(*grant_status(REF), 0);
    grant_full(REF, ~0UL >> 12, 0);
    EXPECT(grant_map(self, REF, (uint64_t)window, GNTMAP_host_map, &handle) < 0);
    grant_full(REF, memory_mfn(page), 0);
}

static long copy_from(unsigned int ref, unsigned int offset, unsigned int len)
{
    struct gnttab_copy op = {
        .source = { .u.ref = ref, .domid = self, .offset = offset },
        .dest = { .u.gmfn = memory_mfn(page2), .domid = DOMID_SELF, .offset = offset },
        .len = len,
        .flags = GNTCOPY_source_gref,
    };
    long rc = hypercall_grant_table_op(GNTTABOP_copy, &op, 1);

    return rc != 0 ? rc : op.status;
}

static void test_sub_page(void)
{
    union grant_entry_v2 *e = grant_v2(REF_SUB);
    uint32_t handle;

    memset(page, 's', MEMORY_PAGE);
    memset(page2, '-', MEMORY_PAGE);
    e->sub_page.frame = memory_mfn(page);
    e->sub_page.page_off = 100;
    e->sub_page.length = 50;
    e->hdr.domid = self;
    e->hdr.flags = GTF_permit_access | GTF_sub_page;
    EXPECT_EQ(copy_from(REF_SUB, 100, 50), GNTST_okay);
    EXPECT(page2[99] == '-' && page2[100] == 's' && page2[149] == 's' && page2[150] == '-');
    EXPECT(copy_from(REF_SUB, 99, 2) < 0);
    EXPECT(copy_from(REF_SUB, 149, 2) < 0);
    EXPECT(copy_from(REF_SUB, 0, 4096) < 0);
    EXPECT(grant_map(self, REF_SUB, (uint64_t)window, GNTMAP_host_map, &handle) < 0);
    EXPECT_EQ(*grant_status(REF_SUB), 0);
}

static void test_transitive(void)
{
    union grant_entry_v2 *e = grant_v2(REF_TRANS);
    uint32_t handle;

    memset(page2, '-', MEMORY_PAGE);
    e->transitive.trans_domid = self;
    e->transitive.gref = REF;
    e->hdr.domid = self;
    e->hdr.flags = GTF_transitive;
    EXPECT(copy_from(REF_TRANS, 0, 16) < 0); /* a chain back to the granter itself is refused */
    EXPECT_EQ(page2[0], '-');
    EXPECT(grant_map(self, REF_TRANS, (uint64_t)window, GNTMAP_host_map, &handle) < 0);
    e->transitive.gref = 1000000;
    EXPECT(copy_from(REF_TRANS, 0, 16) < 0);
    e->transitive.gref = REF;
    e->transitive.trans_domid = 77;
    EXPECT(copy_from(REF_TRANS, 0, 16) < 0);
    e = grant_v2(REF_LOOP);
    e->transitive.trans_domid = self;
    e->transitive.gref = REF_LOOP;
    e->hdr.domid = self;
    e->hdr.flags = GTF_transitive;
    EXPECT(copy_from(REF_LOOP, 0, 16) < 0);
    EXPECT_EQ(*grant_status(REF), 0);
    EXPECT_EQ(*grant_status(REF_LOOP), 0);
}

static void test_status_frames_refused(void)
{
    uint64_t list[2];
    struct gnttab_get_status_frames op = { .nr_frames = 1000, .dom = DOMID_SELF };

    set_xen_guest_handle(op.frame_list, list);
    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_get_status_frames, &op, 1), 0);
    EXPECT(op.status < 0);
    op = (struct gnttab_get_status_frames){ .nr_frames = 1, .dom = 77 };
    set_xen_guest_handle(op.frame_list, list);
    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_get_status_frames, &op, 1), 0);
    EXPECT_EQ(op.status, GNTST_bad_domain);
}

/*
 * While a grant is mapped the version stays; status frames that we still map forbid going back
 * to 1.
 */
static void test_version_switch(void)
{
    struct gnttab_get_version version = { .dom = DOMID_SELF };
    uint32_t handle;

    EXPECT_EQ(grant_map(self, REF, (uint64_t)window, GNTMAP_host_map, &handle), GNTST_okay);
    EXPECT(grant_set_version(1) < 0);
    EXPECT_EQ(grant_unmap((uint64_t)window, handle), GNTST_okay);
    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_get_version, &version, 1), 0);
    EXPECT_EQ(version.version, 2);
    EXPECT_EQ(grant_set_version(2), 0);
    EXPECT(grant_set_version(1) < 0);
    EXPECT_EQ(hypercall_update_va_mapping((unsigned long)grant_status(0), 0, UVMF_INVLPG), 0);
    EXPECT_EQ(grant_set_version(1), 0);
    EXPECT_EQ(grant_v1(REF)->flags, 0); /* a switch clears the table */
}

void test_main(void)
{
    self = grant_own_domid();
    page = memory_alloc();
    page2 = memory_alloc();
    grant_init(2, 2);
    window = pagetable_reserve_va();
    test_map();
    test_sub_page();
    test_transitive();
    test_status_frames_refused();
    test_version_switch();
}
