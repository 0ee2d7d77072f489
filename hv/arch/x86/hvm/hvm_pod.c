/* SPDX-License-Identifier: MIT */
/*
 * How much of a translated domain's memory is populated on demand: none, so a target says only how much the guest
 * will have when its balloon has reached it. Toolstacks set one with every change of a guest's memory.
 */
#include "abi/memory.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/core/rights.h"

int hvm_pod_target(unsigned int cmd, guest_ptr_t arg)
{
    struct xen_pod_target t;
    struct domain *d;
    int rc = 0;

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
    if (!d->is_hvm || (cmd == XENMEM_set_pod_target && t.target_pages > d->memory.max)) {
        rc = -EINVAL;
    } else {
        t.tot_pages = d->memory.total;
        t.pod_cache_pages = 0;
        t.pod_entries = 0;
        rc = copy_to_guest(arg, &t, sizeof(t));
    }
    domain_put(d);
    return rc;
}
