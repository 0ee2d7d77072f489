/* SPDX-License-Identifier: MIT */
/* The public <xen/io/protocols.h>, names of ring layouts; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_PROTOCOLS_H
#define ABI_PROTOCOLS_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/io/protocols.h>

#endif
