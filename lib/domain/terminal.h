/* SPDX-License-Identifier: MIT */
/*
 * A guest's console on this terminal: raw mode, bytes both ways, until the escape key, the end of the guest
 * or of input.
 */
#ifndef LIB_DOMAIN_TERMINAL_H
#define LIB_DOMAIN_TERMINAL_H

#include <stdint.h>

#include "lib/base/err.h"

struct xs_handle;

enum { TERMINAL_ESCAPE = 0x1d /* ctrl-] */ };

/* kind: "pv", "serial", "vuart" or NULL. Waits for the console daemon to offer the pty. 0: the domain is
 * gone; 1: the user left. */
int terminal_attach(struct err *e, struct xs_handle *s, uint32_t domid, unsigned int number,
                    const char *kind);

#endif
