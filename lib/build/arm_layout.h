/* SPDX-License-Identifier: MIT */
/*
 * Where things lie in a guest on Arm that starts. Pure: sizes -> places, or why it does not fit.
 *
 *   first bank of memory:  kernel (as far from the start as it says) ... ramdisk | device tree    its last 2 MiB
 *   second bank:           what does not go into the first
 */
#ifndef LIB_BUILD_ARM_LAYOUT_H
#define LIB_BUILD_ARM_LAYOUT_H

#include "lib/base/err.h"
#include "lib/build/arm_image.h"
#include "lib/build/pfn_range.h"

#define ARM_BANKS     2
#define ARM_TREE_SIZE (64UL << 10)

struct arm_layout {
    struct pfn_range banks[ARM_BANKS]; /* the second may be empty */
    struct pfn_range kernel;           /* from its first byte, with what is its own behind the file's */
    struct pfn_range ramdisk;          /* may be empty */
    struct pfn_range tree;
};

/* room: where banks of memory may lie; the first starts at a multiple of 2 MiB. */
int arm_layout_make(struct err *e, const struct pfn_range room[ARM_BANKS], const struct arm_image *image,
                    uint64_t pages, uint64_t ramdisk_size, struct arm_layout *l);

#endif
