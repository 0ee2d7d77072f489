/* SPDX-License-Identifier: MIT */
/*
 * Interrupt messages of PCI functions as the hardware domain programs them: MSI in configuration space, MSI-X in a
 * table in device memory. What it writes is kept; the machine's function gets a message of the hypervisor's (msi.h),
 * and when that comes, the vcpus get the one that was written.
 *
 * Functions are known from the first write to their capability on. A table's pages are taken out of the domain's
 * physical space when MSI-X is enabled, so that touching them comes here; the rest of such a page is the machine's.
 */
#ifndef HV_ARCH_X86_HVM_VMSI_H
#define HV_ARCH_X86_HVM_VMSI_H

#include "hv/core/vcpu.h"

/* Configuration space by the address port's value and the offset within the data port; bytes within one word. */
uint32_t vmsi_config_read(struct domain *d, uint32_t cf8, unsigned int offset, unsigned int bytes);
void vmsi_config_write(struct domain *d, uint32_t cf8, unsigned int offset, unsigned int bytes, uint32_t value);

/* Pages with a table. */
bool vmsi_at(const struct vcpu *v, uint64_t gpa);
uint64_t vmsi_read(struct vcpu *v, uint64_t gpa, unsigned int bytes);
void vmsi_write(struct vcpu *v, uint64_t gpa, unsigned int bytes, uint64_t value);

void vmsi_exit(struct domain *d);

#endif
