/* SPDX-License-Identifier: MIT */
/*
 * The header of a 64-bit Arm kernel, an "Image" (Linux, Documentation/arm64/booting.rst). Pure: bytes of a file that
 * is not trusted.
 */
#ifndef LIB_BUILD_ARM_IMAGE_H
#define LIB_BUILD_ARM_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#define ARM_IMAGE_ALIGN (2UL << 20) /* what an Image's place is counted from is a multiple of */

struct arm_image {
    uint64_t offset; /* from such a place to where the file's first byte goes, which is also the entry */
    uint64_t size;   /* of memory from there on that is the kernel's: at least the file's */
};

/* -EINVAL with *why: what is wrong, to follow "kernel NAME: ". */
int arm_image_parse(const void *data, size_t size, struct arm_image *image, const char **why);

#endif
