/* SPDX-License-Identifier: MIT */
/*
 * The watchdog (watchdog=, watchdog_timeout=): a CPU that has run no timers for too long is stuck inside the
 * hypervisor. The next CPU notices, and an NMI makes the stuck one say where it is and end the machine.
 */
#ifndef HV_ARCH_X86_CPU_WATCHDOG_H
#define HV_ARCH_X86_CPU_WATCHDOG_H

#include "hv/lib/types.h"

struct cpu_user_regs;

/* Once, when all CPUs are online: they watch each other from here on. One CPU alone has no watchdog. */
void watchdog_start(unsigned int timeout_seconds);
/* In an NMI: does not return when it came because this CPU is stuck. */
void watchdog_nmi(const struct cpu_user_regs *regs);

#endif
