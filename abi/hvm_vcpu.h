/* SPDX-License-Identifier: MIT */
/* The public <xen/hvm/hvm_vcpu.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_HVM_VCPU_H
#define ABI_HVM_VCPU_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

#include <xen/hvm/hvm_vcpu.h>

#endif
