/* SPDX-License-Identifier: MIT */
/* Lists of changes, brought to the store in three round trips. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/domain/nodes.h"
#include "lib/store/xenstore.h"

enum { CONFLICTS_MAX = 100 };

static void add_node(struct store_batch *b, xs_transaction_t t, const struct node *n)
{
    const struct xs_permissions perms[2] = {
        { .id = n->owner, .perms = XS_PERM_NONE },
        { .id = n->reader, .perms = XS_PERM_READ },
    };

    switch (n->action) {
    case NODE_WRITE:
        store_batch_write(b, t, n->path, n->value, strlen(n->value));
        break;
    case NODE_PERMISSIONS:
        store_batch_permit(b, t, n->path, perms, n->owner == n->reader ? 1 : 2);
        break;
    default:
        store_batch_remove(b, t, n->path);
        break;
    }
}

static void add_nodes(struct store_batch *b, xs_transaction_t t, const struct nodes *n)
{
    for (unsigned int i = 0; i < n->count; i++) {
        add_node(b, t, &n->list[i]);
    }
}

/* The first refusal, but for the removal of what is not there. -EAGAIN, without a text: the daemon was started anew
 * meanwhile and knows nothing of the transaction. */
static int run(struct err *e, struct xs_handle *s, struct store_batch *b, const struct nodes *n)
{
    int rc = store_batch_run(s, b);

    if (rc && rc != -EAGAIN) {
        err_set(e, rc, "the store does not answer: %s", strerror(-rc));
    }
    for (unsigned int i = 0; i < n->count && !rc; i++) {
        int error = store_batch_error(b, i);

        if (error && !(n->list[i].action == NODE_REMOVE && error == ENOENT)) {
            rc = err_set(e, -error, "the store refuses %s: %s", n->list[i].path, strerror(error));
        }
    }
    return rc;
}

/* All requests of one try, and the transaction's end: among them, or asked for when all of them went well. */
static int try_nodes(struct err *e, struct xs_handle *s, xs_transaction_t t, const struct nodes *n)
{
    struct store_batch b = STORE_BATCH_INIT;
    int rc;

    add_nodes(&b, t, n);
    if (n->separate) {
        store_batch_commit(&b, t);
    }
    rc = run(e, s, &b, n);
    if (rc) {
        xs_transaction_end(s, t, true);
    } else if (n->separate) {
        rc = -store_batch_error(&b, n->count);
    } else {
        rc = xs_transaction_end(s, t, false) ? 0 : -errno;
    }
    store_batch_free(&b);
    return rc;
}

int nodes_apply(struct err *e, struct xs_handle *s, const struct nodes *n)
{
    if (n->failed) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    for (unsigned int i = 0; i < CONFLICTS_MAX; i++) {
        xs_transaction_t t = xs_transaction_start(s);
        int rc;

        if (!t) {
            return err_errno(e, "cannot start a transaction of the store");
        }
        rc = try_nodes(e, s, t, n);
        if (rc != -EAGAIN) {
            return rc ? err_set(e, rc, "the store does not take the changes: %s", strerror(-rc)) : 0;
        }
    }
    return err_set(e, -EAGAIN, "the store is too busy: %d transactions conflicted", CONFLICTS_MAX);
}

int nodes_remove_and_release(struct err *e, struct xs_handle *s, const struct nodes *n, uint32_t domid)
{
    struct store_batch b = STORE_BATCH_INIT;
    int rc;

    if (n->failed) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    add_nodes(&b, XBT_NULL, n);
    store_batch_release(&b, domid); /* xenstored may have seen its end already */
    rc = run(e, s, &b, n);
    store_batch_free(&b);
    return rc;
}
