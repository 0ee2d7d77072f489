/* SPDX-License-Identifier: MIT */
/* The public <xen/physdev.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_PHYSDEV_H
#define ABI_PHYSDEV_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/physdev.h>

#endif
