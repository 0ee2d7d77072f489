/* SPDX-License-Identifier: MIT */
/* Making a domain again from what was saved of it, with the devices it has now. */
#ifndef LIB_DOMAIN_RESTART_H
#define LIB_DOMAIN_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

struct ctrl;
struct domain_info;
struct xs_handle;

/* Destroys `d` unless it is kept under another name, then creates it anew. */
int domain_restart(struct err *e, struct ctrl *c, struct xs_handle *s, const struct domain_info *d, bool keep,
                   uint32_t *domid);

#endif
