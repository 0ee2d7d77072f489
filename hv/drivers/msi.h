/* SPDX-License-Identifier: MIT */
/* MSI and MSI-X: a function's interrupt message made to hit an irq's vector. */
#ifndef HV_DRIVERS_MSI_H
#define HV_DRIVERS_MSI_H

#include "hv/lib/types.h"

/* Allocates an irq for MSI (msix false, entry 0) or an MSI-X table entry of the function and programs it,
 * masked. Returns the irq, -ENODEV when the function has no such capability, -EINVAL for a bad entry,
 * -EEXIST when that entry has an irq, -ENOSPC. */
MUST_CHECK int msi_setup(unsigned int bdf, bool msix, unsigned int entry);
void msi_release(unsigned int irq);
/* Device memory at this address, within its page; it stays mapped. NULL: no room. */
volatile void *msi_map(uint64_t address);
/* Writes the messages of a function's irqs again (after a reset of the device). */
void msi_restore(unsigned int bdf);

#endif
