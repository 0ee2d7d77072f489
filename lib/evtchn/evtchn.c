/* SPDX-License-Identifier: MIT */
/*
 * Event channels through /dev/xen/evtchn: see xenevtchn.h. The kernel queues fired ports; reading takes them
 * out.
 */
#include "lib/evtchn/xenevtchn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "abi/linux/devices.h"

struct xenevtchn_handle {
    int fd;
};

struct xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *logger, int fd, unsigned int open_flags)
{
    (void)logger;
    if (open_flags & ~(unsigned int)XENEVTCHN_NO_CLOEXEC) {
        errno = EINVAL;
        return NULL;
    }
    struct xenevtchn_handle *h = malloc(sizeof(*h));
    if (h) {
        h->fd = fd;
    }
    return h;
}

struct xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned int flags)
{
    int fd = open("/dev/xen/evtchn", O_RDWR | (flags & XENEVTCHN_NO_CLOEXEC ? 0 : O_CLOEXEC));
    if (fd < 0) {
        return NULL;
    }
    struct xenevtchn_handle *h = xenevtchn_fdopen(logger, fd, flags);
    if (!h) {
        int saved = errno;
        close(fd);
        errno = saved;
    }
    return h;
}

int xenevtchn_close(struct xenevtchn_handle *xce)
{
    if (!xce) {
        return 0;
    }
    int rc = close(xce->fd);
    free(xce);
    return rc;
}

int xenevtchn_fd(struct xenevtchn_handle *xce)
{
    return xce->fd;
}

int xenevtchn_notify(struct xenevtchn_handle *xce, evtchn_port_t port)
{
    struct ioctl_evtchn_notify arg = { .port = port };
    return ioctl(xce->fd, IOCTL_EVTCHN_NOTIFY, &arg);
}

xenevtchn_port_or_error_t xenevtchn_bind_unbound_port(struct xenevtchn_handle *xce, uint32_t domid)
{
    struct ioctl_evtchn_bind_unbound_port arg = { .remote_domain = domid };
    return ioctl(xce->fd, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &arg);
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(struct xenevtchn_handle *xce, uint32_t domid,
                                                     evtchn_port_t remote_port)
{
    struct ioctl_evtchn_bind_interdomain arg = { .remote_domain = domid, .remote_port = remote_port };
    return ioctl(xce->fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, &arg);
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(struct xenevtchn_handle *xce, unsigned int virq)
{
    struct ioctl_evtchn_bind_virq arg = { .virq = virq };
    return ioctl(xce->fd, IOCTL_EVTCHN_BIND_VIRQ, &arg);
}

int xenevtchn_unbind(struct xenevtchn_handle *xce, evtchn_port_t port)
{
    struct ioctl_evtchn_unbind arg = { .port = port };
    return ioctl(xce->fd, IOCTL_EVTCHN_UNBIND, &arg);
}

xenevtchn_port_or_error_t xenevtchn_pending(struct xenevtchn_handle *xce)
{
    uint32_t port;
    ssize_t got = read(xce->fd, &port, sizeof(port));
    if (got == sizeof(port)) {
        return (int)port;
    }
    if (got >= 0) {
        errno = EIO;
    }
    return -1;
}

int xenevtchn_unmask(struct xenevtchn_handle *xce, evtchn_port_t port)
{
    ssize_t put = write(xce->fd, &port, sizeof(port));
    if (put == sizeof(port)) {
        return 0;
    }
    if (put >= 0) {
        errno = EIO;
    }
    return -1;
}

int xenevtchn_restrict(struct xenevtchn_handle *xce, domid_t domid)
{
    struct ioctl_evtchn_restrict_domid arg = { .domid = domid };
    return ioctl(xce->fd, IOCTL_EVTCHN_RESTRICT_DOMID, &arg);
}
