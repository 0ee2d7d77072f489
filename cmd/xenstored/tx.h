/* SPDX-License-Identifier: MIT */
/*
 * Transactions: what one has read and written, as a tree of its own beside the store, which is not copied.
 *
 * Each node a transaction looks at is noted with the stamp it had; at the end all stamps must still hold, then the
 * changes are made as one. Listing a node's children depends on the list's stamp, everything else on the node's
 * own, so two transactions that add different children to one node do not disturb each other. Without a
 * transaction the same calls act on the store at once, through the log.
 */
#ifndef CMD_XENSTORED_TX_H
#define CMD_XENSTORED_TX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/xenstored/perm.h"

struct conn;
struct node_listing;
struct tx;

/*
 * What a request names. Outside of transactions tx_get(), tx_peek() and tx_set() note the node of the store here, and
 * whoever made a path's parent or looked at it may say so: then the path is not searched again.
 */
struct tx_path {
    const char *path;
    size_t length;
    uint32_t node;   /* 0: not there, or not known */
    uint32_t parent; /* of a node that is not there; 0: not known */
};

/* A node as the transaction sees it; pointers hold until the next change. */
struct tx_view {
    bool exists;
    const struct perm *perms;
    unsigned int perm_count;
    const char *value;
    size_t value_length;
};

struct tx *tx_new(struct conn *c);
struct tx *tx_by_id(struct conn *c, uint32_t id);
uint32_t tx_id(const struct tx *t);
void tx_free(struct tx *t);
/* Makes the changes: 0, -EAGAIN (somebody else changed what it saw), -ENOSPC, -ENOMEM; then t is still there. */
int tx_commit(struct tx *t);

/* t may be NULL in all of these. 0 or -ENOMEM, -ENOSPC (too many nodes in the transaction). */
int tx_get(struct tx *t, struct tx_path *p, struct tx_view *v);
/* As tx_get(), without the transaction depending on it: to decide what an error may tell. */
void tx_peek(struct tx *t, struct tx_path *p, struct tx_view *v);
/* The parent must exist. value may be NULL (keep, empty for a new node), perms may be NULL (keep). */
int tx_set(struct tx *t, struct tx_path *p, const struct perm *perms, unsigned int perm_count, const char *value,
           size_t value_length);
int tx_remove(struct tx *t, const struct tx_path *p);
/* Children in order. *gen: the list's stamp, 0 if this transaction changed it. */
int tx_list(struct tx *t, const struct tx_path *p, uint32_t *gen, struct node_listing *l);
/* Remembers that watches of this path must be told at the end. */
void tx_note(struct tx *t, const struct tx_path *p);

#endif
