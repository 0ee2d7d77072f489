/* SPDX-License-Identifier: MIT */
/* Exchanges with the store that carry many requests: a list of changes, the names of many domains. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/domain/domain.h"
#include "lib/domain/nodes.h"
#include "lib/store/xenstore.h"

static bool send_node(struct xs_handle *s, xs_transaction_t t, const struct node *n)
{
    struct xs_permissions perms[2] = {
        { .id = n->owner, .perms = XS_PERM_NONE }, { .id = n->reader, .perms = XS_PERM_READ },
    };

    switch (n->action) {
    case NODE_WRITE:
        return xs_write(s, t, n->path, n->value, (unsigned int)strlen(n->value));
    case NODE_PERMISSIONS:
        return xs_set_permissions(s, t, n->path, perms, n->owner == n->reader ? 1 : 2);
    default:
        return xs_rm(s, t, n->path) || errno == ENOENT;
    }
}

int nodes_apply(struct err *e, struct xs_handle *s, const struct nodes *n)
{
    xs_transaction_t t;

    if (n->failed) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    do {
        t = xs_transaction_start(s);
        if (!t) {
            return err_errno(e, "cannot start a transaction of the store");
        }
        for (unsigned int i = 0; i < n->count; i++) {
            if (!send_node(s, t, &n->list[i])) {
                int error = errno;

                xs_transaction_end(s, t, true);
                errno = error;
                return err_errno(e, "the store refuses %s", n->list[i].path);
            }
        }
    } while (!xs_transaction_end(s, t, false) && errno == EAGAIN);
    return 0;
}

int domain_read_names(struct err *e, struct xs_handle *s, struct domain_info *list, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        if (domain_read_name(NULL, s, list[i].domid, list[i].name) && errno != ENOENT) {
            return err_errno(e, "cannot read the domains' names");
        }
    }
    return 0;
}
