/* SPDX-License-Identifier: MIT */
/*
 * Serving rings. A request that is there whole stays in the ring until it is answered; one that comes in pieces is
 * moved piece by piece into the connection's record. The record's indexes are stored before the page's.
 */
#include "cmd/xenstored/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/xenstored/hw.h"
#include "cmd/xenstored/out.h"
#include "cmd/xenstored/persist.h"
#include "cmd/xenstored/trace.h"

#define REQUESTS_PER_TURN 32

static struct ring **by_port;
static uint32_t by_port_size;
static struct ring *kick_list, *busy_list;

/* ---- the two directions of the page ---- */
static void fail(struct ring *r, uint32_t why)
{
    r->page->error = why;
    if (!r->told) {
        trace_warn("domain %u: bad ring (error %u), stopped; its next ones are not told", r->conn->who.domid, why);
        r->told = true;
    }
    conn_break(r->conn);
}

static void copy_out(const char *ring, uint32_t index, char *to, uint32_t size)
{
    uint32_t at = MASK_XENSTORE_IDX(index);
    uint32_t first = XENSTORE_RING_SIZE - at < size ? XENSTORE_RING_SIZE - at : size;

    memcpy(to, ring + at, first);
    memcpy(to + first, ring, size - first);
}

static void copy_in(char *ring, uint32_t index, const char *from, uint32_t size)
{
    uint32_t at = MASK_XENSTORE_IDX(index);
    uint32_t first = XENSTORE_RING_SIZE - at < size ? XENSTORE_RING_SIZE - at : size;

    memcpy(ring + at, from, first);
    memcpy(ring, from + first, size - first);
}

static void kick(struct ring *r)
{
    if (!r->kick) {
        r->kick = true;
        r->next_kick = kick_list;
        kick_list = r;
    }
}

/* What fits. Looks again after the new index can be seen: the domain tells of what it reads only when it finds
 * the ring full, so either it sees the full ring or we see the room it made. */
