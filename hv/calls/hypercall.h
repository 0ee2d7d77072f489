/* SPDX-License-Identifier: MIT */
/*
 * Dispatch of hypercalls: a const table indexed by number; each row takes up to six arguments
 * in plain registers and returns a long. The architecture's entry path indexes hypercall_table
 * directly; rows of the architecture (PV MMU calls ...) are declared here and live in
 * arch/X/guest.
 *
 * A handler that has run long enough (hypercall_preempt_check()) returns
 *     return hypercall_continue(op, n, args...);
 * and is entered again with these arguments after softirqs and events had their turn; in a
 * multicall the entry is rewritten instead.
 */
#ifndef HV_CALLS_HYPERCALL_H
#define HV_CALLS_HYPERCALL_H

#include "hv/base/softirq.h"
#include "hv/core/evtchn.h"
#include "hv/core/vcpu.h"

#define HYPERCALL_COUNT 64

typedef long (*hypercall_fn)(unsigned long, unsigned long, unsigned long, unsigned long,
                             unsigned long, unsigned long);
/* Rows not built are hypercall_unknown(), which returns -ENOSYS. */
extern const hypercall_fn hypercall_table[HYPERCALL_COUNT];
long hypercall_unknown(void);

/* True when the caller should give way: a softirq or an event waits. */
static inline bool hypercall_preempt_check(void)
{
    return softirq_urgent() || evtchn_upcall_due(current_vcpu());
}

/* Records what to run again; returns -ERESTART for the handler to return. args are unsigned
 * long. */
long hypercall_continue(unsigned int op, unsigned int count, ...);

/* calls/ */
long do_memory_op(unsigned long cmd, guest_ptr_t arg);
long do_event_channel_op(unsigned int cmd, guest_ptr_t arg);
long do_event_channel_op_compat(guest_ptr_t arg);
long do_grant_table_op(unsigned int cmd, guest_ptr_t arg, unsigned int count);
long do_sched_op(unsigned int cmd, guest_ptr_t arg);
long do_sched_op_compat(unsigned int cmd, unsigned long arg);
long do_vcpu_op(unsigned int cmd, unsigned int vcpu, guest_ptr_t arg);
long do_set_timer_op(uint64_t deadline);
long do_xen_version(unsigned int cmd, guest_ptr_t arg);
long do_console_io(unsigned int cmd, unsigned int count, guest_ptr_t buffer);
long do_multicall(guest_ptr_t calls, unsigned int count);
long do_vm_assist(unsigned int cmd, unsigned int type);
long do_domctl(guest_ptr_t op);
long do_sysctl(guest_ptr_t op);
long do_platform_op(guest_ptr_t op);
long do_physdev_op(unsigned int cmd, guest_ptr_t arg);
long do_physdev_op_compat(guest_ptr_t arg);
long do_hvm_op(unsigned long op, guest_ptr_t arg);
long do_hypfs_op(unsigned int cmd, guest_ptr_t a1, unsigned long a2, guest_ptr_t a3,
                 unsigned long a4);
long do_xsm_op(guest_ptr_t op);
long do_nmi_op(unsigned int cmd, guest_ptr_t arg);
long do_xenpmu_op(unsigned int cmd, guest_ptr_t arg);

/* arch/x86/guest: PV only; -ENOSYS for a domain that is not PV. */
long do_set_trap_table(guest_ptr_t traps);
long do_mmu_update(guest_ptr_t updates, unsigned int count, guest_ptr_t done,
                   unsigned int domid);
long do_set_gdt(guest_ptr_t frames, unsigned int entries);
long do_stack_switch(unsigned long ss, unsigned long sp);
long do_set_callbacks(unsigned long event, unsigned long failsafe, unsigned long syscall);
long do_fpu_taskswitch(int set);
long do_set_debugreg(int reg, unsigned long value);
unsigned long do_get_debugreg(int reg);
long do_update_descriptor(uint64_t address, uint64_t descriptor);
long do_update_va_mapping(unsigned long va, uint64_t pte, unsigned long flags);
long do_update_va_mapping_otherdomain(unsigned long va, uint64_t pte, unsigned long flags,
                                      domid_t domid);
long do_iret(void);
long do_set_segment_base(unsigned int which, unsigned long base);
long do_mmuext_op(guest_ptr_t ops, unsigned int count, guest_ptr_t done, unsigned int domid);
long do_callback_op(int cmd, guest_ptr_t arg);
long do_mca(guest_ptr_t op);

#endif
