/* SPDX-License-Identifier: MIT */
/*
 * Domains come and go and leave nothing behind, as guest/tests/leak has it for PV: as dom0, create a domain with vcpus,
 * memory, a page of it mapped here, event channels, grants, let it run, stop the creation at every step, destroy it,
 * and compare the machine's free memory exactly. Command line: rounds=N (default 200), slack=PAGES (default 0).
 */
#include "abi/domctl.h"
#include "abi/grant_table.h"
#include "abi/memory.h"
#include "abi/sched.h"
#include "abi/sysctl.h"
#include "guest/arm64/guest.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/start.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"

#define WINDOW  0x3000000000UL /* where the domain's pages are shown: nothing else is there */
#define RAM_GFN (GUEST_RAM0_BASE >> 12)

enum { DOM = 33, PAGES = 64, STEPS = 9 };

static struct xen_domctl domctl;
static xen_pfn_t frames[PAGES];

static long call(unsigned int cmd)
{
    domctl.cmd = cmd;
    domctl.domain = DOM;
    domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return hypercall(__HYPERVISOR_domctl, (unsigned long)&domctl, 0, 0, 0, 0);
}

static uint64_t free_pages(void)
{
    static struct xen_sysctl op;

    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_physinfo, .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
    if (hypercall(__HYPERVISOR_sysctl, (unsigned long)&op, 0, 0, 0, 0) != 0) {
        test_broken("physinfo refused");
    }
    return op.u.physinfo.free_pages + op.u.physinfo.scrub_pages;
}

static long create(void)
{
    domctl = (struct xen_domctl){ 0 };
    domctl.u.createdomain.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
    domctl.u.createdomain.max_vcpus = 2;
    domctl.u.createdomain.max_evtchn_port = 1023;
    domctl.u.createdomain.max_grant_frames = 8;
    domctl.u.createdomain.max_maptrack_frames = 8;
    domctl.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
    domctl.u.createdomain.arch.nr_spis = 32;
    return call(XEN_DOMCTL_createdomain);
}

static long set_pool(void)
{
    domctl.u.paging_mempool.size = 1 << 20;
    return call(XEN_DOMCTL_set_paging_mempool_size);
}

static long max_vcpus(void)
{
    domctl.u.max_vcpus.max = 2;
    return call(XEN_DOMCTL_max_vcpus);
}

static long set_max_mem(void)
{
    domctl.u.max_mem.max_memkb = 16384;
    return call(XEN_DOMCTL_max_mem);
}

static long populate(void)
{
    struct xen_memory_reservation r = { .nr_extents = PAGES, .domid = DOM };

    for (unsigned int i = 0; i < PAGES; i++) {
        frames[i] = RAM_GFN + i;
    }
    set_xen_guest_handle(r.extent_start, frames);
    return hypercall_memory_op(XENMEM_populate_physmap, &r) == PAGES ? 0 : -ENOMEM;
}

static long add_batch(unsigned int space, uint64_t idx, uint64_t gfn, unsigned int foreign)
{
    xen_ulong_t idxs = idx;
    xen_pfn_t gpfns = gfn;
    int error = 0;
    struct xen_add_to_physmap_batch b = { .domid = DOMID_SELF, .space = (uint16_t)space, .size = 1 };
    long rc;

    b.u.foreign_domid = (domid_t)foreign;
    set_xen_guest_handle(b.idxs, &idxs);
    set_xen_guest_handle(b.gpfns, &gpfns);
    set_xen_guest_handle(b.errs, &error);
    rc = hypercall_memory_op(XENMEM_add_to_physmap_batch, &b);
    return rc != 0 ? rc : error;
}

static long unmap(uint64_t gfn)
{
    struct xen_remove_from_physmap r = { .domid = DOMID_SELF, .gpfn = gfn };

    return hypercall_memory_op(XENMEM_remove_from_physmap, &r);
}

/* Two of the domain's pages are shown here and written; one of them stays until the domain is gone. */
static long foreign_map(void)
{
    static char *window;
    long rc = add_batch(XENMAPSPACE_gmfn_foreign, RAM_GFN, WINDOW >> 12, DOM);

    window = window != NULL ? window : arm_map_gigabyte(WINDOW);
    rc = rc != 0 ? rc : add_batch(XENMAPSPACE_gmfn_foreign, RAM_GFN + 1, (WINDOW >> 12) + 1, DOM);
    if (rc == 0) {
        window[0] = 1;
        window[4096] = 2;
        rc = unmap(WINDOW >> 12);
    }
    return rc;
}

