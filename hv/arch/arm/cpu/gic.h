/* SPDX-License-Identifier: MIT */
/*
 * The machine's interrupt controller, GICv3 or GICv2 behind one ops struct, and its virtual CPU interface.
 *
 * Priority drop and deactivation are separate: what goes to a guest stays active until the guest ends it (its list
 * register names the hardware interrupt). gic_init() finds the controller in the device tree; interrupts that are
 * not ours are given to upcall_guest_irq().
 */
#ifndef HV_ARCH_ARM_CPU_GIC_H
#define HV_ARCH_ARM_CPU_GIC_H

#include "hv/arch_cpu.h"
#include "hv/lib/types.h"

#define GIC_SPI_FIRST 32U
#define GIC_IRQ_MAX   1020U
#define GIC_LR_MAX    16U

/* A list register in a form of our own. */
struct gic_lr {
    unsigned int virq;
    unsigned int hw_irq; /* ends with it when is_hw */
    uint8_t priority;
    bool pending;
    bool active;
    bool group1;
    bool is_hw;
    bool eoi_notice;     /* maintenance interrupt when it ends */
    uint8_t source;      /* GICv2 SGI: the CPU that sent it */
};

/* What belongs to a vcpu beside its list registers. */
struct gic_vcpu_state {
    uint64_t vmcr;
    uint64_t ap0r[4];
    uint64_t ap1r[4];
};

struct gic_ops {
    unsigned int version;
    void (*init_cpu)(void);
    unsigned int (*ack)(void);          /* 1020 and more: nothing */
    void (*eoi)(unsigned int irq);      /* drops the priority */
    void (*deactivate)(unsigned int irq);
    void (*enable)(unsigned int irq, bool on);
    void (*set_edge)(unsigned int irq, bool edge);
    void (*set_cpu)(unsigned int irq, unsigned int cpu);
    void (*send_sgi)(unsigned int cpu, unsigned int sgi);
    /* Virtual CPU interface of this CPU: */
    uint64_t (*lr_read)(unsigned int i);
    void (*lr_write)(unsigned int i, uint64_t raw);
    /* Makes it a pending one; hw_irq 0: none behind it. */
    void (*lr_fill)(unsigned int i, unsigned int virq, unsigned int priority, unsigned int hw_irq, unsigned int source,
                    bool eoi_notice);
    /* What it would write, for a vcpu that is not here. */
    uint64_t (*lr_make)(unsigned int virq, unsigned int priority, unsigned int hw_irq, unsigned int source,
                        bool eoi_notice);
    uint64_t (*lr_encode)(const struct gic_lr *lr);
    void (*lr_decode)(uint64_t raw, struct gic_lr *lr);
    uint64_t lr_pending, lr_active;     /* bits of a raw one; neither: it is empty */
    uint64_t (*elrsr)(void);            /* list registers that are empty */
    void (*underflow_notice)(bool on);  /* maintenance interrupt when few are left */
    /* A vcpu's state, with the list registers of the set (bits). To restore it switches the interface on. */
    void (*save)(struct gic_vcpu_state *s, uint64_t *lr, uint32_t set);
    void (*restore)(const struct gic_vcpu_state *s, const uint64_t *lr, uint32_t set);
    void (*switch_off)(void);
};

extern const struct gic_ops *gic;

/* Where the controller is, for the device tree and the stage 2 tables of dom0. */
struct gic_machine {
    int node;
    unsigned int version;
    uint64_t dist_base, dist_size;
    uint64_t redist_base, redist_size; /* GICv3, first region */
    uint64_t cpu_base, cpu_size;       /* GICv2 */
    uint64_t vcpu_base, vcpu_size;     /* GICv2: GICV, what a guest sees at cpu_base */
    unsigned int irq_count;
    unsigned int lr_count;
    unsigned int maintenance_irq;
};
extern struct gic_machine gic_machine;

void gic_init(void);
void gic_init_cpu(void);
/* An interrupt of ours; its handler runs with interrupts off. */
void gic_request(unsigned int irq, void (*fn)(unsigned int irq));
bool gic_is_ours(unsigned int irq);
/* A shared interrupt whose guest is no more: off, and not active, though nobody will end it. */
void gic_let_go(unsigned int irq);
/* The vector calls it. */
void gic_interrupt(void);

const struct gic_ops *gicv3_probe(void);
const struct gic_ops *gicv2_probe(void);
/* Common to both: the distributor's banks, one bit or field an interrupt. */
void gic_dist_init(volatile char *dist);
extern volatile char *gic_dist;

/* Up: a device or timer interrupt for a guest (upper half). */
void upcall_guest_irq(unsigned int irq);

#endif
