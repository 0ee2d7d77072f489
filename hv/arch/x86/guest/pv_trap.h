/* SPDX-License-Identifier: MIT */
/* What pv_entry.S, pv_trap.c and pv_domain.c need of each other. */
#ifndef HV_ARCH_X86_GUEST_PV_TRAP_H
#define HV_ARCH_X86_GUEST_PV_TRAP_H

#include "hv/arch/x86/guest/guest.h"

/* pv_trap.c, called by pv_entry.S with the guest's registers: */
void pv_deliver_events(struct cpu_user_regs *regs);
bool pv_deliver_nmi(struct cpu_user_regs *regs);
void pv_user_syscall(struct cpu_user_regs *regs);
void pv_user_syscall32(struct cpu_user_regs *regs);
void pv_user_sysenter(struct cpu_user_regs *regs);
void pv_iret_failed(struct cpu_user_regs *regs);
void pv_hypercall_restart(struct vcpu *v);

/* Enters the failsafe callback: a selector of the guest could not be loaded. */
void pv_failsafe(struct cpu_user_regs *regs);
MUST_CHECK int pv_set_trap(struct vcpu *v, const struct trap_info *t);

/* pv_domain.c: */
MUST_CHECK int pv_set_debugreg(struct vcpu *v, unsigned int reg, unsigned long value);
/* Loads the user's gs selector, whose base goes to the inactive GS base. */
void pv_load_user_gs(uint16_t selector);

/* entry.S, pv_entry.S: */
bool raw_load_ds(uint16_t selector);
bool raw_load_es(uint16_t selector);
bool raw_load_fs(uint16_t selector);
bool raw_load_gs(uint16_t selector);
NORETURN void stack_reset_and_call(void (*fn)(void));
NORETURN void resume_guest(void);

#endif
