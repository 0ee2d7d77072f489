/* SPDX-License-Identifier: MIT */
/*
 * The kernel's <xen/privcmd.h> asks for this name, which only exists inside the kernel: the public
 * <xen/xen.h>.
 */
#ifndef ABI_LINUX_XEN_INTERFACE_XEN_H
#define ABI_LINUX_XEN_INTERFACE_XEN_H

#include <stdint.h>

#include <xen/xen.h>

#endif
