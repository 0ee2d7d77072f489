/* SPDX-License-Identifier: MIT */
/*
 * Messages to a connection: sent at once when the peer has room, else kept in order until it has. Those that wait
 * for a connection that outlives this process lie in the state file. A domain that does not read has its memory
 * limited: events beyond it are dropped and counted, and its requests wait; an event equal to the one of the same
 * watch that still waits is not sent twice.
 */
#ifndef CMD_XENSTORED_OUT_H
#define CMD_XENSTORED_OUT_H

#include "cmd/xenstored/arena.h"
#include "cmd/xenstored/conn.h"

struct out {
    struct arena_block b;
    uint32_t next;
    uint32_t conn_id;
    uint32_t seq;
    uint32_t size;
    uint32_t sent;    /* socket: bytes gone */
    uint32_t started; /* ring: whether `start` counts */
    uint32_t start;   /* ring: index of the message's first byte */
    struct watch *watch; /* whose event this is, of this process */
    char data[];
} __attribute__((packed, aligned(ARENA_UNIT)));

static inline struct out *out_at(uint32_t i)
{
    return arena_at(i);
}

void out_reply(const struct request *r, uint32_t type, const void *data, size_t size);
void out_error(const struct request *r, int code);
void out_event(struct watch *w, const char *path, size_t length);
/* The peer has room again, or may have. */
void out_push(struct conn *c);
/* The first message's bytes are gone. */
void out_pop(struct conn *c);
void out_drop_all(struct conn *c);
/* Puts bytes before all messages that wait: the rest of several whose first part is sent. */
void out_prepend(struct conn *c, const char *data, size_t size);
/* A successor hangs a block it found among those it knows, in their order. */
void out_adopt(struct conn *c, uint32_t block);

#endif
