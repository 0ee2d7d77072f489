/* SPDX-License-Identifier: MIT */
/*
 * The platform_op hypercall: what the hardware domain's kernel tells and asks about the machine (wall
 * clock, CPUs, power management). Common shape as sysctl.c; all that touches the machine's own registers
 * and tables is behind arch_platform_op().
 */
#include "abi/platform.h"

#include "hv/calls/hypercall.h"
#include "hv/core/arch_guest.h"
#include "hv/core/rights.h"
#include "hv/core/wallclock.h"

#define NS_PER_SECOND 1000000000ULL

static struct spinlock platform_lock = SPINLOCK_INIT(LOCK_DOMAIN_CONTROL);

static int set_time(uint64_t secs, uint32_t nsecs, uint64_t system_time)
{
    uint64_t ns;

    if (nsecs >= NS_PER_SECOND || mul_overflows(secs, NS_PER_SECOND, &ns) ||
        add_overflows(ns, nsecs, &ns) || system_time > ns) {
        return -EINVAL;
    }
    wallclock_set(ns, system_time);
    return 0;
}

static bool online(uint32_t cpu)
{
    return cpu < MAX_CPUS && cpumask_test(&arch_cpus_online, cpu);
}

/* CPUs stay as boot left them: online is where they are, and offline is refused. */
static int cpu_offline(uint32_t cpu)
{
    if (cpu == 0) {
        return -EOPNOTSUPP;
    }
    if (cpu >= arch_cpus_possible) {
        return -EINVAL;
    }
    return online(cpu) ? -EOPNOTSUPP : 0;
}

static int run(struct xen_platform_op *op, guest_ptr_t u_op, bool *copy_back)
{
    *copy_back = false;
    switch (op->cmd) {
    case XENPF_settime32:
        return set_time(op->u.settime32.secs, op->u.settime32.nsecs, op->u.settime32.system_time);
    case XENPF_settime64:
        if (op->u.settime64.mbz != 0) {
            return -EINVAL;
        }
        return set_time(op->u.settime64.secs, op->u.settime64.nsecs, op->u.settime64.system_time);
    case XENPF_cpu_online:
        return online(op->u.cpu_ol.cpuid) ? 0 : -EINVAL;
    case XENPF_cpu_offline:
        return cpu_offline(op->u.cpu_ol.cpuid);
    case XENPF_cpu_hotadd:
    case XENPF_mem_hotadd:
        return -EOPNOTSUPP;
    case XENPF_core_parking:
        if (op->u.core_parking.type == XEN_CORE_PARKING_GET) {
            op->u.core_parking.idle_nums = 0;
            *copy_back = true;
            return 0;
        }
        return op->u.core_parking.type == XEN_CORE_PARKING_SET ? -EOPNOTSUPP : -EINVAL;
    case XENPF_change_freq:
    case XENPF_getidletime:
        return -ENOSYS; /* dom0 does not drive CPU frequencies */
    default:
        return arch_platform_op(op, u_op, copy_back);
    }
}

long do_platform_op(guest_ptr_t u_op)
{
    struct xen_platform_op op;
    bool copy_back;
    int rc;

    if (copy_from_guest(&op, u_op, sizeof(op)) != 0) {
        return -EFAULT;
    }
    if (op.interface_version != XENPF_INTERFACE_VERSION) {
        return -EACCES;
    }
    if (!rights_is_control(current_domain())) {
        return -EPERM;
    }
    if (!spin_trylock(&platform_lock)) {
        return hypercall_continue(__HYPERVISOR_platform_op, 1, (unsigned long)u_op.va);
    }
    rc = run(&op, u_op, &copy_back);
    spin_unlock(&platform_lock);
    if (rc >= 0 && copy_back && copy_to_guest(u_op, &op, sizeof(op)) != 0) {
        rc = -EFAULT;
    }
    return rc;
}
