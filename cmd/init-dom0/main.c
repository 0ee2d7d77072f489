/* SPDX-License-Identifier: MIT */
/*
 * xen-init-dom0: what nobody created dom0 for it to have. Gives it a UUID (the one in /etc/xen/xen-dom0-uuid,
 * or of the machine's own making) and writes the nodes a toolstack expects of every domain into xenstore.
 * Running it again changes nothing.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/file.h"
#include "lib/ctrl/ctrl.h"
#include "lib/store/xenstore.h"

#define UUID_FILE "/etc/xen/xen-dom0-uuid"

static int fail(const struct err *e)
{
    fprintf(stderr, "xen-init-dom0: %s%s%s\n", e->text, e->hint[0] ? "; " : "", e->hint);
    return 1;
}

static int parse_uuid(struct err *e, const char *text, uint8_t uuid[16])
{
    unsigned int count = 0;
    for (const char *p = text; *p && *p != '\n'; p++) {
        unsigned int byte;
        if (*p == '-') {
            continue;
        }
        if (count == 16 || sscanf(p, "%2x", &byte) != 1 || p[1] == '-' || p[1] == '\0') {
            return err_set(e, -EINVAL, "%s does not hold a UUID", UUID_FILE);
        }
        uuid[count++] = (uint8_t)byte;
        p++;
    }
    return count == 16 ? 0 : err_set(e, -EINVAL, "%s does not hold a UUID", UUID_FILE);
}

static int random_uuid(struct err *e, uint8_t uuid[16])
{
    if (getrandom(uuid, 16, 0) != 16) {
        return err_errno(e, "cannot make a UUID");
    }
    uuid[6] = (uuid[6] & 0x0f) | 0x40; /* version 4: random */
    uuid[8] = (uuid[8] & 0x3f) | 0x80; /* the standard's variant */
    return 0;
}

static int choose_uuid(struct err *e, uint8_t uuid[16])
{
    struct buf text = BUF_INIT;
    int rc = file_load(NULL, UUID_FILE, 256, &text);
    if (rc == -ENOENT) {
        rc = random_uuid(e, uuid);
    } else if (rc == 0) {
        rc = parse_uuid(e, text.text, uuid);
    } else {
        err_set(e, rc, "cannot read %s: %s", UUID_FILE, strerror(-rc));
    }
    buf_free(&text);
    return rc;
}

/* dom0's handle is all zeroes until somebody sets it. */
static int set_uuid(struct err *e, struct ctrl *c, uint8_t uuid[16])
{
    static const uint8_t none[16];
    struct xen_domctl_getdomaininfo info;
    int rc = ctrl_domain_info(c, 0, &info);
    if (rc < 0) {
        return err_set(e, rc, "cannot ask for dom0: %s", strerror(-rc));
    }
    if (memcmp(info.handle, none, sizeof(none)) != 0) {
        memcpy(uuid, info.handle, 16);
        return 0;
    }
    rc = choose_uuid(e, uuid);
    if (rc == 0) {
        rc = ctrl_domain_set_handle(c, 0, uuid);
        if (rc < 0) {
            err_set(e, rc, "cannot set dom0's UUID: %s", strerror(-rc));
        }
    }
    return rc;
}

static int write_node(struct err *e, struct xs_handle *xs, const char *path, const char *value)
{
    if (!xs_write(xs, XBT_NULL, path, value, strlen(value))) {
        return err_errno(e, "cannot write %s", path);
    }
    return 0;
}

static bool node_is_there(struct xs_handle *xs, const char *path)
{
    unsigned int size;
    char *value = xs_read(xs, XBT_NULL, path, &size);
    free(value);
    return value != NULL;
}

static int write_nodes(struct err *e, struct xs_handle *xs, const uint8_t u[16])
{
    char uuid[40];
    char vm[48];
    char path[80];
    snprintf(uuid, sizeof(uuid), "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0],
             u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
    snprintf(vm, sizeof(vm), "/vm/%s", uuid);
    int rc = 0;
    if (!node_is_there(xs, "/local/domain/0/name")) {
        rc = write_node(e, xs, "/local/domain/0/name", "Domain-0");
    }
    rc = rc < 0 ? rc : write_node(e, xs, "/local/domain/0/domid", "0");
    rc = rc < 0 ? rc : write_node(e, xs, "/local/domain/0/vm", vm);
    snprintf(path, sizeof(path), "%s/uuid", vm);
    rc = rc < 0 ? rc : write_node(e, xs, path, uuid);
    snprintf(path, sizeof(path), "%s/name", vm);
    return rc < 0 ? rc : write_node(e, xs, path, "Domain-0");
}

int main(int argc, char **argv)
{
    struct err e = { 0 };
    struct ctrl *c;
    uint8_t uuid[16];
    if (argc > 1) {
        fprintf(stderr, "usage: %s\nGives dom0 its UUID and its nodes in xenstore.\n", argv[0]);
        return 2;
    }
    if (ctrl_open(&e, &c) < 0) {
        return fail(&e);
    }
    int rc = set_uuid(&e, c, uuid);
    ctrl_close(c);
    if (rc < 0) {
        return fail(&e);
    }
    struct xs_handle *xs = xs_open(0);
    if (!xs) {
        err_errno(&e, "cannot connect to xenstored");
        return fail(&e);
    }
    rc = write_nodes(&e, xs, uuid);
    xs_close(xs);
    return rc < 0 ? fail(&e) : 0;
}
