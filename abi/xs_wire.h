/* SPDX-License-Identifier: MIT */
/* The public <xen/io/xs_wire.h>: messages of the store's protocol. The errno names must be known before it. */
#ifndef ABI_XS_WIRE_H
#define ABI_XS_WIRE_H

#include <errno.h>
#include <stdint.h>

#include <xen/io/xs_wire.h>

#endif
