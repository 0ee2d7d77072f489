/* SPDX-License-Identifier: MIT */
/*
 * Watches, in a trie by path components: a change costs its depth, however many watches there are elsewhere.
 *
 * An event names the changed path, relative if the watch was set so, and the watch's token. It goes to those who
 * may read the node or list its parent. watch_fire() is for a change at a path; watch_fire_below() comes before a
 * removal and tells the watches under the path whose node goes with it.
 */
#ifndef CMD_XENSTORED_WATCH_H
#define CMD_XENSTORED_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/xenstored/perm.h"

struct conn;
struct watch_place;

struct watch {
    struct watch_place *place;
    struct watch *next_here, *prev_here; /* at the same place */
    struct watch *next_mine, *prev_mine; /* of the same connection */
    struct conn *conn;
    uint32_t record;                     /* block in the state file, or 0 */
    uint32_t pending;                    /* out.c: the event of this watch that waits, or 0 */
    int depth;                           /* how far below its path it sees, -1: all */
    uint16_t base_length;                /* what is cut off the front of paths for a relative watch */
    uint16_t path_length, token_length;
    char text[];                         /* path as the client gave it, NUL, token, NUL */
};

void watch_init(void);
/* path: absolute; given: what the client said. 0, -EEXIST, -ENOMEM. */
int watch_add(struct conn *c, const char *path, const char *given, const char *token, int depth, struct watch **out);
int watch_remove(struct conn *c, const char *path, const char *token);
void watch_free(struct watch *w);
void watch_remove_all(struct conn *c);

/* The absolute path, with a NUL, into `out`; returns its length. */
size_t watch_path(const struct watch *w, char *out);

/* What is needed to decide who may know of a change: the node's permissions, and its parent's. */
struct watch_change {
    const char *path;
    size_t length;
    const struct perm *perms, *parent_perms, *old_perms; /* any may be NULL */
    unsigned int perm_count, parent_count, old_count;
};
void watch_fire(const struct watch_change *change);
/* exact: only watches at `path` itself. */
void watch_fire_exact(const struct watch_change *change);
/* For each place strictly below `path` that has watches: visit(path of place). */
void watch_below(const char *path, size_t length, void (*visit)(const char *path, size_t length));
unsigned int watch_count(void);

#endif
