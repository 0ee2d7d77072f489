/* SPDX-License-Identifier: MIT */
/* The public <xen/hvm/hvm_op.h> and <xen/hvm/dm_op.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_HVM_OP_H
#define ABI_HVM_OP_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

#include <xen/hvm/hvm_op.h>

#include <xen/hvm/dm_op.h>

#endif
