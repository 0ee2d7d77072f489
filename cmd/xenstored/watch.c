/* SPDX-License-Identifier: MIT */
/* The trie of watches, and who is told. */
#include "cmd/xenstored/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/xenstored/account.h"
#include "cmd/xenstored/conn.h"
#include "cmd/xenstored/out.h"
#include "cmd/xenstored/persist.h"

#define TABLE_MIN 64u

struct watch_place {
    struct watch_place *parent, *hash_next;
    struct watch_place *first, *sibling, *sibling_before; /* children */
    struct watch *watches, *last;
    uint16_t name_length;
    char name[];
};

static struct watch_place root, special;
static struct watch_place **table;
static uint32_t table_size, place_count, watches_count;

/* ---- places ---- */
static uint32_t hash(const struct watch_place *parent, const char *name, size_t length)
{
    uint64_t h = (uintptr_t)parent >> 4;

    for (size_t i = 0; i < length; i++) {
        h = (h ^ (unsigned char)name[i]) * 0x100000001b3ULL;
    }
    return h ^ h >> 29;
}

static struct watch_place *kid(const struct watch_place *parent, const char *name, size_t length)
{
    if (parent->first == NULL) {
        return NULL;
    }
    struct watch_place *p = table[hash(parent, name, length) & (table_size - 1)];
    while (p != NULL && (p->parent != parent || p->name_length != length || memcmp(p->name, name, length) != 0)) {
        p = p->hash_next;
    }
    return p;
}

static void table_put(struct watch_place **t, uint32_t size, struct watch_place *p)
{
    struct watch_place **bucket = &t[hash(p->parent, p->name, p->name_length) & (size - 1)];
    p->hash_next = *bucket;
    *bucket = p;
}

static void grow(void)
{
    struct watch_place **bigger = calloc(table_size * 2, sizeof(*bigger));

    if (bigger == NULL) {
        return;
    }
    for (uint32_t i = 0; i < table_size; i++) {
        for (struct watch_place *p = table[i], *next; p != NULL; p = next) {
            next = p->hash_next;
            table_put(bigger, table_size * 2, p);
        }
    }
    free(table);
    table = bigger;
    table_size *= 2;
}

static struct watch_place *kid_make(struct watch_place *parent, const char *name, size_t length)
{
    struct watch_place *p = kid(parent, name, length);

    if (p != NULL) {
        return p;
    }
    p = calloc(1, sizeof(*p) + length);
    if (p == NULL) {
        return NULL;
    }
    p->parent = parent;
    p->name_length = length;
    memcpy(p->name, name, length);
    p->sibling = parent->first;
    if (p->sibling != NULL) {
        p->sibling->sibling_before = p;
    }
    parent->first = p;
    table_put(table, table_size, p);
    if (++place_count > table_size) {
        grow();
    }
    return p;
}

/* Drops a place, and those above it, as long as nothing needs them. */
static void tidy(struct watch_place *p)
{
    while (p->parent != NULL && p->watches == NULL && p->first == NULL) {
        struct watch_place *up = p->parent;
        struct watch_place **link = &table[hash(up, p->name, p->name_length) & (table_size - 1)];
        while (*link != p) {
            link = &(*link)->hash_next;
        }
        *link = p->hash_next;
        *(p->sibling_before != NULL ? &p->sibling_before->sibling : &up->first) = p->sibling;
        if (p->sibling != NULL) {
            p->sibling->sibling_before = p->sibling_before;
        }
        free(p);
        place_count--;
        p = up;
    }
}

/* The place of a path; make: create what is missing. NULL: not there, or no memory. */
static struct watch_place *place_of(const char *path, size_t length, bool make)
{
    const char *end = path + length;
    struct watch_place *p = &root;

    if (*path == '@') {
        return make ? kid_make(&special, path, length) : kid(&special, path, length);
    }
    for (path++; p != NULL && path < end;) {
        const char *slash = memchr(path, '/', end - path);
        size_t part = (slash != NULL ? slash : end) - path;
        struct watch_place *up = p;
        p = make ? kid_make(p, path, part) : kid(p, path, part);
        if (p == NULL && make) {
            tidy(up);
        }
        path += part + 1;
    }
    return p;
}

/* ---- watches ---- */
void watch_init(void)
{
    if (table == NULL) {
        table_size = TABLE_MIN;
        table = calloc(table_size, sizeof(*table));
    }
}

unsigned int watch_count(void)
{
    return watches_count;
}

static struct watch *find(const struct watch_place *p, const struct conn *c, const char *token)
{
    struct watch *w = p != NULL ? p->watches : NULL;

    while (w != NULL && (w->conn != c || strcmp(w->text + w->path_length + 1, token) != 0)) {
        w = w->next_here;
    }
    return w;
}

static void hang_up(struct watch *w, struct watch_place *p, struct conn *c)
{
    w->place = p;
    w->prev_here = p->last;
    *(p->last != NULL ? &p->last->next_here : &p->watches) = w;
    p->last = w;
    w->conn = c;
    w->next_mine = c->watches;
    if (c->watches != NULL) {
        c->watches->prev_mine = w;
    }
    c->watches = w;
    watches_count++;
    account_of(c->who.domid)->watches++;
}

