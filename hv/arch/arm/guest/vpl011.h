/* SPDX-License-Identifier: MIT */
/* The emulated serial port of a guest that has no console of dom0's: an SBSA UART at GUEST_PL011_BASE whose output
 * becomes lines of the log, or is seen byte by byte while the operator's input goes to it (serial_input.h). */
#ifndef HV_ARCH_ARM_GUEST_VPL011_H
#define HV_ARCH_ARM_GUEST_VPL011_H

#include "hv/core/domain.h"

struct vcpu;

MUST_CHECK int vpl011_init(struct domain *d);
void vpl011_exit(struct domain *d);
/* A byte was typed for it; lost when the guest does not read. */
void vpl011_input(struct domain *d, char c);
static inline bool vpl011_is_at(uint64_t address)
{
    return address - GUEST_PL011_BASE < GUEST_PL011_SIZE;
}
/* An access to its registers; false when the domain has no such port. */
bool vpl011_mmio(struct vcpu *v, uint64_t address, bool is_write, uint64_t *value);

#endif
