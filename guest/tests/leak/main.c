/* SPDX-License-Identifier: MIT */
/*
 * Domains come and go and leave nothing behind: as dom0, create a domain with memory, vcpus,
 * event channels and grants of ours to it, stop the creation at every step, destroy it, and
 * compare the machine's free memory exactly. Command line: rounds=N (default 200), slack=PAGES
 * (default 0; Debian's 4.17 loses about one page in ten domains).
 */
#include "abi/domctl.h"
#include "abi/grant_table.h"
#include "abi/memory.h"
#include "abi/sched.h"
#include "abi/sysctl.h"
#include "abi/xen.h"
#include "guest/libguest/events.h"
#include "guest/libguest/grant.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/time.h"
#include "guest/libguest/x86/pagetable.h"

enum { DOM = 33, PAGES = 64, STEPS = 8 };

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

    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_physinfo,
                              .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
    if (hypercall(__HYPERVISOR_sysctl, (unsigned long)&op, 0, 0, 0, 0) != 0) {
        test_broken("physinfo refused");
    }
    return op.u.physinfo.free_pages + op.u.physinfo.scrub_pages;
}

static long create(void)
{
    domctl = (struct xen_domctl){ 0 };
    domctl.u.createdomain.max_vcpus = 2;
    domctl.u.createdomain.max_evtchn_port = 1023;
    domctl.u.createdomain.max_grant_frames = 8;
    domctl.u.createdomain.max_maptrack_frames = 8;
    domctl.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
    return call(XEN_DOMCTL_createdomain);
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
        frames[i] = i;
    }
    set_xen_guest_handle(r.extent_start, frames);
    return hypercall_memory_op(XENMEM_populate_physmap, &r) == PAGES ? 0 : -ENOMEM;
}

/* A mapping of the domain's memory by us, taken away before the domain goes. */
static long foreign_map(void)
{
    static char *window;
    long rc;

    window = window != NULL ? window : pagetable_reserve_va();
    rc = hypercall(__HYPERVISOR_update_va_mapping_otherdomain, (unsigned long)window,
                   pte_make(frames[0], PTE_DATA), UVMF_INVLPG, DOM, 0);
    if (rc == 0) {
        window[0] = 1;
        rc = hypercall_update_va_mapping((unsigned long)window, 0, UVMF_INVLPG);
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

static long page_table(void)
{
    struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = frames[1] };

    return hypercall_mmuext_op(&op, 1, NULL, DOM);
}

static long vcpu_context(void)
{
    static struct vcpu_guest_context ctx;
    struct mmuext_op pin = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = frames[2] };
    long rc = hypercall_mmuext_op(&pin, 1, NULL, DOM);

    memset(&ctx, 0, sizeof(ctx));
    ctx.flags = VGCF_in_kernel;
    ctx.user_regs.cs = FLAT_KERNEL_CS;
    ctx.user_regs.ss = FLAT_KERNEL_SS;
    ctx.ctrlreg[3] = xen_pfn_to_cr3(frames[2]);
    domctl.u.vcpucontext.vcpu = 0;
    set_xen_guest_handle(domctl.u.vcpucontext.ctxt, (void *)&ctx);
    return rc != 0 ? rc : call(XEN_DOMCTL_setvcpucontext);
}

/* It runs into a triple fault at once: its address space is empty. */
static long run(void)
{
    long rc = call(XEN_DOMCTL_unpausedomain);

    for (unsigned int i = 0; i < 20; i++) {
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    return rc;
}

static long max_vcpus(void)
{
    domctl.u.max_vcpus.max = 2;
    return call(XEN_DOMCTL_max_vcpus);
}

static void destroy(void)
{
    unsigned int tries = 0;
    long rc;

    while ((rc = call(XEN_DOMCTL_destroydomain)) == -EAGAIN && tries++ < 1000) {
    }
    EXPECT_EQ(rc, 0);
    for (tries = 0; tries < 20000 && call(XEN_DOMCTL_pausedomain) != -ESRCH; tries++) {
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    EXPECT_EQ(call(XEN_DOMCTL_pausedomain), -ESRCH);
}

static void live(unsigned int steps)
{
    static long (*const step[STEPS])(void) = {
        max_vcpus,      set_max_mem, populate,     foreign_map,
        event_channels, page_table,  vcpu_context, run,
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
    uint64_t end = time_now() + 3000000000UL;

    while (now != wanted && time_now() < end) {
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
