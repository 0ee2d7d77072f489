/* SPDX-License-Identifier: MIT */
/* Devices: see device.h. */
#include "lib/domain/device.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/domain/bridge.h"
#include "lib/domain/disk.h"
#include "lib/domain/domain.h"
#include "lib/domain/hotplug.h"
#include "lib/domain/nodes.h"
#include "lib/store/xenstore.h"

enum {
    BACKEND_SECONDS = 10,
    CONNECT_SECONDS = 3,
    INTERFACE_SECONDS = 40,
    QEMU_SECONDS = 40,
    STATE_INIT_WAIT = 2,
    STATE_CONNECTED = 4,
    STATE_CLOSING = 5,
    STATE_CLOSED = 6,
};

/* ---- what the store says ------------------------------------------------------------------------ */

char *device_read(struct xs_handle *s, const char *path, const char *name)
{
    char whole[LAYOUT_PATH_MAX + 64];

    snprintf(whole, sizeof(whole), "%s/%s", path, name);
    return xs_read(s, XBT_NULL, whole, NULL);
}

long device_read_number(struct xs_handle *s, const char *path, const char *name, long missing)
{
    char *text = device_read(s, path, name), *end;
    long value = text ? strtol(text, &end, 0) : missing;

    if (text && (end == text || *end)) {
        value = missing;
    }
    free(text);
    return value;
}

/* Fills a device from its node under /libxl; false when that is half written or gone. */
static bool fill_device(struct xs_handle *s, uint32_t domid, const char *kind, const char *number,
                        struct device *d)
{
    char *back;

    *d = (struct device){ .domid = domid, .devid = (unsigned int)strtoul(number, NULL, 10) };
    snprintf(d->kind, sizeof(d->kind), "%s", kind);
    layout_frontend_path(d->front, kind, domid, d->devid);
    layout_library_path(d->library, kind, domid, d->devid);
    back = device_read(s, d->library, "backend");
    if (!back || sscanf(back, "/local/domain/%u/backend/", &d->backend_id) != 1) {
        free(back);
        return false;
    }
    snprintf(d->back, sizeof(d->back), "%s", back);
    free(back);
    return true;
}

static int list_kind(struct err *e, struct xs_handle *s, uint32_t domid, const char *kind,
                     struct device **list, unsigned int *count)
{
    char path[LAYOUT_PATH_MAX];
    unsigned int found = 0;
    struct device *more;
    char **numbers;

    snprintf(path, sizeof(path), "/libxl/%u/device/%s", domid, kind);
    numbers = xs_directory(s, XBT_NULL, path, &found);
    if (!numbers) {
        return errno == ENOENT ? 0 : err_errno(e, "cannot read %s", path);
    }
    more = realloc(*list, (*count + found + 1) * sizeof(**list));
    if (!more) {
        free(numbers);
        return err_set(e, -ENOMEM, "out of memory");
    }
    *list = more;
    for (unsigned int i = 0; i < found; i++) {
        *count += fill_device(s, domid, kind, numbers[i], &more[*count]);
    }
    free(numbers);
    return 0;
}

static int by_number(const void *a, const void *b)
{
    const struct device *x = a, *y = b;
    int order = strcmp(x->kind, y->kind);

    return order ? order : (x->devid > y->devid) - (x->devid < y->devid);
}

int device_list(struct err *e, struct xs_handle *s, uint32_t domid, const char *kind, struct device **list,
                unsigned int *count)
{
    char path[LAYOUT_PATH_MAX];
    unsigned int kinds = 0;
    char **names;
    int rc = 0;

    *list = NULL;
    *count = 0;
    if (kind) {
        rc = list_kind(e, s, domid, kind, list, count);
    } else {
        snprintf(path, sizeof(path), "/libxl/%u/device", domid);
        names = xs_directory(s, XBT_NULL, path, &kinds);
        for (unsigned int i = 0; i < kinds && !rc; i++) {
            rc = list_kind(e, s, domid, names[i], list, count);
        }
        free(names);
    }
    if (rc) {
        free(*list);
        *list = NULL;
        *count = 0;
    } else if (*count) {
        qsort(*list, *count, sizeof(**list), by_number);
    }
    return rc;
}

/* ---- waiting ------------------------------------------------------------------------------------ */

