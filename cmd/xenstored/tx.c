/* SPDX-License-Identifier: MIT */
/*
 * The tree of a transaction. Every node it touched and their ancestors are in one list, parents before children;
 * commit walks that list twice, to compare stamps and to make the changes. `hides` cuts the store's subtree off:
 * the node was removed, and what exists below was made since.
 */
#include "cmd/xenstored/tx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/xenstored/account.h"
#include "cmd/xenstored/change.h"
#include "cmd/xenstored/conn.h"
#include "cmd/xenstored/log.h"
#include "cmd/xenstored/node.h"
#include "cmd/xenstored/persist.h"
#include "cmd/xenstored/word.h"

#define TABLE_MIN 16u

enum { TRAIL_DEPTH = 12, TRAIL_BYTES = 256 };

struct tx_node {
    struct tx_node *parent, *hash_next, *next; /* next: in the list of all */
    struct tx_node *first, *last, *sibling;    /* children within the transaction, oldest first */
    uint32_t base;                             /* while committing: the node in the store */
    uint32_t seen_gen, seen_kids;
    bool seen, listed, hides, note;
    bool removed;                              /* by its own name: told even when a folder above goes too */
    bool changed;                              /* written here; else what is below is as it was first seen */
    bool exists, known;
    uint8_t perm_count;
    struct perm *perms;                        /* one block of memory with the value */
    char *value;
    size_t value_length;
    uint16_t name_length;
    char *name;                                /* behind the structure; the roots have none */
};

struct tx {
    struct tx *next;
    struct conn *conn;
    uint32_t id;
    uint32_t seen_count, node_count;
    struct tx_node *root, *special;            /* inside `first`, like the table until it grows */
    struct tx_node *all, **all_end;
    struct tx_node **table;
    uint32_t table_size;
    struct tx_node *first_table[TABLE_MIN];
    struct tx_node first[2];
};

/* ---- the tree ---- */
static uint32_t hash(const struct tx_node *parent, const char *name, size_t length)
{
    const uint64_t k = 0x9fb21c651e98df25ULL;
    uint64_t h = ((uintptr_t)parent >> 4 ^ length) * k;

    for (; length > 8; name += 8, length -= 8) {
        h = (h ^ h >> 29 ^ word_at(name)) * k;
    }
    h = (h ^ h >> 29 ^ word_of(name, length)) * k;
    return h ^ h >> 32;
}

static struct tx_node *kid(const struct tx *t, const struct tx_node *parent, const char *name, size_t length)
{
    struct tx_node *n = t->table[hash(parent, name, length) & (t->table_size - 1)];

    while (n != NULL && (n->parent != parent || n->name_length != length || !word_equal(n->name, name, length))) {
        n = n->hash_next;
    }
    return n;
}

static void grow_table(struct tx *t)
{
    uint32_t size = t->table_size * 2;
    struct tx_node **table = calloc(size, sizeof(*table));

    if (table == NULL) {
        return; /* the chains get longer */
    }
    if (t->table != t->first_table) {
        free(t->table);
    }
    t->table = table;
    t->table_size = size;
    for (struct tx_node *n = t->all; n != NULL; n = n->next) {
        if (n->parent == NULL) {
            continue;
        }
        struct tx_node **bucket = &table[hash(n->parent, n->name, n->name_length) & (size - 1)];
        n->hash_next = *bucket;
        *bucket = n;
    }
}

static struct tx_node *add(struct tx *t, struct tx_node *parent, const char *name, size_t length)
{
    struct tx_node *n = calloc(1, sizeof(*n) + length);

    if (n == NULL) {
        return NULL;
    }
    n->parent = parent;
    n->name_length = length;
    n->name = (char *)(n + 1);
    memcpy(n->name, name, length);
    struct tx_node **bucket = &t->table[hash(parent, name, length) & (t->table_size - 1)];
    n->hash_next = *bucket;
    *bucket = n;
    *t->all_end = n;
    t->all_end = &n->next;
    *(parent->first != NULL ? &parent->last->sibling : &parent->first) = n;
    parent->last = n;
    if (++t->node_count > t->table_size) {
        grow_table(t);
    }
    return n;
}

