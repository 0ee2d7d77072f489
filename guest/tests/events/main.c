/* SPDX-License-Identifier: MIT */
/*
 * 2-level event channels: allocate, bind in every way, send, mask and unmask, upcall delivery,
 * close, status, vcpu binding, reset, exhaustion, and the refusals.
 */
#include "abi/event_channel.h"
#include "abi/xen.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/start.h"
#include "guest/libguest/test.h"
#include <percpu.h>

#define UNMAPPED 0x0000200000000000UL

enum { NO_DOM = 77 };

static unsigned int hits;
static unsigned int hit_port;

static void on_event(unsigned int port)
{
    hits++;
    hit_port = port;
}

static void test_unbound(void)
{
    struct evtchn_status st;
    unsigned int port;

    EXPECT_EQ(events_alloc_unbound(DOMID_SELF, DOMID_SELF, &port), 0);
    EXPECT(port > 0);
    EXPECT_EQ(events_status(port, &st), 0);
    EXPECT_EQ(st.status, EVTCHNSTAT_unbound);
    EXPECT_EQ(events_send(port), 0); /* nobody there: dropped */
    EXPECT(!events_pending(port));
    EXPECT_EQ(events_close(port), 0);
    EXPECT_EQ(events_status(port, &st), 0);
    EXPECT_EQ(st.status, EVTCHNSTAT_closed);
    EXPECT_EQ(events_alloc_unbound(NO_DOM, DOMID_SELF, &port), -ESRCH);
}

static void test_interdomain(void)
{
    struct evtchn_status st;
    unsigned int a, b, c;

    EXPECT_EQ(events_alloc_unbound(DOMID_SELF, DOMID_SELF, &a), 0);
    EXPECT_EQ(events_bind_interdomain(DOMID_SELF, a, &b), 0);
    EXPECT(events_pending(b)); /* binding raises an event at the new end */
    events_clear(b);
    EXPECT_EQ(events_status(a, &st), 0);
    EXPECT_EQ(st.status, EVTCHNSTAT_interdomain);
    EXPECT_EQ(st.u.interdomain.port, b);
    EXPECT_EQ(events_send(a), 0);
    EXPECT(events_pending(b) && !events_pending(a));
    EXPECT_EQ(events_send(b), 0);
    EXPECT(events_pending(a));
    EXPECT_EQ(events_bind_interdomain(DOMID_SELF, a, &c), -EINVAL); /* taken */
    EXPECT_EQ(events_bind_interdomain(DOMID_SELF, 4000, &c), -EINVAL);
    EXPECT_EQ(events_bind_interdomain(DOMID_SELF, ~0U, &c), -EINVAL);
    EXPECT_EQ(events_bind_interdomain(NO_DOM, 1, &c), -ESRCH);
    EXPECT_EQ(events_close(b), 0);
    EXPECT_EQ(events_status(a, &st), 0);
    EXPECT_EQ(st.status, EVTCHNSTAT_unbound);
    EXPECT_EQ(events_close(a), 0);
    events_clear(a);
    events_clear(b);
}

static void test_ipi(void)
{
    struct evtchn_status st;
    unsigned int port;
    unsigned int other;

    EXPECT_EQ(events_bind_ipi(0, &port), 0);
    EXPECT_EQ(events_status(port, &st), 0);
    EXPECT_EQ(st.status, EVTCHNSTAT_ipi);
    EXPECT_EQ(st.vcpu, 0);
    EXPECT(!events_pending(port));
    EXPECT_EQ(events_send(port), 0);
    EXPECT(events_pending(port));
    events_clear(port);
    EXPECT_EQ(events_bind_ipi(500, &other), -ENOENT);
    EXPECT_EQ(events_bind_ipi(~0U, &other), -ENOENT);
    EXPECT_EQ(events_close(port), 0);
}

static void test_virq(void)
{
    struct evtchn_status st;
    unsigned int port;
    unsigned int other;

    EXPECT_EQ(events_bind_virq(VIRQ_TIMER, 0, &port), 0);
    EXPECT_EQ(events_bind_virq(VIRQ_TIMER, 0, &other), -EEXIST);
    EXPECT_EQ(events_status(port, &st), 0);
    EXPECT_EQ(st.status, EVTCHNSTAT_virq);
    EXPECT_EQ(st.u.virq, VIRQ_TIMER);
    EXPECT_EQ(events_send(port), -EINVAL); /* only the hypervisor raises it */
    EXPECT_EQ(events_close(port), 0);
    EXPECT_EQ(events_bind_virq(VIRQ_TIMER, 0, &port), 0);
    EXPECT_EQ(events_close(port), 0);
    EXPECT_EQ(events_bind_virq(NR_VIRQS, 0, &other), -EINVAL);
    EXPECT_EQ(events_bind_virq(~0U, 0, &other), -EINVAL);
    EXPECT_EQ(events_bind_virq(VIRQ_TIMER, 500, &other), -ENOENT);
}

