/* SPDX-License-Identifier: MIT */
/*
 * How much of a translated domain's memory is populated on demand (core/p2m.h has the marks and the cache): a toolstack
 * sets a target when it builds a guest with less memory than the guest believes in, and with every change later.
 *
 * There are P pages populated, M marked and C in the cache. Until the first page is populated the cache takes what
 * the target says; later no more than M, since the guest's balloon does the rest, and a target below P + C leaves
 * it all to the balloon.
 */
#include "abi/memory.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/calls/hypercall.h"
#include "hv/core/rights.h"

static int set_target(struct domain *d, uint64_t target)
{
    const struct p2m *p = d->p2m;
    uint64_t total = READ_ONCE(d->memory.total);
    uint64_t populated = total - MIN(READ_ONCE(p->cache_count), total);
    uint64_t wanted = target - MIN(populated, target);

    if (target > d->memory.max) {
        return -EINVAL;
    }
    if ((populated > 0 && READ_ONCE(p->on_demand) == 0) || target < total) {
        return 0;
    }
    return p2m_cache_resize(d, populated > 0 ? MIN(wanted, READ_ONCE(p->on_demand)) : wanted);
}

long hvm_pod_target(unsigned int cmd, guest_ptr_t arg)
{
    struct xen_pod_target t;
    struct domain *d;
    long rc = 0;

    if (!rights_is_control(current_domain())) {
        return -EPERM;
    }
    if (copy_from_guest(&t, arg, sizeof(t)) != 0) {
        return -EFAULT;
    }
    d = domain_get_or_self(t.domid);
    if (d == NULL) {
        return -ESRCH;
    }
    if (!d->is_hvm) {
        rc = -EINVAL;
    } else if (cmd == XENMEM_set_pod_target) {
        rc = set_target(d, t.target_pages);
    }
    if (rc == 0) {
        t.tot_pages = d->memory.total;
        t.pod_cache_pages = d->p2m->cache_count;
        t.pod_entries = d->p2m->on_demand;
        rc = copy_to_guest(arg, &t, sizeof(t));
    }
    domain_put(d);
    return rc == -ERESTART ? hypercall_continue(__HYPERVISOR_memory_op, 2, (unsigned long)cmd, (unsigned long)arg.va)
                           : rc;
}