static long event_channels(void)
{
    unsigned int port;
    unsigned int ours;
    long rc = events_alloc_unbound(DOM, DOMID_SELF, &port);

    rc = rc != 0 ? rc : events_bind_interdomain(DOM, port, &ours);
    rc = rc != 0 ? rc : events_alloc_unbound(DOM, 0, &port);
    return rc != 0 ? rc : events_close(ours);
}

static long grant_frames(void)
{
    struct xen_mem_acquire_resource a = { .domid = DOM, .type = XENMEM_resource_grant_table, .nr_frames = 1,
                                          .id = XENMEM_resource_grant_table_id_shared };
    xen_pfn_t gfn = (WINDOW >> 12) + 2;
    long rc;

    set_xen_guest_handle(a.frame_list, &gfn);
    rc = hypercall_memory_op(XENMEM_acquire_resource, &a);
    return rc != 0 ? rc : unmap((WINDOW >> 12) + 2);
}

static long vcpu_context(void)
{
    static struct vcpu_guest_context ctx;

    memset(&ctx, 0, sizeof(ctx));
    ctx.flags = VGCF_online;
    ctx.user_regs.pc64 = GUEST_RAM0_BASE;
    ctx.user_regs.cpsr = PSR_GUEST64_INIT;
    ctx.sctlr = SCTLR_GUEST_INIT;
    domctl.u.vcpucontext.vcpu = 0;
    set_xen_guest_handle(domctl.u.vcpucontext.ctxt, (void *)&ctx);
    return call(XEN_DOMCTL_setvcpucontext);
}

/* It takes one exception after another: there is no code in its memory. */
static long run(void)
{
    long rc = call(XEN_DOMCTL_unpausedomain);

    for (unsigned int i = 0; i < 20; i++) {
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    return rc;
}

static void destroy(void)
{
    unsigned int tries = 0;
    long rc;

    while ((rc = call(XEN_DOMCTL_destroydomain)) == -EAGAIN && tries++ < 1000) {
    }
    EXPECT_EQ(rc, 0);
    (void)unmap((WINDOW >> 12) + 1);
    for (tries = 0; tries < 20000 && call(XEN_DOMCTL_pausedomain) != -ESRCH; tries++) {
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    EXPECT_EQ(call(XEN_DOMCTL_pausedomain), -ESRCH);
}

static void live(unsigned int steps)
{
    static long (*const step[STEPS])(void) = {
        set_pool, max_vcpus, set_max_mem, populate, foreign_map, event_channels, grant_frames, vcpu_context, run,
    };

    EXPECT_EQ(create(), 0);
    for (unsigned int i = 0; i < steps; i++) {
        long rc = step[i]();

        if (rc != 0) {
            test_fail("step %u: %ld", i, rc);
        }
    }
    destroy();
}

/* The hypervisor may free with a delay; what counts is where it settles. */
static uint64_t settled_free_pages(uint64_t wanted)
{
    uint64_t now = free_pages();

    for (unsigned int i = 0; i < 100000 && now != wanted; i++) {
        hypercall_sched_op(SCHEDOP_yield, NULL);
        now = free_pages();
    }
    return now;
}

void test_main(void)
{
    unsigned long rounds = string_option(start_cmdline(), "rounds", 200);
    unsigned long slack = string_option(start_cmdline(), "slack", 0);
    uint64_t before, after;

    if (!start_is_dom0()) {
        test_skip("needs the rights of dom0");
    }
    for (unsigned int i = 0; i < 2 * (STEPS + 1); i++) {
        live(i % (STEPS + 1)); /* fills the hypervisor's caches */
    }
    before = settled_free_pages(0);
    for (unsigned long i = 0; i < rounds; i++) {
        live(i % (STEPS + 1));
    }
    after = settled_free_pages(before);
    EXPECT(after <= before + slack && before <= after + slack);
    test_note("%lu domains, free pages %lu before, %lu after", rounds, before, after);
}
