/* SPDX-License-Identifier: MIT */
/*
 * A machine with some domains for tests: each has two vcpus, which run when a test says so
 * (world_enter), a grant table, event channels, and pages on demand.
 */
#ifndef TESTS_UNIT_WORLD_H
#define TESTS_UNIT_WORLD_H

#include "hv/arch/fake/fake.h"
#include "hv/arch/fake/guest.h"
#include "hv/base/softirq.h"
#include "hv/core/arch_guest.h"
#include "hv/core/grant.h"
#include "hv/core/vcpu.h"
#include "tests/unit/unit.h"

/* The hypercall that asked to be continued. */
struct world_restart {
    unsigned int op;
    unsigned long args[6];
};
extern struct world_restart world_restart;

/* Boots the machine: RAM, idle vcpus, scheduler. */
void world_init(void);
/* What domains are made of unless a test wants otherwise. */
struct xen_domctl_createdomain world_config(void);
struct domain *world_domain(domid_t id, bool control);
/* This CPU runs d's first vcpu. */
void world_enter(struct domain *d);
/* A page of RAM of d, with no reference but the allocated one. */
mfn_t world_page(struct domain *d);
/* All CPUs do what they have put off: timers, RCU, tasklets. Not scheduling. */
void world_settle(void);
/* d is killed; nothing holds it any more when nobody refers to it: world_domain_free() expects
 * so. */
void world_domain_end(struct domain *d);
void world_domain_free(domid_t id);
/* Heap and free pages are as after world_init(). */
void world_expect_clean(void);

#endif
