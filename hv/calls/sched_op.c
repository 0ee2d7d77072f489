/* SPDX-License-Identifier: MIT */
/*
 * The scheduling hypercall: yield, block and poll of the calling vcpu, shutdown of its domain
 * (and of others by who controls them), watchdogs, pinning. And its old form with yield, block
 * and shutdown only.
 */
#include "abi/sched.h"

#include "hv/calls/hypercall.h"
#include "hv/core/rights.h"
#include "hv/core/sched.h"

#define POLL_PORTS_MAX 128U

static long op_yield(guest_ptr_t arg)
{
    (void)arg;
    sched_yield();
    return 0;
}

/* Opens upcalls first: the event that came in between is then seen by vcpu_block(). */
static long op_block(guest_ptr_t arg)
{
    (void)arg;
    arch_upcall_open(current_vcpu()->info);
    vcpu_block();
    return 0;
}

static long op_shutdown(guest_ptr_t arg)
{
    struct sched_shutdown op;

    if (copy_from_guest(&op, arg, sizeof(op)) != 0) {
        return -EFAULT;
    }
    domain_shutdown(current_domain(), (uint8_t)op.reason);
    return 0;
}

static long op_poll(guest_ptr_t arg)
{
    evtchn_port_t ports[POLL_PORTS_MAX];
    struct domain *d = current_domain();
    struct sched_poll op;

    if (copy_from_guest(&op, arg, sizeof(op)) != 0) {
        return -EFAULT;
    }
    if (op.nr_ports > POLL_PORTS_MAX) {
        return -EINVAL;
    }
    if (copy_from_guest(ports, guest_ptr(op.ports), op.nr_ports * sizeof(ports[0])) != 0) {
        return -EFAULT;
    }
    for (unsigned int i = 0; i < op.nr_ports; i++) {
        if (!evtchn_port_exists(d, ports[i])) {
            return -EINVAL;
        }
    }
    return sched_poll(ports, op.nr_ports, op.timeout);
}

static long op_remote_shutdown(guest_ptr_t arg)
{
    struct sched_remote_shutdown op;
    struct domain *d;
    long rc = 0;

    if (copy_from_guest(&op, arg, sizeof(op)) != 0) {
        return -EFAULT;
    }
    d = domain_get(op.domain_id);
    if (d == NULL) {
        return -ESRCH;
    }
    if (rights_may_control(current_domain(), d)) {
        domain_shutdown(d, (uint8_t)op.reason);
    } else {
        rc = -EPERM;
    }
    domain_put(d);
    return rc;
}

/* What a later shutdown, of any kind, is reported as. */
static long op_shutdown_code(guest_ptr_t arg)
{
    struct domain *d = current_domain();
    struct sched_shutdown op;

    if (copy_from_guest(&op, arg, sizeof(op)) != 0) {
        return -EFAULT;
    }
    spin_lock(&d->lock);
    if (!d->is_shutting_down) {
        d->shutdown_code = (uint8_t)op.reason;
    }
    spin_unlock(&d->lock);
    return 0;
}

static long op_watchdog(guest_ptr_t arg)
{
    struct sched_watchdog op;

    if (copy_from_guest(&op, arg, sizeof(op)) != 0) {
        return -EFAULT;
    }
    return sched_watchdog(op.id, op.timeout);
}

static long op_pin_override(guest_ptr_t arg)
{
    struct sched_pin_override op;

    if (!current_domain()->is_hardware) {
        return -EPERM;
    }
    if (copy_from_guest(&op, arg, sizeof(op)) != 0) {
        return -EFAULT;
    }
    return sched_pin_override(current_vcpu(), op.pcpu);
}

static long (*const rows[])(guest_ptr_t arg) = {
    [SCHEDOP_yield] = op_yield,
    [SCHEDOP_block] = op_block,
    [SCHEDOP_shutdown] = op_shutdown,
    [SCHEDOP_poll] = op_poll,
    [SCHEDOP_remote_shutdown] = op_remote_shutdown,
    [SCHEDOP_shutdown_code] = op_shutdown_code,
    [SCHEDOP_watchdog] = op_watchdog,
    [SCHEDOP_pin_override] = op_pin_override,
};

long do_sched_op(unsigned int cmd, guest_ptr_t arg)
{
    return cmd < ARRAY_SIZE(rows) ? rows[cmd](arg) : -ENOSYS;
}

long do_sched_op_compat(unsigned int cmd, unsigned long arg)
{
    switch (cmd) {
    case SCHEDOP_yield:
    case SCHEDOP_block:
        return rows[cmd]((guest_ptr_t){ 0 });
    case SCHEDOP_shutdown:
        domain_shutdown(current_domain(), (uint8_t)arg);
        return 0;
    default:
        return -ENOSYS;
    }
}
