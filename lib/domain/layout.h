/* SPDX-License-Identifier: MIT */
/*
 * What a guest's part of the store looks like: the convention that guests, backends and other toolstacks
 * share.
 *
 * Pure: from descriptions to a list of changes (nodes.h). Every domain is named by its number; dom0 writes.
 */
#ifndef LIB_DOMAIN_LAYOUT_H
#define LIB_DOMAIN_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

struct nodes;

struct layout_guest {
    uint32_t domid;
    const char *name, *type; /* type: "pv", "pvh", "hvm" */
    uint8_t uuid[16];
    unsigned int vcpus_max;
    const uint8_t *vcpus_online; /* bitmap */
    uint64_t static_max_kb, target_kb, video_kb;
    const char *os_type, *kernel, *ramdisk, *command_line; /* NULL: no node */
    uint64_t store_mfn, console_mfn;
    uint32_t store_port, console_port;
    uint64_t vuart_gfn; /* 0: it has no emulated UART */
    uint32_t vuart_port;
    uint64_t start_time; /* in hundredths of a second since 1970 */
    bool driver_domain; /* it may have backends */
};

struct layout_disk {
    uint32_t domid, backend_id;
    unsigned int devid;
    const char *vdev;          /* xvda */
    const char *path;          /* as configured; "" for an empty drive */
    const char *device;        /* the block device behind it, NULL while a script is to find it */
    unsigned int major, minor; /* of device */
    const char *script;
    const char *qemu_format;   /* NULL: the kernel serves it */
    bool writable, cdrom, no_discard, untrusted, direct_io_safe;
};

struct layout_nic {
    uint32_t domid, backend_id;
    unsigned int devid, mtu;
    const char *mac, *script, *type;
    const char *bridge, *ip, *model, *vifname, *gateway_device, *rate; /* NULL: no node; rate "bytes,usecs" */
    bool untrusted;
};

enum { LAYOUT_PATH_MAX = 128 };

void layout_add_guest(struct nodes *n, const struct layout_guest *g);
void layout_add_disk(struct nodes *n, const struct layout_disk *d);
void layout_add_nic(struct nodes *n, const struct layout_nic *c);

/* All that belongs to a domain but its backends. */
void layout_remove_guest(struct nodes *n, uint32_t domid, const char *vm_path);

/* A console beyond the first: `path` of a socket, or NULL for a terminal. */
struct layout_channel {
    uint32_t domid;
    unsigned int devid; /* from 1 */
    const char *name, *path;
};
void layout_add_channel(struct nodes *n, const struct layout_channel *c);

/* kind: "vbd", "vif", ... */
void layout_frontend_path(char path[LAYOUT_PATH_MAX], const char *kind, uint32_t domid, unsigned int devid);
void layout_backend_path(char path[LAYOUT_PATH_MAX], const char *kind, uint32_t backend_id, uint32_t domid,
                         unsigned int devid);
void layout_library_path(char path[LAYOUT_PATH_MAX], const char *kind, uint32_t domid, unsigned int devid);
/* The kind of backend a disk has: the kernel's or QEMU's. */
const char *layout_disk_backend(const struct layout_disk *d);
void layout_remove_device(struct nodes *n, const char *kind, uint32_t backend_id, uint32_t domid,
                          unsigned int devid);

#endif
