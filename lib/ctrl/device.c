/* SPDX-License-Identifier: MIT */
/* A domain's rights over the machine's ports, memory and interrupts, and devices assigned to it. */
#include <errno.h>

#include "lib/ctrl/internal.h"

int ctrl_ioport_permission(struct ctrl *c, domid_t domid, uint32_t first, uint32_t count, bool allow)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_ioport_permission, .domain = domid };
    op.u.ioport_permission.first_port = first;
    op.u.ioport_permission.nr_ports = count;
    op.u.ioport_permission.allow_access = allow;
    return ctrl_domctl(c, &op);
}

int ctrl_iomem_permission(struct ctrl *c, domid_t domid, uint64_t first_mfn, uint64_t count, bool allow)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_iomem_permission, .domain = domid };
    op.u.iomem_permission.first_mfn = first_mfn;
    op.u.iomem_permission.nr_mfns = count;
    op.u.iomem_permission.allow_access = allow;
    return ctrl_domctl(c, &op);
}

int ctrl_irq_permission(struct ctrl *c, domid_t domid, uint32_t pirq, bool allow)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_irq_permission, .domain = domid };
    op.u.irq_permission.pirq = pirq;
    op.u.irq_permission.allow_access = allow;
    return ctrl_domctl(c, &op);
}

int ctrl_memory_mapping(struct ctrl *c, domid_t domid, uint64_t gfn, uint64_t mfn, uint64_t count, bool add)
{
    /*
     * The hypervisor does at most a number of frames it knows a call: -E2BIG asks for fewer, a count says how
     * many.
     */
    uint64_t step = count;
    for (uint64_t done = 0; done < count;) {
        struct xen_domctl op = { .cmd = XEN_DOMCTL_memory_mapping, .domain = domid };
        step = step < count - done ? step : count - done;
        op.u.memory_mapping.first_gfn = gfn + done;
        op.u.memory_mapping.first_mfn = mfn + done;
        op.u.memory_mapping.nr_mfns = step;
        op.u.memory_mapping.add_mapping = add ? DPCI_ADD_MAPPING : DPCI_REMOVE_MAPPING;
        int rc = ctrl_domctl(c, &op);
        if (rc == -E2BIG && step > 1) {
            step /= 2;
            continue;
        }
        if (rc < 0) {
            return rc;
        }
        done += rc > 0 ? (uint64_t)rc : step;
    }
    return 0;
}

static int assign(struct ctrl *c, domid_t domid, uint32_t cmd, uint32_t sbdf, uint32_t flags)
{
    struct xen_domctl op = { .cmd = cmd, .domain = domid };
    op.u.assign_device.dev = XEN_DOMCTL_DEV_PCI;
    op.u.assign_device.flags = flags;
    op.u.assign_device.u.pci.machine_sbdf = sbdf;
    return ctrl_domctl(c, &op);
}

int ctrl_device_assign(struct ctrl *c, domid_t domid, uint32_t sbdf, uint32_t flags)
{
    return assign(c, domid, XEN_DOMCTL_assign_device, sbdf, flags);
}

int ctrl_device_assign_test(struct ctrl *c, domid_t domid, uint32_t sbdf)
{
    return assign(c, domid, XEN_DOMCTL_test_assign_device, sbdf, 0);
}

int ctrl_device_deassign(struct ctrl *c, domid_t domid, uint32_t sbdf)
{
    return assign(c, domid, XEN_DOMCTL_deassign_device, sbdf, 0);
}

int ctrl_pirq_map(struct ctrl *c, domid_t domid, int gsi, int *pirq)
{
    struct physdev_map_pirq arg = { .domid = domid, .type = MAP_PIRQ_TYPE_GSI, .index = gsi, .pirq = *pirq };
    int rc = ctrl_hypercall_struct(c, __HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &arg, sizeof(arg));
    if (rc == 0) {
        *pirq = arg.pirq;
    }
    return rc;
}

int ctrl_pirq_unmap(struct ctrl *c, domid_t domid, int pirq)
{
    struct physdev_unmap_pirq arg = { .domid = domid, .pirq = pirq };
    return ctrl_hypercall_struct(c, __HYPERVISOR_physdev_op, PHYSDEVOP_unmap_pirq, &arg, sizeof(arg));
}
