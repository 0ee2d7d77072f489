/* SPDX-License-Identifier: MIT */
/*
 * The table of hypercalls, and what becomes of those that are not finished yet. See
 * hypercall.h.
 *
 * Handlers take their arguments in the types they mean; every architecture we run on passes
 * integers and one-word structures in the same registers, so the table casts instead of having
 * a wrapper for each.
 */
#include "hv/calls/hypercall.h"

#include <stdarg.h>

#include "abi/xen.h"
#include "hv/core/arch_guest.h"

#define ROW(fn) ((hypercall_fn)(void (*)(void))(fn))
#define NONE    ROW(hypercall_unknown)

const hypercall_fn hypercall_table[HYPERCALL_COUNT] = {
    [__HYPERVISOR_set_trap_table] = ROW(do_set_trap_table),
    [__HYPERVISOR_mmu_update] = ROW(do_mmu_update),
    [__HYPERVISOR_set_gdt] = ROW(do_set_gdt),
    [__HYPERVISOR_stack_switch] = ROW(do_stack_switch),
    [__HYPERVISOR_set_callbacks] = ROW(do_set_callbacks),
    [__HYPERVISOR_fpu_taskswitch] = ROW(do_fpu_taskswitch),
    [__HYPERVISOR_sched_op_compat] = ROW(do_sched_op_compat),
    [__HYPERVISOR_platform_op] = ROW(do_platform_op),
    [__HYPERVISOR_set_debugreg] = ROW(do_set_debugreg),
    [__HYPERVISOR_get_debugreg] = ROW(do_get_debugreg),
    [__HYPERVISOR_update_descriptor] = ROW(do_update_descriptor),
    [11] = NONE,
    [__HYPERVISOR_memory_op] = ROW(do_memory_op),
    [__HYPERVISOR_multicall] = ROW(do_multicall),
    [__HYPERVISOR_update_va_mapping] = ROW(do_update_va_mapping),
    [__HYPERVISOR_set_timer_op] = ROW(do_set_timer_op),
    [__HYPERVISOR_event_channel_op_compat] = ROW(do_event_channel_op_compat),
    [__HYPERVISOR_xen_version] = ROW(do_xen_version),
    [__HYPERVISOR_console_io] = ROW(do_console_io),
    [__HYPERVISOR_physdev_op_compat] = ROW(do_physdev_op_compat),
    [__HYPERVISOR_grant_table_op] = ROW(do_grant_table_op),
    [__HYPERVISOR_vm_assist] = ROW(do_vm_assist),
    [__HYPERVISOR_update_va_mapping_otherdomain] = ROW(do_update_va_mapping_otherdomain),
    [__HYPERVISOR_iret] = ROW(do_iret),
    [__HYPERVISOR_vcpu_op] = ROW(do_vcpu_op),
    [__HYPERVISOR_set_segment_base] = ROW(do_set_segment_base),
    [__HYPERVISOR_mmuext_op] = ROW(do_mmuext_op),
    [__HYPERVISOR_xsm_op] = ROW(do_xsm_op),
    [__HYPERVISOR_nmi_op] = ROW(do_nmi_op),
    [__HYPERVISOR_sched_op] = ROW(do_sched_op),
    [__HYPERVISOR_callback_op] = ROW(do_callback_op),
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
    [__HYPERVISOR_arch_0] = ROW(do_mca),
    [__HYPERVISOR_arch_1 ... HYPERCALL_COUNT - 1] = NONE,
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
