/* SPDX-License-Identifier: MIT */
/*
 * Foreign memory through privcmd: see xenforeignmemory.h. A mapping is made in two steps, address space by
 * mmap() and frames by an ioctl, which reports each page on its own.
 */
#include "lib/foreignmemory/xenforeignmemory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/linux/devices.h"

#define FRAME_SIZE 4096UL
/*
 * A page that is paged out is brought in by the first try; how often to ask again, and how long to wait
 * between.
 */
#define PAGING_TRIES   5000
#define PAGING_WAIT_US 1000

struct xenforeignmemory_handle {
    int fd;
};

struct xenforeignmemory_resource_handle {
    void *start;
    size_t size;
};

struct xenforeignmemory_handle *xenforeignmemory_open(struct xentoollog_logger *logger,
                                                      unsigned int open_flags)
{
    (void)logger;
    (void)open_flags;
    struct xenforeignmemory_handle *h = malloc(sizeof(*h));
    if (!h) {
        return NULL;
    }
    h->fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    if (h->fd < 0) {
        free(h);
        return NULL;
    }
    return h;
}

int xenforeignmemory_close(struct xenforeignmemory_handle *fmem)
{
    if (!fmem) {
        return 0;
    }
    int rc = close(fmem->fd);
    free(fmem);
    return rc;
}

static void unmap_keeping_errno(void *addr, size_t size)
{
    int saved = errno;
    munmap(addr, size);
    errno = saved;
}

static int map_batch(struct xenforeignmemory_handle *h, uint32_t dom, void *addr, size_t count,
                     const xen_pfn_t *frames, int *err)
{
    struct privcmd_mmapbatch_v2 batch = {
        .num = count,
        .dom = dom,
        .addr = (uintptr_t)addr,
        .arr = frames,
        .err = err,
    };
    return ioctl(h->fd, IOCTL_PRIVCMD_MMAPBATCH_V2, &batch);
}

/* Asks again, page by page, for those that were paged out. */
static int retry_paged(struct xenforeignmemory_handle *h, uint32_t dom, char *addr, size_t count,
                       const xen_pfn_t *frames, int *err)
{
    for (size_t i = 0; i < count; i++) {
        for (int tries = 0; err[i] == -ENOENT && tries < PAGING_TRIES; tries++) {
            usleep(PAGING_WAIT_US);
            if (map_batch(h, dom, addr + i * FRAME_SIZE, 1, frames + i, err + i) < 0 && errno != ENOENT) {
                return -1;
            }
        }
    }
    return 0;
}

static int first_error(const int *err, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (err[i]) {
            return -err[i];
        }
    }
    return 0;
}

static int map_frames(struct xenforeignmemory_handle *h, uint32_t dom, void *addr, size_t count,
                      const xen_pfn_t *frames, int *caller_err)
{
    int *err = caller_err ? caller_err : calloc(count, sizeof(*err));
    if (!err) {
        return -1;
    }
    int rc = map_batch(h, dom, addr, count, frames, err);
    if (rc < 0 && errno == ENOENT) {
        rc = retry_paged(h, dom, addr, count, frames, err);
    }
    int failed = rc < 0 ? errno : 0;
    if (!caller_err) {
        failed = failed ? failed : first_error(err, count);
        free(err);
    }
    errno = failed;
    return failed ? -1 : 0;
}

void *xenforeignmemory_map2(struct xenforeignmemory_handle *fmem, uint32_t dom, void *addr, int prot,
                            int flags, size_t pages, const xen_pfn_t arr[], int err[])
{
    if (!fmem) {
        return NULL; /* errno says why it could not be opened */
    }
    if (pages == 0 || pages > INT32_MAX) {
        errno = EINVAL;
        return NULL;
    }
    addr = mmap(addr, pages * FRAME_SIZE, prot, flags | MAP_SHARED, fmem->fd, 0);
    if (addr == MAP_FAILED) {
        return NULL;
    }
    if (map_frames(fmem, dom, addr, pages, arr, err) != 0) {
        unmap_keeping_errno(addr, pages * FRAME_SIZE);
        return NULL;
    }
    return addr;
}

void *xenforeignmemory_map(struct xenforeignmemory_handle *fmem, uint32_t dom, int prot, size_t pages,
                           const xen_pfn_t arr[], int err[])
{
    return xenforeignmemory_map2(fmem, dom, NULL, prot, 0, pages, arr, err);
}

int xenforeignmemory_unmap(struct xenforeignmemory_handle *fmem, void *addr, size_t pages)
{
    (void)fmem;
    return munmap(addr, pages * FRAME_SIZE);
}

int xenforeignmemory_restrict(struct xenforeignmemory_handle *fmem, domid_t domid)
{
    return ioctl(fmem->fd, IOCTL_PRIVCMD_RESTRICT, &domid);
}

struct xenforeignmemory_resource_handle *xenforeignmemory_map_resource(struct xenforeignmemory_handle *fmem,
                                                                       domid_t domid, unsigned int type,
                                                                       unsigned int id, unsigned long frame,
                                                                       unsigned long nr_frames, void **paddr,
                                                                       int prot, int flags)
{
    struct xenforeignmemory_resource_handle *r = fmem ? calloc(1, sizeof(*r)) : NULL;
    if (!r) {
        return NULL;
    }
    r->size = nr_frames * FRAME_SIZE;
    r->start = mmap(*paddr, r->size, prot, flags | MAP_SHARED, fmem->fd, 0);
    if (r->start == MAP_FAILED) {
        free(r);
        return NULL;
    }
    struct privcmd_mmap_resource arg = {
        .dom = domid,
        .type = type,
        .id = id,
        .idx = frame,
        .num = nr_frames,
        .addr = (uintptr_t)r->start,
    };
    if (ioctl(fmem->fd, IOCTL_PRIVCMD_MMAP_RESOURCE, &arg) < 0) {
        unmap_keeping_errno(r->start, r->size);
        free(r);
        return NULL;
    }
    *paddr = r->start;
    return r;
}

int xenforeignmemory_unmap_resource(struct xenforeignmemory_handle *fmem,
                                    struct xenforeignmemory_resource_handle *fres)
{
    (void)fmem;
    int rc = fres ? munmap(fres->start, fres->size) : 0;
    free(fres);
    return rc;
}

int xenforeignmemory_resource_size(struct xenforeignmemory_handle *fmem, domid_t domid, unsigned int type,
                                   unsigned int id, size_t *size)
{
    struct privcmd_mmap_resource arg = { .dom = domid, .type = type, .id = id };
    if (ioctl(fmem->fd, IOCTL_PRIVCMD_MMAP_RESOURCE, &arg) < 0) {
        return -1;
    }
    *size = (size_t)arg.num * FRAME_SIZE;
    return 0;
}
