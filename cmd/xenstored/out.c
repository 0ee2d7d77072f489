/* SPDX-License-Identifier: MIT */
/* Sending, and the queue of what could not be sent. */
#include "cmd/xenstored/out.h"

#include <errno.h>
#include <string.h>

#include "cmd/xenstored/ring.h"
#include "cmd/xenstored/trace.h"
#include "cmd/xenstored/watch.h"

/* A client on the socket may fall this far behind; beyond, it is cut off. */
#define SOCKET_BACKLOG_MAX (16u * 1024 * 1024)

static char message[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];

static void forget_pending(struct out *o, uint32_t i)
{
    if (o->watch != NULL && o->watch->pending == i) {
        o->watch->pending = 0;
    }
}

void out_pop(struct conn *c)
{
    uint32_t i = c->out_first;
    struct out *o = out_at(i);

    forget_pending(o, i);
    c->out_first = o->next;
    if (c->out_first == 0) {
        c->out_last = 0;
    }
    c->out_count--;
    c->out_bytes -= o->size;
    if (!c->who.privileged) {
        account_of(c->who.domid)->waiting_bytes -= o->size;
    }
    arena_free(i);
}

void out_drop_all(struct conn *c)
{
    while (c->out_first != 0) {
        out_pop(c);
    }
}

void out_adopt(struct conn *c, uint32_t i)
{
    struct out *o = out_at(i);
    uint32_t *link = &c->out_first;

    o->watch = NULL;
    while (*link != 0 && (int32_t)(out_at(*link)->seq - o->seq) < 0) {
        link = &out_at(*link)->next;
    }
    o->next = *link;
    *link = i;
    if (o->next == 0) {
        c->out_last = i;
    }
    c->out_seq = (int32_t)(o->seq - c->out_seq) > 0 ? o->seq : c->out_seq;
    c->out_count++;
    c->out_bytes += o->size;
    if (!c->who.privileged) {
        account_of(c->who.domid)->waiting_bytes += o->size;
    }
}

static bool room_for(struct conn *c, size_t size, bool event)
{
    if (c->ring == NULL && c->who.privileged) {
        return c->out_bytes + size <= SOCKET_BACKLOG_MAX;
    }
    uint32_t waiting = c->out_bytes + size;
    if (c->who.privileged) {
        return !event || waiting <= SOCKET_BACKLOG_MAX;
    }
    account_over(c->who.domid, LIMIT_MEMORY_SOFT, waiting);
    return !event || !account_over(c->who.domid, LIMIT_MEMORY, waiting);
}

/* Keeps the message but for its first `sent` bytes; a ring takes a message whole or not at all. */
static void enqueue(struct conn *c, const char *data, size_t size, size_t sent, struct watch *w)
{
    uint32_t i = room_for(c, size, w != NULL) ? arena_alloc(sizeof(struct out) + size) : 0;

    if (i == 0) {
        if (w != NULL && c->ring != NULL) {
            c->events_lost++;
        } else {
            conn_break(c);
        }
        return;
    }
    struct out *o = out_at(i);
    *o = (struct out){ .b = o->b, .conn_id = c->id, .seq = ++c->out_seq, .size = size, .sent = sent, .watch = w };
    memcpy(o->data, data, size);
    if (c->out_last != 0) {
        out_at(c->out_last)->next = i;
    } else {
        c->out_first = i;
    }
    c->out_last = i;
    c->out_count++;
    c->out_bytes += size;
    if (!c->who.privileged) {
        account_of(c->who.domid)->waiting_bytes += size;
    }
    if (c->persistent) {
        arena_publish(i, ARENA_OUT);
    }
    if (w != NULL) {
        w->pending = i;
    }
}

void out_prepend(struct conn *c, const char *data, size_t size)
{
    uint32_t rest = c->out_first;
    uint32_t last = c->out_last;

    /* Blocks are smaller than what a turn may collect. */
    c->out_first = c->out_last = 0;
    for (size_t at = 0; at < size && !c->broken; at += sizeof(message)) {
        size_t n = size - at < sizeof(message) ? size - at : sizeof(message);
        enqueue(c, data + at, n, 0, NULL);
    }
    if (rest != 0 && c->out_last != 0) {
        out_at(c->out_last)->next = rest;
        c->out_last = last;
    } else if (rest != 0) {
        c->out_first = rest;
        c->out_last = last;
    }
    if (!c->wants_room && c->out_first != 0) {
        c->wants_room = true;
        c->transport->want_room(c, true);
    }
}

static void send_message(struct conn *c, const struct xsd_sockmsg *head, const void *data, struct watch *w)
{
    size_t size = sizeof(*head) + head->len;
    long sent = 0;

    if (c->broken) {
        return;
    }
    memcpy(message, head, sizeof(*head));
    if (data != message + sizeof(*head)) {
        memcpy(message + sizeof(*head), data, head->len);
    }
    if (trace_on) {
        trace_message(w != NULL ? "EVENT" : "OUT", c->id, head->type, head->tx_id, data, head->len);
    }
    if (c->out_first == 0) {
        sent = c->transport->send(c, message, size, true);
        if (sent == (long)size) {
            return;
        }
    }
    if (sent < 0) {
        conn_break(c);
        return;
    }
    enqueue(c, message, size, sent, w);
    if (!c->wants_room && c->out_first != 0) {
        c->wants_room = true;
        c->transport->want_room(c, true);
    }
}

void out_reply(const struct request *r, uint32_t type, const void *data, size_t size)
{
    struct xsd_sockmsg head = { type, r->head.req_id, r->head.tx_id, size };
    send_message(r->conn, &head, data, NULL);
}

void out_error(const struct request *r, int code)
{
    const char *text = "EINVAL";

    for (unsigned int i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++) {
        if (xsd_errors[i].errnum == code) {
            text = xsd_errors[i].errstring;
        }
    }
    out_reply(r, XS_ERROR, text, strlen(text) + 1);
}

static bool same_event(const struct out *o, const char *payload, size_t size)
{
    return o->size == sizeof(struct xsd_sockmsg) + size &&
           memcmp(o->data + sizeof(struct xsd_sockmsg), payload, size) == 0;
}

void out_event(struct watch *w, const char *path, size_t length)
{
    char *payload = message + sizeof(struct xsd_sockmsg);
    size_t size = length + 1 + w->token_length + 1;
    struct conn *c = w->conn;

    if (size > XENSTORE_PAYLOAD_MAX) {
        return;
    }
    memcpy(payload, path, length);
    payload[length] = '\0';
    memcpy(payload + length + 1, w->text + w->path_length + 1, w->token_length + 1);
    if (w->pending != 0 && w->pending != c->out_first && same_event(out_at(w->pending), payload, size)) {
        return;
    }
    struct xsd_sockmsg head = { XS_WATCH_EVENT, 0, 0, size };
    send_message(c, &head, payload, w);
}

void out_push(struct conn *c)
{
    while (c->out_first != 0 && !c->broken) {
        struct out *o = out_at(c->out_first);
        if (c->ring != NULL && !o->started) {
            /* A successor finds how much of it is gone by the distance to here. */
            o->start = ring_position(c->ring);
            arena_order();
            o->started = 1;
        }
        long sent = c->transport->send(c, o->data + o->sent, o->size - o->sent, false);
        if (sent < 0) {
            conn_break(c);
            return;
        }
        o->sent += sent;
        if (o->sent < o->size) {
            return;
        }
        out_pop(c);
    }
    if (c->wants_room && !c->broken) {
        c->wants_room = false;
        c->transport->want_room(c, false);
    }
}
