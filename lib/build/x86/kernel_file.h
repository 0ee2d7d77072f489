/* SPDX-License-Identifier: MIT */
/* A kernel that was read, unpacked and parsed: what build_kernel_open() gives. Private to lib/build. */
#ifndef LIB_BUILD_X86_KERNEL_FILE_H
#define LIB_BUILD_X86_KERNEL_FILE_H

#include "hv/lib/kernel_image.h"
#include "lib/base/buf.h"
#include "lib/build/kernel_cache.h"

struct build_kernel {
    char *path; /* for errors */
    const char *data; /* the file: */
    size_t size;
    void *map;        /* mapped, */
    struct buf read;  /* or read */
    struct kernel_cache_entry unpacked; /* map NULL when the file was not packed */
    const char *elf;
    size_t elf_size;
    struct kernel_image image;
};

#endif
