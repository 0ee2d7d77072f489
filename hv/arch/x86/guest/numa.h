/* SPDX-License-Identifier: MIT */
/*
 * Which CPUs and which memory lie near each other, for the toolstack. Worked out once at boot from ACPI's SRAT and
 * SLIT, constant afterwards. Nodes are numbered as the SRAT first names them; without a usable SRAT there is one.
 * Memory is not placed by it.
 */
#ifndef HV_ARCH_X86_GUEST_NUMA_H
#define HV_ARCH_X86_GUEST_NUMA_H

#include "hv/lib/types.h"

/* After acpi_init() and memory; tells the page allocator, so that free memory is counted by node. */
void numa_init(void);
unsigned int numa_node_of_apic(uint32_t apic_id);

#endif
