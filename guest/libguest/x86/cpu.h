/* SPDX-License-Identifier: MIT */
/*
 * Instructions the test kernels use by name.
 */
#ifndef GUEST_LIBGUEST_X86_CPU_H
#define GUEST_LIBGUEST_X86_CPU_H

#include <stdint.h>

static inline uint64_t cpu_rdtsc(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static inline void cpu_relax(void)
{
    __asm__ volatile("pause" : : : "memory");
}

static inline void cpu_barrier(void)
{
    __asm__ volatile("" : : : "memory");
}

struct cpuid_regs {
    uint32_t eax, ebx, ecx, edx;
};

/*
 * CPUID as the hardware gives it to ring 3, and as the hypervisor wants a PV kernel to see it.
 */
static inline struct cpuid_regs cpu_cpuid_native(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_regs r;

    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "0"(leaf), "2"(subleaf));
    return r;
}

static inline struct cpuid_regs cpu_cpuid_forced(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_regs r;

    __asm__ volatile("ud2; .ascii \"xen\"; cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "0"(leaf), "2"(subleaf));
    return r;
}
#endif
