/* SPDX-License-Identifier: MIT */
/* The public <xen/xen.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_XEN_H
#define ABI_XEN_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

#endif
