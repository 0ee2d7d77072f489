/* SPDX-License-Identifier: MIT */
/*
 * The emulated serial port of a guest, an SBSA UART at GUEST_PL011_BASE. What is at its other end:
 *   vpl011_init()        the hypervisor's console, for a guest of the device tree: its output becomes lines of the
 *                        log, or is seen byte by byte while the operator's input goes to it (serial_input.h)
 *   vpl011_init_ring()   a daemon of dom0's, by a console ring in a page of the guest's and an event channel
 */
#ifndef HV_ARCH_ARM_GUEST_VPL011_H
#define HV_ARCH_ARM_GUEST_VPL011_H

#include "abi/event_channel.h"
#include "hv/core/domain.h"

struct vcpu;

MUST_CHECK int vpl011_init(struct domain *d);
/* Before the guest first runs. The port is for `console` to bind. */
MUST_CHECK int vpl011_init_ring(struct domain *d, domid_t console, gfn_t gfn, evtchn_port_t *port);
/* Lets go of the guest's page; the port is dead. */
void vpl011_relinquish(struct domain *d);
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
