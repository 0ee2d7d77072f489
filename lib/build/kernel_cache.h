/* SPDX-License-Identifier: MIT */
/*
 * Unpacked kernels kept by content, so that a kernel is unpacked once on a host and not once a guest.
 *
 *   kernel_cache_find()  maps what was unpacked from exactly these packed bytes before, or -ENOENT
 *   kernel_cache_begin() a new entry to unpack into; kernel_cache_commit() makes it visible, by rename, and
 * bounds the directory; kernel_cache_drop() forgets it kernel_cache_unmap() when the bytes are not needed any
 * more
 *
 * An entry holds the packed bytes too and is compared with them whole: a name that collides costs time, never
 * a wrong kernel. Any number of processes may use the directory at once; an entry that is removed stays
 * usable for those who have it mapped. Without a directory, or with a full disk, memory takes the place of
 * the file.
 */
#ifndef LIB_BUILD_KERNEL_CACHE_H
#define LIB_BUILD_KERNEL_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

#define KERNEL_CACHE_DIR     "/var/cache/proxenos/kernels"
#define KERNEL_CACHE_ENTRIES 8
#define KERNEL_CACHE_BYTES   (768ULL << 20)

struct kernel_cache_entry {
    void *data; /* the unpacked bytes: read-only when found, writable until committed */
    size_t size;
    void *map; /* private */
    size_t map_size;
    int fd;
    char *temporary, *name;
};

/* dir NULL: no cache. */
int kernel_cache_find(const char *dir, const void *packed, size_t packed_size,
                      struct kernel_cache_entry *entry);
int kernel_cache_begin(struct err *e, const char *dir, const void *packed, size_t packed_size, size_t size,
                       struct kernel_cache_entry *entry);
void kernel_cache_commit(const char *dir, struct kernel_cache_entry *entry);
/* Also for one that was committed or found. */
void kernel_cache_drop(struct kernel_cache_entry *entry);

#endif
