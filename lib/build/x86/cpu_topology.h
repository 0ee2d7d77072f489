/* SPDX-License-Identifier: MIT */
/*
 * What CPUID tells a guest of its processors: the hypervisor gives a vcpu the APIC number twice its own, so the
 * counts that number is taken apart by double.
 */
#ifndef LIB_BUILD_X86_CPU_TOPOLOGY_H
#define LIB_BUILD_X86_CPU_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/x86_cpuid.h"
#include "lib/ctrl/x86.h"

/* Changes the leaves that say how many there are, and drops all others; returns how many are left. Pure. */
uint32_t cpu_topology_leaves(xen_cpuid_leaf_t *leaves, uint32_t count);
/* Does so for a domain that has more than one vcpu. */
int cpu_topology_set(struct err *e, struct ctrl *c, domid_t domid, unsigned int vcpus);
/* Whether the processor we run on is of a maker whose virtualisation is VT-x. */
bool cpu_has_vmx(void);

#endif
