/* SPDX-License-Identifier: MIT */
/*
 * Making a domain, from a description to a running guest: all of it or nothing.
 *
 * domain_create() claims the name, makes the domain, sets up its devices, builds its memory, writes its part
 * of the store in one transaction and starts it. Every acquisition is in a journal (journal.h), whose undo is
 * the one way back.
 */
#ifndef LIB_DOMAIN_CREATE_H
#define LIB_DOMAIN_CREATE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

struct ctrl;
struct domain_config;
struct xs_handle;

struct create_options {
    bool paused;      /* leave it so */
    bool interactive; /* a boot loader may ask the user */
    const char *text; /* of the configuration, kept for restarts */
    /* Told of each step before it is made; the tests fail or kill it there. NULL: nobody listens. */
    int (*step)(struct err *e, const char *what, void *context);
    void *context;
};

int domain_create(struct err *e, struct ctrl *c, struct xs_handle *s, const struct domain_config *config,
                  const struct create_options *o, uint32_t *domid);

#endif
