/* SPDX-License-Identifier: MIT */
/* The memory_op hypercall as a guest sees it: what each command changes, refuses, and
 * continues. */
#include "hv/calls/memory_op.h"

#include "hv/calls/hypercall.h"
#include "hv/core/memory_claim.h"
#include "hv/mm/heap.h"
#include "hv/mm/page_alloc.h"
#include "tests/unit/world.h"

static struct domain *control;
static struct domain *guest;

static struct xen_memory_reservation *const reservation = (void *)fake_guest_memory;
static struct xen_memory_exchange *const trade = (void *)(fake_guest_memory + 256);
static xen_pfn_t *const list = (void *)(fake_guest_memory + 4096);
static xen_pfn_t *const list2 = (void *)(fake_guest_memory + 65536);

static void set_up(void)
{
    world_init();
    control = world_domain(0, true);
    guest = world_domain(1, false);
    world_enter(guest);
}

static void prepare(unsigned long count, unsigned int order, domid_t domid)
{
    *reservation = (struct xen_memory_reservation){ .nr_extents = count,
                                                    .extent_order = order,
                                                    .domid = domid };
    set_xen_guest_handle(reservation->extent_start, list);
}

static long call(unsigned long cmd)
{
    return do_memory_op(cmd, fake_guest_ptr(reservation));
}

TEST(memory_populate_and_decrease)
{
    uint64_t free_before;

    set_up();
    free_before = page_alloc_free_count();
    prepare(3, 2, DOMID_SELF);
    for (unsigned int i = 0; i < 3; i++) {
        list[i] = 100 + 10 * i;
    }
    EXPECT_EQ(call(XENMEM_populate_physmap), 3);
    EXPECT_EQ(guest->memory.total, 12);
    EXPECT_EQ(fake_m2p(_mfn(list[1] + 3)), 113);
    EXPECT_EQ(frame_of(_mfn(list[2]))->owner, guest->id);
    EXPECT_EQ(call(XENMEM_decrease_reservation), 3);
    softirq_run();
    EXPECT_EQ(guest->memory.total, 0);
    EXPECT_EQ(page_alloc_free_count(), free_before);
    EXPECT_EQ(fake_m2p(_mfn(list[1] + 3)), ~0ULL);
    EXPECT_EQ(call(XENMEM_decrease_reservation), 0);
}

TEST(memory_populate_limits)
{
    set_up();
    prepare(1, 10, DOMID_SELF);
    EXPECT_EQ(call(XENMEM_populate_physmap), 0); /* more than a guest's largest extent */
    prepare(1, 0, control->id);
    EXPECT_EQ(call(XENMEM_populate_physmap), 0); /* not its business */
    prepare(1, 0, 77);
    EXPECT_EQ(call(XENMEM_populate_physmap), 0);
    prepare(1UL << 40, 0, DOMID_SELF);
    EXPECT_EQ(call(XENMEM_populate_physmap), 0);
    prepare(1, 0, DOMID_SELF);
    reservation->mem_flags = XENMEMF_populate_on_demand;
    EXPECT_EQ(call(XENMEM_populate_physmap), 0);
    prepare(2, 0, DOMID_SELF);
    list[0] = 5;
    list[1] = ~0UL;
    EXPECT_EQ(call(XENMEM_populate_physmap), 1);
    guest->memory.max = 2;
    prepare(3, 0, DOMID_SELF);
    EXPECT_EQ(call(XENMEM_populate_physmap), 1);
    EXPECT_EQ(guest->memory.total, 2);
    world_enter(control);
    prepare(1, 10, guest->id);
    guest->memory.max = 2000;
    list[0] = 0;
    EXPECT_EQ(call(XENMEM_populate_physmap), 1);
}

TEST(memory_increase_below_address)
{
    set_up();
    prepare(1, 0, DOMID_SELF);
    reservation->mem_flags = XENMEMF_address_bits(22);
    EXPECT_EQ(call(XENMEM_increase_reservation), 1);
    EXPECT(list[0] < 1024);
    reservation->mem_flags = XENMEMF_address_bits(12);
    EXPECT_EQ(call(XENMEM_increase_reservation), 0);
}

TEST(memory_populate_is_continued)
{
    unsigned long cmd = XENMEM_populate_physmap;
    unsigned int rounds = 0;
    long rc;

    set_up();
    prepare(20, 0, DOMID_SELF);
    while (softirq_raise(SOFTIRQ_SCHEDULE), (rc = call(cmd)) == -ERESTART) {
        cmd = world_restart.args[0];
        EXPECT_EQ(cmd & 63, XENMEM_populate_physmap);
        EXPECT_EQ(world_restart.args[1], (unsigned long)reservation);
        rounds++;
    }
    EXPECT_EQ(rc, 20);
    EXPECT_EQ(rounds, 19);
    EXPECT_EQ(guest->memory.total, 20);
}

