/* SPDX-License-Identifier: MIT */
/*
 * xl.conf(5): what the host's administrator set for all guests. host_config_load() with a file that is not
 * there gives the defaults.
 */
#ifndef LIB_CONF_HOST_CONFIG_H
#define LIB_CONF_HOST_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/conf/conf.h"
#include "lib/conf/spec.h"

enum autoballoon {
    AUTOBALLOON_AUTO,
    AUTOBALLOON_OFF,
    AUTOBALLOON_ON,
};

struct host_config {
    enum autoballoon autoballoon;
    bool run_hotplug_scripts;
    bool claim_mode;
    bool domid_random;
    bool output_sxp;
    char *lockfile;
    char *blkdev_start;
    char *vif_script, *vif_bridge, *vif_backend, *vif_gatewaydev;     /* gatewaydev: NULL for none */
    int64_t max_grant_frames, max_maptrack_frames, max_grant_version; /* -1: the hypervisor's */
    char *cpumask, *hvm_cpumask, *pv_cpumask;                         /* lists of CPUs, checked; NULL: all */
    char **warnings;
    unsigned int warning_count;
};

int host_config_read(struct err *e, const struct conf *c, struct host_config *h);
/* path NULL: /etc/xen/xl.conf */
int host_config_load(struct err *e, const char *path, struct host_config *h);
void host_config_free(struct host_config *h);
/* All keys there are, for the manual page; NULL behind the last. */
const char *host_key_at(unsigned int index);

#endif
