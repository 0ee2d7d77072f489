/* SPDX-License-Identifier: MIT */
/*
 * Device interrupts of guests: a domain's pirq number -> the machine's irq, and the event channel it ends in.
 *
 * An interrupt handler only queues a tasklet, which sends the event. A level interrupt stays masked from
 * then until every guest that shares it has said EOI.
 */
#ifndef HV_ARCH_X86_GUEST_PIRQ_H
#define HV_ARCH_X86_GUEST_PIRQ_H

#include "hv/core/domain.h"

#define PIRQ_MSI_EXTRA 224 /* pirqs of dom0 beyond the GSIs, for MSIs */

MUST_CHECK int pirq_domain_init(struct domain *d);
void pirq_domain_relinquish(struct domain *d);
void pirq_domain_exit(struct domain *d);

/* pirq -1 picks one: the irq's own number for GSIs, a high free one otherwise. Returns the pirq. */
MUST_CHECK int pirq_map(struct domain *d, int pirq, unsigned int irq, bool msi);
MUST_CHECK int pirq_unmap(struct domain *d, unsigned int pirq);
int pirq_free_number(const struct domain *d, bool msi);
/* The irq behind a pirq, -EINVAL when not mapped. */
int pirq_irq(const struct domain *d, unsigned int pirq);
bool pirq_needs_eoi(const struct domain *d, unsigned int pirq, bool *shared);
/* Writes the need-EOI bits of all pirqs into d->arch->pirq_eoi. */
void pirq_fill_eoi_map(struct domain *d);

#endif
