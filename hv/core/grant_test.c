/* SPDX-License-Identifier: MIT */
/*
 * Grant tables: each operation's rules one by one, then a long random run of two granters and a
 * user against a model of who may do what, with every count checked at the end.
 */
#include "hv/core/grant.h"

#include "hv/calls/hypercall.h"
#include "hv/core/grant_table.h"
#include "hv/core/rights.h"
#include "hv/lib/string.h"
#include "hv/mm/heap.h"
#include "hv/mm/map.h"
#include "hv/mm/page_alloc.h"
#include "tests/unit/world.h"

static struct domain *granter;
static struct domain *user;
static const domid_t granter_id = 1;
static const domid_t user_id = 2;

static void set_up(void)
{
    world_init();
    granter = world_domain(granter_id, false);
    user = world_domain(user_id, false);
    world_enter(user);
}

static struct grant_entry_v1 *v1(struct domain *d, grant_ref_t ref)
{
    mfn_t mfn;

    EXPECT_EQ(grant_get_frame(d, false, ref / GRANT_V1_PER_FRAME, &mfn), 0);
    return (struct grant_entry_v1 *)map_frame(mfn) + ref % GRANT_V1_PER_FRAME;
}

static union grant_entry_v2 *v2(struct domain *d, grant_ref_t ref)
{
    mfn_t mfn;

    EXPECT_EQ(grant_get_frame(d, false, ref / GRANT_V2_PER_FRAME, &mfn), 0);
    return (union grant_entry_v2 *)map_frame(mfn) + ref % GRANT_V2_PER_FRAME;
}

static void grant_to(struct domain *d, grant_ref_t ref, domid_t to, mfn_t mfn, uint16_t flags)
{
    struct grant_entry_v1 *e = v1(d, ref);

    e->domid = to;
    e->frame = (uint32_t)mfn_x(mfn);
    e->flags = GTF_permit_access | flags;
}

static struct gnttab_map_grant_ref map_op(grant_ref_t ref, unsigned int flags,
                                          unsigned int slot)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = FAKE_SLOT_ADDRESS(slot), .flags = flags, .ref = ref, .dom = granter->id
    };

    grant_map(&op);
    return op;
}

static int unmap(grant_handle_t handle, unsigned int slot, uint64_t device)
{
    struct gnttab_unmap_grant_ref op = { .host_addr = slot == ~0U ? 0 : FAKE_SLOT_ADDRESS(slot),
                                         .dev_bus_addr = device,
                                         .handle = handle };

    grant_unmap(&op, 1);
    return op.status;
}

static unsigned int refs_of(mfn_t mfn)
{
    return frame_of(mfn)->count & FRAME_COUNT_MASK;
}

static unsigned int writers_of(mfn_t mfn)
{
    return frame_of(mfn)->role & ROLE_COUNT_MASK;
}

