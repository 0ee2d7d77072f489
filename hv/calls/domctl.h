/* SPDX-License-Identifier: MIT */
/*
 * Control operations on one domain. domctl.c has the table and the dispatch; the handlers are in families:
 * domctl_domain.c (life and properties), domctl_vcpu.c, domctl_rights.c. What is the architecture's is
 * behind arch_domctl().
 *
 * A handler gets the operation already copied in, permission checked, and the domain referenced (NULL
 * when the row is DOMCTL_NO_DOMAIN). It may return -ERESTART: the whole hypercall is run again. It is
 * called with domctl_lock held, so control operations never run against each other.
 */
#ifndef HV_CALLS_DOMCTL_H
#define HV_CALLS_DOMCTL_H

#include "abi/domctl.h"
#include "hv/core/domain.h"
#include "hv/mm/guest_copy.h"

typedef int (*domctl_fn)(struct xen_domctl *op, struct domain *d);

/* domctl_domain.c */
int domctl_createdomain(struct xen_domctl *op, struct domain *d);
int domctl_destroydomain(struct xen_domctl *op, struct domain *d);
int domctl_pausedomain(struct xen_domctl *op, struct domain *d);
int domctl_unpausedomain(struct xen_domctl *op, struct domain *d);
int domctl_resumedomain(struct xen_domctl *op, struct domain *d);
int domctl_getdomaininfo(struct xen_domctl *op, struct domain *d);
int domctl_max_mem(struct xen_domctl *op, struct domain *d);
int domctl_setdomainhandle(struct xen_domctl *op, struct domain *d);
int domctl_setdebugging(struct xen_domctl *op, struct domain *d);
int domctl_settimeoffset(struct xen_domctl *op, struct domain *d);
int domctl_subscribe(struct xen_domctl *op, struct domain *d);
int domctl_set_target(struct xen_domctl *op, struct domain *d);
int domctl_set_virq_handler(struct xen_domctl *op, struct domain *d);
int domctl_setnodeaffinity(struct xen_domctl *op, struct domain *d);
int domctl_getnodeaffinity(struct xen_domctl *op, struct domain *d);
int domctl_scheduler_op(struct xen_domctl *op, struct domain *d);
int domctl_setvnumainfo(struct xen_domctl *op, struct domain *d);

/* domctl_vcpu.c */
int domctl_max_vcpus(struct xen_domctl *op, struct domain *d);
int domctl_setvcpucontext(struct xen_domctl *op, struct domain *d);
int domctl_getvcpucontext(struct xen_domctl *op, struct domain *d);
int domctl_getvcpuinfo(struct xen_domctl *op, struct domain *d);
int domctl_setvcpuaffinity(struct xen_domctl *op, struct domain *d);
int domctl_getvcpuaffinity(struct xen_domctl *op, struct domain *d);
int domctl_sendtrigger(struct xen_domctl *op, struct domain *d);

/* domctl_rights.c */
int domctl_irq_permission(struct xen_domctl *op, struct domain *d);
int domctl_iomem_permission(struct xen_domctl *op, struct domain *d);
int domctl_ioport_permission(struct xen_domctl *op, struct domain *d);
int domctl_memory_mapping(struct xen_domctl *op, struct domain *d);

#endif
