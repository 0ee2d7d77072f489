/* SPDX-License-Identifier: MIT */
/*
 * vcpu operations with two vcpus: initialise, up, down and up again, registered vcpu_info,
 * runstate and time areas, IPIs between vcpus, TLB flushes of other vcpus, NMI, and the
 * refusals.
 */
#include "abi/nmi.h"
#include "abi/sched.h"
#include "abi/vcpu.h"
#include "abi/xen.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/test.h"
#include "guest/libguest/time.h"
#include "guest/libguest/x86/cpu.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/percpu.h"
#include "guest/libguest/x86/smp.h"

#define UNMAPPED 0x0000200000000000UL
#define SECOND   1000000000UL

static volatile unsigned int arrived, stop, probe_result, probe_wanted;
static unsigned int to_one;
static volatile unsigned int ipis;
static char *shared_page;

static void on_ipi(unsigned int port)
{
    (void)port;
    ipis = ipis + 1;
}

static void second(void *arg)
{
    events_enable();
    arrived = (unsigned int)(unsigned long)arg;
    while (!stop) {
        if (probe_wanted) {
            probe_result = TRAP_PROBE("movb (%0), %%al", NOTHING, "r"(shared_page), "rax") +
                           100;
            probe_wanted = 0;
        }
        cpu_relax();
    }
    events_disable();
}

static void test_initialise_refused(void)
{
    static struct vcpu_guest_context ctx;

    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_is_up, 0, NULL), 1);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_is_up, 1, NULL), 0);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_is_up, 500, NULL), -ENOENT);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_get_physid, 0, &ctx), -EINVAL); /* not pinned */
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_up, 1, NULL), -EINVAL); /* not initialised */
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_initialise, 500, &ctx), -ENOENT);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_initialise, 1, (void *)UNMAPPED), -EFAULT);
    smp_context(&ctx, 1, second, NULL);
    ctx.ctrlreg[3] = xen_pfn_to_cr3(memory_mfn(&ctx)); /* no page table */
    EXPECT(hypercall_vcpu_op(VCPUOP_initialise, 1, &ctx) < 0);
    ctx.ctrlreg[3] = ~0xfffUL;
    EXPECT(hypercall_vcpu_op(VCPUOP_initialise, 1, &ctx) < 0);
    EXPECT_EQ(hypercall_vcpu_op(99, 0, NULL), -ENOSYS);
}

static void test_up_down(void)
{
    static struct vcpu_guest_context ctx;

    smp_context(&ctx, 1, second, (void *)1);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_initialise, 1, &ctx), 0);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_initialise, 1, &ctx), -EEXIST);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_is_up, 1, NULL), 0);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_up, 1, NULL), 0);
    EXPECT(time_wait_flag(&arrived, 5 * SECOND));
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_is_up, 1, NULL), 1);
}

static bool wait_ipis(unsigned int wanted)
{
    uint64_t end = time_now() + 5 * SECOND;

    while (ipis < wanted && time_now() < end) {
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    return ipis >= wanted;
}

static void test_ipi(void)
{
    EXPECT_EQ(events_bind_ipi(1, &to_one), 0);
    events_hook(to_one, on_ipi);
    events_unmask(to_one);
    for (unsigned int i = 1; i <= 20; i++) {
        EXPECT_EQ(events_send(to_one), 0);
        EXPECT(wait_ipis(i));
    }
}

static int probe_on_other(void)
{
    uint64_t end = time_now() + 5 * SECOND;

    probe_wanted = 1;
    while (probe_wanted && time_now() < end) {
        cpu_relax();
    }
    return (int)probe_result - 100;
}

/*
 * The other vcpu has the translation cached; taking the page away with a flush must reach it.
 */
static void test_remote_flush(void)
{
    unsigned long mask = 3;
    struct mmuext_op op = { .cmd = MMUEXT_INVLPG_MULTI };

    EXPECT_EQ(probe_on_other(), -1);
    EXPECT_EQ(
        hypercall_update_va_mapping((unsigned long)shared_page, 0, UVMF_INVLPG | UVMF_ALL), 0);
    EXPECT_EQ(probe_on_other(), TRAP_PF);
    EXPECT_EQ(pagetable_protect(shared_page, PTE_DATA), 0);
    EXPECT_EQ(probe_on_other(), -1);
    EXPECT_EQ(hypercall_update_va_mapping((unsigned long)shared_page, 0, UVMF_NONE), 0);
    op.arg1.linear_addr = (unsigned long)shared_page;
    set_xen_guest_handle(op.arg2.vcpumask, &mask);
    EXPECT_EQ(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    EXPECT_EQ(probe_on_other(), TRAP_PF);
    EXPECT_EQ(pagetable_protect(shared_page, PTE_DATA), 0);
    EXPECT_EQ(probe_on_other(), -1);
    EXPECT_EQ(hypercall_update_va_mapping((unsigned long)shared_page, 0,
                                          UVMF_TLB_FLUSH | (unsigned long)&mask),
              0);
    EXPECT_EQ(probe_on_other(), TRAP_PF);
}

static void test_runstate(void)
{
    static struct vcpu_runstate_info state __attribute__((aligned(64)));
    static struct vcpu_runstate_info area __attribute__((aligned(64)));
    struct vcpu_register_runstate_memory_area reg = { .addr.p = 0 };
    uint64_t sum = 0;

    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &state), 0);
    EXPECT_EQ(state.state, RUNSTATE_running);
    for (unsigned int i = 0; i < 4; i++) {
        sum += state.time[i];
    }
    EXPECT(sum > 0 && state.state_entry_time > 0);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_get_runstate_info, 1, &state), 0);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_get_runstate_info, 500, &state), -ENOENT);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, (void *)UNMAPPED), -EFAULT);
    reg.addr.v = &area;
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &reg), 0);
    EXPECT_EQ(area.state, RUNSTATE_running);
    EXPECT(area.state_entry_time > 0);
    hypercall_sched_op(SCHEDOP_yield, NULL);
    EXPECT_EQ(area.state, RUNSTATE_running);
    reg.addr.v = (void *)HYPERVISOR_VIRT_START;
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &reg), -EFAULT);
}

