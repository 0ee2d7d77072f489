/* SPDX-License-Identifier: MIT */
/*
 * What the boot code found out about the machine, for the floor: RAM and what of it is taken. Filled by
 * hv/init/arm/bootinfo.c before anything else runs, constant afterwards.
 */
#ifndef HV_ARCH_ARM_CPU_MACHINE_H
#define HV_ARCH_ARM_CPU_MACHINE_H

#include "hv/lib/types.h"

#define MACHINE_RANGES_MAX 64

struct machine_range {
    uint64_t start;
    uint64_t end;
};

struct machine {
    uint64_t image_start;   /* where the loader put us */
    uint64_t image_size;
    unsigned int ram_count; /* ascending, not overlapping, whole pages */
    struct machine_range ram[MACHINE_RANGES_MAX];
    unsigned int reserved_count; /* firmware's: not ours to use or map */
    struct machine_range reserved[MACHINE_RANGES_MAX];
};

extern struct machine machine;

#endif
