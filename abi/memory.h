/* SPDX-License-Identifier: MIT */
/* The public <xen/memory.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_MEMORY_H
#define ABI_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/memory.h>

#endif
