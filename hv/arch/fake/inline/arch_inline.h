/* SPDX-License-Identifier: MIT */
/*
 * The inline part of contract 1 in user space: each thread is a CPU, RAM is a large private
 * mapping whose offset is the machine address, and interrupts are a flag.
 */
#ifndef HV_ARCH_FAKE_INLINE_ARCH_INLINE_H
#define HV_ARCH_FAKE_INLINE_ARCH_INLINE_H

#include "abi/xen.h"
#include "hv/lib/types.h"

#define ARCH_ASM_COMMENT "#" /* what ends a line of assembly */
#define ARCH_VCPU_OPS ~0UL
#define ARCH_IGNORED_OPTIONS

struct fake_cpu {
    unsigned int id;
    unsigned long percpu_offset;
    struct vcpu *current;
    unsigned long softirq;
    bool irqs_on;
    uint64_t timer_deadline;
    unsigned int ipis[8];
};

extern struct fake_cpu fake_cpus[];
extern __thread struct fake_cpu *fake_this_cpu;
extern char *fake_ram;
extern unsigned long fake_frame_table;

#define FRAME_TABLE_START fake_frame_table
#define HV_VIRT_START     0xffff800000000000UL
#define HV_VIRT_END       0xffff880000000000UL

static inline unsigned int arch_cpu_id(void)
{
    return fake_this_cpu->id;
}

static inline unsigned long arch_percpu_offset(void)
{
    return fake_this_cpu->percpu_offset;
}

static inline struct vcpu *arch_current(void)
{
    return fake_this_cpu->current;
}

static inline void arch_set_current(struct vcpu *v)
{
    fake_this_cpu->current = v;
}

static inline unsigned long *arch_softirq_word(void)
{
    return &fake_this_cpu->softirq;
}

void arch_relax(void);

static inline void arch_irq_enable(void)
{
    fake_this_cpu->irqs_on = true;
}

static inline void arch_irq_disable(void)
{
    fake_this_cpu->irqs_on = false;
}

static inline bool arch_irq_enabled(void)
{
    return fake_this_cpu->irqs_on;
}

static inline unsigned long arch_irq_save(void)
{
    unsigned long flags = fake_this_cpu->irqs_on;

    fake_this_cpu->irqs_on = false;
    return flags;
}

static inline void arch_irq_restore(unsigned long flags)
{
    fake_this_cpu->irqs_on = flags;
}

static inline void *arch_direct_map(mfn_t mfn)
{
    return fake_ram + (mfn.v << PAGE_SHIFT);
}

static inline mfn_t arch_direct_mfn(const void *va)
{
    return (mfn_t){ (unsigned long)((const char *)va - fake_ram) >> PAGE_SHIFT };
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

/* The exit path looks for itself. */
static inline void arch_event_raised(struct vcpu *v)
{
    (void)v;
}

#endif
