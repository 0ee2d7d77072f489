/* SPDX-License-Identifier: MIT */
/* The public <xen/platform.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_PLATFORM_H
#define ABI_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/platform.h>

#endif
