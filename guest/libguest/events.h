/* SPDX-License-Identifier: MIT */
/*
 * Event channels in the 2-level layout. All ports start masked and upcalls are masked per vcpu,
 * so a test sees a pending bit without an upcall unless it opens both. events_hook() gives a
 * function for a port; the upcall clears pending before it runs. The wrappers return the
 * hypervisor's answer, and the port where there is one.
 */
#ifndef GUEST_LIBGUEST_EVENTS_H
#define GUEST_LIBGUEST_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/event_channel.h"
#include "abi/xen.h"

struct trap_frame;

typedef void events_fn(unsigned int port);

void events_init(void);
void events_upcall(struct trap_frame *frame);
void events_set_upcall(void (*fn)(void)); /* instead of the scan; NULL: the scan */
void events_hook(unsigned int port, events_fn *fn);

/* Opens or closes upcalls of this vcpu; opening delivers what is pending. */
void events_enable(void);
void events_disable(void);
bool events_enabled(void);

bool events_pending(unsigned int port);
void events_clear(unsigned int port);
void events_mask(unsigned int port);
void events_unmask(unsigned int port);

long events_send(unsigned int port);
long events_close(unsigned int port);
long events_alloc_unbound(unsigned int dom, unsigned int remote, unsigned int *port);
long events_bind_interdomain(unsigned int remote, unsigned int remote_port, unsigned int *port);
long events_bind_ipi(unsigned int vcpu, unsigned int *port);
long events_bind_virq(unsigned int virq, unsigned int vcpu, unsigned int *port);
long events_status(unsigned int port, struct evtchn_status *status);
#endif
