/* SPDX-License-Identifier: MIT */
/*
 * Operations on nodes. What an error may tell: that a node is not there is said only to those who hold the wanted
 * right on the nearest node above it that is; the others hear EACCES.
 */
#include "cmd/xenstored/ops.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/xenstored/change.h"
#include "cmd/xenstored/node.h"
#include "cmd/xenstored/out.h"

struct target {
    char buffer[OPS_PATH_MAX];
    struct tx_path at;
    struct tx_view v;
};

/* The nearest node above that exists. */
static struct tx_path nearest_above(struct tx *t, const struct tx_path *p, struct tx_view *v)
{
    struct tx_path above = *p;

    do {
        const char *slash = memrchr(above.path, '/', above.length);
        above.length = slash != NULL && slash != above.path ? slash - above.path : 1;
        tx_peek(t, &above, v);
    } while (!v->exists && above.length > 1);
    return above;
}

/* Path and view of the node a request names first, if the client holds all of `wanted` there. */
static int get(struct request *r, struct tx *t, unsigned int wanted, bool special, struct target *out)
{
    const struct perm_subject *who = &r->conn->who;

    out->at = (struct tx_path){ 0 };
    out->at.path = ops_path(r, r->data, special, out->buffer, &out->at.length);
    if (out->at.path == NULL) {
        return -EINVAL;
    }
    int rc = tx_get(t, &out->at, &out->v);
    if (rc != 0) {
        return rc;
    }
    if (out->v.exists && (perm_of(out->v.perms, out->v.perm_count, who) & wanted) == wanted) {
        return 0;
    }
    if (*out->at.path == '@') {
        return out->v.exists ? -EACCES : -ENOENT;
    }
    struct tx_view above;
    nearest_above(t, &out->at, &above);
    bool may_know = (perm_of(above.perms, above.perm_count, who) & wanted) != 0;
    return out->v.exists || !may_know ? -EACCES : -ENOENT;
}

static void tell(struct tx *t, const struct tx_path *p, const struct perm *old, unsigned int old_count)
{
    if (t != NULL) {
        tx_note(t, p);
    } else {
        change_tell(p->path, p->length, p->node, old, old_count);
    }
}

int ops_read(struct request *r, struct tx *t)
{
    struct target g;
    int rc = get(r, t, PERM_READ, false, &g);

    if (rc == 0) {
        out_reply(r, XS_READ, g.v.value, g.v.value_length);
    }
    return rc;
}

/* A new node with what is missing above it; owner and permissions come from above. */
static int create(struct request *r, struct tx *t, struct tx_path *p, const char *value, size_t size)
{
    const struct perm_subject *who = &r->conn->who;
    struct perm perms[PERM_MAX];
    struct tx_view above;
    struct tx_path at = nearest_above(t, p, &above);
    unsigned int count = above.perm_count;
    int rc = 0;

    memcpy(perms, above.perms, count * sizeof(*perms));
    if (!who->privileged) {
        perms[0].domid = who->domid;
    }
    while (at.length < p->length && rc == 0) {
        size_t from = at.length == 1 ? 1 : at.length + 1;
        const char *slash = memchr(p->path + from, '/', p->length - from);
        if (!who->privileged && t == NULL &&
            account_over(who->domid, LIMIT_NODES, account_of(who->domid)->nodes + 1)) {
            return -ENOSPC;
        }
        at = (struct tx_path){ p->path, slash != NULL ? (size_t)(slash - p->path) : p->length, 0, at.node };
        rc = at.length == p->length ? tx_set(t, &at, perms, count, value, size)
                                    : tx_set(t, &at, perms, count, NULL, 0);
    }
    p->node = at.node;
    return rc;
}

static bool too_large(const struct request *r, size_t size)
{
    return !r->conn->who.privileged && account_over(r->conn->who.domid, LIMIT_ENTRY_SIZE, size);
}

