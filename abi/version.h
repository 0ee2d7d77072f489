/* SPDX-License-Identifier: MIT */
/* The public <xen/version.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_VERSION_H
#define ABI_VERSION_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/version.h>

#endif
