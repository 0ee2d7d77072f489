/* SPDX-License-Identifier: MIT */
/*
 * memory_op of a PV guest: balloon down and up, exchange, reservations, the memory maps,
 * machphys tables, claims, physmap operations that do not apply to PV, and the refusals, among
 * them counts that overflow.
 */
#include "abi/memory.h"
#include "abi/xen.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/percpu.h"

#define UNMAPPED 0x0000200000000000UL

enum { COUNT = 16 };

static xen_pfn_t frames[COUNT];

static long reservation(unsigned int cmd, unsigned long count, unsigned int order)
{
    struct xen_memory_reservation r = {
        .nr_extents = count,
        .extent_order = order,
        .domid = DOMID_SELF,
    };

    set_xen_guest_handle(r.extent_start, frames);
    return hypercall_memory_op(cmd, &r);
}

static unsigned long current(void)
{
    domid_t self = DOMID_SELF;

    return hypercall_memory_op(XENMEM_current_reservation, &self);
}

static void test_balloon(void)
{
    unsigned long before = current();
    unsigned long pfns[COUNT];

    EXPECT_EQ(before, start_info->nr_pages);
    for (unsigned int i = 0; i < COUNT; i++) {
        pfns[i] = memory_take_pfn();
        frames[i] = memory_p2m()[pfns[i]];
    }
    EXPECT_EQ(reservation(XENMEM_decrease_reservation, COUNT, 0), COUNT);
    EXPECT_EQ(current(), before - COUNT);
    EXPECT_EQ(reservation(XENMEM_decrease_reservation, COUNT, 0), 0); /* not ours any more */
    for (unsigned int i = 0; i < COUNT; i++) {
        frames[i] = pfns[i];
    }
    EXPECT_EQ(reservation(XENMEM_populate_physmap, COUNT, 0), COUNT);
    EXPECT_EQ(current(), before);
    for (unsigned int i = 0; i < COUNT; i++) {
        EXPECT_EQ(memory_m2p(frames[i]), pfns[i]);
        memory_p2m()[pfns[i]] = frames[i];
    }
}

static void test_new_page_is_clean(void)
{
    unsigned long pfn = memory_take_pfn();
    uint64_t *va = pagetable_reserve_va();
    uint64_t sum = 0;

    frames[0] = memory_p2m()[pfn];
    EXPECT_EQ(reservation(XENMEM_decrease_reservation, 1, 0), 1);
    frames[0] = pfn;
    EXPECT_EQ(reservation(XENMEM_populate_physmap, 1, 0), 1);
    EXPECT_EQ(hypercall_update_va_mapping((unsigned long)va, pte_make(frames[0], PTE_DATA),
                                          UVMF_INVLPG),
              0);
    for (unsigned int i = 0; i < 512; i++) {
        sum |= va[i];
    }
    test_note("a page given back and taken again holds %s", sum == 0 ? "zeroes" : "data");
    memory_p2m()[pfn] = frames[0];
}

static void test_balloon_refused(void)
{
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

    frames[0] = ~0UL >> 12;
    EXPECT_EQ(reservation(XENMEM_decrease_reservation, 1, 0), 0);
    frames[0] = memory_mfn(pagetable_root()); /* a page table in use stays */
    reservation(XENMEM_decrease_reservation, 1, 0);
    EXPECT_EQ(TRAP_PROBE("movq (%0), %%rax", NOTHING, "r"(pagetable_root()), "rax"), -1);
    EXPECT(reservation(XENMEM_populate_physmap, ~0UL, 0) <= 0);
    EXPECT(reservation(XENMEM_decrease_reservation, 1UL << 60, 0) <= 0);
    EXPECT(reservation(XENMEM_populate_physmap, 1, 60) <= 0);
    EXPECT(reservation(XENMEM_increase_reservation, 1, 64) <= 0);
    set_xen_guest_handle(r.extent_start, (void *)UNMAPPED);
    EXPECT(hypercall_memory_op(XENMEM_decrease_reservation, &r) <= 0);
    set_xen_guest_handle(r.extent_start, (void *)HYPERVISOR_VIRT_START);
    EXPECT(hypercall_memory_op(XENMEM_populate_physmap, &r) <= 0);
    EXPECT(hypercall_memory_op(XENMEM_populate_physmap, (void *)UNMAPPED) <= 0);
    r = (struct xen_memory_reservation){ .nr_extents = 1, .domid = 77 };
    set_xen_guest_handle(r.extent_start, frames);
    EXPECT(hypercall_memory_op(XENMEM_decrease_reservation, &r) <= 0);
}