/*
 * Where the last walk of a transaction went, component by component: a client's requests come in the order of its
 * tree, so the next walk begins where the two paths part. It holds while no node of the store has changed and the
 * transaction has cut nothing off.
 */
static struct {
    const struct tx *t;
    uint32_t stamp;
    unsigned int depth;
    struct {
        uint16_t end; /* of the path up to here */
        uint32_t base;
        struct tx_node *n;
    } step[TRAIL_DEPTH];
    char path[TRAIL_BYTES];
} trail;

static void trail_forget(const struct tx *t)
{
    trail.t = trail.t == t ? NULL : trail.t;
}

/* How many components of the path the last walk went; none are left of it when it does not hold any more. */
static unsigned int trail_common(const struct tx *t, const char *path, size_t length)
{
    if (trail.t != t || trail.stamp != node_stamp()) {
        trail.t = t;
        trail.stamp = node_stamp();
        trail.depth = 0;
    }
    unsigned int i = trail.depth;
    size_t known = i > 0 ? trail.step[i - 1].end : 0;
    size_t same = word_same(path, trail.path, length < known ? length : known);

    while (i > 0 && (trail.step[i - 1].end > same ||
                     (trail.step[i - 1].end < length && path[trail.step[i - 1].end] != '/'))) {
        i--;
    }
    return i;
}

static void trail_add(const char *path, size_t from, size_t end, uint32_t base, struct tx_node *n)
{
    if (trail.depth < TRAIL_DEPTH && end <= TRAIL_BYTES) {
        memcpy(trail.path + from, path + from, end - from);
        trail.step[trail.depth].end = end;
        trail.step[trail.depth].base = base;
        trail.step[trail.depth++].n = n;
    }
}

/* Walks a path through both trees at once. *n: the transaction's node or NULL; returns the store's, or 0. */
static uint32_t walk(const struct tx *t, const char *path, size_t length, struct tx_node **n)
{
    bool special = *path == '@';
    unsigned int known = special ? 0 : trail_common(t, path, length);
    size_t at = known > 0 ? trail.step[known - 1].end + 1 : !special;
    uint32_t base = known > 0 ? trail.step[known - 1].base : special ? node_special : node_root;

    *n = known > 0 ? trail.step[known - 1].n : special ? t->special : t->root;
    while (at < length) {
        const char *slash = special ? NULL : memchr(path + at, '/', length - at);
        size_t part = (slash != NULL ? (size_t)(slash - path) : length) - at;
        *n = *n != NULL ? kid(t, *n, path + at, part) : NULL;
        base = base != 0 ? node_child(base, path + at, part) : 0;
        base = *n != NULL && (*n)->hides ? 0 : base;
        at += part + 1;
    }
    return base;
}

/* As walk(), with the transaction's node made where it was missing. */
static struct tx_node *walk_make(struct tx *t, const char *path, size_t length, uint32_t *base)
{
    bool special = *path == '@';
    unsigned int known = special ? 0 : trail_common(t, path, length);
    size_t at = known > 0 ? trail.step[known - 1].end + 1 : !special;
    struct tx_node *n = known > 0 ? trail.step[known - 1].n : special ? t->special : t->root;

    *base = known > 0 ? trail.step[known - 1].base : special ? node_special : node_root;
    if (!special) {
        trail.depth = at < length ? known : trail.depth;
    }
    while (at < length && n != NULL) {
        const char *slash = special ? NULL : memchr(path + at, '/', length - at);
        size_t part = (slash != NULL ? (size_t)(slash - path) : length) - at;
        struct tx_node *next = kid(t, n, path + at, part);
        n = next != NULL ? next : add(t, n, path + at, part);
        *base = *base != 0 ? node_child(*base, path + at, part) : 0;
        *base = n != NULL && n->hides ? 0 : *base;
        if (n != NULL && !special) {
            trail_add(path, at - 1, at + part, *base, n);
        }
        at += part + 1;
    }
    return n;
}

static void fill_view(const struct tx_node *n, uint32_t base, struct tx_view *v)
{
    if (n != NULL && n->known) {
        *v = (struct tx_view){ n->exists, n->perms, n->perm_count, n->value, n->value_length };
        return;
    }
    v->exists = base != 0;
    if (base != 0) {
        v->perms = node_perms(base, &v->perm_count);
        v->value = node_value(base, &v->value_length);
    }
}

