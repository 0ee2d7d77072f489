/* SPDX-License-Identifier: MIT */
/*
 * A list of changes to the store, collected first and sent together: so that a guest costs one transaction
 * and few round trips, and the layout (layout.c) can be tested without a store.
 *
 * Memory failure is remembered and reported by nodes_apply(); the collecting calls need no checks.
 */
#ifndef LIB_DOMAIN_NODES_H
#define LIB_DOMAIN_NODES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

struct xs_handle;

enum node_action { NODE_WRITE, NODE_PERMISSIONS, NODE_REMOVE };

struct node {
    enum node_action action;
    char *path;
    char *value;            /* NODE_WRITE */
    uint32_t owner, reader; /* NODE_PERMISSIONS: owner has all; reader may read; equal: nobody else may */
};

struct nodes {
    struct node *list;
    unsigned int count, room;
    bool failed;
    /* A refusal of one change needs not prevent the others, as when their caller removes all of them after an error:
     * the transaction's end is asked for along with them, which saves a round trip. */
    bool separate;
};

void nodes_write(struct nodes *n, const char *folder, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void nodes_permit(struct nodes *n, const char *path, uint32_t owner, uint32_t reader);

/* Goes with all below it; fine when there is nothing. */
void nodes_remove(struct nodes *n, const char *path);

void nodes_free(struct nodes *n);

/* Sends everything in one transaction, again from the start when it conflicts. */
int nodes_apply(struct err *e, struct xs_handle *s, const struct nodes *n);
/* Removals without a transaction, then the domain's release, in one round trip: for a domain that is gone. */
int nodes_remove_and_release(struct err *e, struct xs_handle *s, const struct nodes *n, uint32_t domid);

#endif
