/* SPDX-License-Identifier: MIT */
/*
 * Waiting: WFI with something pending does not sleep, masked or not; WFI without sleeps until the timer, and one set
 * for years to come is no reason to wake; PSCI's CPU_SUSPEND does the same in each of its forms; storms of WFI, WFE
 * and YIELD on all vcpus keep nobody else from his time. A machine with several CPUs has several vcpus; one does as
 * well.
 */
#include "guest/arm64/guest.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/start.h"
#include "guest/libguest/test.h"

#define STORM   20000U
#define TICKS   62500UL /* a millisecond of QEMU's counter */

static volatile unsigned int finished;

static void timer_in(uint64_t ticks)
{
    __asm__ volatile("msr cntv_tval_el0, %0; msr cntv_ctl_el0, %1; isb" ::"r"(ticks), "r"(1UL) : "memory");
}

/* Interrupts are off when it is called, so that none comes before it sleeps; what woke it is taken behind it. */
static void wfi(void)
{
    __asm__ volatile("wfi; msr daifclr, #2; isb; msr daifset, #2" ::: "memory");
}

/* An SGI that waits for interrupts to be on: every WFI goes straight through. */
static void test_pending(void)
{
    uint64_t start = counter();

    arm_send_sgi(3, 1);
    for (unsigned int i = 0; i < STORM; i++) {
        __asm__ volatile("wfi" ::: "memory");
    }
    EXPECT(counter() - start < 10000 * TICKS);
    EXPECT_EQ(irq_count[3], 0);
    irqs_on();
    for (unsigned int i = 0; i < 1000000 && irq_count[3] == 0; i++) {
        __asm__ volatile("" ::: "memory");
    }
    EXPECT_EQ(irq_count[3], 1);
    irqs_off();
}

/* Sleeps end with the timer, not before it and not much later. */
static void test_sleep(void)
{
    for (unsigned int i = 0; i < 50; i++) {
        uint64_t start = counter();
        unsigned int before = irq_count[27];

        timer_in(TICKS);
        while (irq_count[27] == before && counter() - start < 5000 * TICKS) {
            wfi();
        }
        EXPECT(counter() - start >= TICKS);
        EXPECT_EQ(irq_count[27], before + 1);
    }
}

/* ---- CPU_SUSPEND: standby, whatever state it asks for, and so it comes back to its caller --------- */

#define CPU_SUSPEND   0x84000001UL
#define PSCI_FEATURES 0x8400000aUL
#define SMCCC_64      0x40000000UL
#define POWER_DOWN    (1UL << 16)
#define NOBODY_GOES   0x1000UL /* an entry point that is not used */

static void take(unsigned int irq, unsigned int before)
{
    irqs_on();
    for (unsigned int i = 0; i < 1000000 && irq_count[irq] == before; i++) {
        __asm__ volatile("" ::: "memory");
    }
    irqs_off();
    EXPECT_EQ(irq_count[irq], before + 1);
}

/* One call sleeps until the timer; its interrupt waits for us to take it. */
static void suspend_until_timer(long (*call)(uint64_t, uint64_t, uint64_t, uint64_t), uint64_t function,
                                uint64_t state)
{
    unsigned int before = irq_count[27];
    unsigned int calls = 0;
    uint64_t due;

    timer_in(TICKS);
    __asm__ volatile("mrs %0, cntv_cval_el0" : "=r"(due));
    while (counter() < due) {
        EXPECT_EQ(call(function, state, NOBODY_GOES, 0x5a5a), 0);
        calls++;
    }
    EXPECT(calls <= 2);
    EXPECT_EQ(irq_count[27], before);
    take(27, before);
}

/* With something pending, it is no sleep. */
static void suspend_with_pending(long (*call)(uint64_t, uint64_t, uint64_t, uint64_t), uint64_t function,
                                 uint64_t state)
{
    unsigned int before = irq_count[3];
    uint64_t start = counter();

    arm_send_sgi(3, 1);
    for (unsigned int i = 0; i < 100; i++) {
        EXPECT_EQ(call(function, state, NOBODY_GOES, 0), 0);
    }
    EXPECT(counter() - start < 10000 * TICKS);
    take(3, before);
}

static void test_suspend(void)
{
    for (unsigned int i = 0; i < 8; i++) {
        long (*call)(uint64_t, uint64_t, uint64_t, uint64_t) = i & 1 ? firmware_call_smc : firmware_call;
        uint64_t function = CPU_SUSPEND | (i & 2 ? SMCCC_64 : 0);
        uint64_t state = i & 4 ? POWER_DOWN : 0;

        EXPECT_EQ(firmware_call(PSCI_FEATURES, function, 0, 0), 0);
        suspend_until_timer(call, function, state);
        suspend_with_pending(call, function, state);
    }
}

static void timers_off(void)
{
    __asm__ volatile("msr cntv_ctl_el0, xzr; msr cntp_ctl_el0, xzr; isb" ::: "memory");
}

