/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, version 1: set-up, mapping and unmapping (a domain's own grants), read-only
 * grants, stale and bad references, bad handles and addresses, copies in every direction with
 * their bounds, transfer, query, version switches.
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

#define UNMAPPED 0x0000200000000000UL

enum { REF = 20, REF2 = 21, NO_DOM = 77 };

static unsigned int self;
static char *page, *page2, *window;

static void test_setup_refused(void)
{
    unsigned long list[4];
    struct gnttab_setup_table op = { .dom = NO_DOM, .nr_frames = 1 };
    struct gnttab_query_size query = { .dom = DOMID_SELF };

    set_xen_guest_handle(op.frame_list, list);
    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_setup_table, &op, 1), 0);
    EXPECT_EQ(op.status, GNTST_bad_domain);
    op = (struct gnttab_setup_table){ .dom = DOMID_SELF, .nr_frames = 1000000 };
    set_xen_guest_handle(op.frame_list, list);
    hypercall_grant_table_op(GNTTABOP_setup_table, &op, 1);
    EXPECT(op.status < 0);
    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_query_size, &query, 1), 0);
    EXPECT_EQ(query.status, GNTST_okay);
    EXPECT(query.nr_frames >= 1 && query.max_nr_frames >= query.nr_frames);
    query.dom = NO_DOM;
    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_query_size, &query, 1), 0);
    EXPECT_EQ(query.status, GNTST_bad_domain);
    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_setup_table, (void *)UNMAPPED, 1), -EFAULT);
    EXPECT(hypercall_grant_table_op(99, &query, 1) < 0);
}

static void test_map(void)
{
    uint32_t handle;

    page[100] = 'g';
    grant_access(REF, self, memory_mfn(page), GTF_permit_access);
    EXPECT_EQ(grant_map(self, REF, (uint64_t)window, GNTMAP_host_map, &handle), GNTST_okay);
    EXPECT_EQ(window[100], 'g');
    window[101] = 'h';
    EXPECT_EQ(page[101], 'h');
    EXPECT_EQ(grant_v1(REF)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    EXPECT_EQ(pte_mfn(*pagetable_l1(window)), memory_mfn(page));
    EXPECT_EQ(grant_unmap((uint64_t)window, handle), GNTST_okay);
    EXPECT_EQ(grant_v1(REF)->flags, GTF_permit_access);
    EXPECT_EQ(TRAP_PROBE("movb (%0), %%al", NOTHING, "r"(window), "rax"), TRAP_PF);
    EXPECT_EQ(grant_unmap((uint64_t)window, handle), GNTST_bad_handle);
}

static void test_read_only(void)
{
    uint32_t handle;

    EXPECT_EQ(
        grant_map(self, REF, (uint64_t)window, GNTMAP_host_map | GNTMAP_readonly, &handle),
        GNTST_okay);
    EXPECT_EQ(grant_v1(REF)->flags, GTF_permit_access | GTF_reading);
    EXPECT_EQ(TRAP_PROBE("movb $1, (%0)", NOTHING, "r"(window)), TRAP_PF);
    EXPECT_EQ(grant_unmap((uint64_t)window, handle), GNTST_okay);
    grant_access(REF2, self, memory_mfn(page), GTF_permit_access | GTF_readonly);
    EXPECT(grant_map(self, REF2, (uint64_t)window, GNTMAP_host_map, &handle) < 0);
    EXPECT_EQ(
        grant_map(self, REF2, (uint64_t)window, GNTMAP_host_map | GNTMAP_readonly, &handle),
        GNTST_okay);
    EXPECT_EQ(grant_unmap((uint64_t)window, handle), GNTST_okay);
    grant_access(REF2, 0, 0, 0);
}

static void test_map_refused(void)
{
    uint32_t handle;

    EXPECT_EQ(grant_map(NO_DOM, REF, (uint64_t)window, GNTMAP_host_map, &handle),
              GNTST_bad_domain);
    EXPECT_EQ(grant_map(self, 1000000, (uint64_t)window, GNTMAP_host_map, &handle),
              GNTST_bad_gntref);
    EXPECT_EQ(grant_map(self, ~0U, (uint64_t)window, GNTMAP_host_map, &handle),
              GNTST_bad_gntref);
    EXPECT(grant_map(self, REF2, (uint64_t)window, GNTMAP_host_map, &handle) < 0); /* empty */
    EXPECT(grant_map(self, REF, (uint64_t)window, 0, &handle) < 0); /* maps nothing */
    EXPECT(grant_map(self, REF, UNMAPPED, GNTMAP_host_map, &handle) < 0);
    EXPECT(grant_map(self, REF, HYPERVISOR_VIRT_START, GNTMAP_host_map, &handle) < 0);
    EXPECT_EQ(grant_v1(REF)->flags, GTF_permit_access);
    grant_access(REF2, self + 1, memory_mfn(page), GTF_permit_access);
    EXPECT(grant_map(self, REF2, (uint64_t)window, GNTMAP_host_map, &handle) < 0);
    grant_access(REF2, self, ~0U, GTF_permit_access);
    EXPECT(grant_map(self, REF2, (uint64_t)window, GNTMAP_host_map, &handle) < 0);
    /* A page table can be granted, but not mapped writable. */
    grant_access(REF2, self, memory_mfn(pagetable_root()), GTF_permit_access);
    EXPECT(grant_map(self, REF2, (uint64_t)window, GNTMAP_host_map, &handle) < 0);
    EXPECT_EQ(grant_v1(REF2)->flags, GTF_permit_access);
    grant_access(REF2, 0, 0, 0);
    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_map_grant_ref, (void *)UNMAPPED, 1), -EFAULT);
    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_map_grant_ref, NULL, 0), 0);
}

