/* SPDX-License-Identifier: MIT */
/*
 * The event channel hypercall: a table with a row for each operation (size of its record,
 * whether it is written back), and its old form, whose record carries the operation's number
 * itself.
 *
 * Sending does not go through the table: it is the hypercall a busy guest makes most.
 */
#include "abi/event_channel.h"

#include "hv/calls/hypercall.h"
#include "hv/core/rights.h"
#include "hv/lib/string.h"

union evtchn_arg {
    struct evtchn_alloc_unbound alloc_unbound;
    struct evtchn_bind_interdomain bind_interdomain;
    struct evtchn_bind_virq bind_virq;
    struct evtchn_bind_ipi bind_ipi;
    struct evtchn_bind_pirq bind_pirq;
    struct evtchn_bind_vcpu bind_vcpu;
    struct evtchn_close close;
    struct evtchn_send send;
    struct evtchn_status status;
    struct evtchn_unmask unmask;
    struct evtchn_reset reset;
    struct evtchn_init_control init_control;
    struct evtchn_expand_array expand_array;
    struct evtchn_set_priority set_priority;
};

/* The domain an operation names: itself, or one it may control. */
static int subject_get(domid_t id, struct domain **d)
{
    *d = domain_get_or_self(id);
    if (*d == NULL) {
        return -ESRCH;
    }
    if (*d != current_domain() && !rights_may_control(current_domain(), *d)) {
        domain_put(*d);
        return -EPERM;
    }
    return 0;
}

static int op_alloc_unbound(union evtchn_arg *a)
{
    struct domain *d;
    int rc = subject_get(a->alloc_unbound.dom, &d);

    if (rc == 0) {
        rc = evtchn_alloc_unbound(d, a->alloc_unbound.remote_dom, &a->alloc_unbound.port);
        domain_put(d);
    }
    return rc;
}

static int op_bind_interdomain(union evtchn_arg *a)
{
    return evtchn_bind_interdomain(a->bind_interdomain.remote_dom,
                                   a->bind_interdomain.remote_port,
                                   &a->bind_interdomain.local_port);
}

static int op_bind_virq(union evtchn_arg *a)
{
    return evtchn_bind_virq(a->bind_virq.virq, a->bind_virq.vcpu, &a->bind_virq.port);
}

static int op_bind_ipi(union evtchn_arg *a)
{
    return evtchn_bind_ipi(a->bind_ipi.vcpu, &a->bind_ipi.port);
}

static int op_bind_pirq(union evtchn_arg *a)
{
    return evtchn_bind_pirq(a->bind_pirq.pirq, a->bind_pirq.flags, &a->bind_pirq.port);
}

static int op_bind_vcpu(union evtchn_arg *a)
{
    return evtchn_bind_vcpu(a->bind_vcpu.port, a->bind_vcpu.vcpu);
}

static int op_close(union evtchn_arg *a)
{
    return evtchn_close(current_domain(), a->close.port);
}

static int op_send(union evtchn_arg *a)
{
    return (int)evtchn_send(current_domain(), a->send.port);
}

static int op_status(union evtchn_arg *a)
{
    struct domain *d;
    int rc = subject_get(a->status.dom, &d);

    if (rc == 0) {
        rc = evtchn_status(d, a->status.port, &a->status);
        domain_put(d);
    }
    return rc;
}

static int op_unmask(union evtchn_arg *a)
{
    return evtchn_unmask(a->unmask.port);
}

/* Another domain must be paused, so that its ports stay closed while it is done. */
static int op_reset(union evtchn_arg *a)
{
    struct domain *d;
    int rc = subject_get(a->reset.dom, &d);

    if (rc != 0) {
        return rc;
    }
    if (d != current_domain() && READ_ONCE(d->controller_paused) == 0) {
        rc = -EINVAL;
    } else {
        rc = evtchn_reset(d);
    }
    domain_put(d);
    return rc;
}

static int op_init_control(union evtchn_arg *a)
{
    return evtchn_init_control(&a->init_control);
}

static int op_expand_array(union evtchn_arg *a)
{
    return evtchn_expand_array(&a->expand_array);
}

static int op_set_priority(union evtchn_arg *a)
{
    return evtchn_set_priority(&a->set_priority);
}

struct evtchn_row {
    int (*fn)(union evtchn_arg *a);
    uint8_t size;
    bool copy_back;
};

#define ROW(name, back) { op_##name, sizeof(struct evtchn_##name), back }

static const struct evtchn_row rows[] = {
    [EVTCHNOP_bind_interdomain] = ROW(bind_interdomain, true),
    [EVTCHNOP_bind_virq] = ROW(bind_virq, true),
    [EVTCHNOP_bind_pirq] = ROW(bind_pirq, true),
    [EVTCHNOP_close] = ROW(close, false),
    [EVTCHNOP_send] = ROW(send, false),
    [EVTCHNOP_status] = ROW(status, true),
    [EVTCHNOP_alloc_unbound] = ROW(alloc_unbound, true),
    [EVTCHNOP_bind_ipi] = ROW(bind_ipi, true),
    [EVTCHNOP_bind_vcpu] = ROW(bind_vcpu, false),
    [EVTCHNOP_unmask] = ROW(unmask, false),
    [EVTCHNOP_reset] = ROW(reset, false),
    [EVTCHNOP_init_control] = ROW(init_control, true),
    [EVTCHNOP_expand_array] = ROW(expand_array, false),
    [EVTCHNOP_set_priority] = ROW(set_priority, false),
};

static NOINLINE long run_row(unsigned int cmd, guest_ptr_t arg)
{
    const struct evtchn_row *row;
    union evtchn_arg a;
    int rc;

    if (cmd >= ARRAY_SIZE(rows) || rows[cmd].fn == NULL) {
        return -ENOSYS;
    }
    row = &rows[cmd];
    memset(&a, 0, sizeof(a));
    if (copy_from_guest(&a, arg, row->size) != 0) {
        return -EFAULT;
    }
    rc = row->fn(&a);
    if (rc == -ERESTART) {
        return hypercall_continue(__HYPERVISOR_event_channel_op, 2, (unsigned long)cmd,
                                  (unsigned long)arg.va);
    }
    if (rc == 0 && row->copy_back && copy_to_guest(arg, &a, row->size) != 0) {
        rc = -EFAULT;
    }
    return rc;
}

long do_event_channel_op(unsigned int cmd, guest_ptr_t arg)
{
    long port;

    BUILD_ASSERT(sizeof(struct evtchn_send) == 4);
    if (unlikely(cmd != EVTCHNOP_send)) {
        return run_row(cmd, arg);
    }
    port = copy_u32_from_guest(arg);
    return likely(port >= 0) ? evtchn_send(current_domain(), (evtchn_port_t)port) : port;
}

/* The record begins with the number; what follows is the same. Reset and later operations
 * were never in it. */
long do_event_channel_op_compat(guest_ptr_t arg)
{
    uint32_t cmd;

    if (copy_from_guest(&cmd, arg, sizeof(cmd)) != 0) {
        return -EFAULT;
    }
    if (cmd > EVTCHNOP_unmask) {
        return -ENOSYS;
    }
    return run_row(cmd, (guest_ptr_t){ arg.va + offsetof(struct evtchn_op, u) });
}
