/* SPDX-License-Identifier: MIT */
/*
 * The device tree a guest on Arm is started with: what Xen promises its guests (public header arch-arm.h) in the
 * words of the kernel's bindings. Private to lib/build.
 */
#ifndef LIB_BUILD_ARM_TREE_H
#define LIB_BUILD_ARM_TREE_H

#include "lib/build/arm_layout.h"
#include "lib/build/build.h"

/* Writes it to ARM_TREE_SIZE bytes at room; false when it does not fit. */
bool tree_write(const struct build_config *config, const struct arm_layout *l, uint64_t ramdisk_size, void *room);

#endif
