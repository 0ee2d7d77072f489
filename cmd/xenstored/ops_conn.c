/* SPDX-License-Identifier: MIT */
/* Operations on what a connection has open: watches and transactions. */
#include "cmd/xenstored/ops.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/xenstored/out.h"
#include "cmd/xenstored/persist.h"
#include "cmd/xenstored/watch.h"

int ops_watch(struct request *r, struct tx *t)
{
    struct conn *c = r->conn;
    char buffer[OPS_PATH_MAX];
    const char *args[3];
    struct watch *w;
    size_t length;
    uint32_t depth = 0;
    unsigned int count = ops_strings(r, args, 3);

    if ((count != 2 && count != 3) || (count == 3 && !ops_number(args[2], 4096, &depth))) {
        return -EINVAL;
    }
    const char *path = ops_path(r, args[0], true, buffer, &length);
    if (path == NULL) {
        return -EINVAL;
    }
    if (!c->who.privileged &&
        account_over(c->who.domid, LIMIT_WATCHES, account_of(c->who.domid)->watches + 1)) {
        return -E2BIG;
    }
    int rc = watch_add(c, path, args[0], args[1], count == 3 ? (int)depth : -1, &w);
    if (rc == 0) {
        ops_ok(r);
        out_event(w, args[0], strlen(args[0]));
    }
    return rc;
}

int ops_unwatch(struct request *r, struct tx *t)
{
    char buffer[OPS_PATH_MAX];
    const char *args[2];
    size_t length;

    if (ops_strings(r, args, 2) != 2) {
        return -EINVAL;
    }
    const char *path = ops_path(r, args[0], true, buffer, &length);
    int rc = path != NULL ? watch_remove(r->conn, path, args[1]) : -EINVAL;
    if (rc == 0) {
        ops_ok(r);
    }
    return rc;
}

int ops_reset_watches(struct request *r, struct tx *t)
{
    conn_reset(r->conn);
    ops_ok(r);
    return 0;
}

int ops_transaction_start(struct request *r, struct tx *t)
{
    struct conn *c = r->conn;
    char number[16];

    if (t != NULL) {
        return -EBUSY;
    }
    if (!c->who.privileged &&
        account_over(c->who.domid, LIMIT_TRANSACTIONS, account_of(c->who.domid)->transactions + 1)) {
        return -ENOSPC;
    }
    t = tx_new(c);
    if (t == NULL) {
        return -ENOMEM;
    }
    if (c->record != 0) {
        persist_at(c->record)->tx_last = c->tx_last;
    }
    int length = snprintf(number, sizeof(number), "%u", tx_id(t));
    out_reply(r, XS_TRANSACTION_START, number, length + 1);
    return 0;
}

int ops_transaction_end(struct request *r, struct tx *t)
{
    bool commit = strcmp(r->data, "T") == 0;

    if (!commit && strcmp(r->data, "F") != 0) {
        return -EINVAL;
    }
    if (t == NULL) {
        return -ENOENT;
    }
    int rc = commit ? tx_commit(t) : 0;
    tx_free(t);
    if (rc == 0) {
        ops_ok(r);
    }
    return rc;
}
