/* SPDX-License-Identifier: MIT */
/*
 * Stand-ins for what the fuzz targets do not link: debug keys, and the hypercalls that are an
 * architecture's alone.
 */
#include "hv/arch/x86/cpu/paging.h"
#include "hv/calls/hypercall.h"
#include "hv/core/arch_guest.h"
#include "hv/core/keyhandler.h"

void keyhandler_press(char key)
{
}

void keyhandler_press_later(char key)
{
}

paddr_t paging_virt_to_phys(const void *va)
{
    return _paddr((unsigned long)va);
}

int arch_vcpu_physid(const struct vcpu *v, uint64_t *id)
{
    *id = v->processor;
    return 0;
}

int arch_register_vcpu_time(struct vcpu *v, guest_ptr_t va)
{
    return -EFAULT;
}

#define ABSENT(name, ...)                                                                      \
    long name(__VA_ARGS__)                                                                     \
    {                                                                                          \
        return -ENOSYS;                                                                        \
    }
ABSENT(do_set_trap_table, guest_ptr_t traps)
ABSENT(do_mmu_update, guest_ptr_t updates, unsigned int count, guest_ptr_t done,
       unsigned int domid)
ABSENT(do_set_gdt, guest_ptr_t frames, unsigned int entries)
ABSENT(do_stack_switch, unsigned long ss, unsigned long sp)
ABSENT(do_set_callbacks, unsigned long event, unsigned long failsafe, unsigned long syscall)
ABSENT(do_fpu_taskswitch, int set)
ABSENT(do_set_debugreg, int reg, unsigned long value)
ABSENT(do_update_descriptor, uint64_t address, uint64_t descriptor)
ABSENT(do_update_va_mapping, unsigned long va, uint64_t pte, unsigned long flags)
ABSENT(do_update_va_mapping_otherdomain, unsigned long va, uint64_t pte, unsigned long flags,
       domid_t domid)
ABSENT(do_iret, void)
ABSENT(do_set_segment_base, unsigned int which, unsigned long base)
ABSENT(do_mmuext_op, guest_ptr_t ops, unsigned int count, guest_ptr_t done, unsigned int domid)
ABSENT(do_callback_op, int cmd, guest_ptr_t arg)
ABSENT(do_mca, guest_ptr_t op)
ABSENT(do_nmi_op, unsigned int cmd, guest_ptr_t arg)
ABSENT(do_xenpmu_op, unsigned int cmd, guest_ptr_t arg)

unsigned long do_get_debugreg(int reg)
{
    return 0;
}