/* ---- the calls ---- */
struct tx *tx_new(struct conn *c)
{
    struct tx *t = calloc(1, sizeof(*t));

    if (t == NULL) {
        return NULL;
    }
    t->conn = c;
    t->table_size = TABLE_MIN;
    t->table = t->first_table;
    t->all = t->root = &t->first[0];
    t->root->next = t->special = &t->first[1];
    t->all_end = &t->special->next;
    do {
        c->tx_last++;
    } while (c->tx_last == 0 || tx_by_id(c, c->tx_last) != NULL);
    t->id = c->tx_last;
    t->next = c->transactions;
    c->transactions = t;
    c->tx_count++;
    account_of(c->who.domid)->transactions++;
    return t;
}

struct tx *tx_by_id(struct conn *c, uint32_t id)
{
    struct tx *t = c->transactions;

    while (t != NULL && t->id != id) {
        t = t->next;
    }
    return t;
}

uint32_t tx_id(const struct tx *t)
{
    return t->id;
}

void tx_free(struct tx *t)
{
    struct tx **link = &t->conn->transactions;

    trail_forget(t);
    while (*link != t) {
        link = &(*link)->next;
    }
    *link = t->next;
    t->conn->tx_count--;
    account_of(t->conn->who.domid)->transactions--;
    for (struct tx_node *n = t->all, *next; n != NULL; n = next) {
        next = n->next;
        free(n->perms);
        if (n->parent != NULL) {
            free(n);
        }
    }
    if (t->table != t->first_table) {
        free(t->table);
    }
    free(t);
}

/* Whether the transaction removed the node or one above it: nothing there depends on the store any more. */
static bool is_cut(const struct tx_node *n)
{
    while (n != NULL && !n->hides) {
        n = n->parent;
    }
    return n != NULL;
}

/* The node's state within the transaction. False: no memory, nothing changed. */
static bool keep(struct tx_node *n, const struct tx_view *v)
{
    struct perm *perms = NULL;

    if (v->exists) {
        perms = malloc(v->perm_count * sizeof(*perms) + v->value_length);
        if (perms == NULL) {
            return false;
        }
        memcpy(perms, v->perms, v->perm_count * sizeof(*perms));
        n->value = (char *)(perms + v->perm_count);
        if (v->value_length > 0) {
            memcpy(n->value, v->value, v->value_length);
        }
    }
    free(n->perms);
    n->perms = perms;
    n->perm_count = v->perm_count;
    n->value_length = v->value_length;
    n->exists = v->exists;
    n->known = true;
    return true;
}

/* Stamps of a node of the store, which may not be there. */
static uint32_t gen_of(uint32_t base)
{
    return base != 0 ? node_gen(base) : 0;
}

static uint32_t kids_gen_of(uint32_t base)
{
    return base != 0 ? node_kids_gen(base) : 0;
}

/* Notes that the transaction depends on the node as it is, and goes on seeing it so. */
static int see(struct tx *t, struct tx_node *n, uint32_t base, const struct tx_view *v)
{
    if (n->seen || is_cut(n)) {
        return 0;
    }
    if (!t->conn->who.privileged && account_over(t->conn->who.domid, LIMIT_TX_NODES, t->seen_count + 1)) {
        return -ENOSPC;
    }
    if (!keep(n, v)) {
        return -ENOMEM;
    }
    n->seen = true;
    n->seen_gen = gen_of(base);
    t->seen_count++;
    return 0;
}

void tx_peek(struct tx *t, struct tx_path *p, struct tx_view *v)
{
    struct tx_node *n = NULL;
    uint32_t base = t != NULL ? walk(t, p->path, p->length, &n) : node_find(p->path, p->length);

    p->node = t != NULL ? 0 : base;
    memset(v, 0, sizeof(*v));
    fill_view(n, base, v);
}

int tx_get(struct tx *t, struct tx_path *p, struct tx_view *v)
{
    if (t == NULL) {
        tx_peek(t, p, v);
        return 0;
    }
    uint32_t base;
    struct tx_node *n = walk_make(t, p->path, p->length, &base);
    if (n == NULL) {
        return -ENOMEM;
    }
    memset(v, 0, sizeof(*v));
    fill_view(n, base, v);
    return see(t, n, base, v);
}

