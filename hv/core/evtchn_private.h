/* SPDX-License-Identifier: MIT */
/*
 * What the files of the event channels share: a channel, a domain's table of them, and the
 * interface of the two formats in which pending bits are shown to the guest.
 *
 * Locks, outer to inner:
 *   evtchn_domain.lock (LOCK_EVTCHN_DOMAIN): who is bound to what, every change of a channel's
 *     state. For the two ends of an interdomain channel both domains', in address order.
 *   evtchn_fifo_vcpu.lock (LOCK_EVTCHN_FIFO): a vcpu's queues.
 *
 * Raising takes no lock. Who raises is an RCU reader: it sees the state and then what belongs
 * to the state, which was written before it; a peer stays valid memory, because the domain it
 * is in outlives the grace period. What can happen is that an event is raised on a port that
 * was closed, or closed and bound again, a moment ago: the guest sees an event too many, and
 * none too few, since a pending bit and the notice of it always come together. No event is
 * raised in interrupt context. Records of channels never go away before the domain does.
 */
#ifndef HV_CORE_EVTCHN_PRIVATE_H
#define HV_CORE_EVTCHN_PRIVATE_H

#include "hv/core/evtchn.h"

enum evtchn_state {
    EVTCHN_FREE,
    EVTCHN_RESERVED, /* not usable (port 0) */
    EVTCHN_UNBOUND,
    EVTCHN_INTERDOMAIN,
    EVTCHN_PIRQ,
    EVTCHN_VIRQ,
    EVTCHN_IPI,
    /* A port that the hypervisor holds for the domain, before and after somebody has bound it; and his end. */
    EVTCHN_HELD_UNBOUND,
    EVTCHN_HELD,
    EVTCHN_TO_HELD
};

struct evtchn {
    uint8_t state;         /* enum evtchn_state; written last when a channel is bound */
    uint8_t priority;      /* FIFO: for the next time it is linked */
    uint8_t last_priority; /* FIFO: queue it was linked on last; under that queue's lock */
    bool pending_in_xen;   /* FIFO: raised while its event word was not there yet */
    uint16_t last_vcpu;    /* FIFO: as last_priority */
    uint16_t pad;
    evtchn_port_t port;
    union {
        domid_t remote_domid; /* unbound: who may bind */
        unsigned int pirq;
        unsigned int virq;
    } u;
    /* Never cleared once set, since senders may be late: */
    struct evtchn *peer;   /* interdomain, held: the other end; its domain is referenced */
    struct vcpu *vcpu;     /* who is told about it */
};

#define EVTCHN_PER_BUCKET ((unsigned int)(PAGE_SIZE / sizeof(struct evtchn)))
BUILD_ASSERT(PAGE_SIZE % sizeof(struct evtchn) == 0);

struct evtchn_fifo;

/* v is the vcpu to tell. Raising returns 0, so that a sender can end with it. */
struct evtchn_format {
    unsigned int port_count; /* ports this format has */
    long (*raise)(struct vcpu *v, struct evtchn *ch);
    void (*unmask)(struct vcpu *v, struct evtchn *ch);
    void (*clear)(struct domain *d, struct evtchn *ch);
    bool (*is_pending)(const struct domain *d, evtchn_port_t port);
    bool (*is_masked)(const struct domain *d, evtchn_port_t port);
    /* A free port is not to be used yet. */
    bool (*is_busy)(const struct domain *d, evtchn_port_t port);
    bool has_priorities;
};

struct evtchn_domain {
    /* read without a lock: */
    unsigned int port_count;  /* ports below this have records; only grows */
    struct evtchn **buckets;
    struct evtchn_fifo *fifo; /* event array of the FIFO format, freed by RCU */
    void (*held_notify)(struct domain *d); /* of the held ports; written before there is one */

    struct spinlock lock; /* LOCK_EVTCHN_DOMAIN */
    /* under lock: */
    unsigned int limit;        /* ports the domain may have in any format */
    unsigned int first_free;   /* no port below this is free */
    unsigned int active_count; /* ports that are neither free nor reserved */
    unsigned int held_count;   /* of these, the hypervisor's */
    unsigned int close_cursor; /* ports below this are closed (close_all, reset) */
};

extern const struct evtchn_format evtchn_fifo;
/* Of the domain's words. */
const struct evtchn_format *evtchn_2level(const struct domain *d);
/* Any word may have something pending. */
void evtchn_2level_select_all(struct vcpu *v);

static inline enum evtchn_state evtchn_state(const struct evtchn *ch)
{
    /* Acquire: pairs with the release in port_open() and connect(). */
    return (enum evtchn_state)__atomic_load_n(&ch->state, __ATOMIC_ACQUIRE);
}

static inline bool evtchn_exists(const struct evtchn_domain *ed, evtchn_port_t port)
{
    /* Acquire: pairs with the release in bucket_add(), so the record is complete. */
    return port < __atomic_load_n(&ed->port_count, __ATOMIC_ACQUIRE);
}

static inline struct evtchn *evtchn_record(const struct evtchn_domain *ed, evtchn_port_t port)
{
    return &ed->buckets[port / EVTCHN_PER_BUCKET][port % EVTCHN_PER_BUCKET];
}

/* NULL for a port without a record. */
static inline struct evtchn *evtchn_at(const struct evtchn_domain *ed, evtchn_port_t port)
{
    return evtchn_exists(ed, port) ? evtchn_record(ed, port) : NULL;
}

/* Makes the channel's port pending for its vcpu; it is, or was, bound. Returns 0. */
static inline long evtchn_raise(struct evtchn *ch)
{
    struct vcpu *v = READ_ONCE(ch->vcpu);

    return READ_ONCE(v->domain->evtchn_format)->raise(v, ch);
}

/* A selector or ready bit of v's was set: asks for an upcall. The exchange orders the
 * request before the look at VCPU_BLOCKED; pairs with vcpu_block(). The current vcpu looks
 * on its way out, unless a softirq raises this for it between vcpu_block() and the switch. */
static inline void evtchn_request_upcall(struct vcpu *v)
{
    struct vcpu_info *info = READ_ONCE(v->info);

    if (__atomic_exchange_n(&info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST) != 0) {
        return;
    }
    if (v != current_vcpu() || (READ_ONCE(v->pause_flags) & BIT(VCPU_BLOCKED))) {
        vcpu_kick_for_event(v);
    } else if (unlikely(v->domain->is_translated)) {
        arch_event_raised(v);
    }
}

void evtchn_wake_pollers(struct domain *d, evtchn_port_t port);

/* A port became pending: pairs with sched_poll(), which counts itself before it looks at the
 * ports. */
static inline void evtchn_check_pollers(struct domain *d, evtchn_port_t port)
{
    if (unlikely(READ_ONCE(d->poller_count) != 0)) {
        evtchn_wake_pollers(d, port);
    }
}

/* evtchn_fifo.c: back to 2-level; evtchn_domain.lock is held and no channel is bound. */
void evtchn_fifo_destroy(struct domain *d);

#endif
