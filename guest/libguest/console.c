/* SPDX-License-Identifier: MIT */
/*
 * Console output. The ring is the interface of <xen/io/console.h>: we own out_prod, the daemon
 * in dom0 owns out_cons. When the ring stays full, output waits for a bounded number of yields
 * and is then dropped, so that a guest without a console daemon still ends.
 */
#include "guest/libguest/console.h"

#include <xen/io/console.h>

#include "abi/event_channel.h"
#include "abi/sched.h"
#include "abi/xen.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/start.h"

enum { RING_PATIENCE = 100000 };

static struct xencons_interface *ring;
static unsigned int ring_port;

void console_init(void)
{
    if (start_is_dom0() || start_info->console.domU.mfn == 0) {
        return;
    }
    ring = start_map_own_mfn(start_info->console.domU.mfn);
    ring_port = start_info->console.domU.evtchn;
}

static void ring_kick(void)
{
    struct evtchn_send send = { .port = ring_port };

    hypercall_event_channel_op(EVTCHNOP_send, &send);
}

static void ring_put(char c)
{
    XENCONS_RING_IDX prod = ring->out_prod;

    for (unsigned int i = 0; i < RING_PATIENCE; i++) {
        if (prod - __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE) < sizeof(ring->out)) {
            ring->out[MASK_XENCONS_IDX(prod, ring->out)] = c;
            __atomic_store_n(&ring->out_prod, prod + 1, __ATOMIC_RELEASE);
            return;
        }
        ring_kick();
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
}

void console_write(const char *text, size_t size)
{
    if (ring == NULL) {
        hypercall_console_io(CONSOLEIO_write, size, (char *)text);
        return;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n') {
            ring_put('\r');
        }
        ring_put(text[i]);
    }
    ring_kick();
}

void console_drain(void)
{
    if (ring == NULL) {
        return;
    }
    for (unsigned int i = 0; i < RING_PATIENCE; i++) {
        if (ring->out_prod == __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE)) {
            return;
        }
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
}
