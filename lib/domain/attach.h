/* SPDX-License-Identifier: MIT */
/* Plugging a device into a running domain: prepared, written, connected; taken back whole when a step fails.
 */
#ifndef LIB_DOMAIN_ATTACH_H
#define LIB_DOMAIN_ATTACH_H

#include <stdint.h>

#include "lib/base/err.h"

struct ctrl;
struct disk_spec;
struct vif_spec;
struct xs_handle;

int attach_disk(struct err *e, struct ctrl *c, struct xs_handle *s, uint32_t domid,
                const struct disk_spec *spec);
int attach_nic(struct err *e, struct ctrl *c, struct xs_handle *s, uint32_t domid,
               const struct vif_spec *spec);

#endif
