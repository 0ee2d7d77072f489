/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls as C functions. hypercall() is the raw call with up to five arguments, whichever
 * way the variant enters the hypervisor; the named wrappers only give the arguments names. All
 * return the hypervisor's answer unchanged: 0 or a positive result, or -E....
 */
#ifndef GUEST_LIBGUEST_HYPERCALL_H
#define GUEST_LIBGUEST_HYPERCALL_H

#include <stddef.h>
#include <stdint.h>

#include "abi/callback.h"
#include "abi/errno.h"
#include "abi/xen.h"
#include <hypercall_raw.h> /* of the architecture */

static inline long hypercall(unsigned long nr, unsigned long a, unsigned long b,
                             unsigned long c, unsigned long d, unsigned long e)
{
    return hypercall_raw(nr, a, b, c, d, e);
}

static inline long hypercall_xen_version(int cmd, void *arg)
{
    return hypercall(__HYPERVISOR_xen_version, cmd, (unsigned long)arg, 0, 0, 0);
}

static inline long hypercall_console_io(int cmd, unsigned int count, void *buffer)
{
    return hypercall(__HYPERVISOR_console_io, cmd, count, (unsigned long)buffer, 0, 0);
}

static inline long hypercall_sched_op(int cmd, void *arg)
{
    return hypercall(__HYPERVISOR_sched_op, cmd, (unsigned long)arg, 0, 0, 0);
}

static inline long hypercall_event_channel_op(int cmd, void *arg)
{
    return hypercall(__HYPERVISOR_event_channel_op, cmd, (unsigned long)arg, 0, 0, 0);
}

static inline long hypercall_memory_op(unsigned int cmd, void *arg)
{
    return hypercall(__HYPERVISOR_memory_op, cmd, (unsigned long)arg, 0, 0, 0);
}

static inline long hypercall_grant_table_op(unsigned int cmd, void *ops, unsigned int count)
{
    return hypercall(__HYPERVISOR_grant_table_op, cmd, (unsigned long)ops, count, 0, 0);
}

static inline long hypercall_vcpu_op(int cmd, unsigned int vcpu, void *arg)
{
    return hypercall(__HYPERVISOR_vcpu_op, cmd, vcpu, (unsigned long)arg, 0, 0);
}

static inline long hypercall_vm_assist(unsigned int cmd, unsigned int type)
{
    return hypercall(__HYPERVISOR_vm_assist, cmd, type, 0, 0, 0);
}

static inline long hypercall_set_timer_op(uint64_t timeout)
{
    return hypercall(__HYPERVISOR_set_timer_op, timeout, 0, 0, 0, 0);
}

static inline long hypercall_multicall(struct multicall_entry *entries, unsigned int count)
{
    return hypercall(__HYPERVISOR_multicall, (unsigned long)entries, count, 0, 0, 0);
}

static inline long hypercall_physdev_op(int cmd, void *arg)
{
    return hypercall(__HYPERVISOR_physdev_op, cmd, (unsigned long)arg, 0, 0, 0);
}

/* The calls below exist for PV guests only. */
struct trap_info;

static inline long hypercall_set_trap_table(const struct trap_info *traps)
{
    return hypercall(__HYPERVISOR_set_trap_table, (unsigned long)traps, 0, 0, 0, 0);
}

static inline long hypercall_callback_op(int cmd, void *arg)
{
    return hypercall(__HYPERVISOR_callback_op, cmd, (unsigned long)arg, 0, 0, 0);
}

static inline long hypercall_mmu_update(struct mmu_update *reqs, unsigned int count,
                                        unsigned int *done, unsigned int foreign)
{
    return hypercall(__HYPERVISOR_mmu_update, (unsigned long)reqs, count, (unsigned long)done,
                     foreign, 0);
}

static inline long hypercall_mmuext_op(struct mmuext_op *ops, unsigned int count,
                                       unsigned int *done, unsigned int foreign)
{
    return hypercall(__HYPERVISOR_mmuext_op, (unsigned long)ops, count, (unsigned long)done,
                     foreign, 0);
}

static inline long hypercall_update_va_mapping(unsigned long va, uint64_t pte,
                                               unsigned long flags)
{
    return hypercall(__HYPERVISOR_update_va_mapping, va, pte, flags, 0, 0);
}

static inline long hypercall_stack_switch(unsigned long ss, unsigned long sp)
{
    return hypercall(__HYPERVISOR_stack_switch, ss, sp, 0, 0, 0);
}

static inline long hypercall_set_gdt(const unsigned long *frames, unsigned int entries)
{
    return hypercall(__HYPERVISOR_set_gdt, (unsigned long)frames, entries, 0, 0, 0);
}

static inline long hypercall_update_descriptor(uint64_t maddr, uint64_t descriptor)
{
    return hypercall(__HYPERVISOR_update_descriptor, maddr, descriptor, 0, 0, 0);
}

static inline long hypercall_fpu_taskswitch(int set)
{
    return hypercall(__HYPERVISOR_fpu_taskswitch, set, 0, 0, 0, 0);
}

static inline long hypercall_set_debugreg(int reg, unsigned long value)
{
    return hypercall(__HYPERVISOR_set_debugreg, reg, value, 0, 0, 0);
}

static inline long hypercall_get_debugreg(int reg)
{
    return hypercall(__HYPERVISOR_get_debugreg, reg, 0, 0, 0, 0);
}

static inline long hypercall_set_segment_base(unsigned int which, unsigned long base)
{
    return hypercall(__HYPERVISOR_set_segment_base, which, base, 0, 0, 0);
}
#endif