static int64_t milliseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

int device_wait_backend(struct err *e, struct xs_handle *s, const struct device *d, int state,
                        unsigned int seconds)
{
    char path[LAYOUT_PATH_MAX + 8], closing[4];
    int64_t end = milliseconds() + seconds * 1000LL;
    unsigned int number;
    int rc = -ETIMEDOUT;

    snprintf(closing, sizeof(closing), "%d", STATE_CLOSING);
    snprintf(path, sizeof(path), "%s/state", d->back);
    if (!xs_watch(s, path, "backend")) {
        return err_errno(e, "cannot watch %s", path);
    }
    for (int64_t left; (left = end - milliseconds()) > 0;) {
        struct pollfd p = { .fd = xs_fileno(s), .events = POLLIN };
        long now;

        if (poll(&p, 1, (int)left) > 0) {
            free(xs_read_watch(s, &number));
        }
        now = device_read_number(s, d->back, "state", -1);
        if (now == state || (state == STATE_CLOSED && now < 0)) {
            rc = 0;
            break;
        }
        /* A backend that was just connecting writes over the order to close. */
        if (state == STATE_CLOSED && now == STATE_CONNECTED &&
            !xs_write(s, XBT_NULL, path, closing, (unsigned int)strlen(closing))) {
            rc = err_errno(e, "cannot write %s", path);
            break;
        }
    }
    xs_unwatch(s, path, "backend");
    if (rc) {
        err_set(e, rc, "the backend of %s %u of domain %u did not reach state %d within %u s", d->kind,
                d->devid, d->domid, state, seconds);
    }
    return rc;
}

