/* SPDX-License-Identifier: MIT */
/*
 * The I/O APICs that the hardware domain sees: where the machine has them, with as many pins. What it writes to a pin
 * binds the machine's interrupt, which then comes as the vector it wrote, to the vcpus it named.
 *
 * A level interrupt stays masked in the machine from its arrival to the vcpu's end of interrupt (vlapic.c).
 */
#ifndef HV_ARCH_X86_HVM_VIOAPIC_H
#define HV_ARCH_X86_HVM_VIOAPIC_H

#include "hv/core/vcpu.h"

MUST_CHECK int vioapic_init(struct domain *d);
void vioapic_exit(struct domain *d);
bool vioapic_at(const struct vcpu *v, uint64_t gpa);
uint64_t vioapic_read(struct vcpu *v, uint64_t gpa, unsigned int bytes);
void vioapic_write(struct vcpu *v, uint64_t gpa, unsigned int bytes, uint64_t value);
/* A vcpu has ended an interrupt that came as a level. */
void vioapic_end_of_interrupt(struct domain *d, unsigned int vector);

#endif
