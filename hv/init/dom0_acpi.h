/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables of a dom0 under hardware virtualisation: the machine's, but for a root pointer, an XSDT and a MADT
 * of its own, which lie together in a few pages.
 */
#ifndef HV_INIT_DOM0_ACPI_H
#define HV_INIT_DOM0_ACPI_H

#include "hv/lib/types.h"

/* Writes the tables to the size bytes at to, which dom0 finds at paddr: the root pointer's address, or 0 where the
 * machine has no ACPI or they do not fit. */
uint64_t dom0_acpi_write(void *to, size_t size, uint64_t paddr, unsigned int vcpus);

#endif
