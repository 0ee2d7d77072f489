/* SPDX-License-Identifier: MIT */
/*
 * The life of a domain in steps, and the comparison of free memory. See leak.h.
 */
#include "guest/libguest/leak.h"

#include "abi/grant_table.h"
#include "abi/memory.h"
#include "abi/sched.h"
#include "abi/sysctl.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/start.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"

struct xen_domctl leak_domctl;
xen_pfn_t leak_frames[LEAK_PAGES];

static const struct leak_plan *plan;

long leak_call(unsigned int cmd)
{
    leak_domctl.cmd = cmd;
    leak_domctl.domain = LEAK_DOM;
    leak_domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return hypercall(__HYPERVISOR_domctl, (unsigned long)&leak_domctl, 0, 0, 0, 0);
}

static void yield(void)
{
    hypercall_sched_op(SCHEDOP_yield, NULL);
}

/* ---- steps ------------------------------------------------------------------------------------- */

static long create(void)
{
    struct xen_domctl_createdomain *c = &leak_domctl.u.createdomain;

    leak_domctl = (struct xen_domctl){ 0 };
    *c = plan->config;
    c->max_vcpus = 2;
    c->max_evtchn_port = 1023;
    c->max_grant_frames = 8;
    c->max_maptrack_frames = 8;
    c->grant_opts = XEN_DOMCTL_GRANT_version(1);
    return leak_call(XEN_DOMCTL_createdomain);
}

long leak_max_vcpus(void)
{
    leak_domctl.u.max_vcpus.max = 2;
    return leak_call(XEN_DOMCTL_max_vcpus);
}

long leak_max_mem(void)
{
    leak_domctl.u.max_mem.max_memkb = 16384;
    return leak_call(XEN_DOMCTL_max_mem);
}

long leak_populate(void)
{
    struct xen_memory_reservation r = { .nr_extents = LEAK_PAGES, .domid = LEAK_DOM };

    for (unsigned int i = 0; i < LEAK_PAGES; i++) {
        leak_frames[i] = plan->first_gfn + i;
    }
    set_xen_guest_handle(r.extent_start, leak_frames);
    return hypercall_memory_op(XENMEM_populate_physmap, &r) == LEAK_PAGES ? 0 : -ENOMEM;
}

long leak_event_channels(void)
{
    unsigned int port;
    unsigned int ours;
    long rc = events_alloc_unbound(LEAK_DOM, DOMID_SELF, &port);

    rc = rc != 0 ? rc : events_bind_interdomain(LEAK_DOM, port, &ours);
    rc = rc != 0 ? rc : events_alloc_unbound(LEAK_DOM, 0, &port);
    return rc != 0 ? rc : events_close(ours);
}

long leak_run(void)
{
    long rc = leak_call(XEN_DOMCTL_unpausedomain);

    for (unsigned int i = 0; i < 20; i++) {
        yield();
    }
    return rc;
}

static void destroy(void)
{
    unsigned int tries = 0;
    long rc;

    while ((rc = leak_call(XEN_DOMCTL_destroydomain)) == -EAGAIN && tries++ < 1000) {
    }
    EXPECT_EQ(rc, 0);
    if (plan->let_go != NULL) {
        plan->let_go();
    }
    for (tries = 0; tries < 20000 && leak_call(XEN_DOMCTL_pausedomain) != -ESRCH; tries++) {
        yield();
    }
    EXPECT_EQ(leak_call(XEN_DOMCTL_pausedomain), -ESRCH);
}

static void live(unsigned int steps)
{
    EXPECT_EQ(create(), 0);
    for (unsigned int i = 0; i < steps; i++) {
        long rc = plan->steps[i]();

        if (rc != 0) {
            test_fail("step %u: %ld", i, rc);
        }
    }
    destroy();
}

/* ---- memory ------------------------------------------------------------------------------------ */

static uint64_t free_pages(void)
{
    static struct xen_sysctl op;

    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_physinfo, .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
    if (hypercall(__HYPERVISOR_sysctl, (unsigned long)&op, 0, 0, 0, 0) != 0) {
        test_broken("physinfo refused");
    }
    return op.u.physinfo.free_pages + op.u.physinfo.scrub_pages;
}

/* The hypervisor may free with a delay; what counts is where it settles. */
static uint64_t settled_free_pages(uint64_t wanted)
{
    uint64_t now = free_pages();

    for (unsigned int i = 0; i < 100000 && now != wanted; i++) {
        yield();
        now = free_pages();
    }
    return now;
}

/* Where it has settled when nothing is known of it: it stays the same for long. */
static uint64_t still_free_pages(void)
{
    uint64_t now = free_pages();

    for (unsigned int i = 0, same = 0; i < 100000 && same < 10000; i++) {
        uint64_t before = now;

        yield();
        now = free_pages();
        same = now == before ? same + 1 : 0;
    }
    return now;
}

void leak_test(const struct leak_plan *how)
{
    unsigned long rounds = string_option(start_cmdline(), "rounds", 200);
    unsigned long slack = string_option(start_cmdline(), "slack", 0);
    unsigned int lives = how->step_count + 1;
    uint64_t before, after;

    plan = how;
    if (!start_is_dom0()) {
        test_skip("needs the rights of dom0");
    }
    for (unsigned int i = 0; i < 2 * lives; i++) {
        live(i % lives); /* fills the hypervisor's caches */
    }
    before = still_free_pages();
    for (unsigned long i = 0; i < rounds; i++) {
        live((unsigned int)(i % lives));
    }
    after = settled_free_pages(before);
    EXPECT(after <= before + slack && before <= after + slack);
    test_note("%lu domains, free pages %lu before, %lu after", rounds, before, after);
}
