/* SPDX-License-Identifier: MIT */
/*
 * The store's convention for guests and devices: see layout.h.
 *
 * A node gets its parent's permissions when it is made, so each part sets them once at its top and again
 * where the guest itself writes. The copy of a backend's nodes below /libxl is what toolstacks read: a driver
 * domain cannot change it.
 */
#include "lib/domain/layout.h"

#include <inttypes.h>
#include <stdio.h>

#include "abi/protocols.h"
#include "lib/conf/spec.h"
#include "lib/domain/domain.h"
#include "lib/domain/nodes.h"

void layout_frontend_path(char path[LAYOUT_PATH_MAX], const char *kind, uint32_t domid, unsigned int devid)
{
    snprintf(path, LAYOUT_PATH_MAX, "/local/domain/%u/device/%s/%u", domid, kind, devid);
}

void layout_backend_path(char path[LAYOUT_PATH_MAX], const char *kind, uint32_t backend_id, uint32_t domid,
                         unsigned int devid)
{
    snprintf(path, LAYOUT_PATH_MAX, "/local/domain/%u/backend/%s/%u/%u", backend_id, kind, domid, devid);
}

void layout_library_path(char path[LAYOUT_PATH_MAX], const char *kind, uint32_t domid, unsigned int devid)
{
    snprintf(path, LAYOUT_PATH_MAX, "/libxl/%u/device/%s/%u", domid, kind, devid);
}

static void write_text(struct nodes *n, const char *folder, const char *name, const char *text)
{
    if (text) {
        nodes_write(n, folder, name, "%s", text);
    }
}

/* ---- the guest ---------------------------------------------------------------------------------- */

