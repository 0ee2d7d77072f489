/* SPDX-License-Identifier: MIT */
/* Numbers C has as enums, for assembly; guest/asm_offsets.c asserts that they agree. */
#ifndef HV_ARCH_ARM_INLINE_ABI_NUMBERS_H
#define HV_ARCH_ARM_INLINE_ABI_NUMBERS_H

#ifdef __ASSEMBLY__
#define HYPERCALL_COUNT 64
#define ENOSYS          38
#define ERESTART        85
#endif

#endif