static long ring_send(struct conn *c, const void *data, size_t size, bool fresh)
{
    struct ring *r = c->ring;
    size_t sent = 0;

    for (;;) {
        /* Acquire: the domain has read what it freed. */
        uint32_t cons = __atomic_load_n(&r->page->rsp_cons, __ATOMIC_ACQUIRE);
        uint32_t used = r->rsp_prod - cons;

        if (used > XENSTORE_RING_SIZE) {
            fail(r, XENSTORE_ERROR_RINGIDX);
            return -1;
        }
        uint32_t room = XENSTORE_RING_SIZE - used;
        if (room == 0 || (fresh && size > room)) {
            return sent;
        }
        uint32_t n = size - sent < room ? size - sent : room;
        copy_in(r->page->rsp, r->rsp_prod, (const char *)data + sent, n);
        r->rsp_prod += n;
        /* Release: the bytes come before the index. */
        __atomic_store_n(&r->page->rsp_prod, r->rsp_prod, __ATOMIC_RELEASE);
        kick(r);
        sent += n;
        if (sent == size) {
            return sent;
        }
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
}

static void ring_want_room(struct conn *c, bool want)
{
    /* The domain tells by event when it has read; a message larger than the ring goes in pieces from now on. */
    if (want) {
        out_push(c);
    }
}

/* The fence: the domain tells of a request only when it finds all before it taken, so either it sees the new
 * index or we see its request, when we look again. */
static void consumed(struct ring *r, uint32_t index)
{
    r->req_cons = index;
    arena_order();
    __atomic_store_n(&r->page->req_cons, index, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* ---- requests ---- */
/* The beginning of a request: its rest is told only once this has been taken. */
static void take_part(struct ring *r, struct persist_conn *record, const char *part, uint32_t have, uint32_t size)
{
    memcpy(record->spill + have, part, size);
    arena_order();
    record->consumed += size;
    consumed(r, record->consumed);
    if (size == XENSTORE_RING_SIZE) {
        kick(r);
    }
}

/* One request, or part of one. False: nothing more to do now. */
static bool serve_one(struct ring *r)
{
    static char buffer[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX + XENSTORE_RING_SIZE + 1];
    struct persist_conn *record = persist_at(r->conn->record);
    uint32_t avail = __atomic_load_n(&r->page->req_prod, __ATOMIC_ACQUIRE) - r->req_cons;
    uint32_t have = r->req_cons - record->started;
    struct xsd_sockmsg head;

    if (avail > XENSTORE_RING_SIZE) {
        fail(r, XENSTORE_ERROR_RINGIDX);
        return false;
    }
    if (avail == 0) {
        return false;
    }
    memcpy(buffer, record->spill, have);
    copy_out(r->page->req, r->req_cons, buffer + have, avail);
    if (have + avail < sizeof(head)) {
        take_part(r, record, buffer + have, have, avail);
        return true;
    }
    memcpy(&head, buffer, sizeof(head));
    if (head.len > XENSTORE_PAYLOAD_MAX) {
        fail(r, XENSTORE_ERROR_PROTO);
        return false;
    }
    uint32_t need = sizeof(head) + head.len;
    if (have + avail < need) {
        take_part(r, record, buffer + have, have, avail);
        return true;
    }
    conn_feed(r->conn, buffer, need);
    record->started += need;
    record->consumed = record->started;
    consumed(r, record->started);
    kick(r);
    return true;
}

void ring_serve(struct ring *r)
{
    struct conn *c = r->conn;

    if (__atomic_load_n(&r->page->connection, __ATOMIC_ACQUIRE) == XENSTORE_RECONNECT) {
        conn_reset(c);
        ring_restart(r);
    }
    if (c->broken) {
        return;
    }
    out_push(c);
    for (unsigned int i = 0; i < REQUESTS_PER_TURN; i++) {
        if (c->broken || !conn_may_ask(c) || !serve_one(r)) {
            return;
        }
    }
    if (!r->busy) {
        r->busy = true;
        r->next_busy = busy_list;
        busy_list = r;
    }
}

void ring_event(uint32_t port)
{
    if (port < by_port_size && by_port[port] != NULL) {
        ring_serve(by_port[port]);
    }
}

static void take(struct ring **link, struct ring *r, bool kicks)
{
    while (*link != NULL && *link != r) {
        link = kicks ? &(*link)->next_kick : &(*link)->next_busy;
    }
    if (*link == r) {
        *link = kicks ? r->next_kick : r->next_busy;
    }
}

bool ring_between(void)
{
    struct ring *r = busy_list;

    busy_list = NULL;
    for (struct ring *next; r != NULL; r = next) {
        next = r->next_busy;
        r->busy = false;
        ring_serve(r);
    }
    while ((r = kick_list) != NULL) {
        kick_list = r->next_kick;
        r->kick = false;
        hw->notify(r->port);
    }
    return busy_list != NULL;
}

/* ---- coming and going ---- */
uint32_t ring_position(const struct ring *r)
{
    return r->rsp_prod;
}

static bool note_port(struct ring *r, uint32_t port)
{
    if (port >= by_port_size) {
        uint32_t size = port + 64;
        struct ring **bigger = realloc(by_port, size * sizeof(*bigger));
        if (bigger == NULL) {
            return false;
        }
        memset(bigger + by_port_size, 0, (size - by_port_size) * sizeof(*bigger));
        by_port = bigger;
        by_port_size = size;
    }
    by_port[port] = r;
    return true;
}

void ring_set_port(struct ring *r, uint32_t port)
{
    if (r->port < by_port_size && by_port[r->port] == r) {
        by_port[r->port] = NULL;
    }
    r->port = port;
    note_port(r, port);
}

void ring_restart(struct ring *r)
{
    struct xenstore_domain_interface *page = r->page;
    struct persist_conn *record = persist_at(r->conn->record);

    out_drop_all(r->conn);
    r->conn->broken = false;
    if (page->connection == XENSTORE_RECONNECT) {
        page->req_cons = page->req_prod = page->rsp_cons = page->rsp_prod = 0;
    }
    page->server_features = XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR;
    page->error = XENSTORE_ERROR_NONE;
    r->rsp_prod = page->rsp_prod;
    record->started = record->consumed = r->req_cons = page->req_cons;
    __atomic_store_n(&page->connection, XENSTORE_CONNECTED, __ATOMIC_RELEASE);
    kick(r);
}

int ring_attach(struct conn *c, struct xenstore_domain_interface *page, uint32_t port, bool fresh)
{
    struct ring *r = calloc(1, sizeof(*r));
    struct persist_conn *record = persist_at(c->record);

    if (r == NULL || !note_port(r, port)) {
        free(r);
        return -ENOMEM;
    }
    r->conn = c;
    r->page = page;
    r->port = port;
    c->ring = r;
    if (fresh) {
        ring_restart(r);
        return 0;
    }
    r->rsp_prod = page->rsp_prod;
    if (record->consumed - record->started > sizeof(record->spill)) {
        record->consumed = record->started;
    }
    consumed(r, record->consumed);
    kick(r);
    return 0;
}

static void ring_close(struct conn *c)
{
    struct ring *r = c->ring;

    if (r == NULL) {
        return;
    }
    if (r->port < by_port_size && by_port[r->port] == r) {
        by_port[r->port] = NULL;
    }
    take(&kick_list, r, true);
    take(&busy_list, r, false);
    hw->unbind(r->port);
    hw->unmap(c->who.domid, r->page);
    c->ring = NULL;
    free(r);
}

const struct conn_transport ring_transport = { ring_send, ring_want_room, ring_close };
