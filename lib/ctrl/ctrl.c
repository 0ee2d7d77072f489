/* SPDX-License-Identifier: MIT */
/* The control handle, bounce buffers and the four multiplexed hypercalls: see ctrl.h and internal.h. */
#include "lib/ctrl/ctrl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ctrl/internal.h"
#include "lib/foreignmemory/xenforeignmemory.h"

#define BUFFER_PAGE 4096UL

int ctrl_open(struct err *e, struct ctrl **c)
{
    struct ctrl *new = calloc(1, sizeof(*new));
    if (!new) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    new->call = xencall_open(NULL, 0);
    if (!new->call) {
        int rc = err_errno(e, "cannot open /dev/xen/privcmd");
        err_hint(e, rc == -EACCES ? "only root may control domains"
                                  : "is this the control domain, and is the module xen-privcmd loaded?");
        ctrl_close(new);
        return rc;
    }
    *c = new;
    return 0;
}

void ctrl_close(struct ctrl *c)
{
    if (c) {
        xenforeignmemory_close(c->foreign);
        xencall_close(c->call);
        free(c);
    }
}

struct xencall_handle *ctrl_call(struct ctrl *c)
{
    return c->call;
}

/* Most commands map nothing: it is opened by the first that does. */
struct xenforeignmemory_handle *ctrl_foreignmemory(struct ctrl *c)
{
    if (!c->foreign) {
        c->foreign = xenforeignmemory_open(NULL, 0);
    }
    return c->foreign;
}

int bounce_begin(struct ctrl *c, struct bounce *b)
{
    b->p = NULL;
    if (!b->user || b->size == 0) {
        return 0;
    }
    b->pages = (b->size + BUFFER_PAGE - 1) / BUFFER_PAGE;
    b->p = xencall_alloc_buffer_pages(c->call, b->pages);
    if (!b->p) {
        return -ENOMEM;
    }
    if (b->direction & BOUNCE_IN) {
        memcpy(b->p, b->user, b->size);
    }
    return 0;
}

void bounce_end(struct ctrl *c, struct bounce *b, int rc)
{
    if (b->p && rc >= 0 && (b->direction & BOUNCE_OUT)) {
        memcpy(b->user, b->p, b->size);
    }
    xencall_free_buffer_pages(c->call, b->p, b->pages);
    b->p = NULL;
}

int ctrl_hypercall(struct ctrl *c, unsigned int op, uint64_t a, uint64_t b, uint64_t c3, uint64_t d)
{
    int rc = xencall4(c->call, op, a, b, c3, d);
    return rc < 0 ? -errno : rc;
}

int ctrl_hypercall_struct(struct ctrl *c, unsigned int op, unsigned int cmd, void *arg, size_t size)
{
    struct bounce b = BOUNCE(arg, size, BOUNCE_IN | BOUNCE_OUT);
    int rc = bounce_begin(c, &b);
    bool made = rc == 0;
    if (made) {
        rc = ctrl_hypercall(c, op, cmd, (uintptr_t)b.p, 0, 0);
    }
    bounce_end(c, &b, made ? 0 : rc);
    return rc;
}

/* The hypercalls whose one argument begins with a command. */
static int control(struct ctrl *c, unsigned int op, void *arg, size_t size)
{
    struct bounce b = BOUNCE(arg, size, BOUNCE_IN | BOUNCE_OUT);
    int rc = bounce_begin(c, &b);
    bool made = rc == 0;
    if (made) {
        rc = ctrl_hypercall(c, op, (uintptr_t)b.p, 0, 0, 0);
    }
    bounce_end(c, &b, made ? 0 : rc);
    return rc;
}

int ctrl_domctl(struct ctrl *c, struct xen_domctl *op)
{
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return control(c, __HYPERVISOR_domctl, op, sizeof(*op));
}

int ctrl_sysctl(struct ctrl *c, struct xen_sysctl *op)
{
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return control(c, __HYPERVISOR_sysctl, op, sizeof(*op));
}

int ctrl_platform_op(struct ctrl *c, struct xen_platform_op *op)
{
    op->interface_version = XENPF_INTERFACE_VERSION;
    return control(c, __HYPERVISOR_platform_op, op, sizeof(*op));
}

int ctrl_domctl_plain(struct ctrl *c, uint32_t cmd, domid_t domid)
{
    struct xen_domctl op = { .cmd = cmd, .domain = domid };
    return ctrl_domctl(c, &op);
}

long ctrl_memory_op(struct ctrl *c, unsigned int cmd, void *arg, size_t size)
{
    struct bounce b = BOUNCE(arg, size, BOUNCE_IN | BOUNCE_OUT);
    long rc = bounce_begin(c, &b);
    bool made = rc == 0;
    if (made) {
        rc = xencall2L(c->call, __HYPERVISOR_memory_op, cmd, (uintptr_t)b.p);
        rc = rc < 0 ? -errno : rc;
    }
    bounce_end(c, &b, made ? 0 : (int)rc);
    return rc;
}
