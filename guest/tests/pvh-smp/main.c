/* SPDX-License-Identifier: MIT */
/*
 * Secondary vcpus of a PVH guest: started by INIT and startup messages, they take interrupts from each other by
 * APIC and by event channel, see one memory, are stopped by INIT and started again. And by VCPUOP_initialise.
 */
#include "abi/hvm_vcpu.h"
#include "abi/vcpu.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/pvh/smp.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/time.h"
#include "guest/libguest/x86/cpu.h"
#include "guest/libguest/x86/percpu.h"
#include "guest/libguest/x86/traps.h"

#define APIC ((volatile uint32_t *)0xfee00000UL)

enum { EOI = 0xb0 / 4, SVR = 0xf0 / 4, ICR = 0x300 / 4, ICR_HIGH = 0x310 / 4, VECTOR = 0x55 };

static volatile unsigned int ready, hits, events, beats;
static unsigned int port;

static bool on_interrupt(struct trap_frame *f)
{
    (void)f;
    hits = percpu()->vcpu == 1;
    APIC[EOI] = 0;
    return true;
}

static void on_event(unsigned int p)
{
    (void)p;
    events = percpu()->vcpu == 1;
}

static void secondary(void)
{
    APIC[SVR] = 0x1ff;
    EXPECT_EQ(percpu()->vcpu, 1);
    EXPECT_EQ(cpu_cpuid_native(1, 0).ebx >> 24, 2);
    EXPECT_EQ(cpu_cpuid_native(0x40000004, 0).ebx, 1);
    ready = 1;
    pvh_sti();
    for (;;) {
        __asm__ volatile("hlt");
        beats++;
    }
}

static void send(unsigned int vcpu, unsigned int command)
{
    APIC[ICR_HIGH] = vcpu * 2 << 24;
    APIC[ICR] = command;
}

static void once(void)
{
    ready = hits = events = 0;
    EXPECT(pvh_start_vcpu(1, secondary));
    EXPECT(time_wait_flag(&ready, 2000000000UL));
    send(1, VECTOR);
    EXPECT(time_wait_flag(&hits, 2000000000UL));
    hits = 0;
    send(0, 0xc0000 | VECTOR); /* all but self */
    EXPECT(time_wait_flag(&hits, 2000000000UL));
    EXPECT_EQ(events_bind_ipi(1, &port), 0);
    events_hook(port, on_event);
    events_unmask(port);
    EXPECT_EQ(events_send(port), 0);
    EXPECT(time_wait_flag(&events, 2000000000UL));
    EXPECT_EQ(events_close(port), 0);
    send(1, 0x4500); /* INIT: it stops */
    hits = 0;
    send(1, VECTOR);
    EXPECT(!time_wait_flag(&hits, 20000000UL));
}

static void arrive(void)
{
    ready = 1;
}

static long initialise(const struct vcpu_hvm_context *context)
{
    return hypercall_vcpu_op(VCPUOP_initialise, 1, (void *)context);
}

/* The other way to start it, which works once. */
static void test_by_call(void)
{
    struct vcpu_hvm_context good, bad;

    ready = 0;
    pvh_prepare_vcpu(1, arrive, &good);
    bad = good;
    bad.pad = 1;
    EXPECT_EQ(initialise(&bad), -EINVAL);
    bad = good;
    bad.mode = 2;
    EXPECT_EQ(initialise(&bad), -EINVAL);
    bad = good;
    bad.cpu_regs.x86_64.cr4 = 0;
    EXPECT_EQ(initialise(&bad), -EINVAL);
    bad.mode = VCPU_HVM_MODE_32B; /* no code segment there */
    memset(&bad.cpu_regs, 0, sizeof(bad.cpu_regs));
    EXPECT_EQ(initialise(&bad), -EINVAL);
    EXPECT_EQ(initialise((void *)0x6000000000UL), -EFAULT);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_up, 1, NULL), -EINVAL);
    EXPECT_EQ(initialise(&good), 0);
    EXPECT_EQ(initialise(&good), -EEXIST);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_is_up, 1, NULL), 0);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_up, 1, NULL), 0);
    EXPECT(pvh_wait_vcpu());
    EXPECT(time_wait_flag(&ready, 2000000000UL));
}

void test_main(void)
{
    test_by_call();
    trap_hook(VECTOR, on_interrupt);
    APIC[SVR] = 0x1ff;
    send(6, VECTOR); /* nobody */
    for (unsigned int i = 0; i < 3; i++) {
        once();
    }
}
