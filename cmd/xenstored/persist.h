/* SPDX-License-Identifier: MIT */
/*
 * What a successor must know besides nodes: a record for each connection that outlives this process (domains
 * always, socket clients during a live update), and for each of its watches.
 *
 * Ring indexes in a connection's record are written before the ring's own, so that after kill -9 at any point the
 * record says what of the ring is used up.
 */
#ifndef CMD_XENSTORED_PERSIST_H
#define CMD_XENSTORED_PERSIST_H

#include "abi/xs_wire.h"

#include "cmd/xenstored/arena.h"

struct conn;
struct watch;

struct persist_conn {
    struct arena_block b;
    uint32_t id;
    uint16_t domid, target;
    uint32_t port;       /* the domain's end of the event channel */
    uint64_t frame;      /* of the ring page */
    uint32_t shut_down;  /* its shutdown has been told */
    uint32_t tx_last, tx_done;
    uint32_t consumed;   /* the ring's req_cons */
    uint32_t started;    /* where the request at hand begins */
    uint32_t fd;         /* socket clients, during a live update: descriptor + 1 */
    uint32_t spill_size; /* and the bytes of their request that have come */
    char spill[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX]; /* of a request that comes in pieces */
} __attribute__((packed, aligned(ARENA_UNIT)));

struct persist_watch {
    struct arena_block b;
    uint32_t conn_id;
    int32_t depth;
    uint16_t path_length, given_length, token_length, zero;
    char text[]; /* absolute path, path as given, token; each with a NUL */
};

static inline struct persist_conn *persist_at(uint32_t block)
{
    return arena_at(block);
}

/* A record with everything zero but the id; 0 when there is no memory. Not yet published. */
uint32_t persist_conn_new(const struct conn *c);
/* Writes the record of a watch and notes it in w->record. */
bool persist_watch(struct watch *w);
/*
 * Takes over what a predecessor left, after nodes and log: adopt() makes the connection of each record, NULL when it
 * is gone; its watches and waiting messages are hung onto it, the rest is dropped.
 */
void persist_recover(struct conn *(*adopt)(uint32_t record));

#endif
