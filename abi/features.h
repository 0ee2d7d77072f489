/* SPDX-License-Identifier: MIT */
/* The public <xen/features.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_FEATURES_H
#define ABI_FEATURES_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/features.h>

#endif
