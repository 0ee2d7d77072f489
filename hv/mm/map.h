/* SPDX-License-Identifier: MIT */
/* Reaching a frame's bytes from the hypervisor: map_frame() ... unmap_frame(). Free on 64-bit machines,
 * whose direct map holds all RAM; a 32-bit port maps on demand, so keep the two paired. */
#ifndef HV_MM_MAP_H
#define HV_MM_MAP_H

#include "hv/arch_cpu.h"

static inline void *map_frame(mfn_t mfn)
{
    return arch_direct_map(mfn);
}

static inline void unmap_frame(const void *va)
{
    (void)va;
}

#endif
