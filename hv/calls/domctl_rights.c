/* SPDX-License-Identifier: MIT */
/*
 * Domctl handlers that give a domain access to the machine: interrupts, device memory, I/O ports. See
 * domctl.h. A caller can pass on only what its own domain has.
 */
#include "hv/calls/domctl.h"
#include "hv/core/arch_guest.h"
#include "hv/core/rights.h"
#include "hv/core/vcpu.h"

#define MFN_BITS_MAX   (52 - PAGE_SHIFT)

static int grant_or_deny(struct domain *d, enum right what, uint64_t first, uint64_t last,
                         bool allow)
{
    if (!rights_has(current_domain(), what, first, last)) {
        return -EPERM;
    }
    return allow ? rights_permit(d, what, first, last) : rights_deny(d, what, first, last);
}

/* The last of count numbers from first; false when there are none or they do not fit in bits. */
static bool last_of(uint64_t first, uint64_t count, unsigned int bits, uint64_t *last)
{
    return count != 0 && !add_overflows(first, count - 1, last) && *last >> bits == 0;
}

int domctl_irq_permission(struct xen_domctl *op, struct domain *d)
{
    uint32_t irq = op->u.irq_permission.pirq;

    if (irq >= arch_pirq_count(current_domain())) {
        return -EINVAL;
    }
    return grant_or_deny(d, RIGHT_IRQ, irq, irq, op->u.irq_permission.allow_access != 0);
}

int domctl_iomem_permission(struct xen_domctl *op, struct domain *d)
{
    const struct xen_domctl_iomem_permission *p = &op->u.iomem_permission;
    uint64_t last;

    if (!last_of(p->first_mfn, p->nr_mfns, MFN_BITS_MAX, &last)) {
        return -EINVAL;
    }
    return grant_or_deny(d, RIGHT_MEMORY, p->first_mfn, last, p->allow_access != 0);
}

int domctl_ioport_permission(struct xen_domctl *op, struct domain *d)
{
    const struct xen_domctl_ioport_permission *p = &op->u.ioport_permission;
    uint64_t last;

    if (!last_of(p->first_port, p->nr_ports, 16, &last)) {
        return -EINVAL;
    }
    return grant_or_deny(d, RIGHT_IOPORT, p->first_port, last, p->allow_access != 0);
}

/* A PV guest maps what it may by itself, so there is nothing to do but say whether it may. */
int domctl_memory_mapping(struct xen_domctl *op, struct domain *d)
{
    const struct xen_domctl_memory_mapping *m = &op->u.memory_mapping;
    uint64_t last_mfn;
    uint64_t last_gfn;

    if (!last_of(m->first_mfn, m->nr_mfns, MFN_BITS_MAX, &last_mfn) ||
        !last_of(m->first_gfn, m->nr_mfns, MFN_BITS_MAX, &last_gfn)) {
        return -EINVAL;
    }
    if (!rights_has(current_domain(), RIGHT_MEMORY, m->first_mfn, last_mfn) ||
        !rights_has(d, RIGHT_MEMORY, m->first_mfn, last_mfn)) {
        return -EPERM;
    }
    return d->is_translated ? -EOPNOTSUPP : 0;
}
