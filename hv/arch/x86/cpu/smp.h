/* SPDX-License-Identifier: MIT */
/*
 * The other CPUs: their numbers, and asking things of them (IPIs, TLB flushes).
 */
#ifndef HV_ARCH_X86_CPU_SMP_H
#define HV_ARCH_X86_CPU_SMP_H

#include "hv/arch_cpu.h"

/* Set by init from the command line before smp_init(). */
extern unsigned int smp_max_cpus; /* maxcpus=, 1 with nosmp; 0: no limit */
/* A page below 1 MiB that holds no data of anybody: where CPUs start. */
extern paddr_t smp_trampoline_page;

/* Numbers the CPUs: arch_cpus_possible and the APIC ids. Boot CPU is 0. */
void smp_init(void);
uint32_t smp_apic_id(unsigned int cpu);
uint32_t smp_acpi_id(unsigned int cpu);
/* In place of an address for arch_tlb_flush(): writes the caches back and empties them; translations stay. */
#define SMP_FLUSH_CACHE (~1UL)
/* What VECTOR_IPI_FLUSH asked for. */
void smp_flush_requested(void);

#endif
