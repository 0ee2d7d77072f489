/* SPDX-License-Identifier: MIT */
/*
 * The daemon's side of a console ring: a page shared with a guest that may write anything into it at any
 * time. Pure code: memory in, bytes out.
 *
 * Indexes run freely and are taken modulo the size of their half. Each is read once, checked, and used from
 * the copy; a half whose indexes are further apart than its size counts as empty (output) or full (input),
 * and is reported.
 */
#ifndef LIB_CONSOLE_RING_H
#define LIB_CONSOLE_RING_H

#include <stdbool.h>
#include <stddef.h>

#include "abi/io_console.h"

#define CONSOLE_OUT_SIZE sizeof(((struct xencons_interface *)0)->out)
#define CONSOLE_IN_SIZE  sizeof(((struct xencons_interface *)0)->in)

/*
 * Copies up to `room` bytes of the guest's output, which stay in the ring until console_ring_done() gives their space
 * back: what is put on record in between outlives a daemon that is killed. *bad (may be NULL) tells that the indexes
 * make no sense.
 */
size_t console_ring_peek(const struct xencons_interface *ring, char *to, size_t room, bool *bad);
void console_ring_done(struct xencons_interface *ring, size_t size);
/* Both at once. */
size_t console_ring_take(struct xencons_interface *ring, char *to, size_t room, bool *bad);
/* How many bytes of input fit now. */
size_t console_ring_space(const struct xencons_interface *ring);
/* Puts as many of the bytes as fit, returns how many. */
size_t console_ring_put(struct xencons_interface *ring, const char *from, size_t size);

#endif
