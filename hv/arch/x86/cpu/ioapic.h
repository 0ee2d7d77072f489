/* SPDX-License-Identifier: MIT */
/* The I/O APICs: one redirection entry a GSI. */
#ifndef HV_ARCH_X86_CPU_IOAPIC_H
#define HV_ARCH_X86_CPU_IOAPIC_H

#include "hv/lib/types.h"

void ioapic_init(void);
/* Sets trigger and polarity of a GSI that is not in use yet and gives it a vector: 0, -EINVAL, -ENOSPC. */
MUST_CHECK int ioapic_setup(unsigned int gsi, bool level, bool active_low);
/* The GSI an ISA interrupt arrives at. */
unsigned int ioapic_isa_gsi(unsigned int isa_irq, bool *level, bool *active_low);
/* The n-th I/O APIC of the machine; false when there are fewer. */
bool ioapic_describe(unsigned int n, uint64_t *address, unsigned int *gsi_base, unsigned int *pins);
void ioapic_dump(void);
bool ioapic_owns_frame(uint64_t mfn);
/* Guest-visible raw registers (PHYSDEVOP_apic_read). */
MUST_CHECK int ioapic_read(uint64_t address, uint32_t reg, uint32_t *value);

#endif
