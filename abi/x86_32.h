/* SPDX-License-Identifier: MIT */
/* The public <xen/foreign/x86_32.h>: records as 32-bit x86 has them; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_X86_32_H
#define ABI_X86_32_H

#include <stdint.h>

#include <xen/foreign/x86_32.h>

#endif