static void test_unmap_refused(void)
{
    uint32_t handle;

    EXPECT_EQ(grant_unmap((uint64_t)window, ~0U), GNTST_bad_handle);
    EXPECT_EQ(grant_unmap((uint64_t)window, 123456), GNTST_bad_handle);
    EXPECT_EQ(grant_map(self, REF, (uint64_t)window, GNTMAP_host_map, &handle), GNTST_okay);
    EXPECT(grant_unmap((uint64_t)page2, handle) < 0); /* another page lies there */
    EXPECT_EQ(grant_unmap((uint64_t)window, handle), GNTST_okay);
}

static void test_two_mappings(void)
{
    char *second = pagetable_reserve_va();
    uint32_t h1, h2;

    EXPECT_EQ(grant_map(self, REF, (uint64_t)window, GNTMAP_host_map, &h1), GNTST_okay);
    EXPECT_EQ(grant_map(self, REF, (uint64_t)second, GNTMAP_host_map | GNTMAP_readonly, &h2),
              GNTST_okay);
    EXPECT(h1 != h2);
    EXPECT_EQ(grant_unmap((uint64_t)window, h1), GNTST_okay);
    EXPECT_EQ(grant_v1(REF)->flags, GTF_permit_access | GTF_reading);
    EXPECT_EQ(grant_unmap((uint64_t)second, h2), GNTST_okay);
    EXPECT_EQ(grant_v1(REF)->flags, GTF_permit_access);
}

/* By the machine address of the entry itself, as the block backend of old kernels does. */
static void test_contains_pte(void)
{
    uint64_t where = memory_maddr(pagetable_l1(window));
    uint32_t handle;

    EXPECT_EQ(grant_map(self, REF, where, GNTMAP_host_map | GNTMAP_contains_pte, &handle),
              GNTST_okay);
    EXPECT_EQ(window[100], 'g');
    EXPECT_EQ(grant_unmap(where, handle), GNTST_okay);
    EXPECT_EQ(*pagetable_l1(window), 0);
    EXPECT(grant_map(self, REF, memory_maddr(page2), GNTMAP_host_map | GNTMAP_contains_pte,
                     &handle) < 0);
}

static void test_unmap_and_replace(void)
{
    struct gnttab_unmap_and_replace op = { .host_addr = (uint64_t)window };
    char *spare = pagetable_reserve_va();
    uint32_t handle;

    page2[100] = 'r';
    EXPECT_EQ(hypercall_update_va_mapping((unsigned long)spare,
                                          pte_make(memory_mfn(page2), PTE_DATA), UVMF_INVLPG),
              0);
    EXPECT_EQ(grant_map(self, REF, (uint64_t)window, GNTMAP_host_map, &handle), GNTST_okay);
    op.new_addr = (uint64_t)spare;
    op.handle = handle;
    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_unmap_and_replace, &op, 1), 0);
    EXPECT_EQ(op.status, GNTST_okay);
    EXPECT_EQ(window[100], 'r');
    EXPECT_EQ(*pagetable_l1(spare), 0);
    EXPECT_EQ(hypercall_update_va_mapping((unsigned long)window, 0, UVMF_INVLPG), 0);
}

static long copy(bool from_ref, unsigned int src, unsigned int src_off, bool to_ref,
                 unsigned int dst, unsigned int dst_off, unsigned int len)
{
    struct gnttab_copy op = {
        .source = { .domid = from_ref ? self : DOMID_SELF, .offset = src_off },
        .dest = { .domid = to_ref ? self : DOMID_SELF, .offset = dst_off },
        .len = len,
        .flags = (from_ref ? GNTCOPY_source_gref : 0) | (to_ref ? GNTCOPY_dest_gref : 0),
    };
    long rc;

    if (from_ref) {
        op.source.u.ref = src;
    } else {
        op.source.u.gmfn = src;
    }
    if (to_ref) {
        op.dest.u.ref = dst;
    } else {
        op.dest.u.gmfn = dst;
    }
    rc = hypercall_grant_table_op(GNTTABOP_copy, &op, 1);
    return rc != 0 ? rc : op.status;
}