/* A timer that is set for times to come is not due, asleep or awake; the other one wakes us. */
static void test_far_virtual(uint64_t when)
{
    unsigned int virtual_before = irq_count[27];
    unsigned int physical_before = irq_count[30];
    uint64_t ctl;

    __asm__ volatile("msr cntv_cval_el0, %0; msr cntv_ctl_el0, %1" ::"r"(when), "r"(1UL) : "memory");
    __asm__ volatile("msr cntp_tval_el0, %0; msr cntp_ctl_el0, %1; isb" ::"r"(TICKS), "r"(1UL) : "memory");
    for (unsigned int i = 0; i < 100 && irq_count[30] == physical_before; i++) {
        wfi();
    }
    __asm__ volatile("mrs %0, cntv_ctl_el0" : "=r"(ctl));
    EXPECT_EQ(ctl, 1);
    EXPECT_EQ(irq_count[30], physical_before + 1);
    EXPECT_EQ(irq_count[27], virtual_before);
    timers_off();
}

static void test_far_physical(uint64_t when)
{
    unsigned int virtual_before = irq_count[27];
    unsigned int physical_before = irq_count[30];
    uint64_t ctl;

    __asm__ volatile("msr cntp_cval_el0, %0; msr cntp_ctl_el0, %1; isb" ::"r"(when), "r"(1UL) : "memory");
    timer_in(TICKS);
    for (unsigned int i = 0; i < 100 && irq_count[27] == virtual_before; i++) {
        wfi();
    }
    __asm__ volatile("mrs %0, cntp_ctl_el0" : "=r"(ctl));
    EXPECT_EQ(ctl, 1);
    EXPECT_EQ(irq_count[27], virtual_before + 1);
    EXPECT_EQ(irq_count[30], physical_before);
    timers_off();
}

static void storm(unsigned int vcpu)
{
    gic_enable_local(27);
    for (unsigned int i = 0; i < STORM; i++) {
        if (i % 64 == 0) {
            timer_in(i % 512);
            wfi();
        } else if (i % 2 == 0) {
            arm_send_sgi(vcpu, 1U << vcpu);
            wfi();
        } else {
            __asm__ volatile("wfe; yield" ::: "memory");
        }
    }
    __atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
}

/* ---- a vcpu that stops with a timer set and begins anew ----------------------------------------- */

#define CPU_OFF       0x84000002UL
#define AFFINITY_INFO 0xc4000004UL

static void off_with_timers(unsigned int vcpu)
{
    timer_in(20 * TICKS);
    __asm__ volatile("msr cntp_tval_el0, %0; msr cntp_ctl_el0, %1; isb" ::"r"(20 * TICKS), "r"(1UL) : "memory");
    (void)firmware_call(CPU_OFF, vcpu, 0, 0);
}

static void on_without(unsigned int vcpu)
{
    uint64_t start = counter();

    gic_enable_local(27);
    gic_enable_local(30);
    irqs_on();
    while (counter() - start < 100 * TICKS) {
        __asm__ volatile("yield" ::: "memory");
    }
    irqs_off();
    (void)firmware_call(CPU_OFF, vcpu, 0, 0);
}

static void wait_until_off(void)
{
    for (unsigned int i = 0; i < 10000000 && firmware_call(AFFINITY_INFO, 1, 0, 0) != 1; i++) {
    }
}

static void test_begin_anew(void)
{
    unsigned int before = irq_count[27] + irq_count[30];

    for (unsigned int i = 0; i < 5; i++) {
        if (arm_cpu_start(1, off_with_timers) != 0) {
            test_note("one vcpu: nobody stops");
            return;
        }
        wait_until_off();
        EXPECT_EQ(arm_cpu_start(1, on_without), 0);
        wait_until_off();
    }
    EXPECT_EQ(irq_count[27] + irq_count[30], before);
}

void test_main(void)
{
    unsigned int others = 0;

    gic_enable_local(27);
    test_pending();
    test_sleep();
    test_suspend();
    gic_enable_local(30);
    for (unsigned int bits = 48; bits <= 64; bits++) {
        test_far_physical(~0UL >> (64 - bits));
    }
    for (unsigned int bits = 48; bits < 64; bits++) { /* QEMU 7.2 stands still where it and the offset wrap */
        test_far_virtual(~0UL >> (64 - bits));
    }
    test_begin_anew();
    while (others < 6 && arm_cpu_start(others + 1, storm) == 0) {
        others++;
    }
    storm(0);
    for (unsigned int i = 0; i < 60 && finished != others + 1; i++) {
        timer_in(1000 * TICKS);
        wfi();
    }
    EXPECT_EQ(finished, others + 1);
    test_note("%u vcpus, %u WFI, WFE or yields each", others + 1, STORM);
    EXPECT(hypercall_xen_version(0, NULL) >= 4 << 16);
}
