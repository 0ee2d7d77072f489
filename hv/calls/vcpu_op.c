/* SPDX-License-Identifier: MIT */
/*
 * The vcpu hypercall: operations of a domain on its own vcpus. A row for each; all but a few
 * work on any vcpu of the domain, timers only on the calling one.
 */
#include "abi/vcpu.h"

#include "abi/sched.h"
#include "hv/calls/hypercall.h"
#include "hv/core/arch_guest.h"
#include "hv/core/domain.h"
#include "hv/core/sched.h"

static long op_initialise(struct vcpu *v, guest_ptr_t arg)
{
    struct domain *d = v->domain;
    int rc;

    /* Two vcpus may try at once; the context itself is set by one of them. */
    spin_lock(&d->lock);
    rc = v->is_initialised || v->is_initialising ? -EEXIST : 0;
    if (rc == 0) {
        v->is_initialising = true;
    }
    spin_unlock(&d->lock);
    if (rc != 0) {
        return rc;
    }
    rc = arch_vcpu_initialise(v, arg);
    WRITE_ONCE(v->is_initialising, false);
    if (rc == 0) {
        sched_wake(v); /* the context may say that it is online */
    }
    if (rc == -ERESTART) {
        return hypercall_continue(__HYPERVISOR_vcpu_op, 3, (unsigned long)VCPUOP_initialise,
                                  (unsigned long)v->id, (unsigned long)arg.va);
    }
    return rc;
}

static long op_up(struct vcpu *v, guest_ptr_t arg)
{
    (void)arg;
    if (!v->is_initialised) {
        return -EINVAL;
    }
    if (__atomic_fetch_and(&v->pause_flags, ~BIT(VCPU_DOWN), __ATOMIC_SEQ_CST) &
        BIT(VCPU_DOWN)) {
        sched_wake(v);
    }
    return 0;
}

static long op_down(struct vcpu *v, guest_ptr_t arg)
{
    (void)arg;
    vcpu_down(v);
    return 0;
}

static long op_is_up(struct vcpu *v, guest_ptr_t arg)
{
    (void)arg;
    return (READ_ONCE(v->pause_flags) & BIT(VCPU_DOWN)) == 0;
}

static long op_get_runstate_info(struct vcpu *v, guest_ptr_t arg)
{
    struct vcpu_runstate_info info;

    vcpu_runstate_get(v, &info);
    return copy_to_guest(arg, &info, sizeof(info));
}

static long op_register_runstate(struct vcpu *v, guest_ptr_t arg)
{
    struct vcpu_register_runstate_memory_area op;

    if (copy_from_guest(&op, arg, sizeof(op)) != 0) {
        return -EFAULT;
    }
    return vcpu_register_runstate(v, guest_ptr(op.addr.h));
}

static long op_set_periodic(struct vcpu *v, guest_ptr_t arg)
{
    struct vcpu_set_periodic_timer op;

    if (copy_from_guest(&op, arg, sizeof(op)) != 0) {
        return -EFAULT;
    }
    return vcpu_set_periodic(v, op.period_ns);
}

static long op_stop_periodic(struct vcpu *v, guest_ptr_t arg)
{
    (void)arg;
    vcpu_stop_periodic(v);
    return 0;
}

static long op_set_singleshot(struct vcpu *v, guest_ptr_t arg)
{
    struct vcpu_set_singleshot_timer op;

    if (v != current_vcpu()) {
        return -EINVAL;
    }
    if (copy_from_guest(&op, arg, sizeof(op)) != 0) {
        return -EFAULT;
    }
    if ((op.flags & VCPU_SSHOTTMR_future) && op.timeout_abs_ns < arch_clock_now()) {
        return -ETIME;
    }
    vcpu_set_singleshot(v, op.timeout_abs_ns);
    return 0;
}

static long op_stop_singleshot(struct vcpu *v, guest_ptr_t arg)
{
    (void)arg;
    if (v != current_vcpu()) {
        return -EINVAL;
    }
    vcpu_stop_singleshot(v);
    return 0;
}

static long op_register_info(struct vcpu *v, guest_ptr_t arg)
{
    struct vcpu_register_vcpu_info op;

    if (copy_from_guest(&op, arg, sizeof(op)) != 0) {
        return -EFAULT;
    }
    return vcpu_register_info(v, op.mfn, op.offset);
}

static long op_send_nmi(struct vcpu *v, guest_ptr_t arg)
{
    (void)arg;
    WRITE_ONCE(v->nmi_pending, true);
    vcpu_kick_for_event(v);
    return 0;
}

static long op_get_physid(struct vcpu *v, guest_ptr_t arg)
{
    struct vcpu_get_physid op;
    int rc = v->domain->is_hardware ? arch_vcpu_physid(v, &op.phys_id) : -EINVAL;

    return rc != 0 ? rc : copy_to_guest(arg, &op, sizeof(op));
}

static long op_register_time(struct vcpu *v, guest_ptr_t arg)
{
    struct vcpu_register_time_memory_area op;

    if (copy_from_guest(&op, arg, sizeof(op)) != 0) {
        return -EFAULT;
    }
    return arch_register_vcpu_time(v, guest_ptr(op.addr.h));
}

static long (*const rows[])(struct vcpu *v, guest_ptr_t arg) = {
    [VCPUOP_initialise] = op_initialise,
    [VCPUOP_up] = op_up,
    [VCPUOP_down] = op_down,
    [VCPUOP_is_up] = op_is_up,
    [VCPUOP_get_runstate_info] = op_get_runstate_info,
    [VCPUOP_register_runstate_memory_area] = op_register_runstate,
    [VCPUOP_set_periodic_timer] = op_set_periodic,
    [VCPUOP_stop_periodic_timer] = op_stop_periodic,
    [VCPUOP_set_singleshot_timer] = op_set_singleshot,
    [VCPUOP_stop_singleshot_timer] = op_stop_singleshot,
    [VCPUOP_register_vcpu_info] = op_register_info,
    [VCPUOP_send_nmi] = op_send_nmi,
    [VCPUOP_get_physid] = op_get_physid,
    [VCPUOP_register_vcpu_time_memory_area] = op_register_time,
};

long do_vcpu_op(unsigned int cmd, unsigned int vcpu, guest_ptr_t arg)
{
    struct vcpu *v = vcpu_lookup(current_domain(), vcpu);

    if (v == NULL) {
        return -ENOENT;
    }
    if (cmd >= ARRAY_SIZE(rows)) {
        return -ENOSYS;
    }
    return BIT(cmd) & ARCH_VCPU_OPS ? rows[cmd](v, arg) : -EINVAL;
}