/* The kernel makes the interface when it has seen the nodes; netlink says when. */
static int wait_interface(struct err *e, const char *name)
{
    struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
    int64_t end = milliseconds() + INTERFACE_SECONDS * 1000;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    int rc = 0;

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address))) {
        rc = err_errno(e, "cannot listen for new interfaces");
    }
    while (!rc && !bridge_has_interface(name)) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int64_t left = end - milliseconds();
        char message[8192];

        if (left <= 0) {
            rc = err_set(e, -ETIMEDOUT, "the kernel made no interface %s within %d s", name, INTERFACE_SECONDS);
            err_hint(e, "is the module xen-netback loaded?");
        } else {
            poll(&p, 1, left > 100 ? 100 : (int)left);
            while (recv(fd, message, sizeof(message), 0) > 0) {
            }
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

/* ---- plugging in -------------------------------------------------------------------------------- */

static void device_of(struct device *d, const char *kind, uint32_t domid, uint32_t backend_id,
                      unsigned int devid)
{
    *d = (struct device){ .domid = domid, .backend_id = backend_id, .devid = devid };
    snprintf(d->kind, sizeof(d->kind), "%s", kind);
    layout_frontend_path(d->front, kind, domid, devid);
    layout_backend_path(d->back, kind, backend_id, domid, devid);
    layout_library_path(d->library, kind, domid, devid);
}

int device_finish_nic(struct err *e, struct xs_handle *s, const struct layout_nic *c)
{
    char name[IFNAMSIZ], path[LAYOUT_PATH_MAX + 20];
    struct hotplug h = { .script = c->script,
                         .action = "online",
                         .kind = "vif",
                         .domid = c->domid,
                         .devid = c->devid,
                         .interface = name };
    struct device d;
    int rc;

    if (c->backend_id) {
        return 0;
    }
    device_of(&d, "vif", c->domid, 0, c->devid);
    snprintf(name, sizeof(name), "vif%u.%u", c->domid, c->devid);
    rc = wait_interface(e, name);
    if (!hotplug_is_default("vif", c->script)) {
        return rc ? rc : hotplug_run(e, &h);
    }
    if (!rc && c->vifname) {
        rc = bridge_rename_interface(e, name, c->vifname);
    }
    if (!rc && c->bridge) {
        rc = bridge_enter(e, c->bridge, c->vifname ? c->vifname : name);
    }
    if (rc) {
        return rc;
    }
    snprintf(path, sizeof(path), "%s/hotplug-status", d.back);
    return xs_write(s, XBT_NULL, path, "connected", 9) ? 0 : err_errno(e, "cannot write %s", path);
}

int device_finish_disk(struct err *e, struct xs_handle *s, const struct layout_disk *disk)
{
    struct hotplug h = {
        .script = disk->script, .action = "add", .kind = "vbd", .domid = disk->domid, .devid = disk->devid
    };
    struct device d;
    int rc;

    if (disk->qemu_format) {
        device_of(&d, "vbd", disk->domid, 0, disk->devid);
        layout_backend_path(d.back, layout_disk_backend(disk), 0, disk->domid, disk->devid);
        rc = device_wait_backend(e, s, &d, STATE_INIT_WAIT, QEMU_SECONDS);
        if (rc) {
            err_hint(e, "what QEMU says is in /var/log/xen/qemu-dm-*.log");
        }
        return rc;
    }
    if (disk->backend_id || hotplug_is_default("vbd", disk->script) || !disk->path[0]) {
        return 0;
    }
    device_of(&d, "vbd", disk->domid, 0, disk->devid);
    rc = device_wait_backend(e, s, &d, STATE_INIT_WAIT, BACKEND_SECONDS);
    return rc ? rc : hotplug_run(e, &h);
}

/* ---- taking away -------------------------------------------------------------------------------- */

/* Undoes what was done for the device outside the store. */
static void release_backing(struct xs_handle *s, const struct device *d)
{
    char *script = device_read(s, d->library, "script");
    char name[IFNAMSIZ];
    struct hotplug h = { .script = script, .kind = d->kind, .domid = d->domid, .devid = d->devid };

    if (!strcmp(d->kind, "vbd") && hotplug_is_default("vbd", script)) {
        char *node = device_read(s, d->back, "node"), *params = device_read(s, d->library, "params");
        struct disk_backing b;

        /* QEMU's have the format before the path. */
        disk_backing_of(&b, node, params && params[0] != '/' && strchr(params, ':') ? strchr(params, ':') + 1 : params);
        disk_close(&b, d->domid, d->devid);
        free(node);
        free(params);
    } else if (!strcmp(d->kind, "vbd")) {
        h.action = "remove";
        hotplug_run(NULL, &h);
    } else if (!strcmp(d->kind, "vif") && !hotplug_is_default("vif", script)) {
        /* The default's interface leaves its bridge when the kernel removes it. */
        snprintf(name, sizeof(name), "vif%u.%u", d->domid, d->devid);
        h.action = "offline";
        h.interface = name;
        hotplug_run(NULL, &h);
    }
    free(script);
}

static bool has_script(struct xs_handle *s, const struct device *d)
{
    char *script = device_read(s, d->library, "script");
    bool has = !hotplug_is_default(d->kind, script);

    free(script);
    return has;
}

/* Linux's disk driver stops with a BUG when its backend closes while the two connect: it is given time to. */
static void let_connect(struct xs_handle *s, const struct device *d)
{
    long state = device_read_number(s, d->back, "state", -1);

    if (state >= 0 && state < STATE_CONNECTED) {
        device_wait_backend(NULL, s, d, STATE_CONNECTED, CONNECT_SECONDS);
    }
}

int device_remove(struct err *e, struct xs_handle *s, const struct device *d, bool force,
                  unsigned int seconds)
{
    struct nodes n = { 0 };
    int rc = 0;

    if (d->backend_id == 0 && strcmp(d->kind, "console") && (!force || has_script(s, d))) {
        if (!force) {
            let_connect(s, d);
        }
        nodes_write(&n, d->back, "online", "0");
        nodes_write(&n, d->back, "state", "%d", STATE_CLOSING);
        if (force) {
            nodes_remove(&n, d->front);
        }
        rc = nodes_apply(e, s, &n);
        nodes_free(&n);
        rc = rc ? rc : device_wait_backend(e, s, d, STATE_CLOSED, seconds);
        if (rc && !force) {
            err_hint(e, "the guest still uses it; --force takes it away all the same");
            return rc;
        }
    }
    if (d->backend_id == 0) {
        release_backing(s, d);
    }
    nodes_remove(&n, d->front);
    nodes_remove(&n, d->back);
    nodes_remove(&n, d->library);
    err_clear(e);
    rc = nodes_apply(e, s, &n);
    nodes_free(&n);
    return rc;
}
