/* SPDX-License-Identifier: MIT */
/* The public <xen/callback.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_CALLBACK_H
#define ABI_CALLBACK_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/callback.h>

#endif
