/* SPDX-License-Identifier: MIT */
/*
 * The guest's console: the hypervisor's own console through console_io for dom0, the shared
 * ring that the toolstack set up for a domU. console_write is usable before console_init
 * (console_io then).
 */
#ifndef GUEST_LIBGUEST_CONSOLE_H
#define GUEST_LIBGUEST_CONSOLE_H

#include <stddef.h>

void console_init(void);
void console_write(const char *text, size_t size);

/* Waits until the other end of the ring has taken everything; nothing to do for dom0. */
void console_drain(void);
#endif
