/* SPDX-License-Identifier: MIT */
/* The table of operations, and what all of them share: strings, numbers, paths. */
#include "cmd/xenstored/ops.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/xenstored/out.h"
#include "cmd/xenstored/trace.h"

enum {
    OP_TX = 1,         /* may be part of a transaction; the others ignore the number */
    OP_PRIVILEGED = 2, /* control domain only */
    OP_STRING = 4,     /* data begins with a string */
};

static const struct {
    int (*handle)(struct request *r, struct tx *t);
    unsigned int flags;
} operations[XS_TYPE_COUNT] = {
    [XS_CONTROL] = { ops_control, OP_PRIVILEGED | OP_STRING },
    [XS_DIRECTORY] = { ops_directory, OP_TX | OP_STRING },
    [XS_READ] = { ops_read, OP_TX | OP_STRING },
    [XS_GET_PERMS] = { ops_get_perms, OP_TX | OP_STRING },
    [XS_WATCH] = { ops_watch, OP_STRING },
    [XS_UNWATCH] = { ops_unwatch, OP_STRING },
    [XS_TRANSACTION_START] = { ops_transaction_start, OP_TX },
    [XS_TRANSACTION_END] = { ops_transaction_end, OP_TX | OP_STRING },
    [XS_INTRODUCE] = { ops_introduce, OP_PRIVILEGED | OP_STRING },
    [XS_RELEASE] = { ops_release, OP_PRIVILEGED | OP_STRING },
    [XS_GET_DOMAIN_PATH] = { ops_get_domain_path, OP_STRING },
    [XS_WRITE] = { ops_write, OP_TX | OP_STRING },
    [XS_MKDIR] = { ops_mkdir, OP_TX | OP_STRING },
    [XS_RM] = { ops_rm, OP_TX | OP_STRING },
    [XS_SET_PERMS] = { ops_set_perms, OP_TX | OP_STRING },
    [XS_IS_DOMAIN_INTRODUCED] = { ops_is_domain_introduced, OP_PRIVILEGED | OP_STRING },
    [XS_RESUME] = { ops_resume, OP_PRIVILEGED | OP_STRING },
    [XS_SET_TARGET] = { ops_set_target, OP_PRIVILEGED | OP_STRING },
    [XS_RESET_WATCHES] = { ops_reset_watches, 0 },
    [XS_DIRECTORY_PART] = { ops_directory_part, OP_TX | OP_STRING },
};

/* The transaction a request belongs to. A predecessor's are all lost: the client is to try again. */
static int find_tx(struct request *r, struct tx **t)
{
    struct conn *c = r->conn;
    uint32_t id = r->head.tx_id;

    *t = tx_by_id(c, id);
    if (*t != NULL) {
        return 0;
    }
    if (id > c->tx_lost) {
        return -ENOENT;
    }
    if (r->head.type == XS_TRANSACTION_END && (id == c->tx_done || r->data[0] == 'F')) {
        ops_ok(r);
        return 1;
    }
    return -EAGAIN;
}

void ops_handle(struct request *r)
{
    uint32_t type = r->head.type;
    struct tx *t = NULL;
    int rc = 0;

    if (trace_on) {
        trace_message("IN", r->conn->id, type, r->head.tx_id, r->data, r->size);
    }
    if (type >= XS_TYPE_COUNT || operations[type].handle == NULL) {
        rc = -ENOSYS;
    } else if ((operations[type].flags & OP_PRIVILEGED) != 0 && !r->conn->who.privileged) {
        rc = -EACCES;
    } else if ((operations[type].flags & OP_STRING) != 0 && memchr(r->data, '\0', r->size) == NULL) {
        rc = -EINVAL;
    } else if ((operations[type].flags & OP_TX) != 0 && r->head.tx_id != 0) {
        rc = find_tx(r, &t);
    }
    if (rc == 0) {
        rc = operations[type].handle(r, t);
    }
    if (rc < 0) {
        out_error(r, -rc);
    }
}

unsigned int ops_strings(const struct request *r, const char **out, unsigned int max)
{
    const char *s = r->data;
    size_t left = r->size;
    unsigned int n = 0;

    while (left > 0) {
        const char *end = memchr(s, '\0', left);
        if (end == NULL) {
            break;
        }
        if (n < max) {
            out[n] = s;
        }
        n++;
        left -= end + 1 - s;
        s = end + 1;
    }
    return n;
}

bool ops_number(const char *text, uint32_t limit, uint32_t *out)
{
    uint64_t n = 0;

    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        n = n * 10 + (*text - '0');
        if (n > limit) {
            return false;
        }
    }
    *out = n;
    return true;
}

static const bool name_chars[256] = {
    ['-'] = true, ['/'] = true, ['0' ... '9'] = true, ['@' ... 'Z'] = true, ['_'] = true, ['a' ... 'z'] = true,
};

/* Characters, no empty component, no slash at the end; returns the length, 0 when it is no path. */
static size_t path_length(const char *path)
{
    const char *s = path;

    for (; name_chars[(unsigned char)*s]; s++) {
        if (*s == '/' && (s[1] == '/' || (s[1] == '\0' && s != path))) {
            return 0;
        }
    }
    return *s == '\0' ? s - path : 0;
}

const char *ops_path(const struct request *r, const char *given, bool special, char *buffer, size_t *length)
{
    const struct conn *c = r->conn;

    *length = path_length(given);
    if (*length == 0) {
        return NULL;
    }
    if (*given == '@') {
        return special && *length <= XENSTORE_ABS_PATH_MAX ? given : NULL;
    }
    if (*given != '/') {
        if (*length > XENSTORE_REL_PATH_MAX) {
            return NULL;
        }
        *length = snprintf(buffer, OPS_PATH_MAX, "/local/domain/%u/%s", c->who.domid, given);
        given = buffer;
    }
    if (*length > XENSTORE_ABS_PATH_MAX ||
        (!c->who.privileged && account_over(c->who.domid, LIMIT_PATH, *length))) {
        return NULL;
    }
    return given;
}

void ops_ok(const struct request *r)
{
    out_reply(r, r->head.type, "OK", 3);
}
