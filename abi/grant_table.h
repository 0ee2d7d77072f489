/* SPDX-License-Identifier: MIT */
/* The public <xen/grant_table.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_GRANT_TABLE_H
#define ABI_GRANT_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/grant_table.h>

#endif
