/* SPDX-License-Identifier: MIT */
/*
 * Rings, event channels and the list of domains, through the kernel's device nodes. A domain's ring page is had by
 * its reserved grant; a domain whose builder made no grant is mapped by frame.
 */
#include "cmd/xenstored/hw_xen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/grant_table.h"
#include "abi/sched.h"
#include "cmd/xenstored/domain.h"
#include "cmd/xenstored/loop.h"
#include "cmd/xenstored/ring.h"
#include "cmd/xenstored/trace.h"
#include "lib/ctrl/ctrl.h"
#include "lib/evtchn/xenevtchn.h"
#include "lib/foreignmemory/xenforeignmemory.h"
#include "lib/gnttab/xengnttab.h"

#define PAGE 4096

static struct xenevtchn_handle *evtchn;
static struct xengntdev_handle *gnttab;
static struct xenforeignmemory_handle *memory;
static struct ctrl *ctrl;
static struct loop_source source;
static int virq_port = -1;

static struct xenstore_domain_interface *xen_map(uint16_t domid, uint64_t frame)
{
    xen_pfn_t pfn = frame;
    void *page = xengnttab_map_grant_ref(gnttab, domid, GNTTAB_RESERVED_XENSTORE, PROT_READ | PROT_WRITE);

    if (page == NULL && frame != 0) {
        page = xenforeignmemory_map(memory, domid, PROT_READ | PROT_WRITE, 1, &pfn, NULL);
    }
    return page;
}

static void xen_unmap(uint16_t domid, struct xenstore_domain_interface *page)
{
    if (domid == 0) {
        munmap(page, PAGE);
    } else if (xengnttab_unmap(gnttab, page, 1) != 0) {
        xenforeignmemory_unmap(memory, page, 1);
    }
}

static struct xenstore_domain_interface *xen_map_own(uint32_t *port)
{
    char text[16] = "";
    int fd = open("/proc/xen/xsd_port", O_RDONLY | O_CLOEXEC);

    if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0) {
        trace_warn("cannot read /proc/xen/xsd_port; is xenfs mounted?");
        return NULL;
    }
    close(fd);
    *port = strtoul(text, NULL, 10);
    fd = open("/proc/xen/xsd_kva", O_RDWR | O_CLOEXEC);
    void *page = fd >= 0 ? mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (fd >= 0) {
        close(fd);
    }
    return page != MAP_FAILED ? page : NULL;
}

static int xen_bind(uint16_t domid, uint32_t remote_port)
{
    return xenevtchn_bind_interdomain(evtchn, domid, remote_port);
}

static void xen_unbind(uint32_t port)
{
    xenevtchn_unbind(evtchn, port);
}

static void xen_notify(uint32_t port)
{
    xenevtchn_notify(evtchn, port);
}

static int xen_domains(uint16_t first, struct hw_domain *list, unsigned int max)
{
    struct xen_domctl_getdomaininfo info[64];
    int n = ctrl_domain_list(ctrl, first, max < 64 ? max : 64, info);

    for (int i = 0; i < n; i++) {
        list[i].domid = info[i].domain;
        list[i].state = (info[i].flags & XEN_DOMINF_dying) != 0      ? HW_GONE
                        : (info[i].flags & XEN_DOMINF_shutdown) != 0 ? HW_SHUT_DOWN
                                                                     : HW_ALIVE;
    }
    return n;
}

static const struct hw xen = { xen_map, xen_unmap, xen_map_own, xen_bind, xen_unbind, xen_notify, xen_domains };

static void events_ready(struct loop_source *s, uint32_t events)
{
    int port = xenevtchn_pending(evtchn);

    if (port < 0) {
        return;
    }
    if (port == virq_port) {
        domain_check();
    } else {
        ring_event(port);
    }
    xenevtchn_unmask(evtchn, port);
}

int hw_xen_open(struct err *e)
{
    int rc = ctrl_open(e, &ctrl);
    if (rc != 0) {
        return rc;
    }
    evtchn = xenevtchn_open(NULL, 0);
    gnttab = xengnttab_open(NULL, 0);
    memory = xenforeignmemory_open(NULL, 0);
    if (evtchn == NULL || gnttab == NULL || memory == NULL) {
        return err_errno(e, "cannot open the device nodes in /dev/xen");
    }
    virq_port = xenevtchn_bind_virq(evtchn, VIRQ_DOM_EXC);
    if (virq_port < 0) {
        return err_errno(e, "cannot get the event that tells of dying domains");
    }
    int fd = xenevtchn_fd(evtchn);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    source.ready = events_ready;
    hw = &xen;
    rc = loop_add(&source, fd, EPOLLIN);
    return rc == 0 ? 0 : err_set(e, rc, "cannot wait for events");
}
