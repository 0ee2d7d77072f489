/* SPDX-License-Identifier: MIT */
/*
 * 2-level event channels for test kernels; see events.h.
 */
#include "guest/libguest/events.h"

#include <stddef.h>

#include "guest/libguest/hypercall.h"
#include "guest/libguest/start.h"
#include <percpu.h>

enum { PORTS = 4096, BITS = 64 };

static events_fn *port_hooks[PORTS];
static void (*upcall_instead)(void);

void events_set_upcall(void (*fn)(void))
{
    upcall_instead = fn;
}

void events_init(void)
{
    for (unsigned int i = 0; i < BITS; i++) {
        shared_info->evtchn_mask[i] = ~0UL;
    }
    events_disable();
}

static void scan_word(unsigned int word)
{
    uint64_t ready = shared_info->evtchn_pending[word] & ~shared_info->evtchn_mask[word];

    while (ready != 0) {
        unsigned int port = word * BITS + __builtin_ctzl(ready);

        ready &= ready - 1;
        events_clear(port);
        if (port_hooks[port] != NULL) {
            port_hooks[port](port);
        }
    }
}

void events_upcall(struct trap_frame *frame)
{
    struct percpu *cpu = percpu();
    uint64_t words;

    (void)frame;
    if (upcall_instead != NULL) {
        upcall_instead();
        return;
    }
    cpu->upcalls++;
    __atomic_store_n(&cpu->info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
    words = __atomic_exchange_n(&cpu->info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
    while (words != 0) {
        scan_word(__builtin_ctzl(words));
        words &= words - 1;
    }
}

void events_hook(unsigned int port, events_fn *fn)
{
    port_hooks[port] = fn;
}

bool events_pending(unsigned int port)
{
    return __atomic_load_n(&shared_info->evtchn_pending[port / BITS], __ATOMIC_SEQ_CST) >>
               (port % BITS) &
           1;
}

void events_clear(unsigned int port)
{
    __atomic_and_fetch(&shared_info->evtchn_pending[port / BITS], ~(1UL << port % BITS),
                       __ATOMIC_SEQ_CST);
}

void events_mask(unsigned int port)
{
    __atomic_or_fetch(&shared_info->evtchn_mask[port / BITS], 1UL << port % BITS,
                      __ATOMIC_SEQ_CST);
}

void events_unmask(unsigned int port)
{
    struct evtchn_unmask unmask = { .port = port };

    hypercall_event_channel_op(EVTCHNOP_unmask, &unmask);
}

long events_send(unsigned int port)
{
    struct evtchn_send op = { .port = port };

    return hypercall_event_channel_op(EVTCHNOP_send, &op);
}

long events_close(unsigned int port)
{
    struct evtchn_close op = { .port = port };

    return hypercall_event_channel_op(EVTCHNOP_close, &op);
}

long events_alloc_unbound(unsigned int dom, unsigned int remote, unsigned int *port)
{
    struct evtchn_alloc_unbound op = { .dom = dom, .remote_dom = remote };
    long rc = hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &op);

    *port = op.port;
    return rc;
}

long events_bind_interdomain(unsigned int remote, unsigned int remote_port, unsigned int *port)
{
    struct evtchn_bind_interdomain op = { .remote_dom = remote, .remote_port = remote_port };
    long rc = hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &op);

    *port = op.local_port;
    return rc;
}

long events_bind_ipi(unsigned int vcpu, unsigned int *port)
{
    struct evtchn_bind_ipi op = { .vcpu = vcpu };
    long rc = hypercall_event_channel_op(EVTCHNOP_bind_ipi, &op);

    *port = op.port;
    return rc;
}

long events_bind_virq(unsigned int virq, unsigned int vcpu, unsigned int *port)
{
    struct evtchn_bind_virq op = { .virq = virq, .vcpu = vcpu };
    long rc = hypercall_event_channel_op(EVTCHNOP_bind_virq, &op);

    *port = op.port;
    return rc;
}

long events_status(unsigned int port, struct evtchn_status *status)
{
    *status = (struct evtchn_status){ .dom = DOMID_SELF, .port = port };
    return hypercall_event_channel_op(EVTCHNOP_status, status);
}
