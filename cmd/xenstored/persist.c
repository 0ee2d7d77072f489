/* SPDX-License-Identifier: MIT */
/* Records of connections and watches in the state file. */
#include "cmd/xenstored/persist.h"

#include <string.h>

#include "cmd/xenstored/conn.h"
#include "cmd/xenstored/node.h"
#include "cmd/xenstored/out.h"
#include "cmd/xenstored/watch.h"

uint32_t persist_conn_new(const struct conn *c)
{
    uint32_t i = arena_alloc(sizeof(struct persist_conn));

    if (i != 0) {
        struct persist_conn *r = persist_at(i);
        struct arena_block b = r->b;
        memset(r, 0, offsetof(struct persist_conn, spill));
        r->b = b;
        r->id = c->id;
        r->domid = c->who.domid;
        r->target = c->who.target;
    }
    return i;
}

bool persist_watch(struct watch *w)
{
    size_t path_length = w->base_length + w->path_length;
    uint32_t i = arena_alloc(sizeof(struct persist_watch) + path_length + w->path_length + w->token_length + 3);

    if (i == 0) {
        return false;
    }
    struct persist_watch *r = arena_at(i);
    *r = (struct persist_watch){ .b = r->b, .conn_id = w->conn->id, .depth = w->depth, .path_length = path_length,
                                 .given_length = w->path_length, .token_length = w->token_length };
    size_t at = watch_path(w, r->text) + 1;
    memcpy(r->text + at, w->text, w->path_length + 1 + w->token_length + 1);
    w->record = i;
    arena_publish(i, ARENA_WATCH);
    return true;
}

static struct conn *conn_by_id(uint32_t id)
{
    struct conn *c = conn_list;

    while (c != NULL && c->id != id) {
        c = c->next;
    }
    return c;
}

static bool adopt_watch(uint32_t i)
{
    struct persist_watch *r = arena_at(i);
    size_t text = (size_t)r->path_length + r->given_length + r->token_length + 3;
    struct watch *w = NULL;

    if (arena_size(i) < sizeof(*r) + text || r->given_length > r->path_length ||
        r->text[r->path_length] != '\0' || r->text[text - 1] != '\0') {
        return false;
    }
    const char *given = r->text + r->path_length + 1;
    const char *token = given + r->given_length + 1;
    struct conn *c = conn_by_id(r->conn_id);
    if (c == NULL || strlen(r->text) != r->path_length || strlen(given) != r->given_length) {
        return false;
    }
    bool persistent = c->persistent;
    c->persistent = false; /* it has its record already */
    int rc = watch_add(c, r->text, given, token, r->depth, &w);
    c->persistent = persistent;
    if (rc == 0) {
        w->record = i;
    }
    return rc == 0;
}

static bool adopt_out(uint32_t i)
{
    struct out *o = arena_at(i);
    struct conn *c = conn_by_id(o->conn_id);

    if (c == NULL || arena_size(i) < sizeof(*o) || o->size > arena_size(i) - sizeof(*o) || o->sent > o->size) {
        return false;
    }
    out_adopt(c, i);
    return true;
}

void persist_recover(struct conn *(*adopt)(uint32_t record))
{
    for (uint32_t i = arena_first(); i != 0; i = arena_next(i)) {
        if (arena_kind(i) == ARENA_CONN && (arena_size(i) < sizeof(struct persist_conn) || adopt(i) == NULL)) {
            arena_publish(i, ARENA_HELD);
        }
    }
    for (uint32_t i = arena_first(); i != 0; i = arena_next(i)) {
        bool keep = true;
        if (arena_kind(i) == ARENA_WATCH) {
            keep = adopt_watch(i);
        } else if (arena_kind(i) == ARENA_OUT) {
            keep = adopt_out(i);
        } else if (arena_kind(i) == ARENA_LOG) {
            keep = i == arena_head()->log;
        }
        if (!keep) {
            arena_publish(i, ARENA_HELD);
        }
    }
    arena_recover();
}
