/* SPDX-License-Identifier: MIT */
/*
 * What arm64 test kernels share beside guest/libguest: hypercalls, exceptions that a test expects, the event upcall by
 * its interrupt. arm_start() brings these up, runs test_main() and ends in test_end().
 */
#ifndef GUEST_ARM64_GUEST_H
#define GUEST_ARM64_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/xen.h"

long hypercall5(unsigned long nr, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
                unsigned long e);
/* A call to firmware: function and three arguments, by HVC or SMC. */
long firmware_call(uint64_t function, uint64_t a, uint64_t b, uint64_t c);
long firmware_call_smc(uint64_t function, uint64_t a, uint64_t b, uint64_t c);

/* Starts another vcpu, which runs fn and then sleeps: PSCI's answer. */
long arm_cpu_start(unsigned int vcpu, void (*fn)(unsigned int vcpu));
/* The address in the guest's physical space; puts addresses of that space (a gigabyte's slot of the first level) where
 * the test can touch them, as memory. */
uint64_t arm_physical(const void *va);
char *arm_map_gigabyte(uint64_t address);

/* Runs code that the test has written: `bytes` of instructions, then one call. */
void arm_code_ready(const void *code, unsigned long bytes);

/* One sequence a seed (seed= of the command line, 1 when it says nothing). */
uint64_t arm_random(void);
unsigned int arm_random_below(unsigned int limit);

extern uint64_t start_counter; /* the physical counter at the first instruction */
extern uint64_t boot_l1[512]; /* the table of the first level: stage 1 */
extern struct shared_info *shared_info;
extern struct vcpu_info *vcpu_info;
extern volatile unsigned int irq_count[1020]; /* by number */
extern uint64_t gic_dist, gic_redist;         /* 0: GICv2, whose CPU interface is gic_cpu */
extern uint64_t gic_cpu;
bool is_gicv3(void);
void gic_enable_local(unsigned int irq);
/* Off and empty, then as a kernel starts with it. */
void gic_reset(void);
uint64_t gic_acknowledge(void);
void gic_end(uint64_t irq);
void arm_send_sgi(unsigned int sgi, unsigned int vcpu_mask);

/* Exceptions: while expected, arm_sync() counts them and steps over the instruction. */
extern volatile unsigned int sync_count;
extern volatile uint64_t sync_esr, sync_far;
extern bool sync_expected;

static inline void irqs_on(void)
{
    __asm__ volatile("msr daifclr, #2" ::: "memory");
}

static inline void irqs_off(void)
{
    __asm__ volatile("msr daifset, #2" ::: "memory");
}

static inline uint64_t counter(void)
{
    uint64_t value;

    __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(value)::"memory");
    return value;
}

static inline uint32_t read32(uint64_t at)
{
    uint32_t value;

    __asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(at) : "memory");
    return value;
}

static inline void write32(uint64_t at, uint32_t value)
{
    __asm__ volatile("str %w0, [%1]" ::"r"(value), "r"(at) : "memory");
}

#endif
