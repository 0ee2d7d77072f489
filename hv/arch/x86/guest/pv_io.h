/* SPDX-License-Identifier: MIT */
/*
 * I/O ports and MSRs as PV guests reach them through emulated instructions.
 *
 * A guest may execute a port instruction when its I/O privilege level or bitmap allows it (pv_io_allowed);
 * what the port then does depends on the domain's rights: the real port, a stand-in (CMOS, timer chip,
 * PCI configuration), or nothing: all ones on reading, writes dropped.
 */
#ifndef HV_ARCH_X86_GUEST_PV_IO_H
#define HV_ARCH_X86_GUEST_PV_IO_H

#include "hv/core/vcpu.h"

/* The guest's privilege level suffices for cli, sti and all ports. */
bool pv_io_privileged(const struct vcpu *v);
bool pv_io_allowed(struct vcpu *v, unsigned int port, unsigned int bytes);
uint32_t pv_io_read(struct vcpu *v, unsigned int port, unsigned int bytes);
void pv_io_write(struct vcpu *v, unsigned int port, unsigned int bytes, uint32_t value);

/* pv_msr.c; false: the guest gets a general protection fault. */
bool pv_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
bool pv_msr_write(struct vcpu *v, uint32_t msr, uint64_t value);

#endif
