/* SPDX-License-Identifier: MIT */
/* Control calls that only Arm has: see lib/ctrl/arm.h. */
#include "lib/ctrl/arm.h"

#include "lib/ctrl/internal.h"

#define FLUSH_PAGES 1024 /* at once: the hypervisor takes ranges up to a limit of its own */

int ctrl_guest_width_set(struct ctrl *c, domid_t domid, unsigned int bits)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_set_address_size, .domain = domid };

    op.u.address_size.size = bits;
    return ctrl_domctl(c, &op);
}

int ctrl_cache_flush(struct ctrl *c, domid_t domid, xen_pfn_t first, uint64_t count)
{
    int rc = 0;

    while (rc == 0 && count > 0) {
        struct xen_domctl op = { .cmd = XEN_DOMCTL_cacheflush, .domain = domid };
        uint64_t now = count < FLUSH_PAGES ? count : FLUSH_PAGES;

        op.u.cacheflush.start_pfn = first;
        op.u.cacheflush.nr_pfns = now;
        rc = ctrl_domctl(c, &op);
        first += now;
        count -= now;
    }
    return rc;
}

int ctrl_vuart_init(struct ctrl *c, domid_t domid, domid_t console, xen_pfn_t gfn, evtchn_port_t *port)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_vuart_op, .domain = domid };
    int rc;

    op.u.vuart_op.cmd = XEN_DOMCTL_VUART_OP_INIT;
    op.u.vuart_op.type = XEN_DOMCTL_VUART_TYPE_VPL011;
    op.u.vuart_op.gfn = gfn;
    op.u.vuart_op.console_domid = console;
    rc = ctrl_domctl(c, &op);
    if (rc == 0) {
        *port = op.u.vuart_op.evtchn;
    }
    return rc;
}
