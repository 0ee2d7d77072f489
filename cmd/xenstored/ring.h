/* SPDX-License-Identifier: MIT */
/*
 * Rings: the page a domain shares with us. Our own indexes are kept here and only written to the page, so whatever
 * the domain writes there it can only spoil its own ring: one whose indexes cannot be is stopped, with the reason in
 * its `error` field, until the domain reconnects or is introduced anew.
 */
#ifndef CMD_XENSTORED_RING_H
#define CMD_XENSTORED_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/xenstored/conn.h"

struct ring {
    struct conn *conn;
    struct xenstore_domain_interface *page;
    uint32_t port;          /* ours */
    uint32_t req_cons, rsp_prod;
    bool kick, busy;        /* in the list of those to notify, of those with requests left */
    bool told;              /* a warning about it is in the log */
    struct ring *next_kick, *next_busy;
};

extern const struct conn_transport ring_transport;

/* The connection gets the ring; its record says where requests go on. fresh: as the page says. 0 or -ENOMEM. */
int ring_attach(struct conn *c, struct xenstore_domain_interface *page, uint32_t port, bool fresh);
void ring_set_port(struct ring *r, uint32_t port);
/* Everything pending forgotten and both ends start where the page says: a new kernel runs there. */
void ring_restart(struct ring *r);
uint32_t ring_position(const struct ring *r);
/* Requests and room, as far as there are. */
void ring_serve(struct ring *r);
void ring_event(uint32_t port);
/* Serves those that have requests left; notifies those whose page changed. True when some are still not done. */
bool ring_between(void);

#endif
