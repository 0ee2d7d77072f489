/* SPDX-License-Identifier: MIT */
/* The public <xen/nmi.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_NMI_H
#define ABI_NMI_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/nmi.h>

#endif
