/* SPDX-License-Identifier: MIT */
/* Changes of the store, through the log, and told to watches. */
#include "cmd/xenstored/change.h"

#include <errno.h>
#include <string.h>

#include "cmd/xenstored/arena.h"
#include "cmd/xenstored/log.h"
#include "cmd/xenstored/node.h"
#include "cmd/xenstored/watch.h"

static uint32_t parent_of(const char *path, size_t length, const char **name)
{
    if (*path == '@') {
        *name = path;
        return node_special;
    }
    const char *slash = memrchr(path, '/', length);
    *name = slash + 1;
    return slash == path ? node_root : node_find(path, slash - path);
}

/* ---- telling ---- */
static void fill(struct watch_change *w, const char *path, size_t length, uint32_t n)
{
    *w = (struct watch_change){ .path = path, .length = length };
    if (n != 0) {
        w->perms = node_perms(n, &w->perm_count);
        if (node_at(n)->parent != 0) {
            w->parent_perms = node_perms(node_at(n)->parent, &w->parent_count);
        }
    }
}

void change_tell(const char *path, size_t length, uint32_t n, const struct perm *old, unsigned int old_count)
{
    struct watch_change w;

    if (watch_count() == 0) {
        return;
    }
    fill(&w, path, length, n);
    w.old_perms = old;
    w.old_count = old_count;
    watch_fire(&w);
}

static void tell_below(const char *path, size_t length)
{
    uint32_t n = node_find(path, length);
    struct watch_change w;

    if (n != 0) {
        fill(&w, path, length, n);
        watch_fire_exact(&w);
    }
}

static void tell_removal(const char *path, size_t length, uint32_t n)
{
    struct watch_change w;

    if (watch_count() == 0) {
        return;
    }
    fill(&w, path, length, n);
    watch_fire(&w);
    watch_below(path, length, tell_below);
}

void change_tell_removal(uint32_t n)
{
    char path[4096];
    tell_removal(path, node_path(n, path), n);
}

void change_tell_special(const char *name)
{
    change_tell(name, strlen(name), node_find(name, strlen(name)), NULL, 0);
}

/* ---- changing ---- */
/* Room was made sure of before, so nothing here fails. */
void change_apply_set(struct change *c, bool tell)
{
    struct perm old[PERM_MAX];
    unsigned int old_count = 0;

    if (c->node == 0) {
        const char *name;
        c->parent = c->parent != 0 ? c->parent : parent_of(c->path, c->length, &name);
        name = *c->path == '@' ? c->path : (const char *)memrchr(c->path, '/', c->length) + 1;
        c->node = node_create(c->parent, name, c->path + c->length - name, c->perms, c->perm_count,
                              c->value != NULL ? c->value : "", c->value_length);
    } else {
        const struct perm *perms = node_perms(c->node, &old_count);
        bool same = c->perms == NULL ||
                    (c->perm_count == old_count && memcmp(perms, c->perms, old_count * sizeof(*perms)) == 0);
        if (!same) {
            memcpy(old, perms, old_count * sizeof(*old));
            node_set_perms(c->node, c->perms, c->perm_count);
        } else {
            old_count = 0;
        }
        if (c->value != NULL) {
            node_set_value(c->node, c->value, c->value_length);
        }
    }
    if (tell) {
        change_tell(c->path, c->length, c->node, old_count > 0 ? old : NULL, old_count);
    }
}

void change_apply_remove(struct change *c)
{
    tell_removal(c->path, c->length, c->node);
    node_remove(c->node);
    c->node = 0;
}

int change_set(struct change *c)
{
    const char *name;
    const struct perm *perms = c->perms;
    unsigned int perm_count = c->perm_count;
    const char *value = c->value != NULL ? c->value : "";
    size_t value_length = c->value_length;

    if (c->node == 0 && c->parent == 0) {
        c->node = node_find(c->path, c->length);
        c->parent = c->node == 0 ? parent_of(c->path, c->length, &name) : 0;
        if (c->node == 0 && c->parent == 0) {
            return -ENOENT;
        }
    }
    if (c->node != 0) {
        perms = perms != NULL ? perms : node_perms(c->node, &perm_count);
        value = c->value != NULL ? c->value : node_value(c->node, &value_length);
    }
    log_begin();
    if (!arena_reserve(node_space(perm_count, c->length, value_length)) ||
        !log_set(c->path, c->length, perms, perm_count, value, value_length)) {
        log_end();
        return -ENOMEM;
    }
    log_commit();
    change_apply_set(c, false);
    log_end();
    return 0;
}

int change_remove(struct change *c)
{
    c->node = c->node != 0 ? c->node : node_find(c->path, c->length);
    if (c->node == 0) {
        return -ENOENT;
    }
    log_begin();
    if (!log_remove(c->path, c->length)) {
        log_end();
        return -ENOMEM;
    }
    log_commit();
    change_apply_remove(c);
    log_end();
    return 0;
}
