/* SPDX-License-Identifier: MIT */
/*
 * What is behind ports and behind guest physical addresses where no memory is: one table for each, a row a device.
 * Addresses and ports that no row claims read as all ones, and what is written there is lost.
 *
 * The hardware domain (dom0=pvh) has the machine's ports within its rights, and the machine's device memory, which is
 * mapped where the machine has it when it is first touched.
 */
#ifndef HV_ARCH_X86_HVM_HVM_IO_H
#define HV_ARCH_X86_HVM_HVM_IO_H

#include "hv/core/vcpu.h"

/* bytes: 1, 2 or 4. */
uint32_t hvm_io_port_read(struct vcpu *v, unsigned int port, unsigned int bytes);
void hvm_io_port_write(struct vcpu *v, unsigned int port, unsigned int bytes, uint32_t value);

/* bytes: 1, 2, 4 or 8. */
uint64_t hvm_io_read(struct vcpu *v, uint64_t gpa, unsigned int bytes);
void hvm_io_write(struct vcpu *v, uint64_t gpa, unsigned int bytes, uint64_t value);

/* The machine's device memory comes to where nothing is: true when there is something now. Interrupts are on. */
bool hvm_io_map(struct vcpu *v, uint64_t gpa);

/* What the hardware domain has more than others: an I/O APIC and messages of PCI functions. Boot, once. */
MUST_CHECK int hvm_io_hardware_init(struct domain *d);

#endif
