/* SPDX-License-Identifier: MIT */
/* Single x86 instructions as functions: control, debug and model-specific registers, ports, cpuid. */
#ifndef HV_ARCH_X86_CPU_INSTR_H
#define HV_ARCH_X86_CPU_INSTR_H

#include "hv/lib/types.h"

#define MSR_APIC_BASE      0x1b
#define MSR_EFER           0xc0000080
#define MSR_FS_BASE        0xc0000100
#define MSR_GS_BASE        0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_DEADLINE   0x6e0

#define CR0_TS      0x8UL
#define CR4_VMXE   0x2000UL /* with us: the CPU is in VMX operation */
#define CR4_OSXSAVE 0x40000UL

#define CONTROL_REGISTER(n)                                                                      \
    static inline unsigned long read_cr##n(void)                                                 \
    {                                                                                            \
        unsigned long v;                                                                         \
        __asm__ __volatile__("mov %%cr" #n ", %0" : "=r"(v)::"memory");                          \
        return v;                                                                                \
    }                                                                                            \
    static inline void write_cr##n(unsigned long v)                                              \
    {                                                                                            \
        __asm__ __volatile__("mov %0, %%cr" #n ::"r"(v) : "memory");                             \
    }
#define DEBUG_REGISTER(n)                                                                        \
    static inline unsigned long read_dr##n(void)                                                 \
    {                                                                                            \
        unsigned long v;                                                                         \
        __asm__ __volatile__("mov %%dr" #n ", %0" : "=r"(v));                                    \
        return v;                                                                                \
    }                                                                                            \
    static inline void write_dr##n(unsigned long v)                                              \
    {                                                                                            \
        __asm__ __volatile__("mov %0, %%dr" #n ::"r"(v));                                        \
    }
#define SEGMENT_REGISTER(name)                                                                   \
    static inline uint16_t read_##name(void)                                                     \
    {                                                                                            \
        uint16_t v;                                                                              \
        __asm__ __volatile__("mov %%" #name ", %0" : "=r"(v));                                   \
        return v;                                                                                \
    }

CONTROL_REGISTER(0)
CONTROL_REGISTER(2)
CONTROL_REGISTER(3)
CONTROL_REGISTER(4)
DEBUG_REGISTER(0)
DEBUG_REGISTER(1)
DEBUG_REGISTER(2)
DEBUG_REGISTER(3)
DEBUG_REGISTER(6)
DEBUG_REGISTER(7)
SEGMENT_REGISTER(ds)
SEGMENT_REGISTER(es)
SEGMENT_REGISTER(fs)
SEGMENT_REGISTER(gs)

static inline void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *a, uint32_t *b, uint32_t *c,
                         uint32_t *d)
{
    __asm__ __volatile__("cpuid"
                         : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d)
                         : "a"(leaf), "c"(subleaf));
}

static inline uint64_t read_msr(uint32_t msr)
{
    uint32_t lo, hi;

    __asm__ __volatile__("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return (uint64_t)hi << 32 | lo;
}

static inline void write_msr(uint32_t msr, uint64_t v)
{
    __asm__ __volatile__("wrmsr" ::"c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

static inline void clear_ts(void)
{
    __asm__ __volatile__("clts" ::: "memory");
}

static inline void set_ts(void)
{
    write_cr0(read_cr0() | CR0_TS);
}

static inline void swapgs(void)
{
    __asm__ __volatile__("swapgs" ::: "memory");
}

static inline void invlpg(unsigned long va)
{
    __asm__ __volatile__("invlpg (%0)" ::"r"(va) : "memory");
}

static inline void wbinvd(void)
{
    __asm__ __volatile__("wbinvd" ::: "memory");
}

static inline uint64_t read_tsc(void)
{
    uint32_t lo, hi;

    __asm__ __volatile__("rdtsc" : "=a"(lo), "=d"(hi));
    return (uint64_t)hi << 32 | lo;
}
#endif
