/* SPDX-License-Identifier: MIT */
/*
 * Time: the pvclock is monotonic and runs at a believable speed, the wall clock is sane,
 * set_timer_op and the vcpu's single-shot and periodic timers raise VIRQ_TIMER, poll times out,
 * and refusals.
 */
#include "abi/sched.h"
#include "abi/vcpu.h"
#include "abi/xen.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/test.h"
#include "guest/libguest/time.h"
#include "guest/libguest/x86/cpu.h"
#include "guest/libguest/x86/percpu.h"

#define MS 1000000UL

static unsigned int timer_port;
static volatile unsigned int ticks;

static void on_timer(unsigned int port)
{
    (void)port;
    ticks++;
}

static void test_clock(void)
{
    const struct vcpu_time_info *t = &percpu()->info->time;
    uint64_t last = time_now();
    unsigned int backwards = 0;

    EXPECT(last > 0);
    EXPECT(t->tsc_to_system_mul != 0);
    for (unsigned int i = 0; i < 100000; i++) {
        uint64_t now = time_now();

        backwards += now < last;
        last = now;
    }
    EXPECT_EQ(backwards, 0);
    EXPECT(time_wallclock() > 1577836800UL); /* 2020 */
    test_note("system time %lu ns, wall clock %lu s", last, time_wallclock());
}

static bool wait_ticks(unsigned int wanted, uint64_t ns)
{
    uint64_t end = time_now() + ns;

    while (ticks < wanted && time_now() < end) {
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    return ticks >= wanted;
}

static void test_set_timer(void)
{
    uint64_t start = time_now();

    ticks = 0;
    EXPECT_EQ(hypercall_set_timer_op(start + 5 * MS), 0);
    EXPECT(wait_ticks(1, 2000 * MS));
    EXPECT(time_now() >= start + 5 * MS);
    ticks = 0;
    EXPECT_EQ(hypercall_set_timer_op(start), 0); /* already past: at once */
    EXPECT(wait_ticks(1, 2000 * MS));
    ticks = 0;
    EXPECT_EQ(hypercall_set_timer_op(time_now() + 30 * MS), 0);
    EXPECT_EQ(hypercall_set_timer_op(0), 0); /* stopped */
    EXPECT(!wait_ticks(1, 80 * MS));
    ticks = 0;
    EXPECT_EQ(hypercall_set_timer_op(time_now() + 20 * MS), 0);
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_block, NULL), 0);
    EXPECT_EQ(ticks, 1);
}

static void test_singleshot(void)
{
    struct vcpu_set_singleshot_timer timer = { .timeout_abs_ns = time_now() + 5 * MS };
    long rc;

    ticks = 0;
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer), 0);
    EXPECT(wait_ticks(1, 2000 * MS));
    timer.timeout_abs_ns = time_now() - MS;
    timer.flags = VCPU_SSHOTTMR_future;
    rc = hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer);
    EXPECT(rc == -ETIME || rc == 0); /* 4.17 takes a time that is past */
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
    ticks = 0;
    timer = (struct vcpu_set_singleshot_timer){ .timeout_abs_ns = time_now() + 30 * MS };
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer), 0);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
    EXPECT(!wait_ticks(1, 80 * MS));
    EXPECT(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 500, &timer) < 0);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, (void *)0x200000000000),
              -EFAULT);
}

static void test_periodic(void)
{
    struct vcpu_set_periodic_timer timer = { .period_ns = 10 * MS };

    ticks = 0;
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &timer), 0);
    EXPECT(wait_ticks(3, 3000 * MS));
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
    ticks = 0;
    EXPECT(!wait_ticks(2, 60 * MS));
    timer.period_ns = 1000; /* below a millisecond */
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &timer), -EINVAL);
}

static void test_poll(void)
{
    evtchn_port_t port = timer_port;
    struct sched_poll poll = { .nr_ports = 1 };
    uint64_t start = time_now();

    set_xen_guest_handle(poll.ports, &port);
    events_disable();
    events_mask(timer_port);
    events_clear(timer_port);
    poll.timeout = start + 20 * MS;
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), 0);
    EXPECT(time_now() >= start + 20 * MS);
    start = time_now();
    EXPECT_EQ(hypercall_set_timer_op(start + 10 * MS), 0);
    poll.timeout = start + 5000 * MS;
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), 0);
    EXPECT(time_now() < start + 4000 * MS);
    EXPECT(events_pending(timer_port));
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), 0); /* pending: returns at once */
    events_clear(timer_port);
    poll.nr_ports = 0;
    poll.timeout = time_now() + 5 * MS;
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), 0);
    poll.nr_ports = 129;
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), -EINVAL);
    poll.nr_ports = 1;
    port = 1 << 20;
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), -EINVAL);
    set_xen_guest_handle(poll.ports, (void *)0x200000000000);
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), -EFAULT);
}

void test_main(void)
{
    EXPECT_EQ(events_bind_virq(VIRQ_TIMER, 0, &timer_port), 0);
    events_hook(timer_port, on_timer);
    events_unmask(timer_port);
    events_enable();
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
    test_clock();
    test_set_timer();
    test_singleshot();
    test_periodic();
    test_poll();
}
