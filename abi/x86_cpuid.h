/* SPDX-License-Identifier: MIT */
/* The public feature-set numbers and Xen's own CPUID leaves; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_X86_CPUID_H
#define ABI_X86_CPUID_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/arch-x86/cpufeatureset.h>
#include <xen/arch-x86/cpuid.h>

#endif
