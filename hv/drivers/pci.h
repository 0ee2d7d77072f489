/* SPDX-License-Identifier: MIT */
/* PCI configuration space, by ports CF8/CFC (segment 0). */
#ifndef HV_DRIVERS_PCI_H
#define HV_DRIVERS_PCI_H

#include "hv/lib/types.h"

/* One access as a guest makes it: cf8 is the address it wrote (bit 31 set), offset 0..3 within CFC. */
uint32_t pci_cf8_read(uint32_t cf8, unsigned int offset, unsigned int bytes);
void pci_cf8_write(uint32_t cf8, unsigned int offset, unsigned int bytes, uint32_t value);

/* A register of a function; bdf is bus << 8 | devfn. */
uint32_t pci_read(unsigned int bdf, unsigned int reg, unsigned int bytes);
void pci_write(unsigned int bdf, unsigned int reg, unsigned int bytes, uint32_t value);
/* Offset of a capability, 0 when the function has none such. */
unsigned int pci_capability(unsigned int bdf, unsigned int id);
/* Physical address of memory BAR n; 0 when it is an I/O BAR or unset. */
uint64_t pci_memory_bar(unsigned int bdf, unsigned int n);

#endif
