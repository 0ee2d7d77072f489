/* SPDX-License-Identifier: MIT */
/*
 * The 2-level format of event channels: a pending and a mask bit for each port in shared_info,
 * and in each vcpu_info a selector with one bit for each word of pending bits. 64 x 64 ports, or 32 x 32 in
 * a domain of 32-bit words, whose masks and selector lie elsewhere: that is a format of its own, of the same text.
 *
 * All is in memory the guest writes: nothing is believed, single bits are set and cleared
 * atomically.
 */
#include "hv/core/evtchn_private.h"
#include "hv/core/shared_narrow.h"

BUILD_ASSERT(sizeof(((struct shared_info *)NULL)->evtchn_pending) * 8 ==
             BITS_PER_LONG * BITS_PER_LONG);
BUILD_ASSERT(offsetof(struct shared_info, evtchn_pending) == offsetof(struct shared_info_narrow, evtchn_pending));
BUILD_ASSERT(offsetof(struct shared_info_narrow, evtchn_mask) % sizeof(long) == 0);

static inline unsigned int port_count(bool narrow)
{
    return narrow ? NARROW_PORTS : EVTCHN_2L_NR_CHANNELS;
}

static inline unsigned long *pending_bits(struct shared_info *shared)
{
    return (unsigned long *)shared->evtchn_pending;
}

static inline unsigned long *mask_bits(struct shared_info *shared, bool narrow)
{
    return (unsigned long *)(narrow ? (void *)((struct shared_info_narrow *)shared)->evtchn_mask
                                    : (void *)shared->evtchn_mask);
}

/* The port's word is selected: true when it was before. */
static ALWAYS_INLINE bool select(struct vcpu_info *info, evtchn_port_t port, bool narrow)
{
    uint32_t bit = 1U << port / 32 % 32;

    if (!narrow) {
        return bit_test_and_set_atomic((unsigned long *)&info->evtchn_pending_sel, port / BITS_PER_LONG);
    }
    return __atomic_fetch_or(&((struct vcpu_info_narrow *)info)->evtchn_pending_sel, bit, __ATOMIC_SEQ_CST) & bit;
}

static ALWAYS_INLINE long select_word(struct vcpu *v, evtchn_port_t port, bool narrow)
{
    if (!select(READ_ONCE(v->info), port, narrow)) {
        evtchn_request_upcall(v);
    }
    return 0;
}

/* The parts of raise() that are not always needed, apart so that it can end with them. */
static NOINLINE long raise_unmasked_wide(struct vcpu *v, evtchn_port_t port)
{
    (void)select_word(v, port, false);
    evtchn_check_pollers(v->domain, port);
    return 0;
}

static NOINLINE long raise_unmasked_narrow(struct vcpu *v, evtchn_port_t port)
{
    (void)select_word(v, port, true);
    evtchn_check_pollers(v->domain, port);
    return 0;
}

static NOINLINE long wake_pollers(struct domain *d, evtchn_port_t port)
{
    evtchn_wake_pollers(d, port);
    return 0;
}

static ALWAYS_INLINE long raise_in(struct vcpu *v, struct evtchn *ch, bool narrow)
{
    struct domain *d = v->domain;
    struct shared_info *shared = d->shared_info; /* looked up once: what follows is a barrier to the compiler */
    evtchn_port_t port = ch->port;

    /* A late sender, after a reset from FIFO. */
    if (unlikely(port >= port_count(narrow))) {
        return 0;
    }
    if (bit_test_and_set_atomic(pending_bits(shared), port)) {
        return 0;
    }
    if (!bit_test(mask_bits(shared, narrow), port)) {
        return narrow ? raise_unmasked_narrow(v, port) : raise_unmasked_wide(v, port);
    }
    if (unlikely(READ_ONCE(d->poller_count) != 0)) {
        return wake_pollers(d, port);
    }
    return 0;
}

static long raise_wide(struct vcpu *v, struct evtchn *ch)
{
    return raise_in(v, ch, false);
}

static long raise_narrow(struct vcpu *v, struct evtchn *ch)
{
    return raise_in(v, ch, true);
}

/* What is done less often serves both. */
static bool is_narrow(const struct domain *d)
{
    return d->evtchn_format->raise == raise_narrow;
}

static bool is_bit(const struct domain *d, const unsigned long *bits, evtchn_port_t port)
{
    return port < port_count(is_narrow(d)) && bit_test(bits, port);
}

static bool is_pending(const struct domain *d, evtchn_port_t port)
{
    return is_bit(d, pending_bits(d->shared_info), port);
}

static bool is_masked(const struct domain *d, evtchn_port_t port)
{
    return is_bit(d, mask_bits(d->shared_info, is_narrow(d)), port);
}

static bool is_busy(const struct domain *d, evtchn_port_t port)
{
    return false;
}

static void unmask(struct vcpu *v, struct evtchn *ch)
{
    struct domain *d = v->domain;
    bool narrow = is_narrow(d);
    evtchn_port_t port = ch->port;

    if (port < port_count(narrow) && bit_test_and_clear_atomic(mask_bits(d->shared_info, narrow), port) &&
        bit_test(pending_bits(d->shared_info), port)) {
        (void)select_word(v, port, narrow);
    }
}

static void clear(struct domain *d, struct evtchn *ch)
{
    if (ch->port < port_count(is_narrow(d))) {
        bit_clear_atomic(pending_bits(d->shared_info), ch->port);
    }
}

#define FORMAT(ports, raise_port)  \
    {                              \
        .port_count = (ports),     \
        .raise = (raise_port),     \
        .unmask = unmask,          \
        .clear = clear,            \
        .is_pending = is_pending,  \
        .is_masked = is_masked,    \
        .is_busy = is_busy,        \
    }

static const struct evtchn_format wide = FORMAT(EVTCHN_2L_NR_CHANNELS, raise_wide);
static const struct evtchn_format narrow_words = FORMAT(NARROW_PORTS, raise_narrow);

const struct evtchn_format *evtchn_2level(const struct domain *d)
{
    return READ_ONCE(d->is_narrow) ? &narrow_words : &wide;
}

void evtchn_2level_select_all(struct vcpu *v)
{
    struct vcpu_info *info = READ_ONCE(v->info);

    if (READ_ONCE(v->domain->is_narrow)) {
        __atomic_store_n(&((struct vcpu_info_narrow *)info)->evtchn_pending_sel, ~0U, __ATOMIC_SEQ_CST);
    } else {
        __atomic_store_n(&info->evtchn_pending_sel, ~0UL, __ATOMIC_SEQ_CST);
    }
}
