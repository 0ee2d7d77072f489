/* SPDX-License-Identifier: MIT */
/*
 * What exits cost on Arm, in retired instructions: QEMU counts them with -icount shift=0, where a nanosecond is an
 * instruction and the counter of 62.5 MHz moves every 16. Each figure is the median of BATCHES batches of ROUNDS,
 * less an empty round. As dom0 it prints rows `bench NAME MEDIAN`; as a guest of the device tree only when it began
 * to run, by its vpl011, the one console all hypervisors give such a guest. guest/bench_arm64.py runs it.
 */
#include "abi/event_channel.h"
#include "abi/sched.h"
#include "abi/vcpu.h"
#include "guest/arm64/guest.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/start.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"

#define BATCHES      15U
#define ROUNDS       200U
#define TICK         16U
#define PSCI_VERSION 0x84000000UL

static unsigned int port;
static unsigned long empty;

static void nothing(void)
{
    __asm__ volatile("");
}

static void null_call(void)
{
    (void)hypercall5(__HYPERVISOR_xen_version, 0, 0, 0, 0, 0);
}

/* The event is new each time, its interrupt stays pending. */
static void send_event(void)
{
    struct evtchn_send send = { .port = port };

    shared_info->evtchn_pending[0] = 0;
    vcpu_info->evtchn_pending_sel = 0;
    (void)hypercall_event_channel_op(EVTCHNOP_send, &send);
}

static void yield(void)
{
    (void)hypercall_sched_op(SCHEDOP_yield, NULL);
}

static void read_distributor(void)
{
    (void)read32(gic_dist + 4);
}

static void psci_version(void)
{
    (void)firmware_call(PSCI_VERSION, 0, 0, 0);
}

static void smc_unknown(void)
{
    (void)firmware_call_smc(0xdeadbeef, 0, 0, 0);
}

static void read_id(void)
{
    uint64_t value;

    __asm__ volatile("mrs %0, id_aa64mmfr0_el1" : "=r"(value));
}

/* Its flags, of the emulated port that a guest of the device tree has. */
static void read_uart(void)
{
    (void)read32(GUEST_PL011_BASE + 0x18);
}

/* To oneself, taken with interrupts off, and ended: that costs an exit for the sending, if the rest costs none. */
static void sgi_taken(void)
{
    arm_send_sgi(7, 1);
    gic_end(gic_acknowledge());
}

/* To oneself, until its handler has ended it: interrupts are on. */
static void sgi(void)
{
    unsigned int before = irq_count[5];

    arm_send_sgi(5, 1);
    while (irq_count[5] == before) {
        __asm__ volatile("" ::: "memory");
    }
}

/* A timer that is due at once, until its handler has switched it off and ended it. */
static void timer(void)
{
    unsigned int before = irq_count[27];

    __asm__ volatile("msr cntv_tval_el0, xzr; msr cntv_ctl_el0, %0; isb" ::"r"(1UL) : "memory");
    while (irq_count[27] == before) {
        __asm__ volatile("" ::: "memory");
    }
}

/* ---- two vcpus, of which one sleeps while the other runs ---------------------------------------- */

static struct vcpu_info partner_info __attribute__((aligned(64)));
static unsigned int port_to_partner, port_to_us;
static volatile unsigned int partner_up;

/* With interrupts off WFI still ends when one is due. */
static unsigned int wait_for_irq(struct vcpu_info *info, unsigned int event)
{
    uint64_t irq = gic_acknowledge();

    while ((irq & 1023) >= 1020) {
        __asm__ volatile("wfi" ::: "memory");
        irq = gic_acknowledge();
    }
    info->evtchn_upcall_pending = 0;
    info->evtchn_pending_sel = 0;
    __atomic_and_fetch(&shared_info->evtchn_pending[0], ~(1UL << event), __ATOMIC_SEQ_CST);
    gic_end(irq);
    return (unsigned int)irq & 1023;
}

static void notify(unsigned int to)
{
    struct evtchn_send send = { .port = to };

    (void)hypercall_event_channel_op(EVTCHNOP_send, &send);
}

/* Answers as it was asked. */
static void partner(unsigned int vcpu)
{
    partner_up = vcpu;
    for (;;) {
        if (wait_for_irq(&partner_info, port_to_partner) < 16) {
            arm_send_sgi(6, 1);
        } else {
            notify(port_to_us);
        }
    }
}

/* There and back. */
static void ipi_sgi(void)
{
    arm_send_sgi(6, 2);
    (void)wait_for_irq(vcpu_info, port_to_us);
}

static void ipi_event(void)
{
    notify(port_to_partner);
    (void)wait_for_irq(vcpu_info, port_to_us);
}

static bool partner_start(void)
{
    uint64_t at = arm_physical(&partner_info);
    struct vcpu_register_vcpu_info info = { .mfn = at >> 12, .offset = (uint32_t)(at & 4095) };
    long rc = hypercall_vcpu_op(VCPUOP_register_vcpu_info, 1, &info);

    rc = rc != 0 ? rc : events_bind_ipi(1, &port_to_partner);
    rc = rc != 0 ? rc : events_bind_ipi(0, &port_to_us);
    shared_info->evtchn_mask[0] = ~(1UL << port_to_partner | 1UL << port_to_us);
    rc = rc != 0 ? rc : arm_cpu_start(1, partner);
    if (rc != 0) {
        test_note("no second vcpu: %ld", rc);
        return false;
    }
    while (partner_up == 0) {
        yield();
    }
    return true;
}

static unsigned long batch(void (*fn)(void))
{
    uint64_t start = counter();

    for (unsigned int i = 0; i < ROUNDS; i++) {
        fn();
    }
    return (unsigned long)((counter() - start) * TICK / ROUNDS);
}

static unsigned long median(void (*fn)(void))
{
    unsigned long cost[BATCHES];

    (void)batch(fn);
    for (unsigned int i = 0; i < BATCHES; i++) {
        unsigned long value = batch(fn);
        unsigned int at = i;

        for (; at > 0 && cost[at - 1] > value; at--) {
            cost[at] = cost[at - 1];
        }
        cost[at] = value;
    }
    return cost[BATCHES / 2];
}

static void row(const char *name, void (*fn)(void))
{
    unsigned long cost = median(fn);

    print("bench %s %lu\n", name, cost > empty ? cost - empty : 0);
}

void test_main(void)
{
    print("bench %s %lu\n", start_is_dom0() ? "boot" : "boot_dom0less", (unsigned long)(start_counter * TICK));
    if (!start_is_dom0()) {
        empty = median(nothing);
        row("vpl011_read", read_uart);
    }
    while (!start_is_dom0()) {
        __asm__ volatile("wfi");
    }
    EXPECT_EQ(events_bind_ipi(0, &port), 0);
    shared_info->evtchn_mask[0] &= ~(1UL << port);
    gic_enable_local(27);
    empty = median(nothing);
    row("null", null_call);
    row("event_send", send_event);
    irqs_on(); /* takes the upcall: a pending interrupt costs each exit something */
    irqs_off();
    row("yield", yield);
    row("distributor_read", read_distributor);
    row("psci_version", psci_version);
    row("smc_unknown", smc_unknown);
    row("id_register", read_id);
    shared_info->evtchn_mask[0] = ~0UL;
    irqs_on();
    row("sgi_to_handler", sgi);
    row("timer_to_handler", timer);
    irqs_off();
    row("sgi_taken", sgi_taken);
    if (partner_start()) {
        row("ipi_sgi", ipi_sgi);
        row("ipi_event", ipi_event);
    }
}
