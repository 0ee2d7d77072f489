/* SPDX-License-Identifier: MIT */
/*
 * From what a configuration says to what the host has: CPUs, boot images, disks and networks of one domain.
 * The strings the layout structures point at live in struct hardware_text, or in the configuration.
 */
#ifndef LIB_DOMAIN_HARDWARE_H
#define LIB_DOMAIN_HARDWARE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

struct ctrl;
struct disk_spec;
struct domain_config;
struct host_config;
struct layout_disk;
struct layout_nic;
struct vif_spec;
struct xs_handle;

struct hardware_text {
    char script[256], mac[18], rate[48];
};

/* Affinities of the vcpus. */
int hardware_pin(struct err *e, struct ctrl *c, uint32_t domid, const struct domain_config *d);

/* A random address for each network that was given none: chosen once, so that it is also what is saved. */
int hardware_choose_macs(struct err *e, struct domain_config *d);

int hardware_disk(struct err *e, struct xs_handle *s, const struct disk_spec *spec, uint32_t domid,
                  struct layout_disk *d, struct hardware_text *t);

/* index: the device's number when the description gives none. */
int hardware_nic(struct err *e, struct xs_handle *s, const struct vif_spec *spec, unsigned int index,
                 const struct host_config *host, uint32_t domid, struct layout_nic *c,
                 struct hardware_text *t);

#endif
