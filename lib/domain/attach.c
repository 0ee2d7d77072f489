/* SPDX-License-Identifier: MIT */
/* Plugging a device into a running domain: see attach.h. */
#include "lib/domain/attach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf/host_config.h"
#include "lib/conf/spec.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/device.h"
#include "lib/domain/disk.h"
#include "lib/domain/domain.h"
#include "lib/domain/hardware.h"
#include "lib/domain/layout.h"
#include "lib/domain/nodes.h"
#include "lib/domain/qemu.h"
#include "lib/store/xenstore.h"

/* Is the number taken? *next is one above the highest. */
static int look_for(struct err *e, struct xs_handle *s, uint32_t domid, const char *kind, unsigned int devid,
                    unsigned int *next)
{
    struct device *list;
    unsigned int count;
    int rc = device_list(e, s, domid, kind, &list, &count);

    *next = 0;
    for (unsigned int i = 0; i < count; i++) {
        if (list[i].devid == devid) {
            rc = err_set(e, -EEXIST, "domain %u has a device %u of this kind already", domid, devid);
        }
        *next = list[i].devid >= *next ? list[i].devid + 1 : *next;
    }
    free(list);
    return rc;
}

static void take_back(struct xs_handle *s, const char *kind, const char *backend, uint32_t domid, uint32_t backend_id,
                      unsigned int devid)
{
    struct device d = { .devid = devid, .domid = domid, .backend_id = backend_id };

    snprintf(d.kind, sizeof(d.kind), "%s", kind);
    layout_frontend_path(d.front, kind, domid, devid);
    layout_backend_path(d.back, backend, backend_id, domid, devid);
    layout_library_path(d.library, kind, domid, devid);
    device_remove(NULL, s, &d, true, 5);
}

int attach_disk(struct err *e, struct ctrl *c, struct xs_handle *s, uint32_t domid,
                const struct disk_spec *spec)
{
    struct disk_backing backing;
    struct hardware_text text = { "", "", "" };
    char name[DOMAIN_NAME_MAX] = "";
    struct nodes n = { 0 };
    struct layout_disk d;
    unsigned int next;
    int rc = look_for(e, s, domid, "vbd", spec->devid, &next);

    rc = rc ? rc : hardware_disk(e, s, spec, domid, &d, &text);
    rc = rc ? rc : disk_open(e, c, &d, &backing);
    if (rc) {
        return rc;
    }
    layout_add_disk(&n, &d);
    rc = nodes_apply(e, s, &n);
    nodes_free(&n);
    if (rc) {
        disk_close(&backing, domid, d.devid);
        return rc;
    }
    if (d.qemu_format) {
        domain_read_name(NULL, s, domid, name);
        rc = qemu_start(e, domid, name);
    }
    rc = rc ? rc : device_finish_disk(e, s, &d);
    if (rc) {
        take_back(s, "vbd", layout_disk_backend(&d), domid, d.backend_id, d.devid);
    }
    return rc;
}

int attach_nic(struct err *e, struct ctrl *c, struct xs_handle *s, uint32_t domid,
               const struct vif_spec *spec)
{
    struct hardware_text text = { "", "", "" };
    struct host_config host;
    struct nodes n = { 0 };
    struct layout_nic nic;
    unsigned int next;
    int rc = host_config_load(e, NULL, &host);

    if (rc) {
        return rc;
    }
    rc = look_for(e, s, domid, "vif", spec->devid >= 0 ? (unsigned int)spec->devid : UINT32_MAX, &next);
    rc = rc ? rc : hardware_nic(e, s, spec, next, &host, domid, &nic, &text);
    if (!rc) {
        layout_add_nic(&n, &nic);
        rc = nodes_apply(e, s, &n);
        nodes_free(&n);
    }
    if (!rc) {
        rc = device_finish_nic(e, s, &nic);
        if (rc) {
            take_back(s, "vif", "vif", domid, nic.backend_id, nic.devid);
        }
    }
    host_config_free(&host);
    return rc;
}
