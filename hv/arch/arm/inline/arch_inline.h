/* SPDX-License-Identifier: MIT */
/*
 * The inline part of contract 1 on 64-bit Arm, at EL2 without VHE.
 *
 * Every CPU has a 16 KiB aligned stack whose top holds struct cpu_local; TPIDR_EL2 points at it. While a guest runs,
 * SP_EL2 points at regs, so an exception stores the guest's registers upwards from there and C code runs below.
 */
#ifndef HV_ARCH_ARM_INLINE_ARCH_INLINE_H
#define HV_ARCH_ARM_INLINE_ARCH_INLINE_H

#include "abi/xen.h"
#include "hv/lib/types.h"

#define ARCH_ASM_COMMENT "//" /* what ends a line of assembly */
/* By number, which a guest may use; vcpus start and stop by PSCI, and timers are the machine's. */
#define ARCH_VCPU_OPS (1UL << VCPUOP_register_runstate_memory_area | 1UL << VCPUOP_register_vcpu_info)
#define ARCH_IGNORED_OPTIONS /* of the command line: those of all */

#define STACK_ORDER 2
#define STACK_SIZE  (PAGE_SIZE << STACK_ORDER)

/* EL2 has one range of 48-bit addresses. Physical addresses below 16 TiB may be mapped at themselves during boot. */
#define HV_VIRT_START     0x0000100000000000UL
#define IMAGE_START       0x0000100000000000UL
#define FRAME_TABLE_START 0x0000200000000000UL
#define DEVICE_START      0x0000300000000000UL /* arch_map_device() */
#define DEVICE_END        0x0000308000000000UL
#define DIRECT_START      0x0000800000000000UL /* all RAM */
#define HV_VIRT_END       0x0001000000000000UL

#define PSR_I  0x80UL
#define PSR_EL1H 5UL

/* What an exception saves. */
struct cpu_user_regs {
    uint64_t x[31];
    uint64_t sp; /* of EL2, for exceptions taken there */
    uint64_t pc;
    uint64_t spsr;
    uint64_t esr;
    uint64_t vector;
};

struct cpu_local {
    struct cpu_user_regs regs;
    unsigned long percpu_offset;
    struct vcpu *current;
    unsigned long softirq;
    unsigned int cpu;
    unsigned int pad;
} ALIGNED(16);

static inline struct cpu_local *cpu_local(void)
{
    struct cpu_local *local;

    __asm__("mrs %0, tpidr_el2" : "=r"(local));
    return local;
}

static inline struct cpu_user_regs *guest_regs(void)
{
    return &cpu_local()->regs;
}

static inline unsigned int arch_cpu_id(void)
{
    return cpu_local()->cpu;
}

static inline unsigned long arch_percpu_offset(void)
{
    return cpu_local()->percpu_offset;
}

static inline struct vcpu *arch_current(void)
{
    return cpu_local()->current;
}

static inline void arch_set_current(struct vcpu *v)
{
    cpu_local()->current = v;
}

static inline unsigned long *arch_softirq_word(void)
{
    return &cpu_local()->softirq;
}

static inline void arch_relax(void)
{
    __asm__ __volatile__("yield" ::: "memory");
}

static inline void arch_irq_enable(void)
{
    __asm__ __volatile__("msr daifclr, #2" ::: "memory");
}

static inline void arch_irq_disable(void)
{
    __asm__ __volatile__("msr daifset, #2" ::: "memory");
}

static inline unsigned long arch_irq_flags(void)
{
    unsigned long flags;

    __asm__ __volatile__("mrs %0, daif" : "=r"(flags)::"memory");
    return flags;
}

static inline bool arch_irq_enabled(void)
{
    return (arch_irq_flags() & PSR_I) == 0;
}

static inline unsigned long arch_irq_save(void)
{
    unsigned long flags = arch_irq_flags();

    arch_irq_disable();
    return flags;
}

static inline void arch_irq_restore(unsigned long flags)
{
    if ((flags & PSR_I) == 0) {
        arch_irq_enable();
    }
}

static inline void *arch_direct_map(mfn_t mfn)
{
    return (void *)(DIRECT_START + (mfn.v << PAGE_SHIFT));
}

static inline mfn_t arch_direct_mfn(const void *va)
{
    return (mfn_t){ ((unsigned long)va - DIRECT_START) >> PAGE_SHIFT };
}

/* The upcall of events is an interrupt: the guest takes it when its PSTATE says so. Only of the current vcpu. */
static inline bool arch_upcall_masked(const struct vcpu_info *info)
{
    (void)info;
    return (guest_regs()->spsr & PSR_I) != 0;
}

static inline void arch_upcall_open(struct vcpu_info *info)
{
    (void)info;
    guest_regs()->spsr &= ~PSR_I;
}

static inline void arch_upcall_info_init(struct vcpu_info *info)
{
    (void)info;
}

void arch_event_raised(struct vcpu *v);

#endif
