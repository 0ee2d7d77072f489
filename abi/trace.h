/* SPDX-License-Identifier: MIT */
/* The public <xen/trace.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_TRACE_H
#define ABI_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/trace.h>

#endif
