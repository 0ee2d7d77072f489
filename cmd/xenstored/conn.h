/* SPDX-License-Identifier: MIT */
/*
 * A connection: a client on the Unix socket (socket.c) or a domain's ring (ring.c), what it has open here, and the
 * messages that wait for it (out.c).
 *
 * A connection that fails is marked broken and taken down by conn_reap(), never in the middle of a request. The
 * way to its peer is a table of two functions, so that tests connect without socket or ring.
 */
#ifndef CMD_XENSTORED_CONN_H
#define CMD_XENSTORED_CONN_H

#include "abi/xs_wire.h"

#include "cmd/xenstored/account.h"
#include "cmd/xenstored/loop.h"
#include "cmd/xenstored/perm.h"

struct conn;
struct ring;
struct tx;
struct watch;

struct conn_transport {
    /* Takes bytes of a message and returns how many, -1 when broken. fresh: none of it was sent or kept before. */
    long (*send)(struct conn *c, const void *data, size_t size, bool fresh);
    /* Called when messages wait: be told when the peer can take more. */
    void (*want_room)(struct conn *c, bool want);
    void (*close)(struct conn *c);
};

/* Where a long DIRECTORY_PART listing goes on without counting from the start again. */
struct conn_cursor {
    uint32_t parent, kids_gen, child;
    size_t offset;
};

struct conn {
    struct conn *next, *prev;
    struct loop_source source; /* socket */
    const struct conn_transport *transport;
    uint32_t id;           /* unique, also across a live update */
    struct perm_subject who;
    bool broken, wants_room, persistent;
    int fd;                /* socket */
    struct ring *ring;
    uint32_t record;       /* its block in the state file: persistent connections */
    char *partial;         /* socket: the beginning of a request */
    size_t partial_size;
    uint32_t out_first, out_last, out_count, out_bytes, out_seq;
    uint32_t events_lost;
    struct tx *transactions;
    unsigned int tx_count;
    uint32_t tx_last;      /* the number given last */
    uint32_t tx_lost;      /* numbers up to here were given by a predecessor */
    uint32_t tx_done;      /* and this one of them had been carried out */
    struct watch *watches;
    struct conn_cursor cursor;
};

/* A request as the operations see it; data is followed by a NUL that is not counted. */
struct request {
    struct conn *conn;
    struct xsd_sockmsg head;
    char *data;
    size_t size;
};

extern struct conn *conn_list;

struct conn *conn_new(const struct conn_transport *transport, uint16_t domid, bool privileged);
/* Everything it has open, and the connection. Only where no request is under way. */
void conn_free(struct conn *c);
/* Watches and transactions gone, the connection stays: RESET_WATCHES, a ring that starts anew. */
void conn_reset(struct conn *c);
void conn_break(struct conn *c);
/* Frees broken connections. */
void conn_reap(void);
unsigned int conn_count(void);

/*
 * Cuts whole requests out of data[0..size) and handles each; data must have one byte more than `size`. Returns the
 * bytes used up, or -1 when the peer does not speak the protocol.
 */
long conn_feed(struct conn *c, char *data, size_t size);
/* False when so much waits for the peer that no more of its requests are to be taken. */
bool conn_may_ask(const struct conn *c);

#endif