static void test_time_area(void)
{
    static struct vcpu_time_info area __attribute__((aligned(64)));
    struct vcpu_register_time_memory_area reg = { .addr.p = 0 };

    reg.addr.v = &area;
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &reg), 0);
    EXPECT(area.tsc_to_system_mul != 0);
    EXPECT_EQ(area.tsc_to_system_mul, percpu()->info->time.tsc_to_system_mul);
    reg.addr.v = (void *)HYPERVISOR_VIRT_START;
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &reg), -EFAULT);
}

static void test_vcpu_info(void)
{
    static struct vcpu_info place __attribute__((aligned(64)));
    struct vcpu_register_vcpu_info reg = {
        .mfn = memory_mfn(&place),
        .offset = (unsigned long)&place & 4095,
    };
    struct vcpu_register_vcpu_info bad = { .mfn = reg.mfn, .offset = 4095 };
    unsigned int port;

    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &bad), -ENXIO);
    bad = (struct vcpu_register_vcpu_info){ .mfn = ~0UL >> 12 };
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &bad), -EINVAL);
    bad.mfn = memory_mfn(pagetable_root());
    EXPECT(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &bad) < 0);
    EXPECT(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 500, &reg) < 0);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), 0);
    percpu()->info = &place;
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), -EINVAL); /* once */
    EXPECT_EQ(place.evtchn_upcall_mask, 1); /* carried over */
    EXPECT(place.time.tsc_to_system_mul != 0);
    EXPECT_EQ(events_bind_ipi(0, &port), 0);
    events_hook(port, on_ipi);
    events_unmask(port);
    ipis = 0;
    EXPECT_EQ(place.evtchn_upcall_pending, 1); /* so that nothing is lost in the move */
    place.evtchn_upcall_pending = 0;
    place.evtchn_pending_sel = 0;
    EXPECT_EQ(events_send(port), 0);
    EXPECT_EQ(place.evtchn_upcall_pending, 1);
    events_enable();
    EXPECT_EQ(ipis, 1);
    events_disable();
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, (void *)UNMAPPED), -EFAULT);
    EXPECT_EQ(TRAP_PROBE("movb (%0), %%al", NOTHING, "r"(UNMAPPED), "rax"), TRAP_PF);
    EXPECT_EQ(percpu()->last.cr2, UNMAPPED);
}

static bool saw_nmi;

static bool on_nmi(struct trap_frame *frame)
{
    (void)frame;
    saw_nmi = true;
    return true;
}

static void test_nmi(void)
{
    struct xennmi_callback cb = { .handler_address = (unsigned long)entry_nmi };

    trap_hook(TRAP_NMI, on_nmi);
    EXPECT_EQ(
        hypercall(__HYPERVISOR_nmi_op, XENNMI_register_callback, (unsigned long)&cb, 0, 0, 0),
        0);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_send_nmi, 0, NULL), 0);
    EXPECT(saw_nmi);
    EXPECT(hypercall_vcpu_op(VCPUOP_send_nmi, 500, NULL) < 0);
    EXPECT_EQ(hypercall(__HYPERVISOR_nmi_op, XENNMI_unregister_callback, 0, 0, 0, 0), 0);
    EXPECT_EQ(hypercall(__HYPERVISOR_nmi_op, 99, 0, 0, 0, 0), -ENOSYS);
}

static bool wait_state(unsigned int vcpu, long state)
{
    uint64_t end = time_now() + 5 * SECOND;

    while (hypercall_vcpu_op(VCPUOP_is_up, vcpu, NULL) != state) {
        if (time_now() > end) {
            return false;
        }
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    return true;
}

static void test_down_and_up(void)
{
    stop = 1;
    EXPECT(wait_state(1, 0));
    stop = 0;
    arrived = 0;
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_up, 1, NULL), 0);
    EXPECT(wait_state(1, 0)); /* it goes on in its loop around VCPUOP_down */
}

void test_main(void)
{
    if (smp_count() < 2) {
        test_skip("one vcpu only");
    }
    shared_page = memory_alloc();
    test_initialise_refused();
    test_up_down();
    test_ipi();
    test_remote_flush();
    test_runstate();
    test_time_area();
    test_vcpu_info();
    test_nmi();
    test_down_and_up();
}
