/* SPDX-License-Identifier: MIT */
/*
 * The end of a domain: also of one that is half created or already gone from the hypervisor, so that whoever
 * finds remains can clear them. Each step is tried even when another failed; the first failure is reported. The journal
 * says that a destroy is under way, so that one which is killed, or has lost the store, is done to its end later.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf/spec.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/device.h"
#include "lib/domain/domain.h"
#include "lib/domain/journal.h"
#include "lib/domain/nodes.h"
#include "lib/domain/qemu.h"
#include "lib/domain/saved.h"
#include "lib/store/xenstore.h"

/* What the domain has, in one round trip: its name, and whether there are devices besides consoles. */
static bool read_remains(struct xs_handle *s, uint32_t domid, char name[DOMAIN_NAME_MAX])
{
    struct store_batch b = STORE_BATCH_INIT;
    char path[LAYOUT_PATH_MAX];
    bool more = true;

    name[0] = '\0';
    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    store_batch_read(&b, XBT_NULL, path);
    snprintf(path, sizeof(path), "/libxl/%u/device", domid);
    store_batch_directory(&b, XBT_NULL, path);
    if (!store_batch_run(s, &b)) {
        const char *text = store_batch_text(&b, 0), *kinds = store_batch_text(&b, 1);

        snprintf(name, DOMAIN_NAME_MAX, "%s", text ? text : "");
        more = kinds && (b.list[1].length != sizeof("console") || strcmp(kinds, "console"));
    }
    store_batch_free(&b);
    return more;
}

static void destroy_devices(struct err *e, struct xs_handle *s, uint32_t domid)
{
    struct device *list;
    unsigned int count;

    if (device_list(e, s, domid, NULL, &list, &count)) {
        return;
    }
    for (unsigned int i = 0; i < count; i++) {
        if (strcmp(list[i].kind, "console")) {
            device_remove(e, s, &list[i], true, 10);
        }
    }
    free(list);
}

/* Folders of backends that are empty now, which a list of domains' devices would otherwise show for ever. */
static void drop_backend_folders(struct nodes *n, uint32_t domid)
{
    static const char *const kinds[] = { "vbd", "vif", "qdisk", "vfb", "vkbd" };
    char path[LAYOUT_PATH_MAX];

    for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        snprintf(path, sizeof(path), "/local/domain/0/backend/%s/%u", kinds[i], domid);
        nodes_remove(n, path);
    }
}

static int sweep(struct err *e, struct xs_handle *s, uint32_t domid, const uint8_t uuid[16], bool reborn,
                 bool more_devices)
{
    struct nodes n = { 0 };
    struct err first = { 0 };
    char vm[64] = "/vm/";

    uuid_format(uuid, vm + 4);
    if (more_devices) {
        qemu_stop(domid); /* what it has mapped keeps the domain from going */
        destroy_devices(&first, s, domid);
    }
    layout_remove_guest(&n, domid, reborn ? NULL : vm);
    drop_backend_folders(&n, domid);
    nodes_remove_and_release(&first, s, &n, domid);
    nodes_free(&n);
    saved_remove(domid, uuid);
    if (first.code) {
        err_set(e, first.code, "domain %u is gone, but: %s", domid, first.text);
    }
    return first.code;
}

int domain_sweep(struct err *e, struct xs_handle *s, uint32_t domid, const uint8_t uuid[16], bool reborn)
{
    return sweep(e, s, domid, uuid, reborn, true);
}

int domain_destroy(struct err *e, struct ctrl *c, struct xs_handle *s, uint32_t domid)
{
    struct domain_info info = { 0 };
    struct journal j;
    char name[DOMAIN_NAME_MAX];
    bool noted, more_devices;
    int rc;

    if (domain_get(NULL, c, domid, &info)) {
        return err_set(e, -ESRCH, "there is no domain %u", domid);
    }
    more_devices = read_remains(s, domid, name);
    noted = !journal_begin_destroy(&j, name, info.uuid, domid);
    ctrl_domain_pause(c, (domid_t)domid);
    rc = ctrl_domain_destroy(c, (domid_t)domid);
    if (rc) {
        err_set(e, rc, "cannot destroy domain %u: %s", domid, strerror(-rc));
    } else {
        rc = sweep(e, s, domid, info.uuid, false, more_devices);
        if (name[0]) {
            domain_name_release(name);
        }
    }
    if (noted && rc) {
        journal_undo(&j, c, s);
    } else if (noted) {
        journal_end(&j);
    }
    return rc;
}
