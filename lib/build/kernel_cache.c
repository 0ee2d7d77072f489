/* SPDX-License-Identifier: MIT */
/*
 * The directory of unpacked kernels: see kernel_cache.h. An entry is one file, named by a hash of the packed
 * bytes:
 *
 *   page 0    struct entry_header
 *   page 1..  the unpacked bytes
 *   then      the packed bytes, for comparing
 *
 * The time of last use is the file's modification time; the oldest go first.
 */
#include "lib/build/kernel_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/file.h"

#define HEADER_SIZE 4096
#define MAGIC       0x316c656e72656b70ULL /* "pkernel1" */
#define TEMPORARY   ".new-"
#define STALE_AFTER 3600 /* seconds: a temporary file nobody can be writing any more */
#define FILES_MAX   256

struct entry_header {
    uint64_t magic;
    uint64_t size, packed_size;
};

/* Not a cryptographic hash: entries are compared. */
static uint64_t hash_of(const void *data, size_t size)
{
    const uint8_t *p = data;
    uint64_t h = 0xcbf29ce484222325ULL ^ size;

    for (; size >= 8; size -= 8, p += 8) {
        uint64_t word;

        memcpy(&word, p, 8);
        h = (h ^ word) * 0x9e3779b97f4a7c15ULL;
        h ^= h >> 29;
    }
    for (; size > 0; size--, p++) {
        h = (h ^ *p) * 0x100000001b3ULL;
    }
    return h;
}

static char *path_of(const char *dir, const void *packed, size_t packed_size)
{
    char *path;

    return asprintf(&path, "%s/%016llx", dir, (unsigned long long)hash_of(packed, packed_size)) < 0 ? NULL
                                                                                                    : path;
}

static size_t file_size(size_t size, size_t packed_size)
{
    return HEADER_SIZE + size + packed_size;
}

void kernel_cache_drop(struct kernel_cache_entry *entry)
{
    if (entry->map != NULL) {
        munmap(entry->map, entry->map_size);
    }
    if (entry->temporary != NULL) {
        unlink(entry->temporary);
    }
    if (entry->fd >= 0) {
        close(entry->fd);
    }
    free(entry->temporary);
    free(entry->name);
    *entry = (struct kernel_cache_entry){ .fd = -1 };
}

/* ---- finding ---- */

static bool is_valid(const struct entry_header *h, size_t size, const void *packed, size_t packed_size)
{
    return h->magic == MAGIC && h->packed_size == packed_size && h->size <= size &&
           file_size(h->size, packed_size) == size &&
           memcmp((const char *)h + HEADER_SIZE + h->size, packed, packed_size) == 0;
}

static int map_found(int fd, const void *packed, size_t packed_size, struct kernel_cache_entry *entry)
{
    struct stat st;
    void *map;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_size < HEADER_SIZE) {
        return -ENOENT;
    }
    map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        return -ENOENT;
    }
    if (!is_valid(map, (size_t)st.st_size, packed, packed_size)) {
        munmap(map, (size_t)st.st_size);
        return -ENOENT;
    }
    *entry = (struct kernel_cache_entry){ .data = (char *)map + HEADER_SIZE,
                                          .size = ((struct entry_header *)map)->size,
                                          .map = map,
                                          .map_size = (size_t)st.st_size,
                                          .fd = -1 };
    return 0;
}

int kernel_cache_find(const char *dir, const void *packed, size_t packed_size,
                      struct kernel_cache_entry *entry)
{
    char *path = dir == NULL ? NULL : path_of(dir, packed, packed_size);
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int rc = fd < 0 ? -ENOENT : map_found(fd, packed, packed_size, entry);

    if (rc == 0) {
        futimens(fd, NULL); /* used now */
    }
    if (fd >= 0) {
        close(fd);
    }
    free(path);
    return rc;
}

/* ---- adding ---- */

