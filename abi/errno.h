/* SPDX-License-Identifier: MIT */
/* Error numbers of the Xen ABI as XEN_Exxx and, for our own code, as Exxx. */
#ifndef ABI_ERRNO_H
#define ABI_ERRNO_H

#define XEN_ERRNO(name, value) name = (value),
enum abi_errno {
#include <xen/errno.h>
};

#endif
