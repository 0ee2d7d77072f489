/* SPDX-License-Identifier: MIT */
/*
 * The domctl hypercall: a table with a row for each operation, and what all of them share: copy in,
 * interface version, the target domain, permission, one at a time, copy back.
 *
 * A row without a handler is an operation this hypervisor knows and does not offer; its error is in the
 * row. Commands not listed go to the architecture, whose last word for an unknown one is -ENOSYS.
 *
 * Lock: domctl_lock (LOCK_DOMAIN_CONTROL). Who finds it taken does not wait but is run again later, since
 * the holder may be waiting for the caller's own vcpu to stop.
 */
#include "hv/calls/domctl.h"

#include "hv/calls/hypercall.h"
#include "hv/core/arch_guest.h"
#include "hv/core/rights.h"

enum domctl_flags {
    DOMCTL_COPY_BACK = 1,  /* the operation is written back after success */
    DOMCTL_NO_DOMAIN = 2,  /* op->domain is not a target to be found */
    DOMCTL_MAY_INVALID = 4, /* DOMID_INVALID means no target */
    DOMCTL_OR_NEXT = 8     /* the first domain with this id or a higher one */
};

struct domctl_row {
    domctl_fn fn;
    int refusal; /* when fn is NULL and this is not 0 */
    unsigned int flags;
};

static const struct domctl_row rows[] = {
    [XEN_DOMCTL_createdomain] = { domctl_createdomain, 0, DOMCTL_NO_DOMAIN | DOMCTL_COPY_BACK },
    [XEN_DOMCTL_destroydomain] = { domctl_destroydomain, 0, 0 },
    [XEN_DOMCTL_pausedomain] = { domctl_pausedomain, 0, 0 },
    [XEN_DOMCTL_unpausedomain] = { domctl_unpausedomain, 0, 0 },
    [XEN_DOMCTL_getdomaininfo] = { domctl_getdomaininfo, 0, DOMCTL_COPY_BACK | DOMCTL_OR_NEXT },
    [XEN_DOMCTL_setvcpuaffinity] = { domctl_setvcpuaffinity, 0, 0 },
    [XEN_DOMCTL_max_mem] = { domctl_max_mem, 0, 0 },
    [XEN_DOMCTL_setvcpucontext] = { domctl_setvcpucontext, 0, 0 },
    [XEN_DOMCTL_getvcpucontext] = { domctl_getvcpucontext, 0, DOMCTL_COPY_BACK },
    [XEN_DOMCTL_getvcpuinfo] = { domctl_getvcpuinfo, 0, DOMCTL_COPY_BACK },
    [XEN_DOMCTL_max_vcpus] = { domctl_max_vcpus, 0, 0 },
    [XEN_DOMCTL_scheduler_op] = { domctl_scheduler_op, 0, DOMCTL_COPY_BACK },
    [XEN_DOMCTL_setdomainhandle] = { domctl_setdomainhandle, 0, 0 },
    [XEN_DOMCTL_setdebugging] = { domctl_setdebugging, 0, 0 },
    [XEN_DOMCTL_irq_permission] = { domctl_irq_permission, 0, 0 },
    [XEN_DOMCTL_iomem_permission] = { domctl_iomem_permission, 0, 0 },
    [XEN_DOMCTL_ioport_permission] = { domctl_ioport_permission, 0, 0 },
    [XEN_DOMCTL_settimeoffset] = { domctl_settimeoffset, 0, 0 },
    [XEN_DOMCTL_getvcpuaffinity] = { domctl_getvcpuaffinity, 0, 0 },
    [XEN_DOMCTL_resumedomain] = { domctl_resumedomain, 0, 0 },
    [XEN_DOMCTL_sendtrigger] = { domctl_sendtrigger, 0, 0 },
    [XEN_DOMCTL_subscribe] = { domctl_subscribe, 0, 0 },
    [XEN_DOMCTL_memory_mapping] = { domctl_memory_mapping, 0, 0 },
    [XEN_DOMCTL_set_target] = { domctl_set_target, 0, 0 },
    [XEN_DOMCTL_set_virq_handler] = { domctl_set_virq_handler, 0, 0 },
    [XEN_DOMCTL_setnodeaffinity] = { domctl_setnodeaffinity, 0, 0 },
    [XEN_DOMCTL_getnodeaffinity] = { domctl_getnodeaffinity, 0, 0 },
    [XEN_DOMCTL_setvnumainfo] = { domctl_setvnumainfo, 0, 0 },
    /* No IOMMU: no device can be given away. */
    [XEN_DOMCTL_assign_device] = { NULL, -EOPNOTSUPP, 0 },
    [XEN_DOMCTL_test_assign_device] = { NULL, -EOPNOTSUPP, DOMCTL_MAY_INVALID },
    [XEN_DOMCTL_deassign_device] = { NULL, -EOPNOTSUPP, 0 },
    [XEN_DOMCTL_get_device_group] = { NULL, -EOPNOTSUPP, 0 },
    /* Not built. */
    [XEN_DOMCTL_vm_event_op] = { NULL, -EOPNOTSUPP, 0 },
    [XEN_DOMCTL_mem_sharing_op] = { NULL, -EOPNOTSUPP, 0 },
    [XEN_DOMCTL_set_access_required] = { NULL, -EOPNOTSUPP, 0 },
    [XEN_DOMCTL_monitor_op] = { NULL, -EOPNOTSUPP, 0 },
    [XEN_DOMCTL_soft_reset] = { NULL, -EOPNOTSUPP, 0 },
    [XEN_DOMCTL_vmtrace_op] = { NULL, -EOPNOTSUPP, 0 },
};