TEST(memory_bad_pointers)
{
    static const unsigned int faulting[] = {
        XENMEM_exchange,       XENMEM_current_reservation,  XENMEM_maximum_reservation,
        XENMEM_add_to_physmap, XENMEM_add_to_physmap_batch, XENMEM_remove_from_physmap,
        XENMEM_claim_pages,    XENMEM_acquire_resource
    };

    set_up();
    for (unsigned int i = 0; i < ARRAY_SIZE(faulting); i++) {
        EXPECT_EQ(do_memory_op(faulting[i], fake_guest_ptr(NULL)), -EFAULT);
    }
    EXPECT_EQ(do_memory_op(XENMEM_populate_physmap, fake_guest_ptr(NULL)), 0);
    EXPECT_EQ(do_memory_op(XENMEM_get_sharing_freed_pages, fake_guest_ptr(NULL)), 0);
    EXPECT_EQ(do_memory_op(XENMEM_access_op, fake_guest_ptr(NULL)), -EOPNOTSUPP);
    EXPECT_EQ(do_memory_op(60, fake_guest_ptr(NULL)), -ENOSYS);
    EXPECT_EQ(do_memory_op(XENMEM_exchange | 64, fake_guest_ptr(NULL)), -EINVAL);
    EXPECT_EQ(do_memory_op(XENMEM_maximum_ram_page, fake_guest_ptr(NULL)), 256 + 8192);
}

TEST(memory_reservation_queries)
{
    struct xen_memory_domain *asked = (void *)fake_guest_memory;

    set_up();
    (void)world_page(guest);
    asked->domid = DOMID_SELF;
    EXPECT_EQ(call(XENMEM_current_reservation), 1);
    EXPECT_EQ(call(XENMEM_maximum_reservation), 4096);
    asked->domid = control->id;
    EXPECT_EQ(call(XENMEM_current_reservation), -EPERM);
    asked->domid = 99;
    EXPECT_EQ(call(XENMEM_current_reservation), -ESRCH);
    world_enter(control);
    asked->domid = guest->id;
    EXPECT_EQ(call(XENMEM_current_reservation), 1);
}

/* ---- Exchange ---------------------------------------------------------------------------- */
static long exchange(unsigned int in_count, unsigned int in_order, unsigned int out_count,
                     unsigned int out_order, unsigned int bits)
{
    *trade = (struct xen_memory_exchange){
        .in = { .nr_extents = in_count, .extent_order = in_order, .domid = DOMID_SELF },
        .out = { .nr_extents = out_count,
                 .extent_order = out_order,
                 .mem_flags = XENMEMF_address_bits(bits),
                 .domid = DOMID_SELF },
    };
    set_xen_guest_handle(trade->in.extent_start, list);
    set_xen_guest_handle(trade->out.extent_start, list2);
    return do_memory_op(XENMEM_exchange, fake_guest_ptr(trade));
}

TEST(memory_exchange_for_contiguous)
{
    uint64_t free_before;

    set_up();
    for (unsigned int i = 0; i < 8; i++) {
        list[i] = mfn_x(world_page(guest));
    }
    free_before = page_alloc_free_count();
    list2[0] = 40;
    list2[1] = 80;
    EXPECT_EQ(exchange(8, 0, 2, 2, 23), 0);
    EXPECT_EQ(trade->nr_exchanged, 8);
    EXPECT_EQ(guest->memory.total, 8);
    EXPECT_EQ(list2[0] % 4, 0);
    EXPECT(list2[0] < 2048 && list2[1] < 2048);
    EXPECT_EQ(fake_m2p(_mfn(list2[1] + 3)), 83);
    EXPECT_EQ(page_alloc_free_count(), free_before);
    /* And back to single pages. */
    list[0] = list2[0];
    list[1] = list2[1];
    for (unsigned int i = 0; i < 8; i++) {
        list2[i] = 200 + i;
    }
    EXPECT_EQ(exchange(2, 2, 8, 0, 0), 0);
    EXPECT_EQ(guest->memory.total, 8);
    EXPECT_EQ(page_alloc_free_count(), free_before);
    for (unsigned int i = 0; i < 8; i++) {
        EXPECT_EQ(frame_of(_mfn(list2[i]))->owner, guest->id);
        EXPECT_EQ(fake_m2p(_mfn(list2[i])), 200 + i);
    }
}

