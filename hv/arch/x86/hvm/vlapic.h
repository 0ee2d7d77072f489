/* SPDX-License-Identifier: MIT */
/*
 * The local APIC a guest sees: registers through MMIO (xAPIC) or MSRs (x2APIC), interrupts between vcpus, a timer.
 * Flat, cluster and physical destinations; logical x2APIC ids follow the physical one.
 *
 * Whoever sends sets a bit in irr (atomic) and kicks the vcpu; everything else is the vcpu's own. APIC id is twice
 * the vcpu's number, as the ACPI tables that toolstacks write have it.
 */
#ifndef HV_ARCH_X86_HVM_VLAPIC_H
#define HV_ARCH_X86_HVM_VLAPIC_H

#include "hv/base/timer.h"
#include "hv/lib/types.h"

struct domain;
struct vcpu;

#define VLAPIC_BASE        0xfee00000ULL
#define VLAPIC_MSR_FIRST   0x800U
#define VLAPIC_MSR_LAST    0x8ffU
#define VLAPIC_REGISTERS   64U

struct vlapic {
    uint64_t base;                    /* MSR APIC_BASE */
    uint32_t regs[VLAPIC_REGISTERS];  /* by offset / 16; the request register is irr */
    unsigned long irr[4];             /* atomic */
    bool irr_maybe;                   /* atomic: irr may have a bit */
    uint64_t icr;
    uint64_t timer_start;             /* ns, when the initial count was written */
    uint64_t timer_period;            /* ns; 0: stopped */
    struct timer timer;
};

void vlapic_init(struct vcpu *v);
void vlapic_exit(struct vcpu *v);
/* As after INIT; reset: the base as well. */
void vlapic_reset(struct vcpu *v, bool reset);
/* Requests a vector; may come from anywhere. It waits while the APIC is switched off: an event's upcall asked for
 * before must not be lost. */
void vlapic_set_irq(struct vcpu *v, unsigned int vector);
/* An interrupt message of a device, to those of d's vcpus that it names; level: whose end somebody waits for. */
void vlapic_message(struct domain *d, uint32_t dest, bool logical, unsigned int mode, unsigned int vector, bool level);
/* The vector to be delivered next, above the priority of what is in service: -1 for none. */
int vlapic_pending(const struct vcpu *v);
/* It is in service now. */
void vlapic_accept(struct vcpu *v, unsigned int vector);
uint8_t vlapic_tpr(const struct vcpu *v);
void vlapic_set_tpr(struct vcpu *v, uint8_t tpr);
bool vlapic_enabled(const struct vcpu *v);

/* x2APIC: false for a #GP. */
MUST_CHECK bool vlapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
MUST_CHECK bool vlapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t value);
MUST_CHECK bool vlapic_set_base(struct vcpu *v, uint64_t base);
/* xAPIC page, while it is there: offset within it, aligned to 4. */
bool vlapic_mmio_at(const struct vcpu *v, uint64_t gpa);
/* All registers from the ABI's record, for a vcpu that does not run. */
void vlapic_load(struct vcpu *v, const uint8_t data[VLAPIC_REGISTERS * 16]);
uint32_t vlapic_mmio_read(struct vcpu *v, unsigned int offset);
void vlapic_mmio_write(struct vcpu *v, unsigned int offset, uint32_t value);

#endif
