/* SPDX-License-Identifier: MIT */
/*
 * Error numbers of the Xen ABI, for our own code, as Exxx. In tools that included <errno.h> before, the C
 * library's macros stand for them: the values are the same.
 */
#ifndef ABI_ERRNO_H
#define ABI_ERRNO_H

#ifndef EPERM
#define XEN_ERRNO(name, value) name = (value),
enum abi_errno {
#include <xen/errno.h>
};
#endif

#endif
