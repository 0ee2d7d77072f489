/* SPDX-License-Identifier: MIT */
/*
 * A guest's interrupt controller, of the version the machine has: the distributor (and GICv3's redistributors) are
 * emulated, the CPU interface is the hardware's virtual one, fed through list registers.
 *
 * An interrupt that became pending waits in its vcpu's list until vgic_flush() finds it a list register, on the way
 * into the guest, or goes straight into one. While the vcpu is loaded only its CPU touches its list registers; others
 * set exit_work and kick. While it is not they are in memory, under the lock.
 */
#ifndef HV_ARCH_ARM_GUEST_VGIC_H
#define HV_ARCH_ARM_GUEST_VGIC_H

#include "hv/arch/arm/guest/guest.h"

/* A domain's controller: addresses are set by who lays out its space, before it runs. */
MUST_CHECK int vgic_domain_init(struct domain *d, unsigned int spi_count);
/* The hardware's interrupts come to it no more: none of its vcpus runs again. */
void vgic_release_irqs(struct domain *d);
/* At the earliest when interrupts that were on their way at vgic_release_irqs() have come. */
void vgic_domain_exit(struct domain *d);
void vgic_vcpu_init(struct vcpu *v);
/* After PSCI has switched the vcpu off. */
void vgic_vcpu_reset(struct vcpu *v);

/* Local interrupts of v, or SPIs of its domain; NULL for a number it has not. */
struct virq *vgic_find(struct vcpu *v, unsigned int irq);
/* Makes an interrupt pending: an edge. Any context. */
void vgic_inject(struct vcpu *v, unsigned int irq);
void vgic_inject_spi(struct domain *d, unsigned int irq);
/* Gives a hardware interrupt to d under its own number: -EBUSY when it is ours or another's. */
MUST_CHECK int vgic_route(struct domain *d, unsigned int irq);
/* Changes by the emulated registers. */
void vgic_enable(struct virq *q, struct vcpu *v, bool on);
void vgic_set_pending(struct virq *q, struct vcpu *v, bool on);
void vgic_set_target(struct domain *d, struct virq *q, struct vcpu *target);
void vgic_set_edge(struct virq *q, bool edge);
/* Pending or active, as far as it is known without stopping its vcpu. */
bool vgic_is_pending(struct virq *q, struct vcpu *v);
bool vgic_is_active(struct virq *q, struct vcpu *v);
/* GICv2: the vcpus an SGI pends from, as far as it is known; it pends from these too, or from them no longer. */
uint16_t vgic_sources(struct virq *q);
void vgic_set_sources(struct virq *q, struct vcpu *v, uint16_t sources);
void vgic_clear_sources(struct virq *q, struct vcpu *v, uint16_t sources);
void vgic_deactivate(struct virq *q, struct vcpu *v);
void vgic_dist_enable(struct domain *d, bool on);
/* An SGI; source: of a GICv2 the bit of the vcpu that sent it. */
void vgic_send_sgi(struct vcpu *to, unsigned int sgi, uint16_t source);

/* On v's CPU, interrupts off. */
void vgic_save(struct vcpu *v);
void vgic_load(struct vcpu *v);
void vgic_flush(struct vcpu *v);
bool vgic_due(const struct vcpu *v);

/* vgic_mmio.c: an access to the controller's registers: false when the address is none of them. */
bool vgic_mmio(struct vcpu *v, uint64_t address, unsigned int bytes, bool is_write, uint64_t *value);
/* ICC_SGI1R_EL1. */
void vgic_sgi1r(struct vcpu *v, uint64_t value);

#endif
