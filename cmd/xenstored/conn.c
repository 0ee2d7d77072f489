/* SPDX-License-Identifier: MIT */
/* Connections: their list, their end, and how bytes become requests. */
#include "cmd/xenstored/conn.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/xenstored/arena.h"
#include "cmd/xenstored/ops.h"
#include "cmd/xenstored/out.h"
#include "cmd/xenstored/tx.h"
#include "cmd/xenstored/watch.h"

struct conn *conn_list;
static unsigned int count;
static bool any_broken;

struct conn *conn_new(const struct conn_transport *transport, uint16_t domid, bool privileged)
{
    struct conn *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        return NULL;
    }
    c->transport = transport;
    c->id = ++arena_head()->next_conn;
    c->who = (struct perm_subject){ domid, domid, privileged };
    c->fd = -1;
    c->next = conn_list;
    if (conn_list != NULL) {
        conn_list->prev = c;
    }
    conn_list = c;
    count++;
    return c;
}

void conn_reset(struct conn *c)
{
    watch_remove_all(c);
    while (c->transactions != NULL) {
        tx_free(c->transactions);
    }
}

void conn_free(struct conn *c)
{
    conn_reset(c);
    out_drop_all(c);
    c->transport->close(c);
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        conn_list = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    count--;
    free(c->partial);
    free(c);
}

void conn_break(struct conn *c)
{
    c->broken = true;
    any_broken = true;
}

void conn_reap(void)
{
    if (!any_broken) {
        return;
    }
    any_broken = false;
    for (struct conn *c = conn_list, *next; c != NULL; c = next) {
        next = c->next;
        if (c->broken && c->ring == NULL) {
            conn_free(c);
        }
    }
}

unsigned int conn_count(void)
{
    return count;
}

bool conn_may_ask(const struct conn *c)
{
    return c->who.privileged ? c->out_bytes < 1024 * 1024
                             : c->out_count < account_limits[LIMIT_OUTSTANDING].value;
}

long conn_feed(struct conn *c, char *data, size_t size)
{
    size_t used = 0;

    while (size - used >= sizeof(struct xsd_sockmsg) && !c->broken && conn_may_ask(c)) {
        struct request r = { .conn = c, .data = data + used + sizeof(struct xsd_sockmsg) };
        memcpy(&r.head, data + used, sizeof(r.head));
        if (r.head.len > XENSTORE_PAYLOAD_MAX) {
            return -1;
        }
        if (size - used - sizeof(r.head) < r.head.len) {
            break;
        }
        r.size = r.head.len;
        char *after = r.data + r.size;
        char saved = *after;
        *after = '\0';
        ops_handle(&r);
        *after = saved;
        used += sizeof(r.head) + r.size;
    }
    return used;
}
