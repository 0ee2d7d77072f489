/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls and their buffers: see xencall.h.
 *
 * Buffers come from /dev/xen/hypercall, whose pages the kernel never moves, or are anonymous, locked memory
 * that a fork does not share. A few single pages are kept, since nearly every call needs one: `lock` guards
 * them.
 */
#include "lib/call/xencall.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/linux/devices.h"

#define BUFFER_PAGE    4096UL
#define KEPT_PAGES_MAX 8
/* In front of memory from xencall_alloc_buffer(); keeps the alignment malloc() would give. */
#define HEADER_SIZE 64

struct xencall_handle {
    int fd;
    int buffer_fd; /* /dev/xen/hypercall, or -1 */
    pthread_mutex_t lock;
    void *kept[KEPT_PAGES_MAX];
    unsigned int kept_count;
};

struct xencall_handle *xencall_open(struct xentoollog_logger *logger, unsigned int open_flags)
{
    (void)logger;
    (void)open_flags;
    struct xencall_handle *h = calloc(1, sizeof(*h));
    if (!h) {
        return NULL;
    }
    h->fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    if (h->fd < 0) {
        free(h);
        return NULL;
    }
    h->buffer_fd = open("/dev/xen/hypercall", O_RDWR | O_CLOEXEC);
    pthread_mutex_init(&h->lock, NULL);
    return h;
}

int xencall_close(struct xencall_handle *xcall)
{
    if (!xcall) {
        return 0;
    }
    for (unsigned int i = 0; i < xcall->kept_count; i++) {
        munmap(xcall->kept[i], BUFFER_PAGE);
    }
    if (xcall->buffer_fd >= 0) {
        close(xcall->buffer_fd);
    }
    int rc = close(xcall->fd);
    pthread_mutex_destroy(&xcall->lock);
    free(xcall);
    return rc;
}

int xencall_fd(struct xencall_handle *xcall)
{
    return xcall->fd;
}

int xencall5(struct xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2, uint64_t arg3,
             uint64_t arg4, uint64_t arg5)
{
    struct privcmd_hypercall call = { .op = op, .arg = { arg1, arg2, arg3, arg4, arg5 } };
    return ioctl(xcall->fd, IOCTL_PRIVCMD_HYPERCALL, &call);
}

int xencall0(struct xencall_handle *xcall, unsigned int op)
{
    return xencall5(xcall, op, 0, 0, 0, 0, 0);
}

int xencall1(struct xencall_handle *xcall, unsigned int op, uint64_t arg1)
{
    return xencall5(xcall, op, arg1, 0, 0, 0, 0);
}

int xencall2(struct xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2)
{
    return xencall5(xcall, op, arg1, arg2, 0, 0, 0);
}

int xencall3(struct xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2, uint64_t arg3)
{
    return xencall5(xcall, op, arg1, arg2, arg3, 0, 0);
}

int xencall4(struct xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2, uint64_t arg3,
             uint64_t arg4)
{
    return xencall5(xcall, op, arg1, arg2, arg3, arg4, 0);
}

/* The kernel's ioctl() answers with a long, which the C library cuts to an int. */
long xencall2L(struct xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2)
{
    struct privcmd_hypercall call = { .op = op, .arg = { arg1, arg2 } };
    return syscall(SYS_ioctl, xcall->fd, IOCTL_PRIVCMD_HYPERCALL, &call);
}

static void *map_pages(struct xencall_handle *h, size_t count)
{
    size_t size = count * BUFFER_PAGE;
    if (h->buffer_fd >= 0) {
        void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, h->buffer_fd, 0);
        if (p == MAP_FAILED) {
            return NULL;
        }
        /* On Arm a page is read-only until its first write here, and the hypervisor's own to it would fail. */
        for (size_t i = 0; i < size; i += BUFFER_PAGE) {
            ((volatile char *)p)[i] = 0;
        }
        return p;
    }
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    /* A fork would make the pages copy-on-write under a running call. */
    if (madvise(p, size, MADV_DONTFORK) != 0) {
        int saved = errno;
        munmap(p, size);
        errno = saved;
        return NULL;
    }
    memset(p, 0, size);
    return p;
}

static void *take_kept(struct xencall_handle *h)
{
    void *p = NULL;
    pthread_mutex_lock(&h->lock);
    if (h->kept_count > 0) {
        p = h->kept[--h->kept_count];
    }
    pthread_mutex_unlock(&h->lock);
    return p;
}

static bool keep(struct xencall_handle *h, void *p)
{
    bool kept = false;
    pthread_mutex_lock(&h->lock);
    if (h->kept_count < KEPT_PAGES_MAX) {
        h->kept[h->kept_count++] = p;
        kept = true;
    }
    pthread_mutex_unlock(&h->lock);
    return kept;
}

void *xencall_alloc_buffer_pages(struct xencall_handle *xcall, size_t nr_pages)
{
    if (nr_pages == 0 || nr_pages > SIZE_MAX / BUFFER_PAGE) {
        errno = EINVAL;
        return NULL;
    }
    if (nr_pages == 1) {
        void *p = take_kept(xcall);
        if (p) {
            return memset(p, 0, BUFFER_PAGE);
        }
    }
    return map_pages(xcall, nr_pages);
}

void xencall_free_buffer_pages(struct xencall_handle *xcall, void *p, size_t nr_pages)
{
    if (!p || (nr_pages == 1 && keep(xcall, p))) {
        return;
    }
    int saved = errno;
    munmap(p, nr_pages * BUFFER_PAGE);
    errno = saved;
}

void *xencall_alloc_buffer(struct xencall_handle *xcall, size_t size)
{
    if (size > SIZE_MAX - HEADER_SIZE - BUFFER_PAGE) {
        errno = EINVAL;
        return NULL;
    }
    size_t pages = (size + HEADER_SIZE + BUFFER_PAGE - 1) / BUFFER_PAGE;
    char *p = xencall_alloc_buffer_pages(xcall, pages);
    if (!p) {
        return NULL;
    }
    memcpy(p, &pages, sizeof(pages));
    return p + HEADER_SIZE;
}

void xencall_free_buffer(struct xencall_handle *xcall, void *p)
{
    if (!p) {
        return;
    }
    char *start = (char *)p - HEADER_SIZE;
    size_t pages;
    memcpy(&pages, start, sizeof(pages));
    xencall_free_buffer_pages(xcall, start, pages);
}

int xencall_buffers_never_fault(struct xencall_handle *xcall)
{
    return xcall->buffer_fd >= 0;
}