int tx_set(struct tx *t, struct tx_path *p, const struct perm *perms, unsigned int perm_count, const char *value,
           size_t value_length)
{
    if (t == NULL) {
        struct change c = { p->path, p->length, p->node, p->parent, perms, perm_count, value, value_length };
        int rc = change_set(&c);
        p->node = c.node;
        return rc;
    }
    struct tx_view v;
    int rc = tx_get(t, p, &v);
    uint32_t base;
    struct tx_node *n = rc == 0 ? walk_make(t, p->path, p->length, &base) : NULL;
    if (n == NULL) {
        return rc != 0 ? rc : -ENOMEM;
    }
    struct tx_view new = v;
    new.exists = true;
    if (perms != NULL) {
        new.perms = perms;
        new.perm_count = perm_count;
    }
    if (value != NULL || !v.exists) {
        new.value = value != NULL ? value : "";
        new.value_length = value != NULL ? value_length : 0;
    }
    if (!keep(n, &new)) {
        return -ENOMEM;
    }
    n->changed = true;
    return 0;
}

static void clear_below(struct tx_node *top)
{
    struct tx_node *n = top;

    for (;;) {
        if (n->first != NULL) {
            n = n->first;
        } else {
            while (n != top && n->sibling == NULL) {
                n = n->parent;
            }
            if (n == top) {
                return;
            }
            n = n->sibling;
        }
        n->changed = n->exists = n->hides = n->note = false;
        n->known = true;
    }
}

int tx_remove(struct tx *t, const struct tx_path *p)
{
    if (t == NULL) {
        struct change c = { .path = p->path, .length = p->length, .node = p->node };
        return change_remove(&c);
    }
    struct tx_path at = *p;
    struct tx_view v;
    int rc = tx_get(t, &at, &v);
    uint32_t base;
    struct tx_node *n = rc == 0 ? walk_make(t, p->path, p->length, &base) : NULL;
    if (n == NULL) {
        return rc != 0 ? rc : -ENOMEM;
    }
    n->changed = n->hides = n->known = n->removed = true;
    n->exists = false;
    clear_below(n);
    trail_forget(t);
    return 0;
}

/* Children made here come after the store's. */
static void list_made(const struct tx_node *dir, uint32_t base, struct node_listing *l)
{
    for (const struct tx_node *n = dir->first; n != NULL; n = n->sibling) {
        bool in_store = base != 0 && node_child(base, n->name, n->name_length) != 0;
        if (n->changed && n->exists && !in_store && !node_list_name(l, n->name, n->name_length)) {
            return;
        }
    }
}

int tx_list(struct tx *t, const struct tx_path *p, uint32_t *gen, struct node_listing *l)
{
    uint32_t base = p->node;
    struct tx_node *dir = t != NULL ? walk_make(t, p->path, p->length, &base) : NULL;

    if (t != NULL && dir == NULL) {
        return -ENOMEM;
    }
    if (t != NULL && !dir->listed && !is_cut(dir)) {
        dir->listed = true;
        dir->seen_kids = kids_gen_of(base);
    }
    *gen = dir == NULL || dir->first == NULL ? kids_gen_of(base) : 0;
    if (base != 0 && (dir == NULL || dir->first == NULL)) {
        node_list(l, node_first(base));
        return 0;
    }
    for (uint32_t n = base != 0 ? node_first(base) : 0; n != 0; n = node_at(n)->next) {
        size_t name_length;
        const char *name = node_name(n, &name_length);
        const struct tx_node *mine = dir != NULL && dir->first != NULL ? kid(t, dir, name, name_length) : NULL;
        bool gone = mine != NULL && mine->changed && !mine->exists;
        if (!gone && !node_list_name(l, name, name_length)) {
            return 0;
        }
    }
    if (dir != NULL && dir->first != NULL) {
        list_made(dir, base, l);
    }
    return 0;
}

void tx_note(struct tx *t, const struct tx_path *p)
{
    uint32_t base;
    struct tx_node *n = walk_make(t, p->path, p->length, &base);
    if (n != NULL) {
        n->note = true;
    }
}

