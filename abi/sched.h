/* SPDX-License-Identifier: MIT */
/* The public <xen/sched.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_SCHED_H
#define ABI_SCHED_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/sched.h>

#endif
