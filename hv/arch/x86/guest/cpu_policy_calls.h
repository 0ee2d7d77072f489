/* SPDX-License-Identifier: MIT */
/*
 * What control operations ask of cpu_policy.c: the policies of the machine and of a domain as the lists of
 * CPUID leaves and MSRs of the ABI.
 *
 * A null guest address asks only for the count. -ENOBUFS when the caller's list is too short; the count
 * then says what is needed. -EINVAL for an index that does not exist, -EOPNOTSUPP for HVM policies where
 * there is no hardware virtualisation.
 */
#ifndef HV_ARCH_X86_GUEST_CPU_POLICY_CALLS_H
#define HV_ARCH_X86_GUEST_CPU_POLICY_CALLS_H

#include "hv/core/domain.h"
#include "hv/mm/guest_copy.h"

/* Bits of 0x80000001.edx that repeat 1.edx on AMD. */
#define CPU_POLICY_COMMON_1D 0x0183f3ffU

MUST_CHECK int cpu_policy_copy_system(unsigned int index, guest_ptr_t leaves, uint32_t *nr_leaves,
                                      guest_ptr_t msrs, uint32_t *nr_msrs);
MUST_CHECK int cpu_policy_copy_domain(struct domain *d, guest_ptr_t leaves, uint32_t *nr_leaves,
                                      guest_ptr_t msrs, uint32_t *nr_msrs);
/* err: leaf, subleaf and MSR that were refused, ~0 for none. */
MUST_CHECK int cpu_policy_set_domain(struct domain *d, guest_ptr_t leaves, uint32_t nr_leaves,
                                     guest_ptr_t msrs, uint32_t nr_msrs, uint32_t err[3]);
/* Fills words (at most max) with the feature set of XEN_SYSCTL_cpu_featureset_*; 0: no such set. */
unsigned int cpu_policy_featureset(unsigned int index, uint32_t *words, unsigned int max);

#endif
