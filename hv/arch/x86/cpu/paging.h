/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own page tables: one L4 (the idle table) whose slots 256..271 every guest L4 shares.
 *
 * All upper tables for the fixed areas are made at boot, so a slot of the idle L4 never changes after
 * paging_init(): copying the slots into a guest's L4 once is enough. Flags are the ones of pte.h.
 */
#ifndef HV_ARCH_X86_CPU_PAGING_H
#define HV_ARCH_X86_CPU_PAGING_H

#include "hv/arch/x86/cpu/pte.h"
#include "hv/lib/types.h"

extern uint64_t paging_idle_l4[512];
mfn_t paging_idle_l4_mfn(void);

/* Boot: the rest of the direct map, and image sections with their final rights. */
void paging_init(void);
/* Every CPU: page attributes as PV guests expect them (PAT), no execution of guest pages. */
void paging_init_cpu(void);
/* All CPUs are up: physical 0 is no longer mapped at 0. */
void paging_drop_identity(void);
/* Maps count pages from mfn at va (4 KiB entries, or 2 MiB ones where aligned and large allows it).
 * Panics at boot when out of memory; not for use after boot except through arch_map_device(). */
void paging_map(unsigned long va, mfn_t mfn, unsigned long count, uint64_t flags);
/* Backs [va, va + bytes) with fresh zeroed memory, skipping what is mapped already. */
void paging_back(unsigned long va, unsigned long bytes, uint64_t flags);
/* Physical address behind a hypervisor address of the image or the direct map. */
paddr_t paging_virt_to_phys(const void *va);

/* First of all: tells boot_alloc.h what RAM there is, but for the image and the first megabyte. */
void paging_boot_memory(void);

#endif
