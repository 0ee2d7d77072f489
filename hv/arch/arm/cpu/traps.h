/* SPDX-License-Identifier: MIT */
/* Exceptions taken at EL2, and the assembly's ways to leave a stack behind. */
#ifndef HV_ARCH_ARM_CPU_TRAPS_H
#define HV_ARCH_ARM_CPU_TRAPS_H

#include "hv/arch_cpu.h"

void traps_init_cpu(void);
/* The assembly calls it: an exception of the hypervisor itself. */
void arm_exception(struct cpu_user_regs *regs);
/* Takes the SError that pends, with interrupts off: its syndrome (ESR_EL2). */
uint64_t traps_take_serror(void);
NORETURN void stack_reset_and_call(void (*fn)(void));
NORETURN void resume_guest(void);

#endif
