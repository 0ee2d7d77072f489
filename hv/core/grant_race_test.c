/* SPDX-License-Identifier: MIT */
/*
 * Two CPUs at once: one maps, copies and unmaps; the other is the granter, which withdraws
 * entries the way a guest does (exchange for v1, status word for v2). Whenever a withdrawal
 * succeeds, nobody may hold the page any more.
 */
#include "hv/core/grant_table.h"
#include "hv/lib/string.h"
#include "hv/mm/map.h"
#include "tests/unit/world.h"

#define ROUNDS      60000
#define WITHDRAWALS 2000 /* both sides go on until each has done its share */
#define REFS        4

static struct domain *granter;
static struct domain *user;
static mfn_t pages[REFS];
static mfn_t own;
static void *table;
static grant_status_t *status_words;
static bool stop;
static unsigned int withdrawn;

static void map_and_unmap(grant_ref_t ref)
{
    struct gnttab_map_grant_ref op = { .host_addr = FAKE_SLOT_ADDRESS(ref),
                                       .flags = GNTMAP_host_map,
                                       .ref = ref,
                                       .dom = granter->id };
    struct gnttab_unmap_grant_ref undo = { .host_addr = FAKE_SLOT_ADDRESS(ref) };

    grant_map(&op);
    if (op.status == GNTST_okay) {
        undo.handle = op.handle;
        grant_unmap(&undo, 1);
        EXPECT_EQ(undo.status, GNTST_okay);
    }
}

static void copy_to(grant_ref_t ref)
{
    struct gnttab_copy op = { .source = { .u.gmfn = mfn_x(own), .domid = DOMID_SELF },
                              .dest = { .u.ref = ref, .domid = granter->id },
                              .len = 64,
                              .flags = GNTCOPY_dest_gref };

    grant_copy(&op, 1);
}

static void use_grants(void *unused)
{
    fake_cpu_switch(1);
    world_enter(user);
    for (unsigned int i = 0;
         i < ROUNDS || __atomic_load_n(&withdrawn, __ATOMIC_SEQ_CST) < WITHDRAWALS; i++) {
        if (i % 3 == 0) {
            copy_to(i % REFS);
        } else {
            map_and_unmap(i % REFS);
        }
    }
    __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
}

