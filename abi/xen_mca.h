/* SPDX-License-Identifier: MIT */
/* The public <xen/arch-x86/xen-mca.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_XEN_MCA_H
#define ABI_XEN_MCA_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/arch-x86/xen-mca.h>

#endif
