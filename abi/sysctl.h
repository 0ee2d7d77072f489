/* SPDX-License-Identifier: MIT */
/* The public <xen/sysctl.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_SYSCTL_H
#define ABI_SYSCTL_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/sysctl.h>

#endif
