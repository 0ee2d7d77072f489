/* SPDX-License-Identifier: MIT */
/*
 * The inline part of contract 1 on x86_64.
 *
 * Every CPU runs on a 32 KiB aligned stack whose top holds struct cpu_local, so masking the stack
 * pointer finds it: no segment register is ever switched on entry.
 *
 *   pages 0..3 IST stacks of #DF, NMI, #MC, #DB   pages 4..7 normal stack, cpu_local on top
 */
#ifndef HV_ARCH_X86_INLINE_ARCH_INLINE_H
#define HV_ARCH_X86_INLINE_ARCH_INLINE_H

#include "abi/xen.h"
#include "hv/lib/types.h"

#define ARCH_ASM_COMMENT "#" /* what ends a line of assembly */
#define ARCH_VCPU_OPS    (~0UL) /* by number, which a guest may use: all */
#define ARCH_IGNORED_OPTIONS "dtuart", /* there is no device tree */

#define STACK_ORDER 3
#define STACK_SIZE  (PAGE_SIZE << STACK_ORDER)

/* The hypervisor's slice of every address space (L4 slots 256 to 271). */
#define HV_VIRT_START  0xffff800000000000UL /* M2P, readable by guests */
#define RO_M2P_START   0xffff800000000000UL
#define DEVICE_START   0xffff808000000000UL /* slot 257: arch_map_device() */
#define DEVICE_END     0xffff810000000000UL
#define PERDOMAIN_START 0xffff820000000000UL /* slot 260: per-domain: vcpu descriptor tables */
#define PERDOMAIN_END  0xffff828000000000UL
#define FRAME_TABLE_START 0xffff828000000000UL /* slot 261 */
#define RW_M2P_START   0xffff82a000000000UL
#define IMAGE_START    0xffff82d080000000UL /* physical 0 of the image mapping */
#define DIRECT_START   0xffff830000000000UL /* slots 262..271: all RAM */
#define HV_VIRT_END    0xffff880000000000UL
#define HV_SLOT_FIRST  256
#define HV_SLOT_LAST   271

/* Lives at the very top of each CPU's stack; regs is where guest entries push. The CPU aligns its frame
 * to 16 bytes, which puts regs at 8 modulo 16. */
struct cpu_local {
    unsigned long pad0;
    struct cpu_user_regs regs;
    unsigned long percpu_offset;
    struct vcpu *current;
    unsigned long softirq;
    unsigned int cpu;
    unsigned int pad;
    unsigned long vmcb;      /* physical address of the control block of the guest that runs (AMD-V) */
    unsigned long host_vmcb; /* and of the one that keeps the hypervisor's own state */
    long guest_limit; /* which addresses copies follow as they are: see guest_copy.c */
    unsigned long vmcs_launched; /* Intel: the control structure on this CPU has been entered from it */
} ALIGNED(16);

static inline struct cpu_local *cpu_local(void)
{
    unsigned long sp;

    __asm__("mov %%rsp, %0" : "=r"(sp));
    return (struct cpu_local *)((sp | (STACK_SIZE - 1)) + 1) - 1;
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
    __asm__ __volatile__("pause" ::: "memory");
}

static inline void arch_irq_enable(void)
{
    __asm__ __volatile__("sti" ::: "memory");
}

static inline void arch_irq_disable(void)
{
    __asm__ __volatile__("cli" ::: "memory");
}

static inline unsigned long arch_irq_flags(void)
{
    unsigned long flags;

    __asm__ __volatile__("pushf; pop %0" : "=rm"(flags)::"memory");
    return flags;
}

static inline bool arch_irq_enabled(void)
{
    return arch_irq_flags() & 0x200;
}

static inline unsigned long arch_irq_save(void)
{
    unsigned long flags = arch_irq_flags();

    arch_irq_disable();
    return flags;
}

static inline void arch_irq_restore(unsigned long flags)
{
    if (flags & 0x200) {
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

/* Reads or writes an I/O port; bytes is 1, 2 or 4. Only for drivers of PC devices. */
static inline uint32_t arch_port_in(uint16_t port, unsigned int bytes)
{
    uint32_t value = 0;

    if (bytes == 1) {
        __asm__ __volatile__("inb %w1, %b0" : "+a"(value) : "Nd"(port));
    } else if (bytes == 2) {
        __asm__ __volatile__("inw %w1, %w0" : "+a"(value) : "Nd"(port));
    } else {
        __asm__ __volatile__("inl %w1, %0" : "+a"(value) : "Nd"(port));
    }
    return value;
}

static inline void arch_port_out(uint16_t port, uint32_t value, unsigned int bytes)
{
    if (bytes == 1) {
        __asm__ __volatile__("outb %b0, %w1" ::"a"(value), "Nd"(port));
    } else if (bytes == 2) {
        __asm__ __volatile__("outw %w0, %w1" ::"a"(value), "Nd"(port));
    } else {
        __asm__ __volatile__("outl %0, %w1" ::"a"(value), "Nd"(port));
    }
}

struct vcpu;
/* The upcall of events: a byte in vcpu_info holds it back. */
static inline bool arch_upcall_masked(const struct vcpu_info *info)
{
    return READ_ONCE(info->evtchn_upcall_mask) != 0;
}

/* Of the current vcpu. */
static inline void arch_upcall_open(struct vcpu_info *info)
{
    WRITE_ONCE(info->evtchn_upcall_mask, 0);
}

static inline void arch_upcall_info_init(struct vcpu_info *info)
{
    info->evtchn_upcall_mask = 1;
}

/* A PV guest's exit path looks for itself; what runs under hardware virtualisation may have a vector in its APIC. */
void arch_event_raised(struct vcpu *v);

#endif
