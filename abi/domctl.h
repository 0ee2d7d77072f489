/* SPDX-License-Identifier: MIT */
/* The public <xen/domctl.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_DOMCTL_H
#define ABI_DOMCTL_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/domctl.h>

#endif
