/* SPDX-License-Identifier: MIT */
/*
 * Claims: memory set aside for a domain that is being built (XENMEM_claim_pages). The claim
 * shrinks as pages are assigned; what is left is given back by a claim of 0 or the domain's
 * end.
 */
#ifndef HV_CORE_MEMORY_CLAIM_H
#define HV_CORE_MEMORY_CLAIM_H

#include "hv/core/domain.h"

/* pages counts those the domain already has; 0 drops the claim. -EINVAL when there is a claim
 * already or pages makes no sense, -ENOMEM when the machine has not that much left. */
MUST_CHECK int memory_claim_set(struct domain *d, uint64_t pages);
void memory_claim_drop(struct domain *d);

#endif
