/* SPDX-License-Identifier: MIT */
/*
 * Event channels: the interrupts of the Xen ABI. A domain has numbered ports; a port is free,
 * unbound, bound to another domain's port, to a virtual interrupt (virq), an IPI of one of its
 * vcpus, or a pirq.
 *
 * Two formats of the shared bits: 2-level (4096 ports on 64 bit, in shared_info) and FIFO
 * (131072 ports, in guest pages), chosen by the guest; struct evtchn_format (evtchn_private.h)
 * is the difference.
 *
 * Files: evtchn.c for allocation, binding and closing; evtchn_raise.c for raising and
 * unmasking; evtchn_2level.c and evtchn_fifo.c for the two formats.
 */
#ifndef HV_CORE_EVTCHN_H
#define HV_CORE_EVTCHN_H

#include "abi/event_channel.h"
#include "hv/core/domain.h"
#include "hv/core/vcpu.h"

MUST_CHECK int evtchn_domain_init(struct domain *d);
void evtchn_domain_exit(struct domain *d);
/* Closes every port of a dying domain and drops what its format holds; preemptible,
 * -ERESTART until done. */
MUST_CHECK int evtchn_domain_close_all(struct domain *d);
/* EVTCHNOP_reset: all ports closed and back to 2-level. -ERESTART until done; -EAGAIN when
 * the domain keeps opening ports meanwhile. */
MUST_CHECK int evtchn_reset(struct domain *d);

/* Operations of the hypercall, on behalf of the current domain; d is the subject where it
 * may differ. */
MUST_CHECK int evtchn_alloc_unbound(struct domain *d, domid_t remote, evtchn_port_t *port);
MUST_CHECK int evtchn_bind_interdomain(domid_t remote, evtchn_port_t remote_port,
                                       evtchn_port_t *port);
MUST_CHECK int evtchn_bind_virq(uint32_t virq, uint32_t vcpu, evtchn_port_t *port);
MUST_CHECK int evtchn_bind_ipi(uint32_t vcpu, evtchn_port_t *port);
MUST_CHECK int evtchn_bind_pirq(uint32_t pirq, uint32_t flags, evtchn_port_t *port);
MUST_CHECK int evtchn_bind_vcpu(evtchn_port_t port, uint32_t vcpu);
MUST_CHECK int evtchn_close(struct domain *d, evtchn_port_t port);
MUST_CHECK int evtchn_status(struct domain *d, evtchn_port_t port, struct evtchn_status *out);
MUST_CHECK long evtchn_send(struct domain *d, evtchn_port_t port);
MUST_CHECK int evtchn_unmask(evtchn_port_t port);
MUST_CHECK int evtchn_init_control(struct evtchn_init_control *op);
MUST_CHECK int evtchn_expand_array(const struct evtchn_expand_array *op);
MUST_CHECK int evtchn_set_priority(const struct evtchn_set_priority *op);

/*
 * A port of d that the hypervisor holds on its behalf, for `remote` to bind: d may neither send by it nor close it.
 * What remote sends is a call of notify(d), by an RCU reader that holds no lock; a domain has one such function.
 */
MUST_CHECK int evtchn_alloc_held(struct domain *d, domid_t remote, void (*notify)(struct domain *d),
                                 evtchn_port_t *port);
/* Sends by it; nothing happens when nobody has bound it. */
void evtchn_send_held(struct domain *d, evtchn_port_t port);
void evtchn_close_held(struct domain *d, evtchn_port_t port);

/* Raised by the hypervisor, never in interrupt context: */
void evtchn_send_virq(struct vcpu *v, uint32_t virq);        /* per-vcpu virq */
/* To the vcpu it is bound to; d NULL: whoever handles it, dom0 unless set otherwise. */
void evtchn_send_global_virq(struct domain *d, uint32_t virq);
MUST_CHECK int evtchn_set_global_handler(struct domain *d, uint32_t virq);
/* Not in interrupt context. Nothing happens when the port is not a pirq's any more. */
void evtchn_send_pirq(struct domain *d, evtchn_port_t port);
/* The port has a record: it is, or may have been, in use. */
bool evtchn_port_exists(const struct domain *d, evtchn_port_t port);
/* Whether a port's pending bit is set. */
bool evtchn_is_pending(struct domain *d, evtchn_port_t port);
/* An upcall is due: pending and unmasked. */
static inline bool evtchn_upcall_due(const struct vcpu *v)
{
    const struct vcpu_info *info = READ_ONCE(v->info);

    return READ_ONCE(info->evtchn_upcall_pending) && !arch_upcall_masked(info);
}
/* A vcpu_info has moved: what was raised in the old place meanwhile is lost, so all is
 * looked at again. */
void evtchn_vcpu_info_moved(struct vcpu *v);
/* Ports and what they are bound to, for debug key e. */
void evtchn_dump(struct domain *d);

#endif
