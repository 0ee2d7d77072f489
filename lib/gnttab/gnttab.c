/* SPDX-License-Identifier: MIT */
/*
 * Mapping and copying by grant reference through /dev/xen/gntdev: see xengnttab.h; granting is in gntshr.c.
 */
#include "lib/gnttab/xengnttab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/linux/devices.h"
#include "lib/gnttab/handle.h"

struct xengntdev_handle *gntdev_open(const char *path)
{
    struct xengntdev_handle *h = malloc(sizeof(*h));
    if (!h) {
        return NULL;
    }
    h->fd = open(path, O_RDWR | O_CLOEXEC);
    if (h->fd < 0) {
        free(h);
        return NULL;
    }
    return h;
}

int gntdev_close(struct xengntdev_handle *h)
{
    if (!h) {
        return 0;
    }
    int rc = close(h->fd);
    free(h);
    return rc;
}

struct xengntdev_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned int open_flags)
{
    (void)logger;
    (void)open_flags;
    return gntdev_open("/dev/xen/gntdev");
}

int xengnttab_close(struct xengntdev_handle *xgt)
{
    return gntdev_close(xgt);
}

int xengnttab_fd(struct xengntdev_handle *xgt)
{
    return xgt->fd;
}

static void forget(struct xengntdev_handle *h, uint64_t index, uint32_t count)
{
    struct ioctl_gntdev_unmap_grant_ref arg = { .index = index, .count = count };
    int saved = errno;
    ioctl(h->fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, &arg);
    errno = saved;
}

static int set_notify(struct xengntdev_handle *h, uint64_t index, uint32_t offset, evtchn_port_t port)
{
    struct ioctl_gntdev_unmap_notify arg = { .index = index };
    if (offset != UINT32_MAX) {
        arg.index += offset;
        arg.action |= UNMAP_NOTIFY_CLEAR_BYTE;
    }
    if (port != UINT32_MAX) {
        arg.event_channel_port = port;
        arg.action |= UNMAP_NOTIFY_SEND_EVENT;
    }
    return arg.action ? ioctl(h->fd, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &arg) : 0;
}

/* The owner's page may be paged out: the kernel says EAGAIN until it is back. */
static void *map_index(struct xengntdev_handle *h, uint32_t count, int prot, uint64_t index)
{
    for (int tries = 0;; tries++) {
        void *p = mmap(NULL, (size_t)count * GNTDEV_PAGE, prot, MAP_SHARED, h->fd, (off_t)index);
        if (p != MAP_FAILED) {
            return p;
        }
        if (errno != EAGAIN || tries == 1000) {
            return NULL;
        }
        usleep(1000);
    }
}

/* domids has `count` entries, or one for all. */
static void *map_refs(struct xengntdev_handle *h, uint32_t count, const uint32_t *domids, bool one_domain,
                      const uint32_t *refs, int prot, uint32_t offset, evtchn_port_t port)
{
    if (count == 0 || count > GNTDEV_COUNT_MAX) {
        errno = EINVAL;
        return NULL;
    }
    struct ioctl_gntdev_map_grant_ref *map = calloc(1, sizeof(*map) + (count - 1) * sizeof(map->refs[0]));
    if (!map) {
        return NULL;
    }
    struct ioctl_gntdev_grant_ref *entry = map->refs;
    for (uint32_t i = 0; i < count; i++) {
        entry[i].domid = domids[one_domain ? 0 : i];
        entry[i].ref = refs[i];
    }
    map->count = count;
    void *p = NULL;
    if (ioctl(h->fd, IOCTL_GNTDEV_MAP_GRANT_REF, map) == 0) {
        if (set_notify(h, map->index, offset, port) == 0) {
            p = map_index(h, count, prot, map->index);
        }
        if (!p) {
            forget(h, map->index, count);
        }
    }
    int saved = errno;
    free(map);
    errno = saved;
    return p;
}

void *xengnttab_map_grant_refs(struct xengntdev_handle *xgt, uint32_t count, uint32_t *domids, uint32_t *refs,
                               int prot)
{
    return map_refs(xgt, count, domids, false, refs, prot, UINT32_MAX, UINT32_MAX);
}

void *xengnttab_map_domain_grant_refs(struct xengntdev_handle *xgt, uint32_t count, uint32_t domid,
                                      uint32_t *refs, int prot)
{
    return map_refs(xgt, count, &domid, true, refs, prot, UINT32_MAX, UINT32_MAX);
}

void *xengnttab_map_grant_ref(struct xengntdev_handle *xgt, uint32_t domid, uint32_t ref, int prot)
{
    return map_refs(xgt, 1, &domid, true, &ref, prot, UINT32_MAX, UINT32_MAX);
}

void *xengnttab_map_grant_ref_notify(struct xengntdev_handle *xgt, uint32_t domid, uint32_t ref, int prot,
                                     uint32_t notify_offset, evtchn_port_t notify_port)
{
    return map_refs(xgt, 1, &domid, true, &ref, prot, notify_offset, notify_port);
}

int xengnttab_unmap(struct xengntdev_handle *xgt, void *start_address, uint32_t count)
{
    struct ioctl_gntdev_get_offset_for_vaddr where = { .vaddr = (uintptr_t)start_address };
    if (ioctl(xgt->fd, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, &where) != 0) {
        return -1;
    }
    if (where.count != count) {
        errno = EINVAL;
        return -1;
    }
    if (munmap(start_address, (size_t)count * GNTDEV_PAGE) != 0) {
        return -1;
    }
    struct ioctl_gntdev_unmap_grant_ref arg = { .index = where.offset, .count = count };
    return ioctl(xgt->fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, &arg);
}

int xengnttab_set_max_grants(struct xengntdev_handle *xgt, uint32_t nr_grants)
{
    (void)xgt;
    (void)nr_grants;
    return 0;
}

_Static_assert(sizeof(struct xengnttab_grant_copy_segment) == sizeof(struct gntdev_grant_copy_segment),
               "the public segment is the kernel's");

int xengnttab_grant_copy(struct xengntdev_handle *xgt, uint32_t count,
                         struct xengnttab_grant_copy_segment *segs)
{
    struct ioctl_gntdev_grant_copy arg = { .count = count, .segments = (void *)segs };
    return ioctl(xgt->fd, IOCTL_GNTDEV_GRANT_COPY, &arg);
}
