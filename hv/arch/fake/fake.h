/* SPDX-License-Identifier: MIT */
/*
 * What tests can do to the fake machine: choose the CPU, move the clock, look at what the core
 * asked of the hardware, and use a piece of guest memory.
 */
#ifndef HV_ARCH_FAKE_FAKE_H
#define HV_ARCH_FAKE_FAKE_H

#include "hv/arch_cpu.h"
#include "hv/mm/guest_copy.h"

#ifndef FAKE_CPUS
#define FAKE_CPUS 2
#endif
#define FAKE_FRAMES      (1UL << 22) /* 16 GiB of machine addresses, backed as touched */
#define FAKE_GUEST_BYTES (1UL << 20)

/* Sets up the machine anew: no RAM, clock 0, CPU 0 running with interrupts on. Once per
 * process. */
void fake_machine_init(void);
/* RAM from first on: frame table entries and pages for the allocator. */
void fake_machine_add_ram(uint64_t first, uint64_t count);
/* The calling thread continues as this CPU. */
void fake_cpu_switch(unsigned int cpu);
void fake_clock_set(uint64_t now);
void fake_clock_advance(uint64_t ns);

/* Guest memory: only addresses inside can be copied from and to. */
extern char fake_guest_memory[FAKE_GUEST_BYTES];
guest_ptr_t fake_guest_ptr(const void *p);

/* Counters of what was asked for. */
struct fake_counts {
    unsigned int tlb_flushes;
    unsigned int ipis;
    unsigned int frame_flushes;
};
extern struct fake_counts fake_counts;

/* Where each pirq was last sent to. */
#define FAKE_PIRQS 16U
extern unsigned int fake_pirq_cpu[FAKE_PIRQS];

/* Host side (host.c): no hypervisor header sees these. */
void *fake_host_map(unsigned long bytes);
NORETURN void fake_host_stop(const char *why);
void fake_host_yield(void);
/* Another thread; it chooses its CPU first. */
unsigned long fake_host_thread(void (*fn)(void *arg), void *arg);
void fake_host_join(unsigned long thread);

#endif