/* ---- Mapping ----------------------------------------------------------------------------- */
TEST(grant_map_and_unmap)
{
    struct gnttab_map_grant_ref op;
    mfn_t page;

    set_up();
    page = world_page(granter);
    grant_to(granter, 9, user->id, page, 0);
    op = map_op(9, GNTMAP_host_map, 3);
    EXPECT_EQ(op.status, GNTST_okay);
    EXPECT_EQ(op.dev_bus_addr, mfn_x(page) << PAGE_SHIFT);
    EXPECT(user->arch->slots[3].full && user->arch->slots[3].writable);
    EXPECT_EQ(v1(granter, 9)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    EXPECT_EQ(refs_of(page), 2);
    EXPECT_EQ(writers_of(page), 1);
    EXPECT_EQ(unmap(op.handle, 4, 0), GNTST_general_error);
    EXPECT_EQ(unmap(op.handle, 3, 0), GNTST_okay);
    EXPECT_EQ(v1(granter, 9)->flags, GTF_permit_access);
    EXPECT_EQ(refs_of(page), 1);
    EXPECT_EQ(writers_of(page), 0);
    EXPECT_EQ(unmap(op.handle, 3, 0), GNTST_bad_handle);
    EXPECT(fake_counts.tlb_flushes > 0);
}

TEST(grant_map_refusals)
{
    mfn_t page;
    mfn_t table;
    mfn_t foreign;
    struct gnttab_map_grant_ref op;

    set_up();
    page = world_page(granter);
    foreign = world_page(user);
    table = world_page(granter);
    grant_to(granter, 9, user->id, page, GTF_readonly);
    EXPECT_EQ(map_op(9, 0, 0).status, GNTST_bad_gntref);
    EXPECT_EQ(map_op(9, GNTMAP_host_map, 0).status, GNTST_general_error);
    EXPECT_EQ(map_op(10, GNTMAP_host_map, 0).status, GNTST_bad_gntref);
    EXPECT_EQ(map_op(100000, GNTMAP_host_map, 0).status, GNTST_bad_gntref);
    EXPECT_EQ(map_op(~0U, GNTMAP_host_map, 0).status, GNTST_bad_gntref);
    grant_to(granter, 10, 5, page, 0);
    EXPECT_EQ(map_op(10, GNTMAP_host_map, 0).status, GNTST_bad_gntref);
    grant_to(granter, 11, user->id, foreign, 0);
    EXPECT_EQ(map_op(11, GNTMAP_host_map, 0).status, GNTST_bad_page);
    grant_to(granter, 12, user->id, _mfn(4000000), 0);
    EXPECT_EQ(map_op(12, GNTMAP_host_map, 0).status, GNTST_bad_page);
    EXPECT_EQ(v1(granter, 12)->flags, GTF_permit_access);
    /* A page table may be read by others, never written. */
    EXPECT_EQ(frame_get_with_role(frame_of(table), granter->id, ROLE_L1), 0);
    grant_to(granter, 13, user->id, table, 0);
    EXPECT_EQ(map_op(13, GNTMAP_host_map, 0).status, GNTST_bad_page);
    EXPECT_EQ(map_op(13, GNTMAP_host_map | GNTMAP_readonly, 0).status, GNTST_okay);
    /* A bad address undoes all. */
    op = map_op(9, GNTMAP_host_map | GNTMAP_readonly, 1000);
    EXPECT_EQ(op.status, GNTST_bad_virt_addr);
    EXPECT_EQ(v1(granter, 9)->flags, GTF_permit_access | GTF_readonly);
    EXPECT_EQ(refs_of(page), 1);
    op = (struct gnttab_map_grant_ref){ .flags = GNTMAP_host_map, .dom = 7 };
    grant_map(&op);
    EXPECT_EQ(op.status, GNTST_bad_domain);
    EXPECT_EQ(granter->grants->pinned_count, 1);
}

TEST(grant_map_host_and_device_apart)
{
    struct gnttab_map_grant_ref op;
    mfn_t page;

    set_up();
    page = world_page(granter);
    grant_to(granter, 8, user->id, page, 0);
    op = map_op(8, GNTMAP_host_map | GNTMAP_device_map, 0);
    EXPECT_EQ(op.status, GNTST_okay);
    EXPECT_EQ(refs_of(page), 3);
    EXPECT_EQ(writers_of(page), 2);
    EXPECT_EQ(unmap(op.handle, 0, 0), GNTST_okay);
    EXPECT_EQ(refs_of(page), 2);
    EXPECT_EQ(v1(granter, 8)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    EXPECT_EQ(unmap(op.handle, ~0U, 4096), GNTST_general_error);
    EXPECT_EQ(unmap(op.handle, ~0U, op.dev_bus_addr), GNTST_okay);
    EXPECT_EQ(refs_of(page), 1);
    EXPECT_EQ(v1(granter, 8)->flags, GTF_permit_access);
    EXPECT_EQ(unmap(op.handle, ~0U, op.dev_bus_addr), GNTST_bad_handle);
}

TEST(grant_map_readers_and_writers)
{
    struct gnttab_map_grant_ref r;
    struct gnttab_map_grant_ref w;
    mfn_t page;

    set_up();
    page = world_page(granter);
    grant_to(granter, 8, user->id, page, 0);
    r = map_op(8, GNTMAP_host_map | GNTMAP_readonly, 0);
    EXPECT_EQ(v1(granter, 8)->flags, GTF_permit_access | GTF_reading);
    w = map_op(8, GNTMAP_host_map, 1);
    EXPECT_EQ(v1(granter, 8)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    EXPECT_EQ(unmap(w.handle, 1, 0), GNTST_okay);
    EXPECT_EQ(v1(granter, 8)->flags, GTF_permit_access | GTF_reading);
    /* What the granter writes meanwhile does not matter to a use that exists... */
    v1(granter, 8)->flags = GTF_reading;
    EXPECT_EQ(map_op(8, GNTMAP_host_map | GNTMAP_readonly, 2).status, GNTST_okay);
    /* ... but a new kind of use must be allowed. */
    EXPECT_EQ(map_op(8, GNTMAP_host_map, 3).status, GNTST_bad_gntref);
    EXPECT_EQ(refs_of(page), 3);
    EXPECT_EQ(unmap(r.handle, 0, 0), GNTST_okay);
}

TEST(grant_map_replace)
{
    struct gnttab_map_grant_ref a;
    struct gnttab_unmap_and_replace op;
    mfn_t page;
    mfn_t own;

    set_up();
    page = world_page(granter);
    own = world_page(user);
    grant_to(granter, 8, user->id, page, 0);
    a = map_op(8, GNTMAP_host_map, 0);
    EXPECT_EQ(frame_get_with_role(frame_of(own), user->id, ROLE_WRITABLE), 0);
    user->arch->slots[1] = (struct fake_slot){ true, true, true, own };
    op = (struct gnttab_unmap_and_replace){ FAKE_SLOT_ADDRESS(0), FAKE_SLOT_ADDRESS(1),
                                            a.handle, 0 };
    grant_unmap_and_replace(&op, 1);
    EXPECT_EQ(op.status, GNTST_okay);
    EXPECT_EQ(mfn_x(user->arch->slots[0].mfn), mfn_x(own));
    EXPECT(!user->arch->slots[1].full);
    EXPECT_EQ(refs_of(page), 1);
}

TEST(grant_map_runs_out_of_handles)
{
    struct gnttab_map_grant_ref op;
    unsigned int count = 0;
    mfn_t page;

    set_up();
    page = world_page(granter);
    grant_to(granter, 8, user->id, page, 0);
    do {
        op = map_op(8, GNTMAP_device_map, 0);
    } while (op.status == GNTST_okay && ++count < 10000);
    EXPECT_EQ(op.status, GNTST_no_space);
    EXPECT_EQ(count, 2 * MAPTRACK_PER_FRAME);
    EXPECT_EQ(refs_of(page), 1 + count);
    EXPECT_EQ(grant_release_mappings(user), 0);
    EXPECT_EQ(refs_of(page), 1);
    EXPECT_EQ(granter->grants->pinned_count, 0);
}

TEST(grant_map_device_memory)
{
    struct gnttab_map_grant_ref op;

    set_up();
    EXPECT_EQ(rights_permit(granter, RIGHT_MEMORY, 0xfee00, 0xfee00), 0);
    grant_to(granter, 8, user->id, _mfn(0xfee00), 0);
    op = map_op(8, GNTMAP_host_map, 0);
    EXPECT_EQ(op.status, GNTST_okay);
    EXPECT_EQ(mfn_x(user->arch->slots[0].mfn), 0xfee00);
    EXPECT_EQ(unmap(op.handle, 0, 0), GNTST_okay);
    EXPECT_EQ(v1(granter, 8)->flags, GTF_permit_access);
    EXPECT_EQ(rights_deny(granter, RIGHT_MEMORY, 0xfee00, 0xfee00), 0);
    EXPECT_EQ(map_op(8, GNTMAP_host_map, 0).status, GNTST_bad_page);
}

TEST(grant_map_outlives_granters_pages)
{
    struct gnttab_map_grant_ref op;
    uint64_t free_before;
    mfn_t page;

    set_up();
    page = world_page(granter);
    grant_to(granter, 8, user->id, page, 0);
    op = map_op(8, GNTMAP_host_map, 0);
    free_before = page_alloc_free_count();
    world_domain_end(granter);
    EXPECT_EQ(page_alloc_free_count(), free_before); /* still mapped */
    EXPECT(granter->refs > 1);
    EXPECT_EQ(unmap(op.handle, 0, 0), GNTST_okay);
    softirq_run();
    EXPECT_EQ(page_alloc_free_count(), free_before + 1);
    world_domain_free(granter_id);
}

TEST(grant_mapper_dies)
{
    struct gnttab_map_grant_ref op;
    mfn_t page;

    set_up();
    page = world_page(granter);
    grant_to(granter, 8, user->id, page, 0);
    op = map_op(8, GNTMAP_host_map | GNTMAP_device_map, 0);
    EXPECT_EQ(op.status, GNTST_okay);
    op = map_op(8, GNTMAP_host_map | GNTMAP_readonly, 1);
    world_domain_end(user);
    EXPECT_EQ(refs_of(page), 1);
    EXPECT_EQ(writers_of(page), 0);
    EXPECT_EQ(v1(granter, 8)->flags, GTF_permit_access);
    world_domain_free(user_id);
    world_enter(granter);
    world_domain_end(granter);
    world_domain_free(granter_id);
    world_expect_clean();
}

/* ---- Copying ----------------------------------------------------------------------------- */
static int copy(grant_ref_t ref, unsigned int offset, mfn_t own, unsigned int own_offset,
                unsigned int len, bool to_granter)
{
    struct gnttab_copy_ptr theirs = { .u.ref = ref,
                                      .domid = granter->id,
                                      .offset = (uint16_t)offset };
    struct gnttab_copy_ptr ours = { .u.gmfn = mfn_x(own),
                                    .domid = DOMID_SELF,
                                    .offset = (uint16_t)own_offset };
    struct gnttab_copy op = {
        .source = to_granter ? ours : theirs,
        .dest = to_granter ? theirs : ours,
        .len = (uint16_t)len,
        .flags = to_granter ? GNTCOPY_dest_gref : GNTCOPY_source_gref,
    };

    grant_copy(&op, 1);
    return op.status;
}

TEST(grant_copy_both_ways)
{
    mfn_t page;
    mfn_t own;
    char *p;
    char *q;

    set_up();
    page = world_page(granter);
    own = world_page(user);
    p = map_frame(page);
    q = map_frame(own);
    grant_to(granter, 8, user->id, page, 0);
    memcpy(p + 100, "hello", 5);
    EXPECT_EQ(copy(8, 100, own, 200, 5, false), GNTST_okay);
    EXPECT_EQ(memcmp(q + 200, "hello", 5), 0);
    memcpy(q, "there", 5);
    EXPECT_EQ(copy(8, PAGE_SIZE - 5, own, 0, 5, true), GNTST_okay);
    EXPECT_EQ(memcmp(p + PAGE_SIZE - 5, "there", 5), 0);
    EXPECT_EQ(v1(granter, 8)->flags, GTF_permit_access);
    EXPECT_EQ(refs_of(page), 1);
    EXPECT_EQ(refs_of(own), 1);
    EXPECT_EQ(writers_of(own), 0);
}

TEST(grant_copy_refusals)
{
    struct gnttab_copy op;
    mfn_t page;
    mfn_t own;

    set_up();
    page = world_page(granter);
    own = world_page(user);
    grant_to(granter, 8, user->id, page, GTF_readonly);
    EXPECT_EQ(copy(8, 4000, own, 0, 97, false), GNTST_bad_copy_arg);
    EXPECT_EQ(copy(8, 0, own, 4095, 2, false), GNTST_bad_copy_arg);
    EXPECT_EQ(copy(8, 65535, own, 0, 65535, false), GNTST_bad_copy_arg);
    EXPECT_EQ(copy(8, 0, own, 0, 10, true), GNTST_general_error);
    EXPECT_EQ(copy(9, 0, own, 0, 10, false), GNTST_bad_gntref);
    EXPECT_EQ(copy(8, 0, page, 0, 10, false), GNTST_general_error);
    /* Frame numbers beyond the machine, up to those whose frame's address would wrap around. */
    for (unsigned int bit = 20; bit < 64; bit++) {
        EXPECT_EQ(copy(8, 0, _mfn(1ULL << bit), 0, 10, false), GNTST_general_error);
        EXPECT_EQ(copy(8, 0, _mfn(0 - (1ULL << bit)), 0, 10, false), GNTST_general_error);
    }
    op = (struct gnttab_copy){ .source = { .u.gmfn = mfn_x(page), .domid = granter->id },
                               .dest = { .u.gmfn = mfn_x(own), .domid = DOMID_SELF },
                               .len = 1 };
    grant_copy(&op, 1);
    EXPECT_EQ(op.status, GNTST_permission_denied);
    /* Our own page tables are not written for us. */
    EXPECT_EQ(frame_get_with_role(frame_of(own), user->id, ROLE_L1), 0);
    EXPECT_EQ(copy(8, 0, own, 0, 10, false), GNTST_general_error);
    EXPECT_EQ(granter->grants->pinned_count, 0);
    EXPECT_EQ(refs_of(page), 1);
}

TEST(grant_copy_batch)
{
    struct gnttab_copy ops[16];
    mfn_t page;
    mfn_t own;

    set_up();
    page = world_page(granter);
    own = world_page(user);
    grant_to(granter, 8, user->id, page, 0);
    for (unsigned int i = 0; i < 16; i++) {
        ((char *)map_frame(own))[i] = (char)('a' + i);
        ops[i] = (struct gnttab_copy){
            .source = { .u.gmfn = mfn_x(own), .domid = DOMID_SELF, .offset = (uint16_t)i },
            .dest = { .u.ref = i == 7 ? 9 : 8,
                      .domid = granter->id,
                      .offset = (uint16_t)(15 - i) },
            .len = 1,
            .flags = GNTCOPY_dest_gref,
        };
    }
    grant_copy(ops, 16);
    for (unsigned int i = 0; i < 16; i++) {
        EXPECT_EQ(ops[i].status, i == 7 ? GNTST_bad_gntref : GNTST_okay);
        if (i != 7) {
            EXPECT_EQ(((char *)map_frame(page))[15 - i], 'a' + i);
        }
    }
    EXPECT_EQ(refs_of(page), 1);
    EXPECT_EQ(granter->grants->pinned_count, 0);
}

/* ---- Version 2 --------------------------------------------------------------------------- */
static void use_v2(struct domain *d)
{
    struct gnttab_set_version op = { 2 };
    struct domain *back = current_domain();

    world_enter(d);
    EXPECT_EQ(grant_set_version(&op), 0);
    EXPECT_EQ(op.version, 2);
    world_enter(back);
}

TEST(grant_version_change_keeps_reserved)
{
    struct gnttab_set_version op = { 2 };
    struct gnttab_map_grant_ref mapped;
    mfn_t page;
    mfn_t status;

    set_up();
    page = world_page(granter);
    grant_to(granter, 1, user->id, page, 0);
    grant_to(granter, 20, user->id, page, 0);
    mapped = map_op(20, GNTMAP_device_map, 0);
    world_enter(granter);
    EXPECT_EQ(grant_set_version(&op), -EBUSY);
    EXPECT_EQ(op.version, 1);
    world_enter(user);
    EXPECT_EQ(unmap(mapped.handle, ~0U, mapped.dev_bus_addr), GNTST_okay);
    use_v2(granter);
    EXPECT_EQ(v2(granter, 1)->full_page.frame, mfn_x(page));
    EXPECT_EQ(v2(granter, 1)->hdr.flags, GTF_permit_access);
    EXPECT_EQ(v2(granter, 20)->hdr.flags, 0);
    EXPECT_EQ(grant_get_frame(granter, true, 0, &status), 0);
    EXPECT_EQ(map_op(1, GNTMAP_device_map, 0).status, GNTST_okay);
    EXPECT_EQ(((grant_status_t *)map_frame(status))[1], GTF_reading | GTF_writing);
    EXPECT_EQ(v2(granter, 1)->hdr.flags, GTF_permit_access);
    op.version = 3;
    EXPECT_EQ(grant_set_version(&op), -EINVAL);
}

TEST(grant_v2_sub_page)
{
    mfn_t page;
    mfn_t own;

    set_up();
    page = world_page(granter);
    own = world_page(user);
    v1(granter, 0);
    use_v2(granter);
    v2(granter, 30)->sub_page.page_off = 100;
    v2(granter, 30)->sub_page.length = 50;
    v2(granter, 30)->sub_page.frame = mfn_x(page);
    v2(granter, 30)->hdr.domid = user->id;
    v2(granter, 30)->hdr.flags = GTF_permit_access | GTF_sub_page;
    EXPECT_EQ(copy(30, 100, own, 0, 50, false), GNTST_okay);
    EXPECT_EQ(copy(30, 99, own, 0, 50, false), GNTST_general_error);
    EXPECT_EQ(copy(30, 100, own, 0, 51, false), GNTST_general_error);
    EXPECT_EQ(map_op(30, GNTMAP_host_map, 0).status, GNTST_bad_gntref);
    v2(granter, 30)->sub_page.page_off = 65535;
    v2(granter, 30)->sub_page.length = 65535;
    EXPECT_EQ(copy(30, 0, own, 0, 1, false), GNTST_general_error);
}

TEST(grant_v2_transitive)
{
    struct domain *third;
    mfn_t page;
    mfn_t own;

    set_up();
    third = world_domain(3, false);
    page = world_page(third);
    own = world_page(user);
    memcpy(map_frame(page), "far", 3);
    grant_to(third, 5, granter->id, page, GTF_readonly);
    v1(granter, 0);
    use_v2(granter);
    v2(granter, 9)->transitive.trans_domid = third->id;
    v2(granter, 9)->transitive.gref = 5;
    v2(granter, 9)->hdr.domid = user->id;
    v2(granter, 9)->hdr.flags = GTF_transitive;
    EXPECT_EQ(copy(9, 0, own, 10, 3, false), GNTST_okay);
    EXPECT_EQ(memcmp((char *)map_frame(own) + 10, "far", 3), 0);
    EXPECT_EQ(copy(9, 0, own, 10, 3, true), GNTST_general_error); /* read-only at its source */
    EXPECT_EQ(map_op(9, GNTMAP_host_map, 0).status, GNTST_bad_gntref);
    domain_limits.grant_transitive = false; /* gnttab=no-transitive */
    EXPECT_EQ(copy(9, 0, own, 10, 3, false), GNTST_bad_gntref);
    domain_limits.grant_transitive = true;
    grant_to(third, 5, user->id, page, 0); /* not granted to the one in the middle */
    EXPECT_EQ(copy(9, 0, own, 10, 3, false), GNTST_bad_gntref);
    v2(granter, 9)->transitive.trans_domid = granter->id;
    EXPECT_EQ(copy(9, 0, own, 10, 3, false), GNTST_general_error);
    v2(granter, 9)->transitive.trans_domid = DOMID_SELF;
    EXPECT_EQ(copy(9, 0, own, 10, 3, false), GNTST_general_error);
    EXPECT_EQ(granter->grants->pinned_count, 0);
    EXPECT_EQ(third->grants->pinned_count, 0);
    EXPECT_EQ(refs_of(page), 1);
}

TEST(grant_swap)
{
    struct gnttab_swap_grant_ref op = { .ref_a = 3, .ref_b = 4 };
    mfn_t page;

    set_up();
    page = world_page(granter);
    grant_to(granter, 3, user->id, page, 0);
    world_enter(granter);
    grant_swap_refs(&op);
    EXPECT_EQ(op.status, GNTST_okay);
    EXPECT_EQ(v1(granter, 3)->flags, 0);
    EXPECT_EQ(v1(granter, 4)->frame, mfn_x(page));
    world_enter(user);
    EXPECT_EQ(map_op(4, GNTMAP_device_map, 0).status, GNTST_okay);
    world_enter(granter);
    grant_swap_refs(&op);
    EXPECT_EQ(op.status, GNTST_eagain);
    op.ref_b = 1 << 20;
    grant_swap_refs(&op);
    EXPECT_EQ(op.status, GNTST_bad_gntref);
}

/* ---- The hypercall ----------------------------------------------------------------------- */
TEST(grant_call_setup_and_query)
{
    struct gnttab_setup_table *setup = (void *)fake_guest_memory;
    struct gnttab_query_size *query = (void *)(fake_guest_memory + 64);
    xen_pfn_t *frames = (void *)(fake_guest_memory + 256);

    set_up();
    *setup = (struct gnttab_setup_table){ .dom = DOMID_SELF, .nr_frames = 3 };
    set_xen_guest_handle(setup->frame_list, frames);
    EXPECT_EQ(do_grant_table_op(GNTTABOP_setup_table, fake_guest_ptr(setup), 1), 0);
    EXPECT_EQ(setup->status, GNTST_okay);
    EXPECT(frames[0] != 0 && frames[2] != 0 && frames[3] == 0);
    EXPECT_EQ(frame_of(_mfn(frames[1]))->owner, user->id);
    setup->nr_frames = 5;
    EXPECT_EQ(do_grant_table_op(GNTTABOP_setup_table, fake_guest_ptr(setup), 1), 0);
    EXPECT_EQ(setup->status, GNTST_general_error);
    EXPECT_EQ(do_grant_table_op(GNTTABOP_setup_table, fake_guest_ptr(setup), 2), -EINVAL);
    setup->dom = granter->id;
    EXPECT_EQ(do_grant_table_op(GNTTABOP_setup_table, fake_guest_ptr(setup), 1), 0);
    EXPECT_EQ(setup->status, GNTST_permission_denied);
    query->dom = DOMID_SELF;
    EXPECT_EQ(do_grant_table_op(GNTTABOP_query_size, fake_guest_ptr(query), 1), 0);
    EXPECT_EQ(query->nr_frames, 3);
    EXPECT_EQ(query->max_nr_frames, 4);
    EXPECT_EQ(do_grant_table_op(GNTTABOP_map_grant_ref, fake_guest_ptr(NULL), 1), -EFAULT);
    EXPECT_EQ(do_grant_table_op(GNTTABOP_map_grant_ref, fake_guest_ptr(NULL), 0), 0);
    EXPECT_EQ(do_grant_table_op(GNTTABOP_map_grant_ref, fake_guest_ptr(NULL), ~0U), -EINVAL);
    EXPECT_EQ(do_grant_table_op(GNTTABOP_transfer, fake_guest_ptr(NULL), 1), -ENOSYS);
    EXPECT_EQ(do_grant_table_op(GNTTABOP_cache_flush, fake_guest_ptr(NULL), 1), -EOPNOTSUPP);
    EXPECT_EQ(do_grant_table_op(77, fake_guest_ptr(NULL), 1), -ENOSYS);
}

TEST(grant_call_is_continued)
{
    struct gnttab_map_grant_ref *ops = (void *)fake_guest_memory;
    unsigned int total = 60;
    unsigned int left = total;
    guest_ptr_t at = fake_guest_ptr(ops);
    unsigned int rounds = 0;
    long rc;

    set_up();
    grant_to(granter, 8, user->id, world_page(granter), 0);
    for (unsigned int i = 0; i < total; i++) {
        ops[i] = (struct gnttab_map_grant_ref){
            .flags = GNTMAP_device_map, .ref = 8, .dom = granter->id, .status = -99
        };
    }
    while (softirq_raise(SOFTIRQ_SCHEDULE),
           (rc = do_grant_table_op(GNTTABOP_map_grant_ref, at, left)) == -ERESTART) {
        EXPECT_EQ(world_restart.op, __HYPERVISOR_grant_table_op);
        at.va = world_restart.args[1];
        left = (unsigned int)world_restart.args[2];
        rounds++;
    }
    EXPECT_EQ(rc, 0);
    EXPECT_EQ(rounds, 3);
    for (unsigned int i = 0; i < total; i++) {
        EXPECT_EQ(ops[i].status, GNTST_okay);
        EXPECT_EQ(ops[i].handle, i);
    }
}

/* ---- Model ------------------------------------------------------------------------------- */
#define MODEL_REFS 12
#define MODEL_MAPS 60

struct model_map {
    bool live;
    bool host;
    bool device;
    bool write;
    unsigned int ref;
    unsigned int slot;
    grant_handle_t handle;
    uint64_t bus;
};

static struct model_map maps[MODEL_MAPS];
static mfn_t model_pages[MODEL_REFS];
static bool model_readonly[MODEL_REFS];

static void model_uses(unsigned int ref, unsigned int *reads, unsigned int *writes)
{
    *reads = 0;
    *writes = 0;
    for (unsigned int i = 0; i < MODEL_MAPS; i++) {
        if (maps[i].live && maps[i].ref == ref) {
            unsigned int n = maps[i].host + maps[i].device;

            *reads += maps[i].write ? 0 : n;
            *writes += maps[i].write ? n : 0;
        }
    }
}

static void model_check(void)
{
    unsigned int pinned = 0;

    for (unsigned int ref = 0; ref < MODEL_REFS; ref++) {
        uint16_t flags = v1(granter, ref)->flags & (GTF_reading | GTF_writing);
        unsigned int reads;
        unsigned int writes;

        model_uses(ref, &reads, &writes);
        EXPECT_EQ(flags,
                  (reads + writes > 0 ? GTF_reading : 0) | (writes > 0 ? GTF_writing : 0));
        EXPECT_EQ(refs_of(model_pages[ref]), 1 + reads + writes);
        EXPECT_EQ(writers_of(model_pages[ref]), writes);
        pinned += reads + writes > 0;
    }
    EXPECT_EQ(granter->grants->pinned_count, pinned);
}

static void model_map_one(unsigned int i)
{
    struct model_map *m = &maps[i];
    struct gnttab_map_grant_ref op;
    unsigned int kind = unit_random_below(3);

    *m = (struct model_map){ .ref = unit_random_below(MODEL_REFS),
                             .slot = i,
                             .host = kind != 0,
                             .device = kind != 1,
                             .write = unit_random_below(2) };
    op = map_op(m->ref,
                (m->host ? GNTMAP_host_map : 0) | (m->device ? GNTMAP_device_map : 0) |
                    (m->write ? 0 : GNTMAP_readonly),
                m->slot);
    m->live = op.status == GNTST_okay;
    EXPECT_EQ(m->live, !(m->write && model_readonly[m->ref]));
    m->handle = op.handle;
    m->bus = op.dev_bus_addr;
}

static void model_unmap_one(struct model_map *m)
{
    bool host = m->host && unit_random_below(3) != 0;
    bool device = m->device && unit_random_below(3) != 0;

    EXPECT_EQ(unmap(m->handle, host ? m->slot : ~0U, device ? m->bus : 0), GNTST_okay);
    m->host &= !host;
    m->device &= !device;
    m->live = m->host || m->device;
}

TEST(grant_random_against_model)
{
    set_up();
    for (unsigned int ref = 0; ref < MODEL_REFS; ref++) {
        model_pages[ref] = world_page(granter);
        model_readonly[ref] = ref % 3 == 0;
        grant_to(granter, ref, user->id, model_pages[ref],
                 model_readonly[ref] ? GTF_readonly : 0);
    }
    for (unsigned int step = 0; step < 20000; step++) {
        unsigned int i = unit_random_below(MODEL_MAPS);

        if (maps[i].live) {
            model_unmap_one(&maps[i]);
        } else {
            model_map_one(i);
        }
        if (step % 16 == 0) {
            model_check();
        }
        if (step % 7 == 0) {
            unsigned int ref = unit_random_below(MODEL_REFS);
            bool write = unit_random_below(2);

            EXPECT_EQ(copy(ref, 1, model_pages[0], 0, 1, write),
                      GNTST_general_error); /* the other page is not ours */
            model_check();
        }
    }
    world_domain_end(user);
    for (unsigned int i = 0; i < MODEL_MAPS; i++) {
        maps[i].live = false;
    }
    model_check();
    world_domain_free(user_id);
    world_enter(granter);
    world_domain_end(granter);
    world_domain_free(granter_id);
    world_expect_clean();
}

/* Every allocation on the way of a mapping fails once: nothing may stay behind. */
TEST(grant_allocation_failures)
{
    mfn_t page;

    set_up();
    page = world_page(granter);
    grant_to(granter, 8, user->id, page, 0);
    for (int n = 0;; n++) {
        struct gnttab_map_grant_ref op;

        heap_fail_after(n);
        op = map_op(8, GNTMAP_host_map, 0);
        heap_fail_after(-1);
        if (op.status == GNTST_okay) {
            EXPECT(n >= 2);
            break;
        }
        EXPECT_EQ(op.status, GNTST_no_space);
        EXPECT_EQ(refs_of(page), 1);
        EXPECT_EQ(granter->grants->pinned_count, 0);
        EXPECT_EQ(v1(granter, 8)->flags, GTF_permit_access);
    }
}

TEST(grant_init_failures)
{
    size_t used;

    set_up();
    used = heap_used();
    for (int n = 0;; n++) {
        struct domain d = { .id = 5 };
        int rc;

        heap_fail_after(n);
        rc = grant_domain_init(&d, 8, 8, 2);
        heap_fail_after(-1);
        if (rc == 0) {
            grant_domain_exit(&d);
            EXPECT_EQ(n, 4);
            break;
        }
        EXPECT_EQ(rc, -ENOMEM);
        EXPECT_EQ(heap_used(), used);
    }
    EXPECT_EQ(heap_used(), used);
}