static struct spinlock domctl_lock = SPINLOCK_INIT(LOCK_DOMAIN_CONTROL);

static const struct domctl_row *row_of(uint32_t cmd)
{
    static const struct domctl_row arch_row;

    if (cmd >= ARRAY_SIZE(rows) || (rows[cmd].fn == NULL && rows[cmd].refusal == 0)) {
        return &arch_row;
    }
    return &rows[cmd];
}

/* The special domains of device memory and of the hypervisor's pages can be targets of no operation. */
static struct domain *target_get(const struct domctl_row *row, domid_t id, int *rc)
{
    struct domain *d;

    *rc = 0;
    if ((row->flags & DOMCTL_NO_DOMAIN) ||
        ((row->flags & DOMCTL_MAY_INVALID) && id == DOMID_INVALID)) {
        return NULL;
    }
    if (id >= DOMID_FIRST_RESERVED) {
        d = NULL;
    } else {
        d = row->flags & DOMCTL_OR_NEXT ? domain_get_from(id) : domain_get(id);
    }
    if (d == NULL) {
        *rc = -ESRCH;
    }
    return d;
}

static bool permitted(const struct domain *d)
{
    const struct domain *caller = current_domain();

    return d != NULL ? rights_may_control(caller, d) : rights_is_control(caller);
}

static int run(const struct domctl_row *row, struct xen_domctl *op, struct domain *d,
               guest_ptr_t u_op, bool *copy_back)
{
    if (row->fn != NULL) {
        *copy_back = row->flags & DOMCTL_COPY_BACK;
        return row->fn(op, d);
    }
    *copy_back = false;
    return row->refusal != 0 ? row->refusal : arch_domctl(op, d, u_op, copy_back);
}

long do_domctl(guest_ptr_t u_op)
{
    struct xen_domctl op;
    const struct domctl_row *row;
    struct domain *d;
    bool copy_back;
    int rc;

    if (copy_from_guest(&op, u_op, sizeof(op)) != 0) {
        return -EFAULT;
    }
    if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION) {
        return -EACCES;
    }
    row = row_of(op.cmd);
    d = target_get(row, op.domain, &rc);
    if (rc != 0) {
        return rc;
    }
    if (!permitted(d)) {
        rc = -EPERM;
        goto out;
    }
    if (!spin_trylock(&domctl_lock)) {
        rc = -ERESTART;
        goto out;
    }
    rc = run(row, &op, d, u_op, &copy_back);
    spin_unlock(&domctl_lock);
    if (rc >= 0 && copy_back && copy_to_guest(u_op, &op, sizeof(op)) != 0) {
        rc = -EFAULT;
    }
out:
    if (d != NULL) {
        domain_put(d);
    }
    return rc == -ERESTART ? hypercall_continue(__HYPERVISOR_domctl, 1, (unsigned long)u_op.va) : rc;
}
