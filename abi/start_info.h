/* SPDX-License-Identifier: MIT */
/* The public <xen/arch-x86/hvm/start_info.h>: what a PVH guest is started with. Only abi/ includes libxen-dev's headers. */
#ifndef ABI_START_INFO_H
#define ABI_START_INFO_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

#include <xen/arch-x86/hvm/start_info.h>

#endif
