/* SPDX-License-Identifier: MIT */
/* Ways for the machine to stop: see arch_reset() of hv/arch_cpu.h. */
#ifndef HV_ARCH_X86_CPU_RESET_H
#define HV_ARCH_X86_CPU_RESET_H

#include "hv/lib/types.h"

/* Writes the PM1 control values that dom0 computed for a sleep state; returns only if still on. */
void reset_acpi_sleep(uint16_t pm1a, uint16_t pm1b);
/* reboot=: t triple fault, k keyboard controller, a ACPI, p port 0xcf9, n nothing; 0 tries all. */
void reset_set_method(char method);

#endif
