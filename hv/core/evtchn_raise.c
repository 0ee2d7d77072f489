/* SPDX-License-Identifier: MIT */
/*
 * Event channels: raising events, by guests (evtchn_send()) and by the hypervisor, and all that
 * happens often. No locks: see evtchn_private.h for why that is right.
 */
#include "hv/core/evtchn.h"

#include "hv/arch_cpu.h"
#include "hv/core/arch_guest.h"
#include "hv/core/evtchn_private.h"

long evtchn_send(struct domain *d, evtchn_port_t port)
{
    const struct evtchn_domain *ed = d->evtchn;
    struct evtchn *ch;
    enum evtchn_state state;

    if (unlikely(!evtchn_exists(ed, port))) {
        return -EINVAL;
    }
    ch = evtchn_record(ed, port);
    state = evtchn_state(ch);
    if (likely(state == EVTCHN_INTERDOMAIN)) {
        return evtchn_raise(READ_ONCE(ch->peer));
    }
    if (state == EVTCHN_IPI) {
        return evtchn_raise(ch);
    }
    if (state == EVTCHN_TO_HELD) {
        struct domain *peer = READ_ONCE(ch->peer)->vcpu->domain;

        peer->evtchn->held_notify(peer);
        return 0;
    }
    return state == EVTCHN_UNBOUND ? 0 : -EINVAL; /* nobody hears that one yet */
}

void evtchn_send_held(struct domain *d, evtchn_port_t port)
{
    const struct evtchn *ch = evtchn_at(d->evtchn, port);

    if (ch != NULL && evtchn_state(ch) == EVTCHN_HELD) {
        evtchn_raise(READ_ONCE(ch->peer));
    }
}

void evtchn_send_virq(struct vcpu *v, uint32_t virq)
{
    evtchn_port_t port = READ_ONCE(v->virq_to_evtchn[virq]);
    struct evtchn *ch;

    if (port == 0) {
        return;
    }
    ch = evtchn_at(v->domain->evtchn, port);
    if (likely(evtchn_state(ch) == EVTCHN_VIRQ)) {
        evtchn_raise(ch);
    }
}

/* The interrupt came to a CPU that its vcpu has left: the next one goes where the vcpu is now. */
static void follow_vcpu(struct domain *d, const struct evtchn *ch)
{
    unsigned int cpu = READ_ONCE(READ_ONCE(ch->vcpu)->processor);

    if (unlikely(cpu != arch_cpu_id())) {
        arch_pirq_set_cpu(d, READ_ONCE(ch->u.pirq), cpu);
    }
}

void evtchn_send_pirq(struct domain *d, evtchn_port_t port)
{
    struct evtchn *ch = evtchn_at(d->evtchn, port);

    if (ch != NULL && likely(evtchn_state(ch) == EVTCHN_PIRQ)) {
        follow_vcpu(d, ch);
        evtchn_raise(ch);
    }
}

int evtchn_unmask(evtchn_port_t port)
{
    struct domain *d = current_domain();
    struct evtchn *ch = evtchn_at(d->evtchn, port);
    struct vcpu *v;

    if (unlikely(ch == NULL)) {
        return -EINVAL;
    }
    v = READ_ONCE(ch->vcpu);
    if (likely(v != NULL)) {
        READ_ONCE(d->evtchn_format)->unmask(v, ch);
    }
    return 0;
}

bool evtchn_is_pending(struct domain *d, evtchn_port_t port)
{
    const struct evtchn_domain *ed = d->evtchn;

    return evtchn_at(ed, port) != NULL && READ_ONCE(d->evtchn_format)->is_pending(d, port);
}

bool evtchn_port_exists(const struct domain *d, evtchn_port_t port)
{
    return evtchn_exists(d->evtchn, port);
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

    evtchn_2level_select_all(v);
    __atomic_store_n(&info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
    vcpu_kick_for_event(v);
}