static bool withdraw_v1(grant_ref_t ref)
{
    struct grant_entry_v1 *e = (struct grant_entry_v1 *)table + ref;
    uint16_t flags = GTF_permit_access;

    return __atomic_compare_exchange_n(&e->flags, &flags, 0, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

static void give_v1(grant_ref_t ref)
{
    struct grant_entry_v1 *e = (struct grant_entry_v1 *)table + ref;

    e->domid = user->id;
    e->frame = (uint32_t)mfn_x(pages[ref]);
    __atomic_store_n(&e->flags, GTF_permit_access, __ATOMIC_SEQ_CST);
}

static bool withdraw_v2(grant_ref_t ref)
{
    union grant_entry_v2 *e = (union grant_entry_v2 *)table + ref;

    __atomic_store_n(&e->hdr.flags, 0, __ATOMIC_SEQ_CST);
    /* A use that began before goes on: wait for its end, as a guest does. */
    while (__atomic_load_n(&status_words[ref], __ATOMIC_SEQ_CST) &
           (GTF_reading | GTF_writing)) {
        fake_host_yield();
    }
    return true;
}

static void give_v2(grant_ref_t ref)
{
    union grant_entry_v2 *e = (union grant_entry_v2 *)table + ref;

    e->hdr.domid = user->id;
    e->full_page.frame = mfn_x(pages[ref]);
    __atomic_store_n(&e->hdr.flags, GTF_permit_access, __ATOMIC_SEQ_CST);
}

static void race(bool (*withdraw)(grant_ref_t ref), void (*give)(grant_ref_t ref))
{
    unsigned long thread = fake_host_thread(use_grants, NULL);

    for (grant_ref_t ref = 0; !__atomic_load_n(&stop, __ATOMIC_SEQ_CST);
         ref = (ref + 1) % REFS) {
        const struct frame *f = frame_of(pages[ref]);

        if (withdraw(ref)) {
            EXPECT_EQ(__atomic_load_n(&f->count, __ATOMIC_SEQ_CST) & FRAME_COUNT_MASK, 1);
            EXPECT_EQ(__atomic_load_n(&f->role, __ATOMIC_SEQ_CST) & ROLE_COUNT_MASK, 0);
            __atomic_fetch_add(&withdrawn, 1, __ATOMIC_SEQ_CST);
            give(ref);
        }
        if (ref == 0) {
            fake_host_yield();
        }
    }
    fake_host_join(thread);
    EXPECT_EQ(granter->grants->pinned_count, 0);
}

static void set_up(void)
{
    mfn_t mfn;

    world_init();
    granter = world_domain(1, false);
    user = world_domain(2, false);
    world_enter(granter);
    own = world_page(user);
    for (unsigned int i = 0; i < REFS; i++) {
        pages[i] = world_page(granter);
    }
    EXPECT_EQ(grant_get_frame(granter, false, 0, &mfn), 0);
    table = map_frame(mfn);
}

TEST(grant_race_v1)
{
    set_up();
    for (grant_ref_t ref = 0; ref < REFS; ref++) {
        give_v1(ref);
    }
    race(withdraw_v1, give_v1);
}

TEST(grant_race_v2)
{
    struct gnttab_set_version op = { 2 };
    mfn_t mfn;

    set_up();
    EXPECT_EQ(grant_set_version(&op), 0);
    EXPECT_EQ(grant_get_frame(granter, true, 0, &mfn), 0);
    status_words = map_frame(mfn);
    for (grant_ref_t ref = 0; ref < REFS; ref++) {
        give_v2(ref);
    }
    race(withdraw_v2, give_v2);
}

/* Two vcpus of one domain unmap the same handle: exactly one does it. */
static grant_handle_t shared_handle;
static unsigned int turn;
static int other_status;

static void other_vcpu(void *unused)
{
    struct gnttab_unmap_grant_ref undo = { .host_addr = FAKE_SLOT_ADDRESS(0) };

    fake_cpu_switch(1);
    world_enter(user);
    for (unsigned int i = 1; i <= 3000; i++) {
        while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) != 2 * i - 1) {
            fake_host_yield();
        }
        undo.handle = shared_handle;
        grant_unmap(&undo, 1);
        other_status = undo.status;
        __atomic_store_n(&turn, 2 * i, __ATOMIC_SEQ_CST);
    }
}

TEST(grant_race_same_handle)
{
    unsigned long thread;

    set_up();
    give_v1(0);
    world_enter(user);
    thread = fake_host_thread(other_vcpu, NULL);
    for (unsigned int i = 1; i <= 3000; i++) {
        struct gnttab_map_grant_ref op = { .host_addr = FAKE_SLOT_ADDRESS(0),
                                           .flags = GNTMAP_host_map,
                                           .ref = 0,
                                           .dom = granter->id };
        struct gnttab_unmap_grant_ref undo = { .host_addr = FAKE_SLOT_ADDRESS(0) };

        grant_map(&op);
        EXPECT_EQ(op.status, GNTST_okay);
        shared_handle = undo.handle = op.handle;
        __atomic_store_n(&turn, 2 * i - 1, __ATOMIC_SEQ_CST);
        grant_unmap(&undo, 1);
        while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) != 2 * i) {
            fake_host_yield();
        }
        EXPECT((undo.status == GNTST_okay) != (other_status == GNTST_okay));
        EXPECT_EQ(frame_of(pages[0])->count & FRAME_COUNT_MASK, 1);
    }
    fake_host_join(thread);
}
