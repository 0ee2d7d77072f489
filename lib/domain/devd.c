/* SPDX-License-Identifier: MIT */
/*
 * The work of a driver domain: see devd.h. Any change below backend/ is looked at by its device: a backend
 * that waits (state 2) and has no hotplug-status is set up, one that is closed and offline is taken down.
 */
#include "lib/domain/devd.h"

#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/base/file.h"
#include "lib/domain/bridge.h"
#include "lib/domain/device.h"
#include "lib/domain/hotplug.h"
#include "lib/domain/loop.h"
#include "lib/store/xenstore.h"

enum { STATE_INIT_WAIT = 2, STATE_CLOSED = 6 };

static volatile sig_atomic_t stop;

static void on_stop(int number)
{
    (void)number;
    stop = 1;
}

struct backend {
    char path[64]; /* relative: backend/KIND/DOMID/DEVID */
    char kind[16];
    unsigned int domid, devid;
};

static bool parse_path(const char *event, struct backend *b)
{
    if (sscanf(event, "backend/%15[a-z]/%u/%u", b->kind, &b->domid, &b->devid) != 3) {
        return false;
    }
    snprintf(b->path, sizeof(b->path), "backend/%s/%u/%u", b->kind, b->domid, b->devid);
    return true;
}

static int write_node(struct err *e, struct xs_handle *s, const struct backend *b, const char *name,
                      const char *value)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", b->path, name);
    return xs_write(s, XBT_NULL, path, value, (unsigned int)strlen(value))
               ? 0
               : err_errno(e, "cannot write %s", path);
}

static int set_up_disk(struct err *e, struct xs_handle *s, const struct backend *b)
{
    char *params = device_read(s, b->path, "params"), *mode = device_read(s, b->path, "mode");
    char device[256], text[32];
    struct stat st;
    int rc = 0;

    snprintf(device, sizeof(device), "%s", params ? params : "");
    if (stat(device, &st)) {
        rc = err_errno(e, "cannot find %s", device);
    } else if (S_ISREG(st.st_mode)) {
        rc = loop_attach(e, params, !mode || *mode != 'w', device);
        rc = rc ? rc : stat(device, &st) ? err_errno(e, "%s", device) : 0;
    }
    if (!rc) {
        snprintf(text, sizeof(text), "%x:%x", major(st.st_rdev), minor(st.st_rdev));
        rc = write_node(e, s, b, "node", device);
        rc = rc ? rc : write_node(e, s, b, "physical-device-path", device);
        rc = rc ? rc : write_node(e, s, b, "physical-device", text);
    }
    free(params);
    free(mode);
    return rc;
}

static int set_up(struct err *e, struct xs_handle *s, const struct backend *b)
{
    char *script = device_read(s, b->path, "script"), *bridge = device_read(s, b->path, "bridge");
    char name[IFNAMSIZ];
    bool nic = !strcmp(b->kind, "vif");
    struct hotplug h = { .script = script,
                         .action = nic ? "online" : "add",
                         .kind = b->kind,
                         .domid = b->domid,
                         .devid = b->devid,
                         .interface = nic ? name : NULL };
    int rc;

    snprintf(name, sizeof(name), "vif%u.%u", b->domid, b->devid);
    if (!hotplug_is_default(b->kind, script)) {
        rc = hotplug_run(e, &h);
    } else if (nic) {
        rc = bridge ? bridge_enter(e, bridge, name) : 0;
    } else {
        rc = set_up_disk(e, s, b);
    }
    rc = rc ? rc : write_node(e, s, b, "hotplug-status", "connected");
    if (rc) {
        write_node(NULL, s, b, "hotplug-error", e->text);
        write_node(NULL, s, b, "hotplug-status", "error");
    }
    free(script);
    free(bridge);
    return rc;
}

static void take_down(struct xs_handle *s, const struct backend *b)
{
    char *node = device_read(s, b->path, "node"), *params = device_read(s, b->path, "params");

    if (node && params && strcmp(node, params) && !strncmp(node, "/dev/loop", 9)) {
        loop_detach(NULL, node);
    }
    xs_rm(s, XBT_NULL, b->path);
    free(node);
    free(params);
}

static void look(struct xs_handle *s, const char *event)
{
    struct err e = { 0 };
    struct backend b;
    char *status;
    long state;

    if (!parse_path(event, &b)) {
        return;
    }
    state = device_read_number(s, b.path, "state", -1);
    status = device_read(s, b.path, "hotplug-status");
    if (state == STATE_INIT_WAIT && (!status || !*status)) {
        set_up(&e, s, &b);
    } else if (state == STATE_CLOSED && device_read_number(s, b.path, "online", 1) == 0) {
        take_down(s, &b);
    }
    free(status);
}

int devd_run(struct err *e, int ready_fd)
{
    struct sigaction term = { .sa_handler = on_stop };
    struct xs_handle *s = xs_open(STORE_OPEN_LASTING);
    unsigned int number;

    if (!s || !xs_watch(s, "backend", "devd")) {
        return err_errno(e, "cannot watch the store");
    }
    sigaction(SIGTERM, &term, NULL);
    sigaction(SIGINT, &term, NULL);
    if (ready_fd >= 0) {
        file_daemon_ready(ready_fd);
    }
    while (!stop) {
        char **event = xs_read_watch(s, &number);

        if (!event && !stop) {
            return err_errno(e, "the store went away");
        }
        if (event) {
            look(s, event[XS_WATCH_PATH]);
        }
        free(event);
    }
    xs_close(s);
    return 0;
}
