/* SPDX-License-Identifier: MIT */
/*
 * QEMU as the backend of disks the kernel cannot serve: images in formats of its own, or backendtype=qdisk. One process
 * a guest, started with its first such disk and ended with the guest. It finds the disks in xenstore, below
 * backend/qdisk, by itself. Its number is in /run/xen/qemu-DOMID.pid, its words in /var/log/xen/qemu-dm-NAME.log.
 */
#ifndef LIB_DOMAIN_QEMU_H
#define LIB_DOMAIN_QEMU_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/conf/spec.h"

/* Is there a QEMU for this hypervisor on the host? */
bool qemu_available(void);
/* How a backend's "params" names the format: "aio" for raw. */
const char *qemu_format(enum disk_format format);
/* Starts the guest's, unless it runs. It is ready when it moves its backends on: device_wait_backend(). */
int qemu_start(struct err *e, uint32_t domid, const char *name);
/* Ends it, if there is one. */
void qemu_stop(uint32_t domid);

#endif
