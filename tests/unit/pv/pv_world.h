/* SPDX-License-Identifier: MIT */
/* A PV guest for unit tests of its page tables; made in pv_mmu_test.c and pv_host.c. */
#ifndef TESTS_UNIT_PV_WORLD_H
#define TESTS_UNIT_PV_WORLD_H

#include "hv/core/vcpu.h"

/* A guest whose only mapping is that of its own level 1 table, read-only at va. It is current. */
struct vcpu *pv_world_address_space(unsigned long va);
/* That table, as the hypervisor sees it. */
uint64_t *pv_world_table(void);
/* On the host: a page of memory at va, and code may run in the page at code. */
void pv_world_map_host(unsigned long va, void *code);

#endif
