/* SPDX-License-Identifier: MIT */
/* The public <xen/hvm/params.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_HVM_PARAMS_H
#define ABI_HVM_PARAMS_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/hvm/params.h>

#endif