/* The guest's own: it writes these, so they are its property. */
static void add_guest_owned(struct nodes *n, const char *top, uint32_t domid)
{
    static const char *const owned[] = {
        "device/suspend/event-channel",
        "control/shutdown",
        "control/feature-poweroff",
        "control/feature-reboot",
        "control/feature-suspend",
        "control/sysrq",
        "data",
        "drivers",
        "feature",
        "attr",
        "error",
    };
    char path[LAYOUT_PATH_MAX + 32];

    for (unsigned int i = 0; i < sizeof(owned) / sizeof(owned[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", top, owned[i]);
        nodes_write(n, path, NULL, "%s", "");
        nodes_permit(n, path, domid, domid);
    }
    nodes_write(n, top, "control/platform-feature-multiprocessor-suspend", "1");
    nodes_write(n, top, "control/platform-feature-xs_reset_watches", "1");
}

static void add_vcpus(struct nodes *n, const char *top, const struct layout_guest *g)
{
    char name[40];

    for (unsigned int i = 0; i < g->vcpus_max; i++) {
        bool online = g->vcpus_online[i / 8] >> (i % 8) & 1;

        snprintf(name, sizeof(name), "cpu/%u/availability", i);
        nodes_write(n, top, name, "%s", online ? "online" : "offline");
    }
}

/* What xenconsoled serves: a ring in the guest's memory and its event channel. */
static void add_ring(struct nodes *n, const char *front, uint32_t port, uint64_t frame)
{
    nodes_write(n, front, "limit", "1048576");
    nodes_write(n, front, "type", "xenconsoled");
    nodes_write(n, front, "tty", "%s", "");
    nodes_write(n, front, "port", "%u", port);
    nodes_write(n, front, "ring-ref", "%llu", (unsigned long long)frame);
}

static void add_console(struct nodes *n, const char *top, const struct layout_guest *g)
{
    char back[LAYOUT_PATH_MAX], library[LAYOUT_PATH_MAX], front[LAYOUT_PATH_MAX], path[LAYOUT_PATH_MAX];

    snprintf(front, sizeof(front), "%.100s/console", top);
    layout_backend_path(back, "console", 0, g->domid, 0);
    layout_library_path(library, "console", g->domid, 0);
    nodes_write(n, front, "backend", "%s", back);
    nodes_write(n, front, "backend-id", "0");
    snprintf(path, sizeof(path), "%.100s/backend-id", front);
    nodes_permit(n, path, g->domid, 0);
    nodes_write(n, front, "output", "pty");
    add_ring(n, front, g->console_port, g->console_mfn);
    for (int i = 0; i < 2; i++) {
        const char *folder = i ? library : back;

        if (i) {
            nodes_write(n, folder, "frontend", "%s", front);
            nodes_write(n, folder, "backend", "%s", back);
        } else {
            nodes_write(n, folder, NULL, "%s", "");
            nodes_permit(n, folder, 0, g->domid);
            nodes_write(n, folder, "frontend", "%s", front);
        }
        nodes_write(n, folder, "frontend-id", "%u", g->domid);
        nodes_write(n, folder, "online", "1");
        nodes_write(n, folder, "state", "1");
        nodes_write(n, folder, "protocol", "vt100");
    }
}

/* An emulated UART's other end: a console like the first, whose ring is the hypervisor's. */
static void add_vuart(struct nodes *n, const char *top, const struct layout_guest *g)
{
    char front[LAYOUT_PATH_MAX];

    snprintf(front, sizeof(front), "%.100s/vuart/0", top);
    nodes_write(n, front, NULL, "%s", "");
    nodes_permit(n, front, 0, g->domid);
    nodes_write(n, front, "backend-id", "0");
    add_ring(n, front, g->vuart_port, g->vuart_gfn);
}

static void add_vm(struct nodes *n, const char *vm, const struct layout_guest *g, const char *uuid)
{
    nodes_write(n, vm, NULL, "%s", "");
    nodes_permit(n, vm, 0, g->domid);
    nodes_write(n, vm, "name", "%s", g->name);
    nodes_write(n, vm, "uuid", "%s", uuid);
    write_text(n, vm, "image/ostype", g->os_type);
    write_text(n, vm, "image/kernel", g->kernel);
    write_text(n, vm, "image/ramdisk", g->ramdisk);
    write_text(n, vm, "image/cmdline", g->command_line);
    nodes_write(n, vm, "start_time", "%" PRIu64 ".%02u", g->start_time / 100, (unsigned int)(g->start_time % 100));
}

void layout_add_guest(struct nodes *n, const struct layout_guest *g)
{
    char top[LAYOUT_PATH_MAX], vm[LAYOUT_PATH_MAX], library[LAYOUT_PATH_MAX], uuid[37];

    uuid_format(g->uuid, uuid);
    snprintf(vm, sizeof(vm), "/vm/%s", uuid);
    snprintf(top, sizeof(top), "/local/domain/%u", g->domid);
    snprintf(library, sizeof(library), "/libxl/%u", g->domid);
    add_vm(n, vm, g, uuid);
    nodes_write(n, top, NULL, "%s", "");
    nodes_permit(n, top, 0, g->domid);
    nodes_write(n, top, "vm", "%s", vm);
    nodes_write(n, top, "name", "%s", g->name);
    add_vcpus(n, top, g);
    nodes_write(n, top, "memory/static-max", "%llu", (unsigned long long)g->static_max_kb);
    nodes_write(n, top, "memory/target", "%llu", (unsigned long long)g->target_kb);
    nodes_write(n, top, "memory/videoram", "%llu", (unsigned long long)g->video_kb);
    nodes_write(n, top, "device", "%s", "");
    add_guest_owned(n, top, g->domid);
    nodes_write(n, top, "domid", "%u", g->domid);
    if (g->driver_domain) {
        char back[LAYOUT_PATH_MAX + 8];

        snprintf(back, sizeof(back), "%s/backend", top);
        nodes_write(n, back, NULL, "%s", "");
        nodes_permit(n, back, g->domid, g->domid);
    }
    nodes_write(n, top, "store/port", "%u", g->store_port);
    nodes_write(n, top, "store/ring-ref", "%llu", (unsigned long long)g->store_mfn);
    if (g->vuart_gfn) { /* before the console, which is what the daemon watches */
        add_vuart(n, top, g);
    }
    add_console(n, top, g);
    nodes_write(n, library, "type", "%s", g->type);
    nodes_write(n, library, "dm-version", "qemu_xen");
}

void layout_remove_guest(struct nodes *n, uint32_t domid, const char *vm_path)
{
    char path[LAYOUT_PATH_MAX];

    snprintf(path, sizeof(path), "/local/domain/%u", domid);
    nodes_remove(n, path);
    snprintf(path, sizeof(path), "/local/domain/0/backend/console/%u", domid);
    nodes_remove(n, path);
    snprintf(path, sizeof(path), "/libxl/%u", domid);
    nodes_remove(n, path);
    if (vm_path) {
        nodes_remove(n, vm_path);
    }
}

/* ---- devices ------------------------------------------------------------------------------------ */

struct device_paths {
    char front[LAYOUT_PATH_MAX], back[LAYOUT_PATH_MAX], library[LAYOUT_PATH_MAX];
};

static void fill_paths(struct device_paths *p, const char *kind, uint32_t backend_id, uint32_t domid,
                       unsigned int devid)
{
    layout_frontend_path(p->front, kind, domid, devid);
    layout_backend_path(p->back, kind, backend_id, domid, devid);
    layout_library_path(p->library, kind, domid, devid);
}

/* The tops of the three parts, with their permissions, and the links between them. */
static void add_device(struct nodes *n, const struct device_paths *p, uint32_t backend_id, uint32_t domid)
{
    nodes_write(n, p->front, NULL, "%s", "");
    nodes_permit(n, p->front, domid, backend_id);
    nodes_write(n, p->front, "backend", "%s", p->back);
    nodes_write(n, p->front, "backend-id", "%u", backend_id);
    nodes_write(n, p->front, "state", "1");
    nodes_write(n, p->back, NULL, "%s", "");
    nodes_permit(n, p->back, backend_id, domid);
    nodes_write(n, p->back, "frontend", "%s", p->front);
    nodes_write(n, p->library, "frontend", "%s", p->front);
    nodes_write(n, p->library, "backend", "%s", p->back);
}

static void add_disk_backend(struct nodes *n, const char *folder, const struct layout_disk *d)
{
    if (d->qemu_format) {
        nodes_write(n, folder, "params", "%s:%s", d->qemu_format, d->path);
    } else {
        nodes_write(n, folder, "params", "%s", d->path);
        nodes_write(n, folder, "script", "%s", d->script);
    }
    nodes_write(n, folder, "frontend-id", "%u", d->domid);
    nodes_write(n, folder, "online", "1");
    nodes_write(n, folder, "removable", "%d", d->cdrom);
    nodes_write(n, folder, "bootable", "1");
    nodes_write(n, folder, "state", "1");
    nodes_write(n, folder, "dev", "%s", d->vdev);
    nodes_write(n, folder, "type", "%s", d->qemu_format ? "qdisk" : "phy");
    nodes_write(n, folder, "mode", "%s", d->writable ? "w" : "r");
    nodes_write(n, folder, "device-type", "%s", d->cdrom ? "cdrom" : "disk");
    if (d->direct_io_safe) {
        nodes_write(n, folder, "direct-io-safe", "1");
    }
    nodes_write(n, folder, "discard-enable", "%d", !d->no_discard && !d->cdrom && d->writable);
    nodes_write(n, folder, "specification", "xen");
}

const char *layout_disk_backend(const struct layout_disk *d)
{
    return d->qemu_format ? "qdisk" : "vbd";
}

void layout_add_disk(struct nodes *n, const struct layout_disk *d)
{
    struct device_paths p;

    fill_paths(&p, "vbd", d->backend_id, d->domid, d->devid);
    layout_backend_path(p.back, layout_disk_backend(d), d->backend_id, d->domid, d->devid);
    add_device(n, &p, d->backend_id, d->domid);
    nodes_write(n, p.front, "virtual-device", "%u", d->devid);
    nodes_write(n, p.front, "device-type", "%s", d->cdrom ? "cdrom" : "disk");
    nodes_write(n, p.front, "trusted", "%d", !d->untrusted);
    nodes_write(n, p.front, "protocol", XEN_IO_PROTO_ABI_NATIVE);
    add_disk_backend(n, p.back, d);
    add_disk_backend(n, p.library, d);
    if (d->device) {
        nodes_write(n, p.back, "node", "%s", d->device);
        nodes_write(n, p.back, "physical-device-path", "%s", d->device);
        nodes_write(n, p.back, "physical-device", "%x:%x", d->major, d->minor);
        nodes_write(n, p.back, "hotplug-status", "connected");
    }
}

static void add_nic_backend(struct nodes *n, const char *folder, const struct layout_nic *c)
{
    nodes_write(n, folder, "frontend-id", "%u", c->domid);
    nodes_write(n, folder, "online", "1");
    nodes_write(n, folder, "state", "1");
    write_text(n, folder, "script", c->script);
    write_text(n, folder, "vifname", c->vifname);
    nodes_write(n, folder, "mac", "%s", c->mac);
    write_text(n, folder, "ip", c->ip);
    write_text(n, folder, "gatewaydev", c->gateway_device);
    write_text(n, folder, "rate", c->rate);
    write_text(n, folder, "bridge", c->bridge);
    nodes_write(n, folder, "handle", "%u", c->devid);
    nodes_write(n, folder, "type", "%s", c->type ? c->type : "vif");
    nodes_write(n, folder, "hotplug-status", "%s", "");
}

void layout_add_nic(struct nodes *n, const struct layout_nic *c)
{
    struct device_paths p;
    char path[LAYOUT_PATH_MAX + 8];

    fill_paths(&p, "vif", c->backend_id, c->domid, c->devid);
    add_device(n, &p, c->backend_id, c->domid);
    nodes_write(n, p.front, "handle", "%u", c->devid);
    nodes_write(n, p.front, "mac", "%s", c->mac);
    nodes_write(n, p.front, "trusted", "%d", !c->untrusted);
    nodes_write(n, p.front, "mtu", "%u", c->mtu ? c->mtu : 1500);
    snprintf(path, sizeof(path), "%s/mtu", p.front);
    nodes_permit(n, path, c->backend_id, c->domid);
    add_nic_backend(n, p.back, c);
    add_nic_backend(n, p.library, c);
}

static void add_channel_backend(struct nodes *n, const char *folder, const struct layout_channel *c)
{
    nodes_write(n, folder, "frontend-id", "%u", c->domid);
    nodes_write(n, folder, "online", "1");
    nodes_write(n, folder, "state", "1");
    nodes_write(n, folder, "protocol", "vt100");
    write_text(n, folder, "name", c->name);
    nodes_write(n, folder, "connection", "%s", c->path ? "socket" : "pty");
    write_text(n, folder, "path", c->path);
}

/* The guest may read what the toolstack says of its console, and write only what its driver has to. */
void layout_add_channel(struct nodes *n, const struct layout_channel *c)
{
    const struct {
        const char *name, *value;
    } fixed[] = {
        { "limit", "1048576" }, { "type", "xenconsoled" }, { "output", "pty" }, { "tty", "" }, { "name", c->name },
    };
    char path[LAYOUT_PATH_MAX + 16];
    struct device_paths p;

    fill_paths(&p, "console", 0, c->domid, c->devid);
    add_device(n, &p, 0, c->domid);
    nodes_write(n, p.front, "protocol", "vt100");
    for (unsigned int i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", p.front, fixed[i].name);
        nodes_write(n, path, NULL, "%s", fixed[i].value);
        nodes_permit(n, path, 0, c->domid);
    }
    add_channel_backend(n, p.back, c);
    add_channel_backend(n, p.library, c);
}

void layout_remove_device(struct nodes *n, const char *kind, uint32_t backend_id, uint32_t domid,
                          unsigned int devid)
{
    struct device_paths p;

    fill_paths(&p, kind, backend_id, domid, devid);
    nodes_remove(n, p.front);
    nodes_remove(n, p.library);
    nodes_remove(n, p.back);
}
