/* SPDX-License-Identifier: MIT */
/*
 * Loop devices, by the kernel's ioctls: a disk image in a file as the block device that blkback wants.
 *
 * A device is set up without auto-clear, since nobody holds it open until the guest connects; loop_detach()
 * gives it back.
 */
#ifndef LIB_DOMAIN_LOOP_H
#define LIB_DOMAIN_LOOP_H

#include <stdbool.h>

#include "lib/base/err.h"

enum { LOOP_NAME_MAX = 24 };

/* Binds a free loop device to the file; its name goes to `device`. */
int loop_attach(struct err *e, const char *path, bool read_only, char device[LOOP_NAME_MAX]);

/* 0 also when the device was already free. */
int loop_detach(struct err *e, const char *device);

#endif
