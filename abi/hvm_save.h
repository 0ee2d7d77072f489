/* SPDX-License-Identifier: MIT */
/*
 * The public <xen/hvm/save.h>, records of an HVM domain's state; only abi/ includes the headers of
 * libxen-dev.
 */
#ifndef ABI_HVM_SAVE_H
#define ABI_HVM_SAVE_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

#include <xen/hvm/save.h>

#endif