int watch_add(struct conn *c, const char *path, const char *given, const char *token, int depth, struct watch **out)
{
    size_t path_length = strlen(given);
    size_t token_length = strlen(token);
    struct watch_place *p = place_of(path, strlen(path), true);

    if (p == NULL || find(p, c, token) != NULL) {
        return p == NULL ? -ENOMEM : -EEXIST;
    }
    struct watch *w = calloc(1, sizeof(*w) + path_length + token_length + 2);
    if (w == NULL) {
        tidy(p);
        return -ENOMEM;
    }
    w->depth = depth;
    w->base_length = strlen(path) - path_length;
    w->path_length = path_length;
    w->token_length = token_length;
    memcpy(w->text, given, path_length + 1);
    memcpy(w->text + path_length + 1, token, token_length + 1);
    hang_up(w, p, c);
    if (c->persistent && !persist_watch(w)) {
        watch_free(w);
        return -ENOMEM;
    }
    *out = w;
    return 0;
}

void watch_free(struct watch *w)
{
    struct watch_place *p = w->place;
    struct conn *c = w->conn;

    *(w->prev_here != NULL ? &w->prev_here->next_here : &p->watches) = w->next_here;
    *(w->next_here != NULL ? &w->next_here->prev_here : &p->last) = w->prev_here;
    *(w->prev_mine != NULL ? &w->prev_mine->next_mine : &c->watches) = w->next_mine;
    if (w->next_mine != NULL) {
        w->next_mine->prev_mine = w->prev_mine;
    }
    watches_count--;
    account_of(c->who.domid)->watches--;
    if (w->record != 0) {
        arena_free(w->record);
    }
    if (w->pending != 0) {
        out_at(w->pending)->watch = NULL;
    }
    tidy(p);
    free(w);
}

int watch_remove(struct conn *c, const char *path, const char *token)
{
    struct watch *w = find(place_of(path, strlen(path), false), c, token);

    if (w == NULL) {
        return -ENOENT;
    }
    watch_free(w);
    return 0;
}

void watch_remove_all(struct conn *c)
{
    while (c->watches != NULL) {
        watch_free(c->watches);
    }
}

size_t watch_path(const struct watch *w, char *out)
{
    size_t length = w->base_length + w->path_length;
    size_t at = length;

    for (const struct watch_place *p = w->place; p->parent != NULL && at > 0; p = p->parent) {
        at -= p->name_length;
        memcpy(out + at, p->name, p->name_length);
        if (p->parent != &special) {
            out[--at] = '/';
        }
    }
    if (at > 0) {
        out[0] = '/';
    }
    out[length] = '\0';
    return length;
}

/* ---- telling ---- */
static bool may_read(const struct perm *perms, unsigned int count, const struct perm_subject *who)
{
    return perms != NULL && (perm_of(perms, count, who) & PERM_READ) != 0;
}

static bool may_know(const struct watch_change *ch, const struct perm_subject *who)
{
    if (who->privileged || may_read(ch->perms, ch->perm_count, who) || may_read(ch->old_perms, ch->old_count, who)) {
        return true;
    }
    return *ch->path != '@' && may_read(ch->parent_perms, ch->parent_count, who);
}

static void tell(const struct watch_place *p, const struct watch_change *ch, int depth)
{
    for (struct watch *w = p->watches, *next; w != NULL; w = next) {
        next = w->next_here;
        if ((w->depth < 0 || depth <= w->depth) && may_know(ch, &w->conn->who)) {
            out_event(w, ch->path + w->base_length, ch->length - w->base_length);
        }
    }
}

void watch_fire(const struct watch_change *ch)
{
    const char *path = ch->path;
    const char *end = path + ch->length;
    const struct watch_place *p = &root;
    int depth = 0;

    if (*path == '@') {
        p = kid(&special, path, ch->length);
        if (p != NULL) {
            tell(p, ch, 0);
        }
        return;
    }
    if (root.watches != NULL) {
        for (const char *c = path; c < end; c++) {
            depth += *c == '/' && ch->length > 1;
        }
        tell(&root, ch, depth);
    }
    for (path++; path < end;) {
        const char *slash = memchr(path, '/', end - path);
        size_t part = (slash != NULL ? slash : end) - path;
        p = kid(p, path, part);
        if (p == NULL) {
            return;
        }
        path += part + 1;
        if (p->watches == NULL) {
            continue;
        }
        depth = 0;
        for (const char *c = path - 1; c < end; c++) {
            depth += *c == '/';
        }
        tell(p, ch, depth);
    }
}

void watch_fire_exact(const struct watch_change *ch)
{
    const struct watch_place *p = place_of(ch->path, ch->length, false);
    if (p != NULL) {
        tell(p, ch, 0);
    }
}

void watch_below(const char *path, size_t length, void (*visit)(const char *path, size_t length))
{
    char full[4096];
    const struct watch_place *top = place_of(path, length, false);
    const struct watch_place *p = top;

    if (top == NULL || length + 1 >= sizeof(full)) {
        return;
    }
    length = length == 1 ? 0 : length;
    memcpy(full, path, length);
    for (;;) {
        if (p->first != NULL) {
            p = p->first;
        } else {
            while (p != top && p->sibling == NULL) {
                length -= p->name_length + 1;
                p = p->parent;
            }
            if (p == top) {
                return;
            }
            length -= p->name_length + 1;
            p = p->sibling;
        }
        if (length + 1 + p->name_length >= sizeof(full)) {
            return;
        }
        full[length] = '/';
        memcpy(full + length + 1, p->name, p->name_length);
        length += 1 + p->name_length;
        if (p->watches != NULL) {
            full[length] = '\0';
            visit(full, length);
        }
    }
}
