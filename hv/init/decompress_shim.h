/* SPDX-License-Identifier: MIT */
/* Between the unpacking libraries and the hypervisor; for decompress.c only. */
#ifndef HV_INIT_DECOMPRESS_SHIM_H
#define HV_INIT_DECOMPRESS_SHIM_H

#include "hv/lib/types.h"

/* Library code uses vector registers and the stack guard at %fs:0x28. */
void decompress_enter(void);
/* Frees all that was allocated since decompress_enter(). */
void decompress_leave(void);
void *decompress_alloc(size_t bytes) MUST_CHECK;

#endif
