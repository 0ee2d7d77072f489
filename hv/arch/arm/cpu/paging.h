/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own page tables, one for all CPUs; caches; bytes of pages.
 */
#ifndef HV_ARCH_ARM_CPU_PAGING_H
#define HV_ARCH_ARM_CPU_PAGING_H

#include "hv/lib/types.h"

#define PAGING_RW     0x1
#define PAGING_EXEC   0x2
#define PAGING_DEVICE 0x4

/* Before anything else: the device tree at physical address start, up to 2 MiB of it. */
const void *paging_map_fdt(uint64_t start);
/* The direct map of machine.ram, and the image with its final rights. */
void paging_init(void);
/* Every CPU: nothing writable is executable. */
void paging_init_cpu(void);
/* All CPUs are up: we are no longer mapped at our physical address. */
void paging_drop_identity(void);
/* Bytes of memory that the direct map may not have, cached like it; NULL: no memory for page tables. */
void *paging_map_memory(paddr_t start, size_t bytes);
void paging_map(unsigned long va, mfn_t mfn, unsigned long count, unsigned int flags);
/* Backs [va, va + bytes) with fresh zeroed memory, skipping what is mapped already. */
void paging_back(unsigned long va, unsigned long bytes);
/* Physical address behind a hypervisor address of the image or the direct map. */
paddr_t paging_virt_to_phys(const void *va);
/* Makes what was written to [va, va + bytes) visible to code that runs with caches off. */
void paging_clean_cache(const void *va, size_t bytes);
/* The same, and what such code writes later is seen here. */
void paging_flush_cache(const void *va, size_t bytes);
/* No CPU has instructions fetched before. */
void paging_flush_instructions(void);
/* Zeroes whole pages, as far as to memory. */
void paging_clear_clean(void *pages, size_t bytes);
/* Copies as far as to memory, by the FP registers: only while no guest has run on this CPU. */
void paging_copy_clean(void *to, const void *from, size_t bytes);

/* First of all: tells boot_alloc.h what RAM there is, but for the image and what is reserved. */
void paging_boot_memory(void);

#endif
