/* SPDX-License-Identifier: MIT */
/*
 * xen-init-dom0: what nobody created dom0 for it to have. Gives it a UUID (the one in /etc/xen/xen-dom0-uuid, or
 * a random one), writes the nodes a toolstack expects of every domain and CPU pool into xenstore, and a
 * description for Debian's `xl list -l`. Running it again changes nothing.
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
#include "lib/base/json.h"
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

static void format_uuid(const uint8_t u[16], char *text, size_t size)
{
    snprintf(text, size, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
             u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

static int write_nodes(struct err *e, struct xs_handle *xs, const uint8_t u[16])
{
    char uuid[40];
    char vm[48];
    char path[80];
    format_uuid(u, uuid, sizeof(uuid));
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

/* Tools find a pool's name here, Debian's xl that of every guest it creates. */
static int name_pools(struct err *e, struct ctrl *c, struct xs_handle *xs)
{
    struct ctrl_cpupool pool = { 0 };
    int rc = 0;
    for (uint32_t id = 0; rc == 0 && ctrl_cpupool_info(c, id, &pool, NULL, 0) == 0; id = pool.id + 1) {
        char path[64];
        char name[32];
        snprintf(path, sizeof(path), "/local/pool/%u/name", pool.id);
        snprintf(name, sizeof(name), "Pool-%u", pool.id);
        rc = node_is_there(xs, path) ? 0 : write_node(e, xs, path, name);
    }
    return rc;
}

/* What `xl list -l` of Debian shows for dom0. */
static int save_config(struct err *e, const uint8_t u[16])
{
    char uuid[40];
    char path[128];
    struct buf text = BUF_INIT;
    struct json j = JSON_INIT(&text, true);
    format_uuid(u, uuid, sizeof(uuid));
    snprintf(path, sizeof(path), "/var/lib/xen/userdata-d.0.%s.libxl-json", uuid);
    json_object_begin(&j);
    json_key(&j, "c_info");
    json_object_begin(&j);
    json_field_string(&j, "type", "pv");
    json_field_string(&j, "name", "Domain-0");
    json_field_string(&j, "uuid", uuid);
    json_object_end(&j);
    json_object_end(&j);
    buf_putc(&text, '\n');
    int rc = file_make_dirs(e, "/var/lib/xen", 0755);
    rc = rc < 0 ? rc : file_save(e, path, text.text, text.length, 0600);
    buf_free(&text);
    return rc;
}

/* Everything in xenstore, then the file. */
static int set_up(struct err *e, struct ctrl *c, const uint8_t uuid[16])
{
    struct xs_handle *xs = xs_open(0);
    if (!xs) {
        return err_errno(e, "cannot connect to xenstored");
    }
    int rc = write_nodes(e, xs, uuid);
    rc = rc < 0 ? rc : name_pools(e, c, xs);
    xs_close(xs);
    return rc < 0 ? rc : save_config(e, uuid);
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
    rc = rc < 0 ? rc : set_up(&e, c, uuid);
    ctrl_close(c);
    return rc < 0 ? fail(&e) : 0;
}
