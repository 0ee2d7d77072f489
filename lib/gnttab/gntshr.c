/* SPDX-License-Identifier: MIT */
/*
 * Granting our own pages through /dev/xen/gntalloc: see xengnttab.h. The kernel's index of an allocation is
 * dropped as soon as the pages are mapped: they live until they are unmapped here and by the other side.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/linux/devices.h"
#include "lib/gnttab/handle.h"
#include "lib/gnttab/xengnttab.h"

struct xengntdev_handle *xengntshr_open(struct xentoollog_logger *logger, unsigned int open_flags)
{
    (void)logger;
    (void)open_flags;
    return gntdev_open("/dev/xen/gntalloc");
}

int xengntshr_close(struct xengntdev_handle *xgs)
{
    return gntdev_close(xgs);
}

int xengntshr_fd(struct xengntdev_handle *xgs)
{
    return xgs->fd;
}

static int set_notify(struct xengntdev_handle *h, uint64_t index, uint32_t offset, evtchn_port_t port)
{
    struct ioctl_gntalloc_unmap_notify arg = { .index = index };
    if (offset != UINT32_MAX) {
        arg.index += offset;
        arg.action |= UNMAP_NOTIFY_CLEAR_BYTE;
    }
    if (port != UINT32_MAX) {
        arg.event_channel_port = port;
        arg.action |= UNMAP_NOTIFY_SEND_EVENT;
    }
    return arg.action ? ioctl(h->fd, IOCTL_GNTALLOC_SET_UNMAP_NOTIFY, &arg) : 0;
}

static void drop_index(struct xengntdev_handle *h, uint64_t index, uint32_t count)
{
    struct ioctl_gntalloc_dealloc_gref arg = { .index = index, .count = count };
    int saved = errno;
    ioctl(h->fd, IOCTL_GNTALLOC_DEALLOC_GREF, &arg);
    errno = saved;
}

static void *map_index(struct xengntdev_handle *h, uint64_t index, uint32_t count, uint32_t offset,
                       evtchn_port_t port)
{
    size_t size = count * GNTDEV_PAGE;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, h->fd, (off_t)index);
    if (p == MAP_FAILED) {
        return NULL;
    }
    if (set_notify(h, index, offset, port) != 0) {
        int saved = errno;
        munmap(p, size);
        errno = saved;
        return NULL;
    }
    return p;
}

static void *share(struct xengntdev_handle *h, uint32_t domid, uint32_t count, uint32_t *refs, int writable,
                   uint32_t offset, evtchn_port_t port)
{
    if (count == 0 || count > GNTDEV_COUNT_MAX) {
        errno = EINVAL;
        return NULL;
    }
    struct ioctl_gntalloc_alloc_gref *arg = calloc(1, sizeof(*arg) + (count - 1) * sizeof(arg->gref_ids[0]));
    if (!arg) {
        return NULL;
    }
    arg->domid = domid;
    arg->flags = writable ? GNTALLOC_FLAG_WRITABLE : 0;
    arg->count = count;
    void *p = NULL;
    if (ioctl(h->fd, IOCTL_GNTALLOC_ALLOC_GREF, arg) == 0) {
        p = map_index(h, arg->index, count, offset, port);
        drop_index(h, arg->index, count);
    }
    if (p) {
        uint32_t *ids = arg->gref_ids;
        memcpy(refs, ids, count * sizeof(*ids));
    }
    int saved = errno;
    free(arg);
    errno = saved;
    return p;
}

void *xengntshr_share_pages(struct xengntdev_handle *xgs, uint32_t domid, int count, uint32_t *refs,
                            int writable)
{
    return share(xgs, domid, count < 0 ? 0 : count, refs, writable, UINT32_MAX, UINT32_MAX);
}

void *xengntshr_share_page_notify(struct xengntdev_handle *xgs, uint32_t domid, uint32_t *ref, int writable,
                                  uint32_t notify_offset, evtchn_port_t notify_port)
{
    return share(xgs, domid, 1, ref, writable, notify_offset, notify_port);
}

int xengntshr_unshare(struct xengntdev_handle *xgs, void *start_address, uint32_t count)
{
    (void)xgs;
    return munmap(start_address, count * GNTDEV_PAGE);
}
