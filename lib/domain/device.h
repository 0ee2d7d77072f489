/* SPDX-License-Identifier: MIT */
/*
 * Devices of domains in this domain: what the store says of them, plugging in, taking away.
 *
 * Adding is in two steps, around the transaction that writes the nodes (layout.c): disk_open() before it for
 * disks; device_finish_nic() or device_finish_disk() after it, which wait for the kernel's backend and
 * connect it.
 */
#ifndef LIB_DOMAIN_DEVICE_H
#define LIB_DOMAIN_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/domain/layout.h"

struct xs_handle;

struct device {
    char kind[16]; /* vbd, vif, console, ... */
    unsigned int devid;
    uint32_t domid, backend_id;
    char front[LAYOUT_PATH_MAX], back[LAYOUT_PATH_MAX], library[LAYOUT_PATH_MAX];
};

/* Devices of a domain, of one kind or (NULL) all; *list is the caller's to free. */
int device_list(struct err *e, struct xs_handle *s, uint32_t domid, const char *kind, struct device **list,
                unsigned int *count);

/* A node below a path, for the caller to free; NULL when it is not there. */
char *device_read(struct xs_handle *s, const char *path, const char *name);
long device_read_number(struct xs_handle *s, const char *path, const char *name, long missing);

/* Waits for the backend's state node to reach `state` (or to vanish, for 6); -ETIMEDOUT. */
int device_wait_backend(struct err *e, struct xs_handle *s, const struct device *d, int state,
                        unsigned int seconds);

/* After the nodes are written. The script is run unless it is the default one, whose work is done here. */
int device_finish_nic(struct err *e, struct xs_handle *s, const struct layout_nic *c);
int device_finish_disk(struct err *e, struct xs_handle *s, const struct layout_disk *d);

/*
 * Takes a device away: `force` does not wait for the guest's consent. What was set up for it (loop device,
 * script, interface) is undone, and its nodes are removed.
 */
int device_remove(struct err *e, struct xs_handle *s, const struct device *d, bool force,
                  unsigned int seconds);

#endif