int ops_write(struct request *r, struct tx *t)
{
    const char *value = (char *)memchr(r->data, '\0', r->size) + 1;
    size_t size = r->data + r->size - value;
    struct target g;
    int rc = get(r, t, PERM_WRITE, false, &g);

    if (rc != 0 && rc != -ENOENT) {
        return rc;
    }
    if (too_large(r, size)) {
        return -ENOSPC;
    }
    rc = rc == 0 ? tx_set(t, &g.at, NULL, 0, value, size) : create(r, t, &g.at, value, size);
    if (rc == 0) {
        tell(t, &g.at, NULL, 0);
        ops_ok(r);
    }
    return rc;
}

int ops_mkdir(struct request *r, struct tx *t)
{
    struct target g;
    int rc = get(r, t, PERM_WRITE, false, &g);

    if (rc == -ENOENT) {
        rc = create(r, t, &g.at, "", 0);
        if (rc == 0) {
            tell(t, &g.at, NULL, 0);
        }
    }
    if (rc == 0) {
        ops_ok(r);
    }
    return rc;
}

int ops_rm(struct request *r, struct tx *t)
{
    struct target g;
    int rc = get(r, t, PERM_WRITE, false, &g);

    if (rc == -ENOENT) {
        /* Gone already is as good, when it could have been there. */
        struct tx_view above;
        const char *slash = memrchr(g.at.path, '/', g.at.length);
        struct tx_path parent = { .path = g.at.path, .length = slash != g.at.path ? slash - g.at.path : 1 };
        tx_peek(t, &parent, &above);
        rc = above.exists ? 0 : -ENOENT;
    } else if (rc == 0 && g.at.length == 1) {
        rc = -EINVAL;
    } else if (rc == 0) {
        rc = tx_remove(t, &g.at);
    }
    if (rc == 0) {
        ops_ok(r);
    }
    return rc;
}

/* ---- listings ---- */
/* The listing given last, outside of transactions: those who poll ask for the same again. */
static struct {
    uint32_t node, kids_gen; /* together never the same for other names; 0: none */
    size_t length;
    char names[XENSTORE_PAYLOAD_MAX];
} listed;

static bool same_listing(struct request *r, uint32_t n)
{
    if (n == 0 || n != listed.node || node_kids_gen(n) != listed.kids_gen) {
        return false;
    }
    out_reply(r, XS_DIRECTORY, listed.names, listed.length);
    return true;
}

int ops_directory(struct request *r, struct tx *t)
{
    char names[XENSTORE_PAYLOAD_MAX];
    struct node_listing l = { .out = names, .room = sizeof(names) };
    struct target g;
    uint32_t gen;
    int rc = get(r, t, PERM_READ, false, &g);

    if (rc == 0 && t == NULL && same_listing(r, g.at.node)) {
        return 0;
    }
    rc = rc == 0 ? tx_list(t, &g.at, &gen, &l) : rc;
    if (rc == 0 && l.full) {
        return -E2BIG;
    }
    if (rc == 0) {
        out_reply(r, XS_DIRECTORY, names, l.used);
    }
    if (rc == 0 && t == NULL) {
        listed.node = g.at.node;
        listed.kids_gen = gen;
        listed.length = l.used;
        memcpy(listed.names, names, l.used);
    }
    return rc;
}

/* Goes on where the last part of the same listing ended; false: that is not this one. */
static bool list_on(struct request *r, uint32_t parent, uint32_t offset, struct node_listing *l, uint32_t *gen)
{
    struct conn_cursor *cursor = &r->conn->cursor;

    if (cursor->child == 0 || cursor->parent != parent || cursor->offset != offset || offset == 0 ||
        cursor->kids_gen != node_kids_gen(parent)) {
        return false;
    }
    for (uint32_t n = cursor->child; n != 0; n = node_at(n)->next) {
        size_t length;
        const char *name = node_name(n, &length);
        if (!node_list_name(l, name, length)) {
            cursor->child = n;
            cursor->offset = offset + l->used;
            break;
        }
    }
    *gen = cursor->kids_gen;
    return true;
}