/* Sixteen single pages for one run of sixteen, as a DMA buffer needs it. */
static void test_exchange(void)
{
    xen_pfn_t out[1];
    unsigned long pfns[COUNT];
    struct xen_memory_exchange x = {
        .in = { .nr_extents = COUNT, .extent_order = 0, .domid = DOMID_SELF },
        .out = { .nr_extents = 1, .extent_order = 4, .domid = DOMID_SELF },
    };
    unsigned long before = current();

    for (unsigned int i = 0; i < COUNT; i++) {
        pfns[COUNT - 1 - i] = memory_take_pfn();
    }
    for (unsigned int i = 0; i < COUNT; i++) {
        frames[i] = memory_p2m()[pfns[i]];
    }
    out[0] = pfns[0];
    set_xen_guest_handle(x.in.extent_start, frames);
    set_xen_guest_handle(x.out.extent_start, out);
    EXPECT_EQ(hypercall_memory_op(XENMEM_exchange, &x), 0);
    EXPECT_EQ(x.nr_exchanged, COUNT);
    EXPECT_EQ(out[0] & 15, 0);
    EXPECT_EQ(current(), before);
    for (unsigned int i = 0; i < COUNT; i++) {
        EXPECT_EQ(memory_m2p(out[0] + i), pfns[i]);
        memory_p2m()[pfns[i]] = out[0] + i;
    }
    x.out.extent_order = 3; /* sums differ */
    x.nr_exchanged = 0;
    EXPECT_EQ(hypercall_memory_op(XENMEM_exchange, &x), -EINVAL);
    x.out.extent_order = 4;
    x.nr_exchanged = 1000;
    EXPECT_EQ(hypercall_memory_op(XENMEM_exchange, &x), -EINVAL);
    x.nr_exchanged = 0;
    frames[3] = memory_mfn(pagetable_root());
    EXPECT(hypercall_memory_op(XENMEM_exchange, &x) < 0);
    EXPECT_EQ(current(), before);
    EXPECT_EQ(hypercall_memory_op(XENMEM_exchange, (void *)UNMAPPED), -EFAULT);
}

static void test_reservations(void)
{
    domid_t self = DOMID_SELF;
    domid_t nobody = 77;

    EXPECT(hypercall_memory_op(XENMEM_maximum_ram_page, NULL) > 1024);
    EXPECT(hypercall_memory_op(XENMEM_maximum_reservation, &self) >= (long)current());
    EXPECT(hypercall_memory_op(XENMEM_maximum_gpfn, &self) >= 0);
    EXPECT_EQ(hypercall_memory_op(XENMEM_current_reservation, &nobody), -ESRCH);
    EXPECT_EQ(hypercall_memory_op(XENMEM_maximum_reservation, &nobody), -ESRCH);
    EXPECT_EQ(hypercall_memory_op(XENMEM_current_reservation, (void *)UNMAPPED), -EFAULT);
}

static void test_machphys(void)
{
    struct xen_machphys_mapping map = { 0 };
    xen_pfn_t list[4];
    struct xen_machphys_mfn_list mfns = { .max_extents = 4 };

    EXPECT_EQ(hypercall_memory_op(XENMEM_machphys_mapping, &map), 0);
    EXPECT_EQ(map.v_start, MACH2PHYS_VIRT_START);
    EXPECT(map.max_mfn > 1024);
    EXPECT_EQ(hypercall_memory_op(XENMEM_machphys_mapping, (void *)UNMAPPED), -EFAULT);
    set_xen_guest_handle(mfns.extent_start, list);
    EXPECT_EQ(hypercall_memory_op(XENMEM_machphys_mfn_list, &mfns), 0);
    EXPECT(mfns.nr_extents >= 1 && list[0] != 0);
}

