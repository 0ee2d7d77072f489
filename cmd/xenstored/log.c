/* SPDX-License-Identifier: MIT */
/*
 * The redo log: entries in a chain of blocks whose first is kept for good; an ordinary request never needs a
 * second one. An entry lies in one block.
 */
#include "cmd/xenstored/log.h"

#include <errno.h>
#include <string.h>

#include "cmd/xenstored/arena.h"
#include "cmd/xenstored/node.h"

#define FIRST_SIZE (12u * 1024)
#define MORE_SIZE (30u * 1024)

struct log_block {
    struct arena_block b;
    uint32_t next;
    uint32_t used;
    char data[];
};

enum { ENTRY_SET = 1, ENTRY_REMOVE, ENTRY_TRANSACTION };

struct entry {
    uint32_t kind;
    uint32_t path_length;
    uint32_t perm_count;
    uint32_t value_length;
    char data[]; /* permissions, path, value; padded to 4 */
};

static uint32_t current;

static struct log_block *at(uint32_t i)
{
    return arena_at(i);
}

int log_init(void)
{
    struct arena_head *h = arena_head();

    if (h->log == 0) {
        uint32_t first = arena_alloc(FIRST_SIZE);
        if (first == 0) {
            return -ENOMEM;
        }
        at(first)->next = 0;
        at(first)->used = 0;
        arena_publish(first, ARENA_LOG);
        h->log = first;
    }
    current = h->log;
    return 0;
}

void log_begin(void)
{
    current = arena_head()->log;
    at(current)->used = 0;
}

static struct entry *entry_new(size_t data_size)
{
    size_t size = (sizeof(struct entry) + data_size + 3) & ~(size_t)3;
    struct log_block *l = at(current);

    if (sizeof(*l) + l->used + size > arena_size(current)) {
        uint32_t more = arena_alloc(MORE_SIZE);
        if (more == 0) {
            return NULL;
        }
        at(more)->next = 0;
        at(more)->used = 0;
        arena_publish(more, ARENA_LOG);
        l->next = more;
        current = more;
        l = at(more);
    }
    struct entry *e = (struct entry *)(l->data + l->used);
    l->used += size;
    return e;
}

bool log_set(const char *path, size_t length, const struct perm *perms, unsigned int perm_count, const void *value,
             size_t value_length)
{
    size_t perm_bytes = perm_count * sizeof(*perms);
    struct entry *e = entry_new(perm_bytes + length + value_length);

    if (e == NULL) {
        return false;
    }
    *e = (struct entry){ ENTRY_SET, length, perm_count, value_length };
    memcpy(e->data, perms, perm_bytes);
    memcpy(e->data + perm_bytes, path, length);
    if (value_length > 0) {
        memcpy(e->data + perm_bytes + length, value, value_length);
    }
    return true;
}

bool log_remove(const char *path, size_t length)
{
    struct entry *e = entry_new(length);

    if (e == NULL) {
        return false;
    }
    *e = (struct entry){ ENTRY_REMOVE, length, 0, 0 };
    memcpy(e->data, path, length);
    return true;
}

bool log_transaction(uint32_t conn, uint32_t tx)
{
    struct entry *e = entry_new(0);

    if (e == NULL) {
        return false;
    }
    *e = (struct entry){ ENTRY_TRANSACTION, conn, 0, tx };
    return true;
}

void log_commit(void)
{
    arena_order();
    arena_head()->log_active = 1;
    arena_order();
}

void log_end(void)
{
    struct log_block *first = at(arena_head()->log);

    arena_order();
    arena_head()->log_active = 0;
    arena_order();
    uint32_t more = first->next;
    first->next = 0;
    while (more != 0) {
        uint32_t next = at(more)->next;
        arena_free(more);
        more = next;
    }
}

/* ---- a successor ---- */
static void redo_set(const struct entry *e)
{
    const struct perm *perms = (const void *)e->data;
    const char *path = e->data + e->perm_count * sizeof(*perms);
    const char *value = path + e->path_length;
    uint32_t n = node_find(path, e->path_length);

    if (n != 0) {
        node_set_value(n, value, e->value_length);
        node_set_perms(n, perms, e->perm_count);
        return;
    }
    const char *slash = memrchr(path, '/', e->path_length);
    uint32_t parent = slash == path ? node_root : slash != NULL ? node_find(path, slash - path) : 0;
    if (parent != 0) {
        node_create(parent, slash + 1, path + e->path_length - slash - 1, perms, e->perm_count, value,
                    e->value_length);
    }
}

static void redo(const struct entry *e, void (*done)(uint32_t conn, uint32_t tx))
{
    uint32_t n = 0;

    switch (e->kind) {
    case ENTRY_SET:
        redo_set(e);
        break;
    case ENTRY_REMOVE:
        n = node_find(e->data, e->path_length);
        if (n != 0 && n != node_root) {
            node_remove(n);
        }
        break;
    case ENTRY_TRANSACTION:
        done(e->path_length, e->value_length);
        break;
    default:
        break;
    }
}

/* Size of the entry at `data`, or 0 when it cannot be one. */
static size_t entry_size(const char *data, size_t left)
{
    const struct entry *e = (const void *)data;

    if (left < sizeof(*e) || e->perm_count > PERM_MAX || e->kind == ENTRY_TRANSACTION) {
        return left >= sizeof(*e) && e->kind == ENTRY_TRANSACTION ? sizeof(*e) : 0;
    }
    size_t size = sizeof(*e) + e->perm_count * sizeof(struct perm) + (size_t)e->path_length + e->value_length;
    size = (size + 3) & ~(size_t)3;
    return e->path_length < 4096 && e->path_length > 0 && e->value_length <= 4096 && size <= left ? size : 0;
}

unsigned int log_replay(void (*done)(uint32_t conn, uint32_t tx))
{
    struct arena_head *h = arena_head();
    unsigned int changes = 0;
    uint32_t i = h->log_active ? h->log : 0;

    while (i != 0 && arena_inside(i, sizeof(struct log_block)) && arena_kind(i) == ARENA_LOG &&
           at(i)->used <= arena_size(i) - sizeof(struct log_block)) {
        const struct log_block *l = at(i);
        for (size_t pos = 0, size; (size = entry_size(l->data + pos, l->used - pos)) != 0; pos += size) {
            redo((const struct entry *)(l->data + pos), done);
            changes++;
        }
        i = l->next;
    }
    log_end();
    return changes;
}