/* Remembers the child at which the listing stopped. */
static void keep_cursor(struct request *r, uint32_t parent, uint32_t offset, const struct node_listing *l)
{
    struct conn_cursor *cursor = &r->conn->cursor;
    const char *last = l->out + l->used;

    cursor->child = 0;
    if (!l->full || offset != 0 || l->used == 0) {
        return;
    }
    do {
        last--;
    } while (last > l->out && last[-1] != '\0');
    cursor->parent = parent;
    uint32_t n = node_child(cursor->parent, last, strlen(last));
    if (n != 0) {
        cursor->kids_gen = node_kids_gen(cursor->parent);
        cursor->child = node_at(n)->next;
        cursor->offset = l->used;
    }
}

int ops_directory_part(struct request *r, struct tx *t)
{
    char names[XENSTORE_PAYLOAD_MAX];
    char answer[XENSTORE_PAYLOAD_MAX];
    struct node_listing l = { .out = names, .room = sizeof(names) - 24 };
    const char *args[2];
    struct target g;
    uint32_t offset;
    uint32_t gen = 0;

    if (ops_strings(r, args, 2) != 2 || !ops_number(args[1], UINT32_MAX, &offset)) {
        return -EINVAL;
    }
    int rc = get(r, t, PERM_READ, false, &g);
    if (rc != 0) {
        return rc;
    }
    if (t != NULL || !list_on(r, g.at.node, offset, &l, &gen)) {
        l.skip = offset;
        rc = tx_list(t, &g.at, &gen, &l);
        if (rc == 0 && t == NULL) {
            keep_cursor(r, g.at.node, offset, &l);
        }
    }
    if (rc != 0) {
        return rc;
    }
    size_t used = snprintf(answer, sizeof(answer), "%u", gen) + 1;
    memcpy(answer + used, names, l.used);
    used += l.used;
    if (!l.full) {
        answer[used++] = '\0';
    }
    out_reply(r, XS_DIRECTORY_PART, answer, used);
    return 0;
}

/* ---- permissions ---- */
int ops_get_perms(struct request *r, struct tx *t)
{
    char text[PERM_MAX * 8];
    size_t used = 0;
    struct target g;
    int rc = get(r, t, PERM_READ, true, &g);

    if (rc != 0) {
        return rc;
    }
    for (unsigned int i = 0; i < g.v.perm_count; i++) {
        used += perm_format(&g.v.perms[i], text + used);
    }
    out_reply(r, XS_GET_PERMS, text, used);
    return 0;
}

static int parse_perms(const struct request *r, struct perm *perms, unsigned int *count)
{
    const char *text = (char *)memchr(r->data, '\0', r->size) + 1;
    size_t size = r->data + r->size - text;

    for (*count = 0; size > 0; ++*count) {
        if (*count == PERM_MAX ||
            (!r->conn->who.privileged && account_over(r->conn->who.domid, LIMIT_PERMS, *count + 1))) {
            return -ENOSPC;
        }
        if (perm_parse(&text, &size, &perms[*count]) != 0) {
            return -EINVAL;
        }
    }
    return *count > 0 ? 0 : -EINVAL;
}

int ops_set_perms(struct request *r, struct tx *t)
{
    struct perm perms[PERM_MAX];
    struct perm old[PERM_MAX];
    unsigned int count;
    struct target g;
    int rc = parse_perms(r, perms, &count);

    rc = rc == 0 ? get(r, t, PERM_WRITE | PERM_OWNER, true, &g) : rc;
    if (rc != 0) {
        return rc;
    }
    if (!r->conn->who.privileged && perms[0].domid != g.v.perms[0].domid) {
        return -EPERM;
    }
    unsigned int old_count = g.v.perm_count;
    memcpy(old, g.v.perms, old_count * sizeof(*old));
    rc = tx_set(t, &g.at, perms, count, NULL, 0);
    if (rc == 0) {
        tell(t, &g.at, old, old_count);
        ops_ok(r);
    }
    return rc;
}
