/* SPDX-License-Identifier: MIT */
/*
 * A page of the guest's own, mapped a second time by a grant that only reads: loads see it, and each way of storing
 * comes back as one abort of the address that was used; nothing of the guest's registers changes by it, PAR_EL1
 * among them. tests/arm64/test_arm64.py runs it with a wrong HPFAR_EL2, too.
 */
#include "abi/grant_table.h"
#include "abi/memory.h"
#include "guest/arm64/guest.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/test.h"

#define NOWHERE 0x3000000000UL /* nothing else is there */
#define REF     8U             /* the first ones are the toolstack's */
#define PAGE    4096UL

static char page[PAGE] __attribute__((aligned(4096)));
static char *window;

/* Learnt from an event channel bound to itself. */
static domid_t own_id(void)
{
    struct evtchn_status status = { 0 };
    unsigned int a = 0, b = 0;

    if (events_alloc_unbound(DOMID_SELF, DOMID_SELF, &a) != 0 || events_bind_interdomain(DOMID_SELF, a, &b) != 0 ||
        events_status(a, &status) != 0) {
        test_broken("no event channel");
    }
    events_close(a);
    events_close(b);
    return status.u.interdomain.dom;
}

/* The table at the window's first page, what it grants at the second. */
static uint32_t map(void)
{
    struct xen_add_to_physmap add = { .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .gpfn = NOWHERE >> 12 };
    struct gnttab_map_grant_ref op = { .host_addr = NOWHERE + PAGE, .flags = GNTMAP_host_map | GNTMAP_readonly,
                                       .ref = REF, .dom = own_id() };
    struct grant_entry_v1 *e;

    window = arm_map_gigabyte(NOWHERE);
    if (hypercall_memory_op(XENMEM_add_to_physmap, &add) != 0) {
        test_broken("no grant table");
    }
    e = (struct grant_entry_v1 *)window + REF;
    e->domid = op.dom;
    e->frame = (uint32_t)(arm_physical(page) >> 12);
    __atomic_store_n(&e->flags, GTF_permit_access, __ATOMIC_SEQ_CST);
    if (hypercall_grant_table_op(GNTTABOP_map_grant_ref, &op, 1) != 0 || op.status != GNTST_okay) {
        test_broken("not mapped");
    }
    return op.handle;
}

#define STORE(code)                                                                                           \
    do {                                                                                                      \
        unsigned int store_before = sync_count;                                                               \
                                                                                                              \
        sync_far = 0;                                                                                         \
        __asm__ volatile(code ::"r"(at) : "x9", "x10", "x11", "memory", "cc");                                \
        if (sync_count != store_before + 1 || sync_esr >> 26 != 0x25 || (sync_far ^ (uint64_t)at) >= 64) {    \
            test_fail("%s: %u exceptions, the last 0x%lx at 0x%lx", code, sync_count - store_before,          \
                      (unsigned long)sync_esr, (unsigned long)sync_far);                                      \
        }                                                                                                     \
    } while (0)

static void stores(char *at)
{
    uint64_t before, after;

    before = arm_physical(boot_l1);
    STORE("str xzr, [%0]");
    __asm__ volatile("mrs %0, par_el1" : "=r"(after));
    EXPECT_EQ(after & 0xfffffffff001UL, before & ~(PAGE - 1));
    STORE("strb wzr, [%0]");
    STORE("stp xzr, xzr, [%0]");
    STORE("mov x11, %0; str xzr, [x11], #8");
    STORE("str q0, [%0]");
    STORE("stlr xzr, [%0]");
    STORE("dc zva, %0");
}

void test_main(void)
{
    struct gnttab_unmap_grant_ref unmap = { .host_addr = NOWHERE + PAGE };
    unsigned int before;
    uint64_t value;

    unmap.handle = map();
    page[0] = 42;
    page[PAGE - 64] = 43;
    sync_expected = true;
    test_note("read-only at %p", (void *)(window + PAGE));
    stores(window + PAGE);
    stores(window + 2 * PAGE - 64);
    EXPECT_EQ(window[PAGE], 42);
    EXPECT_EQ(window[2 * PAGE - 64], 43);
    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1), 0);
    EXPECT_EQ(unmap.status, GNTST_okay);
    before = sync_count;
    __asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(window + PAGE) : "memory");
    EXPECT_EQ(sync_count, before + 1);
    sync_expected = false;
}
