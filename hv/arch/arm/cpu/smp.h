/* SPDX-License-Identifier: MIT */
/*
 * The CPUs: numbers, and starting them, by PSCI or from a spin table as each one's node in the device tree says. The
 * boot CPU is 0.
 */
#ifndef HV_ARCH_ARM_CPU_SMP_H
#define HV_ARCH_ARM_CPU_SMP_H

#include "hv/arch_cpu.h"

extern unsigned int smp_max_cpus; /* set by init from the command line; 0: no limit */

/* Numbers the CPUs of the device tree: arch_cpus_possible. */
void smp_init(void);
uint64_t smp_mpidr(unsigned int cpu); /* affinity fields only */
/* Starts cpu with local as its struct cpu_local: 0, a PSCI error or -ENOMEM. */
int smp_start(unsigned int cpu, struct cpu_local *local);
/* An IPI arrived. */
void smp_ipi(unsigned int what);

#endif
