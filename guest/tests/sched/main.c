/* SPDX-License-Identifier: MIT */
/*
 * sched_op apart from its timing side: yield, block with an event pending, watchdogs,
 * pin_override, remote shutdown and shutdown_code refusals, unknown operations, the old
 * compatibility call.
 */
#include "abi/sched.h"
#include "abi/xen.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/start.h"
#include "guest/libguest/test.h"

#define UNMAPPED 0x0000200000000000UL

static unsigned int hits;

static void on_event(unsigned int port)
{
    (void)port;
    hits++;
}

static void test_block(void)
{
    unsigned int port;

    EXPECT_EQ(hypercall_sched_op(SCHEDOP_yield, NULL), 0);
    EXPECT_EQ(events_bind_ipi(0, &port), 0);
    events_hook(port, on_event);
    events_unmask(port);
    EXPECT_EQ(events_send(port), 0);
    EXPECT_EQ(hits, 0);
    if (start_is_pv()) {
        EXPECT_EQ(hypercall_sched_op(SCHEDOP_block, NULL), 0); /* opens upcalls and returns at once */
    } else {
        events_enable();
    }
    EXPECT_EQ(hits, 1);
    EXPECT(events_enabled());
    events_disable();
    EXPECT_EQ(events_close(port), 0);
}

static void test_watchdog(void)
{
    struct sched_watchdog w = { .id = 0, .timeout = 1000 };
    long id = hypercall_sched_op(SCHEDOP_watchdog, &w);

    EXPECT(id > 0);
    w.id = id;
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_watchdog, &w), 0);
    w.timeout = 0;
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_watchdog, &w), 0);
    EXPECT(hypercall_sched_op(SCHEDOP_watchdog, &w) < 0); /* not in use any more */
    w = (struct sched_watchdog){ .id = 100, .timeout = 10 };
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_watchdog, &w), -EINVAL);
}

static void test_refusals(void)
{
    struct sched_remote_shutdown remote = { .domain_id = 77, .reason = SHUTDOWN_crash };
    struct sched_pin_override pin = { .pcpu = 10000 };

    EXPECT_EQ(hypercall_sched_op(SCHEDOP_remote_shutdown, &remote), -ESRCH);
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_shutdown, (void *)UNMAPPED), -EFAULT);
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_poll, (void *)UNMAPPED), -EFAULT);
    EXPECT_EQ(hypercall_sched_op(99, NULL), -ENOSYS);
    EXPECT_EQ(hypercall_sched_op(-1, NULL), -ENOSYS);
    if (start_is_dom0()) {
        EXPECT(hypercall_sched_op(SCHEDOP_pin_override, &pin) < 0);
        pin.pcpu = 0;
        EXPECT_EQ(hypercall_sched_op(SCHEDOP_pin_override, &pin), 0);
        pin.pcpu = -1;
        EXPECT_EQ(hypercall_sched_op(SCHEDOP_pin_override, &pin), 0);
    } else {
        EXPECT_EQ(hypercall_sched_op(SCHEDOP_pin_override, &pin), -EPERM);
    }
}

static void test_compat(void)
{
    EXPECT_EQ(hypercall(__HYPERVISOR_sched_op_compat, SCHEDOP_yield, 0, 0, 0, 0),
              start_has_old_calls() ? 0 : -ENOSYS);
    EXPECT_EQ(hypercall(__HYPERVISOR_sched_op_compat, 99, 0, 0, 0, 0), -ENOSYS);
}

void test_main(void)
{
    test_block();
    test_watchdog();
    test_refusals();
    test_compat();
}