static void test_maps(void)
{
    static struct {
        uint64_t addr, size;
        uint32_t type;
    } __attribute__((packed)) e820[64];
    struct xen_memory_map map = { .nr_entries = 64 };
    long rc;

    set_xen_guest_handle(map.buffer, (void *)e820);
    rc = hypercall_memory_op(XENMEM_machine_memory_map, &map);
    if (start_is_dom0()) {
        EXPECT_EQ(rc, 0);
        EXPECT(map.nr_entries >= 2 && e820[0].size > 0);
        set_xen_guest_handle(map.buffer, (void *)UNMAPPED);
        EXPECT_EQ(hypercall_memory_op(XENMEM_machine_memory_map, &map), -EFAULT);
        map.nr_entries = 1;
        set_xen_guest_handle(map.buffer, (void *)e820);
        rc = hypercall_memory_op(XENMEM_machine_memory_map, &map);
        EXPECT(rc == -EINVAL || (rc == 0 && map.nr_entries == 1));
        map.nr_entries = 64;
        EXPECT_EQ(hypercall_memory_op(XENMEM_memory_map, &map), -ENOSYS);
    } else {
        EXPECT_EQ(rc, -EPERM);
    }
}

static void test_not_for_pv(void)
{
    struct xen_add_to_physmap add = { .domid = DOMID_SELF,
                                      .space = XENMAPSPACE_shared_info,
                                      .gpfn = 5 };
    struct xen_remove_from_physmap remove = { .domid = DOMID_SELF, .gpfn = 5 };
    domid_t nobody = 77;

    EXPECT(hypercall_memory_op(XENMEM_add_to_physmap, &add) < 0);
    add.space = XENMAPSPACE_grant_table;
    EXPECT(hypercall_memory_op(XENMEM_add_to_physmap, &add) < 0);
    EXPECT(hypercall_memory_op(XENMEM_remove_from_physmap, &remove) < 0);
    add.domid = nobody;
    EXPECT_EQ(hypercall_memory_op(XENMEM_add_to_physmap, &add), -ESRCH);
    EXPECT_EQ(hypercall_memory_op(63, &add), -ENOSYS);
    EXPECT_EQ(hypercall_memory_op(45, &add), -ENOSYS);
}

static void test_others_refused(void)
{
    static const unsigned int commands[] = {
        XENMEM_add_to_physmap, XENMEM_add_to_physmap_batch, XENMEM_remove_from_physmap,
        XENMEM_machphys_mfn_list, XENMEM_claim_pages,
        XENMEM_acquire_resource, XENMEM_set_memory_map, XENMEM_maximum_gpfn,
    };
    struct xen_foreign_memory_map map = { .domid = 77 };
    struct xen_add_to_physmap_batch batch = { .domid = 77, .size = 1 };

    for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        long rc = hypercall_memory_op(commands[i], (void *)UNMAPPED);

        if (rc != -EFAULT) {
            test_fail("operation %u at a bad address answers %ld", commands[i], rc);
        }
    }
    EXPECT_EQ(hypercall_memory_op(XENMEM_get_sharing_freed_pages, NULL), 0);
    EXPECT_EQ(hypercall_memory_op(XENMEM_get_sharing_shared_pages, NULL), 0);
    EXPECT_EQ(hypercall_memory_op(XENMEM_set_memory_map, &map), -ESRCH);
    map.map.nr_entries = 100000;
    EXPECT_EQ(hypercall_memory_op(XENMEM_set_memory_map, &map), -EINVAL);
    EXPECT_EQ(hypercall_memory_op(XENMEM_add_to_physmap_batch, &batch), -ESRCH);
}

void test_main(void)
{
    test_balloon();
    test_new_page_is_clean();
    test_balloon_refused();
    test_exchange();
    test_reservations();
    test_machphys();
    test_maps();
    test_not_for_pv();
    test_others_refused();
}
