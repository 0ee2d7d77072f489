/* SPDX-License-Identifier: MIT */
/*
 * The 2-level format of event channels: a pending and a mask bit for each port in shared_info,
 * and in each vcpu_info a selector with one bit for each word of pending bits. 64 x 64 ports.
 *
 * All is in memory the guest writes: nothing is believed, single bits are set and cleared
 * atomically.
 */
#include "hv/core/evtchn_private.h"

#define WORD_BITS ((unsigned int)BITS_PER_LONG)

BUILD_ASSERT(sizeof(((struct shared_info *)NULL)->evtchn_pending) * 8 ==
             BITS_PER_LONG * BITS_PER_LONG);

static long select_word(struct vcpu *v, evtchn_port_t port)
{
    unsigned long *sel = (unsigned long *)&READ_ONCE(v->info)->evtchn_pending_sel;

    if (!bit_test_and_set_atomic(sel, port / WORD_BITS)) {
        evtchn_request_upcall(v);
    }
    return 0;
}

/* The parts of raise() that are not always needed, apart so that it can end with them. */
static NOINLINE long raise_unmasked(struct vcpu *v, evtchn_port_t port)
{
    (void)select_word(v, port);
    evtchn_check_pollers(v->domain, port);
    return 0;
}

static NOINLINE long wake_pollers(struct domain *d, evtchn_port_t port)
{
    evtchn_wake_pollers(d, port);
    return 0;
}

static long raise(struct vcpu *v, struct evtchn *ch)
{
    struct domain *d = v->domain;
    struct shared_info *s = d->shared_info;
    evtchn_port_t port = ch->port;

    /* A late sender, after a reset from FIFO. */
    if (unlikely(port >= EVTCHN_2L_NR_CHANNELS)) {
        return 0;
    }
    if (bit_test_and_set_atomic((unsigned long *)s->evtchn_pending, port)) {
        return 0;
    }
    if (!bit_test((const unsigned long *)s->evtchn_mask, port)) {
        return raise_unmasked(v, port);
    }
    if (unlikely(READ_ONCE(d->poller_count) != 0)) {
        return wake_pollers(d, port);
    }
    return 0;
}

static void unmask(struct vcpu *v, struct evtchn *ch)
{
    struct shared_info *s = v->domain->shared_info;
    evtchn_port_t port = ch->port;

    if (port < EVTCHN_2L_NR_CHANNELS &&
        bit_test_and_clear_atomic((unsigned long *)s->evtchn_mask, port) &&
        bit_test((const unsigned long *)s->evtchn_pending, port)) {
        (void)select_word(v, port);
    }
}

static void clear(struct domain *d, struct evtchn *ch)
{
    if (ch->port < EVTCHN_2L_NR_CHANNELS) {
        bit_clear_atomic((unsigned long *)d->shared_info->evtchn_pending, ch->port);
    }
}

static bool is_pending(const struct domain *d, evtchn_port_t port)
{
    return port < EVTCHN_2L_NR_CHANNELS &&
           bit_test((const unsigned long *)d->shared_info->evtchn_pending, port);
}

static bool is_masked(const struct domain *d, evtchn_port_t port)
{
    return port < EVTCHN_2L_NR_CHANNELS &&
           bit_test((const unsigned long *)d->shared_info->evtchn_mask, port);
}

static bool is_busy(const struct domain *d, evtchn_port_t port)
{
    return false;
}

const struct evtchn_format evtchn_2level = {
    .port_count = EVTCHN_2L_NR_CHANNELS,
    .raise = raise,
    .unmask = unmask,
    .clear = clear,
    .is_pending = is_pending,
    .is_masked = is_masked,
    .is_busy = is_busy,
};
