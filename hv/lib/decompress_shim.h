/* SPDX-License-Identifier: MIT */
/*
 * What decompress.c needs of its surroundings: hv/init/decompress_shim.c in the hypervisor,
 * the library that builds guests in the tools.
 */
#ifndef HV_LIB_DECOMPRESS_SHIM_H
#define HV_LIB_DECOMPRESS_SHIM_H

#include "hv/lib/types.h"

/* Library code uses vector registers and the stack guard at %fs:0x28. */
void decompress_enter(void);
/* Frees all that was allocated since decompress_enter(). */
void decompress_leave(void);
void *decompress_alloc(size_t bytes) MUST_CHECK;

#endif
