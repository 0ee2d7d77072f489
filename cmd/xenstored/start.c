/* SPDX-License-Identifier: MIT */
/* Start and recovery, in the order in which the parts depend on each other. */
#include "cmd/xenstored/start.h"

#include <errno.h>
#include <string.h>

#include "cmd/xenstored/account.h"
#include "cmd/xenstored/arena.h"
#include "cmd/xenstored/change.h"
#include "cmd/xenstored/conn.h"
#include "cmd/xenstored/domain.h"
#include "cmd/xenstored/log.h"
#include "cmd/xenstored/node.h"
#include "cmd/xenstored/persist.h"
#include "cmd/xenstored/ring.h"
#include "cmd/xenstored/socket.h"
#include "cmd/xenstored/trace.h"
#include "cmd/xenstored/update.h"
#include "cmd/xenstored/watch.h"

static void transaction_done(uint32_t conn, uint32_t tx)
{
    if (arena_inside(conn, sizeof(struct persist_conn)) && arena_kind(conn) == ARENA_CONN) {
        persist_at(conn)->tx_done = tx;
    }
}

/* Where tools have always found that a daemon is there. */
static int first_nodes(void)
{
    static const struct perm dom0_only = { .domid = 0, .bits = PERM_NONE };
    struct change tool = { "/tool", 5, 0, 0, &dom0_only, 1, "", 0 };
    struct change daemon = { "/tool/xenstored", 15, 0, 0, &dom0_only, 1, "", 0 };
    int rc = change_set(&tool);
    return rc == 0 ? change_set(&daemon) : rc;
}

int start_store(struct err *e, const char *path)
{
    int rc = arena_open(e, path, false);
    if (rc != 0) {
        return rc;
    }
    bool found = arena_found();
    if (arena_lost() != NULL) {
        trace_warn("the state file %s; starting with an empty store", arena_lost());
    }
    long nodes = node_init();
    if (nodes == -EIO) {
        trace_warn("the state file is damaged; starting with an empty store");
        node_exit();
        arena_close();
        rc = arena_open(e, path, true);
        found = false;
        nodes = rc == 0 ? node_init() : rc;
    }
    if (nodes < 0) {
        return err_set(e, nodes, "cannot make the store");
    }
    if (found) {
        arena_recover();
    }
    watch_init();
    if (log_init() != 0) {
        return err_set(e, -ENOMEM, "cannot make the log");
    }
    if (!found) {
        rc = first_nodes();
        return rc == 0 ? 0 : err_set(e, rc, "cannot make the first nodes");
    }
    unsigned int redone = log_replay(transaction_done);
    trace_warn("took over %ld nodes, %u changes redone", nodes, redone);
    return 0;
}

static struct conn *adopt(uint32_t record)
{
    return persist_at(record)->fd != 0 ? socket_adopt(record) : domain_adopt(record);
}

int start_domains(struct err *e, bool own)
{
    if (arena_found()) {
        persist_recover(adopt);
    }
    if (own && !domain_own()) {
        return err_set(e, -ENODEV, "cannot connect to this domain's own kernel");
    }
    if (arena_head()->update) {
        update_done();
    }
    for (struct conn *c = conn_list, *next; c != NULL; c = next) {
        next = c->next;
        if (c->ring != NULL) {
            ring_serve(c->ring);
        }
    }
    domain_check();
    return 0;
}

bool start_between(void)
{
    bool more = domain_between();

    more |= ring_between();
    conn_reap();
    more |= update_between();
    return more;
}

void start_undo(void)
{
    while (conn_list != NULL) {
        struct conn *c = conn_list;
        if (c->ring != NULL) {
            domain_disconnect(c);
        } else {
            conn_free(c);
        }
    }
    node_exit();
    arena_close();
    account_reset();
}