static void test_delivery(void)
{
    struct vcpu_info *info = percpu()->info;
    unsigned int upcalls = percpu()->upcalls;
    unsigned int port;

    EXPECT_EQ(events_bind_ipi(0, &port), 0);
    events_hook(port, on_event);
    hits = 0;
    info->evtchn_upcall_pending = 0;
    EXPECT_EQ(events_send(port), 0); /* port masked, upcalls masked */
    EXPECT_EQ(info->evtchn_upcall_pending, 0);
    events_unmask(port);
    EXPECT_EQ(info->evtchn_upcall_pending, 1);
    EXPECT_EQ(hits, 0);
    events_enable();
    EXPECT_EQ(hits, 1);
    EXPECT_EQ(hit_port, port);
    EXPECT_EQ(percpu()->upcalls, upcalls + 1);
    EXPECT(events_enabled()); /* restored by the return from the upcall */
    EXPECT_EQ(events_send(port), 0);        /* delivered on the way out of the hypercall */
    EXPECT_EQ(hits, 2);
    events_disable();
    EXPECT_EQ(events_send(port), 0);
    EXPECT_EQ(hits, 2);
    EXPECT_EQ(events_send(port), 0); /* twice pending is once delivered */
    events_enable();
    EXPECT_EQ(hits, 3);
    events_mask(port);
    EXPECT_EQ(events_send(port), 0);
    EXPECT_EQ(hits, 3);
    events_unmask(port);
    EXPECT_EQ(hits, 4);
    events_disable();
    events_mask(port);
    EXPECT_EQ(events_close(port), 0);
    events_hook(port, NULL);
}

static void test_bind_vcpu(void)
{
    struct evtchn_bind_vcpu bind = { .vcpu = 0 };
    unsigned int ipi, virq, unbound;

    EXPECT_EQ(events_bind_ipi(0, &ipi), 0);
    EXPECT_EQ(events_bind_virq(VIRQ_DEBUG, 0, &virq), 0);
    EXPECT_EQ(events_alloc_unbound(DOMID_SELF, DOMID_SELF, &unbound), 0);
    bind.port = unbound;
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &bind), 0);
    bind.vcpu = 500;
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &bind), -ENOENT);
    bind = (struct evtchn_bind_vcpu){ .port = ipi };
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &bind), -EINVAL);
    bind.port = virq;
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &bind), -EINVAL);
    bind.port = 4000;
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &bind), -EINVAL);
    EXPECT_EQ(events_close(ipi), 0);
    EXPECT_EQ(events_close(virq), 0);
    EXPECT_EQ(events_close(unbound), 0);
}

static void test_refusals(void)
{
    struct evtchn_set_priority prio = { .port = 1, .priority = 3 };
    struct evtchn_bind_pirq pirq = { .pirq = 1000000 };
    struct evtchn_status st = { .dom = NO_DOM, .port = 1 };

    EXPECT_EQ(events_send(0), -EINVAL);
    EXPECT_EQ(events_send(3000), -EINVAL);
    EXPECT_EQ(events_send(1 << 20), -EINVAL);
    EXPECT_EQ(events_send(~0U), -EINVAL);
    EXPECT_EQ(events_close(0), -EINVAL);
    EXPECT_EQ(events_close(3000), -EINVAL);
    EXPECT_EQ(events_close(~0U), -EINVAL);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_status, &st), -ESRCH);
    EXPECT_EQ(events_status(~0U, &st), -EINVAL);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_pirq, &pirq), -EINVAL);
    EXPECT(hypercall_event_channel_op(EVTCHNOP_set_priority, &prio) < 0);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_send, (void *)UNMAPPED), -EFAULT);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, (void *)UNMAPPED), -EFAULT);
    if (start_is_pv()) {
        EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_ipi, (void *)HYPERVISOR_VIRT_START), -EFAULT);
    }
    EXPECT_EQ(hypercall_event_channel_op(99, &st), -ENOSYS);
}

static void test_exhaustion(void)
{
    unsigned int count = 0;
    unsigned int port;
    struct evtchn_reset reset = { .dom = DOMID_SELF };
    long rc;

    while ((rc = events_alloc_unbound(DOMID_SELF, DOMID_SELF, &port)) == 0 && count < 5000) {
        EXPECT(port < 4096);
        count++;
    }
    EXPECT_EQ(rc, -ENOSPC);
    if (start_is_dom0()) {
        EXPECT(count > 3900);
    }
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_reset, &reset), 0);
    EXPECT_EQ(events_close(port), -EINVAL);
    EXPECT_EQ(events_alloc_unbound(DOMID_SELF, DOMID_SELF, &port), 0);
    reset.dom = NO_DOM;
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_reset, &reset), -ESRCH);
}

/* The call as it was before it had a number of its own for each operation: it ends at unmask. */
static long old_form(struct evtchn_op *op, unsigned int cmd)
{
    op->cmd = cmd;
    return hypercall(__HYPERVISOR_event_channel_op_compat, (unsigned long)op, 0, 0, 0, 0);
}

static void test_old_form(void)
{
    struct evtchn_op op = { .u.bind_ipi.vcpu = 0 };
    unsigned int port;

    if (!start_has_old_calls()) {
        EXPECT_EQ(old_form(&op, EVTCHNOP_bind_ipi), -ENOSYS);
        return;
    }
    EXPECT_EQ(old_form(&op, EVTCHNOP_bind_ipi), 0);
    port = op.u.bind_ipi.port;
    op.u.send.port = port;
    EXPECT_EQ(old_form(&op, EVTCHNOP_send), 0);
    EXPECT(events_pending(port));
    op.u.close.port = port;
    EXPECT_EQ(old_form(&op, EVTCHNOP_close), 0);
    EXPECT_EQ(old_form(&op, EVTCHNOP_close), -EINVAL);
    EXPECT_EQ(old_form(&op, EVTCHNOP_reset), -ENOSYS);
    EXPECT_EQ(old_form(&op, 99), -ENOSYS);
    EXPECT_EQ(hypercall(__HYPERVISOR_event_channel_op_compat, UNMAPPED, 0, 0, 0, 0), -EFAULT);
}

void test_main(void)
{
    test_unbound();
    test_interdomain();
    test_ipi();
    test_virq();
    test_delivery();
    test_bind_vcpu();
    test_refusals();
    test_old_form();
    if (start_is_dom0()) {
        test_exhaustion(); /* a domU would lose its console */
    }
}
