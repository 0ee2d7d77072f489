/* SPDX-License-Identifier: MIT */
/*
 * Hot plug scripts with Debian's interface: XENBUS_PATH and its kin in the environment, one word as argument.
 * A script runs in a process group of its own and is ended with all its children when it takes too long.
 */
#ifndef LIB_DOMAIN_HOTPLUG_H
#define LIB_DOMAIN_HOTPLUG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

enum { HOTPLUG_SECONDS = 40 };

struct hotplug {
    const char *script, *action; /* action: add, remove; online, offline */
    const char *kind;            /* vbd, vif */
    uint32_t domid;
    unsigned int devid;
    const char *interface; /* of a vif, else NULL */
};

/* Is this one of the scripts whose work we do ourselves? NULL counts as the default. */
bool hotplug_is_default(const char *kind, const char *script);

int hotplug_run(struct err *e, const struct hotplug *h);

#endif
