/* SPDX-License-Identifier: MIT */
/*
 * What the default network script does for a guest's interface, by ioctl: an unroutable address, the
 * interface up and in the bridge; and out of it again.
 */
#ifndef LIB_DOMAIN_BRIDGE_H
#define LIB_DOMAIN_BRIDGE_H

#include <stdbool.h>

#include "lib/base/err.h"

bool bridge_exists(const char *bridge);

/* Enters the interface into the bridge and sets it up; rolled back when a step fails. */
int bridge_enter(struct err *e, const char *bridge, const char *interface);

/* Fine too when the interface is already gone. */
int bridge_leave(struct err *e, const char *bridge, const char *interface);

/* Renames an interface that is down. */
int bridge_rename_interface(struct err *e, const char *from, const char *to);

bool bridge_has_interface(const char *interface);

#endif
