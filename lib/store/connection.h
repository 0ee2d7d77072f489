/* SPDX-License-Identifier: MIT */
/* Inside lib/store: one connection to xenstored, messages and events. */
#ifndef LIB_STORE_CONNECTION_H
#define LIB_STORE_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/xs_wire.h"
#include "lib/base/buf.h"

struct xs_handle;

/* One part of a request's payload. */
struct part {
    const void *data;
    size_t size;
};

/* Appends a request; false when its payload is over the protocol's limit. */
bool connection_request(struct buf *out, uint32_t type, uint32_t transaction, const struct part *parts,
                        unsigned int count);

/* Sends all of `out` and reads `answers` messages that are no events, giving each to `take`. 0 or -E... */
int connection_exchange(struct xs_handle *h, const char *out, size_t size, unsigned int answers,
                        int (*take)(void *context, const struct xsd_sockmsg *m, const char *payload),
                        void *context);

/* What a lasting handle asks a successor of the daemon for. */
bool connection_watch(struct xs_handle *h, const char *path, const char *token);
void connection_unwatch(struct xs_handle *h, const char *path, const char *token);

/* errno for the text of an error message. */
int connection_errno(const char *text, size_t length);

#endif
