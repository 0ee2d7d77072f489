/* SPDX-License-Identifier: MIT */
/* The public <xen/arch-x86/hvm/start_info.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_HVM_START_INFO_H
#define ABI_HVM_START_INFO_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/arch-x86/hvm/start_info.h>

#endif
