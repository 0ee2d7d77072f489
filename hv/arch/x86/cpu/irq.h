/* SPDX-License-Identifier: MIT */
/*
 * Device interrupts. An irq is a GSI (0 .. irq_gsi_count() - 1) or, above, one allocated for an MSI. Each has
 * one vector, the same on every CPU, and a chip that masks and acknowledges it.
 */
#ifndef HV_ARCH_X86_CPU_IRQ_H
#define HV_ARCH_X86_CPU_IRQ_H

#include "hv/base/lock.h"
#include "hv/lib/types.h"

#define IRQ_MAX 512

struct irq_chip {
    const char *name;
    void (*mask)(unsigned int irq);
    void (*unmask)(unsigned int irq);
    void (*set_cpu)(unsigned int irq, unsigned int cpu);
};

typedef void (*irq_fn)(unsigned int irq, void *data);

struct irq_desc {
    struct spinlock lock; /* LOCK_IRQ, interrupts off */
    const struct irq_chip *chip;
    irq_fn fn;            /* called with interrupts off, after EOI (edge) or with the line masked (level) */
    void *data;
    void *chip_data;
    unsigned int vector;  /* 0: none yet */
    unsigned int cpu;
    bool level;
    bool masked;
    unsigned long count;
};
extern struct irq_desc irq_descs[IRQ_MAX];

void irq_init(void);
unsigned int irq_gsi_count(void);
MUST_CHECK int irq_vector_assign(unsigned int irq);
MUST_CHECK int irq_alloc_msi(void);
void irq_free_msi(unsigned int irq);
MUST_CHECK int irq_request(unsigned int irq, irq_fn fn, void *data);
void irq_release(unsigned int irq);
void irq_mask(unsigned int irq);
void irq_unmask(unsigned int irq);
void irq_set_cpu(unsigned int irq, unsigned int cpu);
void irq_dump(void);

#endif
