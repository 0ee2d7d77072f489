/* SPDX-License-Identifier: MIT */
/* The public <xen/hypfs.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_HYPFS_H
#define ABI_HYPFS_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/hypfs.h>

#endif
