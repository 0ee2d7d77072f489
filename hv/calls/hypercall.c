/* SPDX-License-Identifier: MIT */
/*
 * The table of hypercalls, and what becomes of those that are not finished yet. See
 * hypercall.h.
 *
 * Handlers take their arguments in the types they mean; every architecture we run on passes
 * integers and one-word structures in the same registers, so the table casts instead of having
 * a wrapper for each.
 *
 * arch_hypercalls.inc of the architecture has the rows that are wholly its own.
 */
#include "hv/calls/hypercall.h"

#include <stdarg.h>

#include "abi/xen.h"
#include "hv/core/arch_guest.h"

#define ROW(fn) ((hypercall_fn)(void (*)(void))(fn))
#define NONE    ROW(hypercall_unknown)

const hypercall_fn hypercall_table[HYPERCALL_COUNT] = {
    [__HYPERVISOR_sched_op_compat] = ROW(do_sched_op_compat),
    [__HYPERVISOR_platform_op] = ROW(do_platform_op),
    [11] = NONE,
    [__HYPERVISOR_memory_op] = ROW(do_memory_op),
    [__HYPERVISOR_multicall] = ROW(do_multicall),
    [__HYPERVISOR_set_timer_op] = ROW(do_set_timer_op),
    [__HYPERVISOR_event_channel_op_compat] = ROW(do_event_channel_op_compat),
    [__HYPERVISOR_xen_version] = ROW(do_xen_version),
    [__HYPERVISOR_console_io] = ROW(do_console_io),
    [__HYPERVISOR_physdev_op_compat] = ROW(do_physdev_op_compat),
    [__HYPERVISOR_grant_table_op] = ROW(do_grant_table_op),
    [__HYPERVISOR_vm_assist] = ROW(do_vm_assist),
    [__HYPERVISOR_vcpu_op] = ROW(do_vcpu_op),
    [__HYPERVISOR_xsm_op] = ROW(do_xsm_op),
    [__HYPERVISOR_nmi_op] = ROW(do_nmi_op),
    [__HYPERVISOR_sched_op] = ROW(do_sched_op),
    [__HYPERVISOR_xenoprof_op] = NONE,
    [__HYPERVISOR_event_channel_op] = ROW(do_event_channel_op),
    [__HYPERVISOR_physdev_op] = ROW(do_physdev_op),
    [__HYPERVISOR_hvm_op] = ROW(do_hvm_op),
    [__HYPERVISOR_sysctl] = ROW(do_sysctl),
    [__HYPERVISOR_domctl] = ROW(do_domctl),
    [__HYPERVISOR_kexec_op] = NONE,
    [__HYPERVISOR_tmem_op] = NONE,
    [__HYPERVISOR_argo_op] = NONE,
    [__HYPERVISOR_xenpmu_op] = ROW(do_xenpmu_op),
    [__HYPERVISOR_dm_op] = NONE,
    [__HYPERVISOR_hypfs_op] = ROW(do_hypfs_op),
    [43 ... __HYPERVISOR_arch_0 - 1] = NONE,
#include <arch_hypercalls.inc>
};

long hypercall_unknown(void)
{
    return -ENOSYS;
}

long hypercall_continue(unsigned int op, unsigned int count, ...)
{
    struct vcpu_restart *r = &current_vcpu()->restart;
    va_list args;

    r->op = op;
    r->arg_count = MIN(count, (unsigned int)ARRAY_SIZE(r->args));
    va_start(args, count);
    for (unsigned int i = 0; i < r->arg_count; i++) {
        r->args[i] = va_arg(args, unsigned long);
    }
    va_end(args);
    r->pending = true;
    return -ERESTART;
}
