/* SPDX-License-Identifier: MIT */
/* The emulated serial port of a guest that has no console of dom0's: an SBSA UART at GUEST_PL011_BASE whose output
 * becomes lines of the log. Input is not there yet. */
#ifndef HV_ARCH_ARM_GUEST_VPL011_H
#define HV_ARCH_ARM_GUEST_VPL011_H

#include "hv/core/domain.h"

struct vcpu;

MUST_CHECK int vpl011_init(struct domain *d);
void vpl011_exit(struct domain *d);
/* An access to its registers: false when the address is none of them, or the domain has no such port. */
bool vpl011_mmio(struct vcpu *v, uint64_t address, bool is_write, uint64_t *value);

#endif
