/* SPDX-License-Identifier: MIT */
/*
 * Reading a kernel: the file, its payload through the cache or the unpacking code, the ELF through the parser
 * the hypervisor uses for dom0. Nobody may change what is being looked at: a file that only we could change is
 * mapped, any other is read into memory.
 */
#include "lib/build/x86/kernel_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/build/build.h"

#define FILE_MAX (512UL << 20)

static int unpack(struct err *e, struct build_kernel *k, const struct kernel_payload *p,
                  const char *cache_dir)
{
    size_t written = 0;
    int rc = kernel_cache_begin(e, cache_dir, p->data, p->size, p->unpacked_size, &k->unpacked);

    if (rc < 0) {
        return rc;
    }
    rc = decompress(p->kind, p->data, p->size, k->unpacked.data, p->unpacked_size, &written);
    if (rc == -EOPNOTSUPP) {
        return err_set(e, rc, "%s compression is not supported", decompress_name(p->kind));
    }
    if (rc == -ENOMEM) {
        return err_set(e, rc, "not enough memory to unpack it");
    }
    if (rc != 0 || written != p->unpacked_size) {
        return err_set(e, -EINVAL, "truncated or damaged: its %s data cannot be unpacked",
                       decompress_name(p->kind));
    }
    return 0;
}

static bool only_ours(const struct stat *st)
{
    return S_ISREG(st->st_mode) && st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* The file's bytes; false when they are to be read instead. */
static bool map_file(struct build_kernel *k)
{
    int fd = open(k->path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *map = MAP_FAILED;

    if (fd >= 0 && fstat(fd, &st) == 0 && only_ours(&st) && st.st_size > 0 && (uint64_t)st.st_size <= FILE_MAX) {
        map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (map == MAP_FAILED) {
        return false;
    }
    k->map = map;
    k->data = map;
    k->size = (size_t)st.st_size;
    return true;
}

static int take_file(struct err *e, struct build_kernel *k)
{
    int rc = map_file(k) ? 0 : file_load(e, k->path, FILE_MAX, &k->read);

    if (rc == 0 && k->map == NULL) {
        k->data = k->read.text;
        k->size = k->read.length;
    }
    return rc;
}

static void drop_file(struct build_kernel *k)
{
    if (k->map != NULL) {
        munmap(k->map, k->size);
        k->map = NULL;
    }
    buf_free(&k->read);
}

/* Damaged kernels do not get into the cache: parsing comes first. */
static int understand(struct err *e, struct build_kernel *k, const char *cache_dir, enum build_type type)
{
    struct kernel_payload p;
    const char *why = "";
    bool fresh = false;
    int rc = kernel_image_unwrap(k->data, k->size, &p, &why);

    if (rc < 0) {
        return err_set(e, rc, "%s", why);
    }
    k->elf = p.data;
    k->elf_size = p.size;
    if (p.kind != COMPRESSION_NONE) {
        fresh = kernel_cache_find(cache_dir, p.data, p.size, &k->unpacked) < 0;
        if (!fresh && k->unpacked.size != p.unpacked_size) {
            kernel_cache_drop(&k->unpacked);
            fresh = true;
        }
        rc = fresh ? unpack(e, k, &p, cache_dir) : 0;
        if (rc < 0) {
            return rc;
        }
        k->elf = k->unpacked.data;
        k->elf_size = k->unpacked.size;
    }
    rc = type == BUILD_PVH ? kernel_image_parse_pvh(k->elf, k->elf_size, &k->image, &why)
                           : kernel_image_parse(k->elf, k->elf_size, &k->image, &why);
    if (rc < 0) {
        return err_set(e, rc, "%s", why);
    }
    if (fresh) {
        kernel_cache_commit(cache_dir, &k->unpacked);
    }
    if (p.kind != COMPRESSION_NONE) {
        drop_file(k); /* only the unpacked bytes are needed from here on */
    }
    return 0;
}

int build_kernel_open(struct err *e, const char *path, const char *cache_dir, enum build_type type,
                      struct build_kernel **kernel)
{
    struct build_kernel *k = calloc(1, sizeof(*k));
    struct err why = { 0 };
    int rc;

    *kernel = NULL;
    if (k == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    k->unpacked.fd = -1;
    k->path = strdup(path);
    rc = k->path == NULL ? err_set(e, -ENOMEM, "out of memory") : take_file(e, k);
    if (rc < 0) {
        err_prefix(e, "kernel");
        build_kernel_close(k);
        return rc;
    }
    rc = understand(&why, k, cache_dir, type);
    if (rc < 0) {
        err_set(e, rc, "kernel %s: %s", path, why.text);
        build_kernel_close(k);
        return rc;
    }
    *kernel = k;
    return 0;
}

void build_kernel_close(struct build_kernel *k)
{
    if (k == NULL) {
        return;
    }
    kernel_cache_drop(&k->unpacked);
    drop_file(k);
    free(k->path);
    free(k);
}
