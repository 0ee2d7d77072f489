/* SPDX-License-Identifier: MIT */
/* The public <xen/vcpu.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_VCPU_H
#define ABI_VCPU_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/vcpu.h>

#endif