/* A file of the right size in the directory, mapped; false when there can be none. */
static bool begin_file(const char *dir, const void *packed, size_t packed_size,
                       struct kernel_cache_entry *entry)
{
    if (dir == NULL || entry->map_size > KERNEL_CACHE_BYTES / 2 || file_make_dirs(NULL, dir, 0700) < 0) {
        return false;
    }
    entry->name = path_of(dir, packed, packed_size);
    if (asprintf(&entry->temporary, "%s/" TEMPORARY "XXXXXX", dir) < 0) {
        entry->temporary = NULL;
    }
    if (entry->name == NULL || entry->temporary == NULL) {
        return false;
    }
    entry->fd = mkostemp(entry->temporary, O_CLOEXEC);
    if (entry->fd < 0) {
        free(entry->temporary);
        entry->temporary = NULL;
        return false;
    }
    /* Room is taken now, because a full disk would show as a fault on writing. */
    if (posix_fallocate(entry->fd, 0, (off_t)entry->map_size) != 0) {
        return false;
    }
    entry->map = mmap(NULL, entry->map_size, PROT_READ | PROT_WRITE, MAP_SHARED, entry->fd, 0);
    if (entry->map == MAP_FAILED) {
        entry->map = NULL;
        return false;
    }
    return true;
}

int kernel_cache_begin(struct err *e, const char *dir, const void *packed, size_t packed_size, size_t size,
                       struct kernel_cache_entry *entry)
{
    struct entry_header *h;

    *entry = (struct kernel_cache_entry){ .fd = -1, .map_size = file_size(size, packed_size) };
    if (!begin_file(dir, packed, packed_size, entry)) {
        kernel_cache_drop(entry);
        entry->map_size = HEADER_SIZE + size;
        entry->map = mmap(NULL, entry->map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (entry->map == MAP_FAILED) {
            entry->map = NULL;
            return err_set(e, -ENOMEM, "not enough memory to unpack it (%zu MiB)", size >> 20);
        }
    } else {
        memcpy((char *)entry->map + HEADER_SIZE + size, packed, packed_size);
    }
    h = entry->map;
    *h = (struct entry_header){ MAGIC, size, packed_size };
    entry->data = (char *)entry->map + HEADER_SIZE;
    entry->size = size;
    return 0;
}

/* ---- bounding ---- */

struct cached_file {
    char name[32];
    int64_t used; /* nanoseconds */
    uint64_t bytes;
};

static int newest_first(const void *a, const void *b)
{
    const struct cached_file *x = a, *y = b;

    return x->used < y->used ? 1 : x->used > y->used ? -1 : strcmp(x->name, y->name);
}

static unsigned int list_files(DIR *d, struct cached_file *files)
{
    struct dirent *entry;
    unsigned int count = 0;
    struct stat st;

    while (count < FILES_MAX && (entry = readdir(d)) != NULL) {
        if (strlen(entry->d_name) >= sizeof(files[0].name) ||
            fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode)) {
            continue;
        }
        if (strncmp(entry->d_name, TEMPORARY, strlen(TEMPORARY)) == 0) {
            if (st.st_mtime + STALE_AFTER < time(NULL)) {
                unlinkat(dirfd(d), entry->d_name, 0);
            }
            continue;
        }
        files[count] = (struct cached_file){ .used = st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec,
                                             .bytes = (uint64_t)st.st_size };
        strcpy(files[count++].name, entry->d_name);
    }
    return count;
}

/* `keep` is the path of the one that was just added. */
static void bound_directory(const char *dir, const char *keep)
{
    struct cached_file *files = calloc(FILES_MAX, sizeof(*files));
    DIR *d = opendir(dir);
    uint64_t bytes = 0;
    unsigned int count;

    if (files != NULL && d != NULL) {
        count = list_files(d, files);
        qsort(files, count, sizeof(*files), newest_first);
        for (unsigned int i = 0; i < count; i++) {
            bytes += files[i].bytes;
            if (strcmp(files[i].name, strrchr(keep, '/') + 1) != 0 &&
                (i >= KERNEL_CACHE_ENTRIES || bytes > KERNEL_CACHE_BYTES)) {
                unlinkat(dirfd(d), files[i].name, 0);
            }
        }
    }
    if (d != NULL) {
        closedir(d);
    }
    free(files);
}

void kernel_cache_commit(const char *dir, struct kernel_cache_entry *entry)
{
    if (entry->temporary == NULL) {
        return; /* memory only */
    }
    /* On the disk before it has its name: after a crash an entry is whole or not there. */
    if (msync(entry->map, entry->map_size, MS_SYNC) == 0 && fsync(entry->fd) == 0 &&
        rename(entry->temporary, entry->name) == 0) {
        free(entry->temporary);
        entry->temporary = NULL;
        bound_directory(dir, entry->name);
    }
}
