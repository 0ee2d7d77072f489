/* SPDX-License-Identifier: MIT */
/*
 * Event channels through /dev/xen/evtchn, under the names and with the meaning of the public <xenevtchn.h>.
 *
 * A port that fires is masked until xenevtchn_unmask(). xenevtchn_pending() blocks unless the descriptor was
 * made non-blocking; wait for the descriptor to be readable. Closing the handle closes its ports, unless
 * XENEVTCHN_NO_CLOEXEC handed the descriptor to a successor. All return -1 and errno on failure. Not for use
 * by two threads at once.
 */
#ifndef LIB_EVTCHN_XENEVTCHN_H
#define LIB_EVTCHN_XENEVTCHN_H

#include <stdint.h>

#include "abi/event_channel.h"

typedef int xenevtchn_port_or_error_t; /* a port, or -1 */

struct xentoollog_logger;
struct xenevtchn_handle;

/* The descriptor survives exec. */
#define XENEVTCHN_NO_CLOEXEC (1 << 0)

struct xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned int flags);
/* Takes over a descriptor that a predecessor opened, bound ports included; close() gives it up. */
struct xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *logger, int fd, unsigned int open_flags);
int xenevtchn_close(struct xenevtchn_handle *xce);
int xenevtchn_fd(struct xenevtchn_handle *xce);

int xenevtchn_notify(struct xenevtchn_handle *xce, evtchn_port_t port);
/* A new port that `domid` may bind. */
xenevtchn_port_or_error_t xenevtchn_bind_unbound_port(struct xenevtchn_handle *xce, uint32_t domid);
xenevtchn_port_or_error_t xenevtchn_bind_interdomain(struct xenevtchn_handle *xce, uint32_t domid,
                                                     evtchn_port_t remote_port);
xenevtchn_port_or_error_t xenevtchn_bind_virq(struct xenevtchn_handle *xce, unsigned int virq);
int xenevtchn_unbind(struct xenevtchn_handle *xce, evtchn_port_t port);
/* The next port that fired. */
xenevtchn_port_or_error_t xenevtchn_pending(struct xenevtchn_handle *xce);
int xenevtchn_unmask(struct xenevtchn_handle *xce, evtchn_port_t port);
/* From now on the handle binds only to `domid`; cannot be undone. */
int xenevtchn_restrict(struct xenevtchn_handle *xce, domid_t domid);

#endif
