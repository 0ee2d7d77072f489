/* SPDX-License-Identifier: MIT */
/*
 * Errors of CPUs that concern a hypervisor, and what is done about them: each CPU asks the table as it comes up, and
 * what one of them has is worked around on all. Constant once the CPUs are up.
 */
#ifndef HV_ARCH_ARM_CPU_ERRATA_H
#define HV_ARCH_ARM_CPU_ERRATA_H

#include "hv/lib/types.h"

/* A load across a page's end may be reported as stage 2's when stage 1 refuses it: the guest's translation is asked. */
extern bool errata_fault_address;
/* A walk on speculation while EL1's registers are changed may leave wrong translations behind. */
extern bool errata_speculative_walk;
/* Cleaning a line of the cache must invalidate it as well. */
extern bool errata_clean;

/* An invalidation of translations may end too early: there is a second one. */
extern bool errata_invalidate_twice;

void errata_init_cpu(void);
/* One line, when there is any. */
void errata_report(void);

#endif
