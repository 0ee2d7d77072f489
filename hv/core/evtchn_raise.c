/* SPDX-License-Identifier: MIT */
/*
 * Event channels: raising events, by guests (evtchn_send()) and by the hypervisor, and all that happens often.
 * See evtchn_private.h.
 *
 * Sending takes one lock, the sending end's: it keeps the whole channel as it is, and with it the other
 * domain.
 */
#include "hv/core/evtchn.h"
#include "hv/core/evtchn_private.h"

int evtchn_send(struct domain *d, evtchn_port_t port)
{
    struct evtchn *ch = evtchn_at(d->evtchn, port);
    int rc = 0;

    if (unlikely(ch == NULL)) {
        return -EINVAL;
    }
    spin_lock(&ch->lock);
    if (likely(ch->state == EVTCHN_INTERDOMAIN)) {
        struct domain *rd = ch->u.remote;
        evtchn_port_t rport = ch->remote_port;

        evtchn_raise(rd, &rd->evtchn->buckets[rport / EVTCHN_PER_BUCKET]
                                            [rport % EVTCHN_PER_BUCKET]);
    } else if (ch->state == EVTCHN_IPI) {
        evtchn_raise(d, ch);
    } else if (ch->state != EVTCHN_UNBOUND) { /* nobody hears that one yet */
        rc = -EINVAL;
    }
    spin_unlock(&ch->lock);
    return rc;
}

void evtchn_send_virq(struct vcpu *v, uint32_t virq)
{
    struct domain *d = v->domain;
    evtchn_port_t port = READ_ONCE(v->virq_to_evtchn[virq]);
    struct evtchn *ch;

    if (port == 0) {
        return;
    }
    ch = evtchn_at(d->evtchn, port);
    spin_lock(&ch->lock);
    if (likely(ch->state == EVTCHN_VIRQ && ch->u.virq == virq)) {
        evtchn_raise(d, ch);
    }
    spin_unlock(&ch->lock);
}

void evtchn_send_pirq(struct domain *d, evtchn_port_t port)
{
    struct evtchn *ch = evtchn_at(d->evtchn, port);

    if (ch == NULL) {
        return;
    }
    spin_lock(&ch->lock);
    if (likely(ch->state == EVTCHN_PIRQ)) {
        evtchn_raise(d, ch);
    }
    spin_unlock(&ch->lock);
}

/* The lock keeps notify_vcpu and the format's memory; masking itself is the guest's business. */
int evtchn_unmask(evtchn_port_t port)
{
    struct domain *d = current_domain();
    struct evtchn *ch = evtchn_at(d->evtchn, port);
    struct vcpu *v;

    if (unlikely(ch == NULL)) {
        return -EINVAL;
    }
    spin_lock(&ch->lock);
    v = d->vcpu[ch->notify_vcpu];
    if (likely(v != NULL)) {
        d->evtchn->format->unmask(v, ch);
    }
    spin_unlock(&ch->lock);
    return 0;
}

bool evtchn_is_pending(struct domain *d, evtchn_port_t port)
{
    const struct evtchn_domain *ed = d->evtchn;

    return evtchn_at(ed, port) != NULL && ed->format->is_pending(d, port);
}

bool evtchn_port_exists(const struct domain *d, evtchn_port_t port)
{
    return evtchn_at(d->evtchn, port) != NULL;
}

void evtchn_wake_pollers(struct domain *d, evtchn_port_t port)
{
    struct vcpu *v;

    domain_for_each_vcpu(d, v) {
        if (READ_ONCE(v->polling) &&
            (READ_ONCE(v->poll_port) == port || READ_ONCE(v->poll_port) == ~0U)) {
            vcpu_unblock(v);
        }
    }
}

void evtchn_vcpu_info_moved(struct vcpu *v)
{
    struct vcpu_info *info = v->info;

    __atomic_store_n(&info->evtchn_pending_sel, ~0UL, __ATOMIC_SEQ_CST);
    __atomic_store_n(&info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
    vcpu_kick_for_event(v);
}