static void test_copy(void)
{
    unsigned int m1 = memory_mfn(page);
    unsigned int m2 = memory_mfn(page2);

    memset(page, 'a', MEMORY_PAGE);
    memset(page2, 'b', MEMORY_PAGE);
    grant_access(REF, self, m1, GTF_permit_access);
    grant_access(REF2, self, m2, GTF_permit_access | GTF_readonly);
    EXPECT_EQ(copy(true, REF, 10, false, m2, 20, 64), GNTST_okay);
    EXPECT(page2[19] == 'b' && page2[20] == 'a' && page2[83] == 'a' && page2[84] == 'b');
    EXPECT_EQ(copy(true, REF2, 0, true, REF, 4000, 96), GNTST_okay);
    EXPECT(page[4000] == 'b' && page[3999] == 'a');
    EXPECT_EQ(copy(false, m2, 0, true, REF, 0, 4096), GNTST_okay);
    EXPECT_EQ(memcmp(page, page2, MEMORY_PAGE), 0);
    EXPECT_EQ(copy(false, m1, 0, false, m2, 0, 16), GNTST_okay);
    EXPECT_EQ(grant_v1(REF)->flags, GTF_permit_access);
}

static void test_copy_refused(void)
{
    unsigned int m1 = memory_mfn(page);
    unsigned int table = memory_mfn(pagetable_root());

    EXPECT(copy(true, REF, 4090, false, m1, 0, 7) < 0);
    EXPECT(copy(true, REF, 0, false, m1, 4095, 2) < 0);
    EXPECT(copy(true, REF, 0xffff, false, m1, 0, 1) < 0);
    EXPECT(copy(true, REF, 0, false, m1, 0, 0xffff) < 0);
    EXPECT(copy(false, m1, 0, true, REF2, 0, 16) < 0); /* granted read-only */
    EXPECT_EQ(copy(true, 1000000, 0, false, m1, 0, 16), GNTST_bad_gntref);
    EXPECT(copy(true, REF + 9, 0, false, m1, 0, 16) < 0);
    EXPECT(copy(false, ~0U, 0, true, REF, 0, 16) < 0);
    EXPECT(copy(true, REF, 0, false, table, 0, 16) < 0); /* never into a page table */
    self += 70;
    EXPECT_EQ(copy(true, REF, 0, false, m1, 0, 16), GNTST_bad_domain);
    self -= 70;
    EXPECT_EQ(grant_v1(REF)->flags, GTF_permit_access);
}

static void test_stale(void)
{
    uint32_t handle;

    grant_access(REF, 0, 0, 0);
    grant_access(REF2, 0, 0, 0);
    EXPECT(grant_map(self, REF, (uint64_t)window, GNTMAP_host_map, &handle) < 0);
    EXPECT(copy(true, REF, 0, false, memory_mfn(page), 0, 16) < 0);
}

static void test_transfer_and_others(void)
{
    struct gnttab_transfer transfer = { .mfn = ~0UL >> 12, .domid = self, .ref = REF };
    struct gnttab_get_version version = { .dom = DOMID_SELF };
    struct gnttab_swap_grant_ref swap = { .ref_a = 1000000, .ref_b = 1 };
    long rc = hypercall_grant_table_op(GNTTABOP_transfer, &transfer, 1);

    EXPECT(rc < 0 || transfer.status < 0);
    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_get_version, &version, 1), 0);
    EXPECT_EQ(version.version, 1);
    EXPECT(grant_set_version(3) < 0);
    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_swap_grant_ref, &swap, 1), 0);
    EXPECT_EQ(swap.status, GNTST_bad_gntref);
    grant_access(REF, self, memory_mfn(page), GTF_permit_access);
    swap = (struct gnttab_swap_grant_ref){ .ref_a = REF, .ref_b = REF2 };
    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_swap_grant_ref, &swap, 1), 0);
    EXPECT_EQ(swap.status, GNTST_okay);
    EXPECT_EQ(grant_v1(REF2)->frame, memory_mfn(page));
    EXPECT_EQ(grant_v1(REF)->flags, 0);
}

void test_main(void)
{
    self = grant_own_domid();
    page = memory_alloc();
    page2 = memory_alloc();
    grant_init(1, 2);
    window = pagetable_reserve_va();
    test_setup_refused();
    test_map();
    test_read_only();
    test_map_refused();
    test_unmap_refused();
    test_two_mappings();
    test_contains_pte();
    test_unmap_and_replace();
    test_copy();
    test_copy_refused();
    test_stale();
    test_transfer_and_others();
}
