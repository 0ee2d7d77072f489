/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls that need no file of their own: the timer, assists of the guest's kind, and those
 * that are the architecture's or not offered.
 */
#include "abi/physdev.h"
#include "hv/calls/hypercall.h"
#include "hv/core/arch_guest.h"

#define FAR_FUTURE_NS   (1ULL << 50) /* 13 days: no guest means that */
#define SOON_ENOUGH_NS  100000000ULL

/* A deadline before 1970 or in weeks comes from a guest whose clock arithmetic wrapped, or
 * that means "no timer": a tick in a while is right for the one and does the other no harm. */
long do_set_timer_op(uint64_t deadline)
{
    struct vcpu *v = current_vcpu();

    if (deadline == 0) {
        vcpu_stop_singleshot(v);
        return 0;
    }
    if (unlikely(deadline >= FAR_FUTURE_NS)) {
        uint64_t now = arch_clock_now();

        if ((int64_t)deadline < 0 || deadline - now >= FAR_FUTURE_NS) {
            deadline = now + SOON_ENOUGH_NS;
        }
    }
    vcpu_set_singleshot(v, deadline);
    return 0;
}

long do_vm_assist(unsigned int cmd, unsigned int type)
{
    struct domain *d = current_domain();
    unsigned int bit;

    if (type >= 32 || (arch_vm_assist_valid(d) & BIT(type)) == 0) {
        return -EINVAL;
    }
    bit = 1U << type;
    switch (cmd) {
    case VMASST_CMD_enable:
        __atomic_fetch_or(&d->vm_assist, bit, __ATOMIC_SEQ_CST);
        return 0;
    case VMASST_CMD_disable:
        __atomic_fetch_and(&d->vm_assist, ~bit, __ATOMIC_SEQ_CST);
        return 0;
    default:
        return -ENOSYS;
    }
}

long do_physdev_op(unsigned int cmd, guest_ptr_t arg)
{
    return arch_physdev_op(cmd, arg);
}

/* The record begins with the number; what follows is the same. */
long do_physdev_op_compat(guest_ptr_t arg)
{
    uint32_t cmd;

    if (copy_from_guest(&cmd, arg, sizeof(cmd)) != 0) {
        return -EFAULT;
    }
    return arch_physdev_op(cmd, (guest_ptr_t){ arg.va + offsetof(struct physdev_op, u) });
}

long do_hvm_op(unsigned long op, guest_ptr_t arg)
{
    return arch_hvm_op(op, arg);
}

/* No security modules. */
long do_xsm_op(guest_ptr_t op)
{
    (void)op;
    return -ENOSYS;
}