/* ---- commit ---- */
static int check(struct tx *t)
{
    for (struct tx_node *n = t->all; n != NULL; n = n->next) {
        if (n->parent == NULL) {
            n->base = n == t->root ? node_root : node_special;
        } else {
            n->base = n->parent->base != 0 ? node_child(n->parent->base, n->name, n->name_length) : 0;
        }
        if ((n->seen && gen_of(n->base) != n->seen_gen) ||
            (n->listed && n->seen_kids != 0 && kids_gen_of(n->base) != n->seen_kids)) {
            return -EAGAIN;
        }
    }
    return 0;
}

/* What the transaction adds to its own domain's count of nodes; those of others are dom0's business. */
static int check_quota(const struct tx *t)
{
    uint16_t domid = t->conn->who.domid;
    unsigned int more = 0;

    if (t->conn->who.privileged) {
        return 0;
    }
    for (const struct tx_node *n = t->all; n != NULL; n = n->next) {
        more += n->changed && n->exists && n->base == 0 && n->perms[0].domid == domid;
    }
    return more > 0 && account_over(domid, LIMIT_NODES, account_of(domid)->nodes + more) ? -ENOSPC : 0;
}

static size_t path_of(const struct tx_node *n, char *out)
{
    char reversed[4096];
    size_t at = sizeof(reversed);

    for (; n->parent != NULL; n = n->parent) {
        at -= n->name_length;
        memcpy(reversed + at, n->name, n->name_length);
        if (n->name[0] != '@') {
            reversed[--at] = '/';
        }
    }
    if (at == sizeof(reversed)) {
        reversed[--at] = '/';
    }
    memcpy(out, reversed + at, sizeof(reversed) - at);
    out[sizeof(reversed) - at] = '\0';
    return sizeof(reversed) - at;
}

static bool write_log(const struct tx *t)
{
    char path[4096];

    log_begin();
    for (const struct tx_node *n = t->all; n != NULL; n = n->next) {
        if (!n->changed && !n->hides) {
            continue;
        }
        size_t length = path_of(n, path);
        if (n->hides && n->base != 0 && !log_remove(path, length)) {
            return false;
        }
        if (n->changed && n->exists &&
            !log_set(path, length, n->perms, n->perm_count, n->value, n->value_length)) {
            return false;
        }
    }
    return t->conn->record == 0 || log_transaction(t->conn->record, t->id);
}

static void apply(struct tx_node *n, const char *path, size_t length)
{
    struct change c = { .path = path, .length = length };

    if (n->parent != NULL) {
        n->base = n->parent->base != 0 ? node_child(n->parent->base, n->name, n->name_length) : 0;
        c.parent = n->parent->base;
    }
    c.node = n->base;
    if (n->hides && c.node != 0) {
        change_apply_remove(&c);
    }
    if (n->changed && n->exists) {
        c.perms = n->perms;
        c.perm_count = n->perm_count;
        c.value = n->value;
        c.value_length = n->value_length;
        change_apply_set(&c, n->note);
    }
    n->base = c.node;
}

/* Nodes that were removed before the folder they are in: their watches hear of each, while they are still there. */
static void tell_removed(const struct tx *t)
{
    char path[4096];

    for (const struct tx_node *n = t->all; n != NULL; n = n->next) {
        if (n->removed && !n->hides && n->base != 0) {
            change_tell(path, path_of(n, path), n->base, NULL, 0);
        }
    }
}

int tx_commit(struct tx *t)
{
    char path[4096];
    size_t need = 0;
    int rc = check(t);

    rc = rc == 0 ? check_quota(t) : rc;
    if (rc != 0) {
        return rc;
    }
    for (const struct tx_node *n = t->all; n != NULL; n = n->next) {
        need += n->changed ? node_space(n->perm_count, n->name_length, n->value_length) : 0;
    }
    if (need == 0) {
        return 0;
    }
    if (!write_log(t) || !arena_reserve(need)) {
        log_end();
        return -ENOMEM;
    }
    log_commit();
    tell_removed(t);
    for (struct tx_node *n = t->all; n != NULL; n = n->next) {
        apply(n, path, n->changed || n->hides ? path_of(n, path) : 0);
    }
    if (t->conn->record != 0) {
        persist_at(t->conn->record)->tx_done = t->id;
    }
    log_end();
    return 0;
}
