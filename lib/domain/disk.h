/* SPDX-License-Identifier: MIT */
/*
 * What stands behind a guest's disk in this domain: a block device as it is, or a loop device made for a
 * file; and the rule that nobody writes what another reads.
 *
 * disk_open() before the device's nodes are written, disk_close() after they are gone (or to undo). Users of
 * an image are kept in /run/xen/disks, one file for each image, so the check looks at the users of this image
 * only.
 */
#ifndef LIB_DOMAIN_DISK_H
#define LIB_DOMAIN_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/domain/loop.h"

struct ctrl;
struct layout_disk;

struct disk_backing {
    char device[256]; /* the block device; empty: none, an empty drive or another domain's */
    unsigned int major, minor;
    bool loop;     /* made by us */
    char user[80]; /* our file in /run/xen/disks, empty: not entered */
};

/* Fills d->device, major and minor (pointing into `b`). A disk with a script of its own is left to that. */
int disk_open(struct err *e, struct ctrl *c, struct layout_disk *d, struct disk_backing *b);
void disk_close(const struct disk_backing *b, uint32_t domid, unsigned int devid);

/* Puts together what disk_close() needs of a disk set up earlier: its backend's `node` and `params`. */
void disk_backing_of(struct disk_backing *b, const char *node, const char *params);

#endif