TEST(memory_exchange_refusals)
{
    mfn_t used;

    set_up();
    for (unsigned int i = 0; i < 4; i++) {
        list[i] = mfn_x(world_page(guest));
    }
    EXPECT_EQ(exchange(4, 0, 2, 2, 0), -EINVAL); /* sizes differ */
    EXPECT_EQ(exchange(4, 0, 4, 20, 0), -EPERM);
    EXPECT_EQ(exchange(4, 0, 1, 2, 20), -ENOMEM); /* nothing that low of this size */
    EXPECT_EQ(guest->memory.total, 4);
    /* A page in use cannot go, and those before it return. */
    used = _mfn(list[3]);
    EXPECT_EQ(frame_get_with_role(frame_of(used), guest->id, ROLE_WRITABLE), 0);
    EXPECT_EQ(exchange(4, 0, 1, 2, 0), -EBUSY);
    frame_put_with_role(frame_of(used));
    EXPECT_EQ(guest->memory.total, 4);
    list[3] = mfn_x(world_page(control));
    EXPECT_EQ(exchange(4, 0, 1, 2, 0), -EINVAL);
    EXPECT_EQ(guest->memory.total, 4);
    EXPECT_EQ(trade->nr_exchanged, 0);
    trade->nr_exchanged = 9;
    EXPECT_EQ(do_memory_op(XENMEM_exchange, fake_guest_ptr(trade)), -EINVAL);
    list[3] = list[2]; /* the same page twice */
    EXPECT_EQ(exchange(4, 0, 1, 2, 0), -EINVAL);
    EXPECT_EQ(guest->memory.total, 4);
}

/* ---- Claims ------------------------------------------------------------------------------ */
TEST(memory_claims)
{
    set_up();
    prepare(100, 0, guest->id);
    set_xen_guest_handle(reservation->extent_start, (xen_pfn_t *)NULL);
    EXPECT_EQ(call(XENMEM_claim_pages), -EPERM);
    world_enter(control);
    EXPECT_EQ(call(XENMEM_claim_pages), 0);
    EXPECT_EQ(page_alloc_claimed(), 100);
    EXPECT_EQ(call(XENMEM_claim_pages), -EINVAL);
    prepare(10, 0, guest->id);
    EXPECT_EQ(call(XENMEM_populate_physmap), 10);
    EXPECT_EQ(page_alloc_claimed(), 90);
    EXPECT_EQ(guest->memory.claimed, 90);
    prepare(0, 0, guest->id);
    set_xen_guest_handle(reservation->extent_start, (xen_pfn_t *)NULL);
    EXPECT_EQ(call(XENMEM_claim_pages), 0);
    EXPECT_EQ(page_alloc_claimed(), 0);
    reservation->nr_extents = 5000;
    EXPECT_EQ(call(XENMEM_claim_pages), -EINVAL); /* over its maximum */
    guest->memory.max = 100000;
    reservation->nr_extents = 50000;
    EXPECT_EQ(call(XENMEM_claim_pages), -ENOMEM);
}

/* ---- Resources --------------------------------------------------------------------------- */
TEST(memory_acquire_grant_frames)
{
    struct xen_mem_acquire_resource *r = (void *)fake_guest_memory;
    guest_ptr_t arg = fake_guest_ptr(r);

    set_up();
    *r = (struct xen_mem_acquire_resource){ .domid = guest->id,
                                            .type = XENMEM_resource_grant_table };
    EXPECT_EQ(do_memory_op(XENMEM_acquire_resource, arg), -EPERM);
    world_enter(control);
    EXPECT_EQ(do_memory_op(XENMEM_acquire_resource, arg), 0);
    EXPECT_EQ(r->nr_frames, 4);
    set_xen_guest_handle(r->frame_list, list);
    r->nr_frames = 2;
    r->frame = 1;
    EXPECT_EQ(do_memory_op(XENMEM_acquire_resource, arg), 0);
    EXPECT_EQ(frame_of(_mfn(list[0]))->owner, guest->id);
    EXPECT_EQ(guest->grants != NULL, true);
    r->nr_frames = 4;
    EXPECT_EQ(do_memory_op(XENMEM_acquire_resource, arg), -EINVAL);
    r->frame = ~0ULL;
    EXPECT_EQ(do_memory_op(XENMEM_acquire_resource, arg), -EINVAL);
    r->frame = 0;
    r->pad = 1;
    EXPECT_EQ(do_memory_op(XENMEM_acquire_resource, arg), -EINVAL);
    r->pad = 0;
    r->id = 2;
    EXPECT_EQ(do_memory_op(XENMEM_acquire_resource, arg), -EINVAL);
    r->id = XENMEM_resource_grant_table_id_status; /* a v1 table has none */
    EXPECT_EQ(do_memory_op(XENMEM_acquire_resource, arg), -EINVAL);
}

TEST(memory_physmap_is_for_translated)
{
    struct xen_add_to_physmap *a = (void *)fake_guest_memory;

    set_up();
    *a = (struct xen_add_to_physmap){ .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table };
    EXPECT_EQ(do_memory_op(XENMEM_add_to_physmap, fake_guest_ptr(a)), -EACCES);
    guest->is_translated = true;
    EXPECT_EQ(do_memory_op(XENMEM_add_to_physmap, fake_guest_ptr(a)), 0);
    a->space = XENMAPSPACE_gmfn_foreign;
    EXPECT_EQ(do_memory_op(XENMEM_add_to_physmap, fake_guest_ptr(a)), -ENOSYS);
    a->space = XENMAPSPACE_gmfn_range;
    a->size = 4;
    a->idx = ~0UL - 1;
    EXPECT_EQ(do_memory_op(XENMEM_add_to_physmap, fake_guest_ptr(a)), -EOVERFLOW);
}
