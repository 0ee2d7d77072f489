/* SPDX-License-Identifier: MIT */
/*
 * Domctl handlers for a domain as a whole: birth, life, end, and its properties. See domctl.h.
 *
 * An operation that stops the domain to work on it is refused on the caller's own domain.
 */
#include "hv/calls/ctl_bitmap.h"
#include "hv/calls/domctl.h"
#include "hv/core/arch_guest.h"
#include "hv/core/evtchn.h"
#include "hv/core/sched.h"
#include "hv/core/wallclock.h"
#include "hv/lib/string.h"

int domctl_createdomain(struct xen_domctl *op, struct domain *d)
{
    domid_t id = op->domain;
    int rc;

    if (id == 0 || id >= DOMID_FIRST_RESERVED) {
        id = DOMID_INVALID;
    }
    if (op->u.createdomain.cpupool_id != 0) {
        return -EINVAL;
    }
    rc = domain_create(id, &op->u.createdomain, false, &d);
    if (rc == 0) {
        op->domain = d->id;
        op->u.createdomain = d->config;
    }
    return rc;
}

int domctl_destroydomain(struct xen_domctl *op, struct domain *d)
{
    return d == current_domain() ? -EINVAL : domain_kill(d);
}

int domctl_pausedomain(struct xen_domctl *op, struct domain *d)
{
    return d == current_domain() ? -EINVAL : domain_pause_by_controller(d);
}

int domctl_unpausedomain(struct xen_domctl *op, struct domain *d)
{
    return domain_unpause_by_controller(d);
}

int domctl_resumedomain(struct xen_domctl *op, struct domain *d)
{
    if (d == current_domain()) {
        return -EINVAL;
    }
    domain_resume(d);
    return 0;
}

int domctl_getdomaininfo(struct xen_domctl *op, struct domain *d)
{
    memset(&op->u, 0, sizeof(op->u));
    domain_get_info(d, &op->u.getdomaininfo);
    op->domain = op->u.getdomaininfo.domain;
    return 0;
}

int domctl_max_mem(struct xen_domctl *op, struct domain *d)
{
    uint64_t pages = op->u.max_mem.max_memkb >> (PAGE_SHIFT - 10);

    /* Below what it has now is fine: it can grow no more. */
    spin_lock(&d->memory.lock);
    d->memory.max = MIN(pages, (uint64_t)UINT32_MAX);
    spin_unlock(&d->memory.lock);
    return 0;
}

int domctl_setdomainhandle(struct xen_domctl *op, struct domain *d)
{
    spin_lock(&d->lock);
    memcpy(d->handle, op->u.setdomainhandle.handle, sizeof(d->handle));
    spin_unlock(&d->lock);
    return 0;
}

int domctl_setdebugging(struct xen_domctl *op, struct domain *d)
{
    if (d == current_domain()) {
        return -EINVAL;
    }
    domain_pause(d);
    d->debugger_attached = op->u.setdebugging.enable != 0;
    domain_unpause(d);
    return 0;
}

int domctl_settimeoffset(struct xen_domctl *op, struct domain *d)
{
    d->time_offset_seconds = op->u.settimeoffset.time_offset_seconds;
    wallclock_update(d);
    return 0;
}

int domctl_subscribe(struct xen_domctl *op, struct domain *d)
{
    spin_lock(&d->lock);
    d->suspend_evtchn = op->u.subscribe.port;
    d->suspend_evtchn_set = true;
    spin_unlock(&d->lock);
    return 0;
}

int domctl_set_target(struct xen_domctl *op, struct domain *d)
{
    struct domain *target = domain_get(op->u.set_target.target);
    int rc = 0;

    if (target == NULL) {
        return -ESRCH;
    }
    spin_lock(&d->lock);
    if (target == d || d->target != NULL) {
        rc = -EINVAL;
    } else {
        d->target = target; /* the reference goes with it */
    }
    spin_unlock(&d->lock);
    if (rc != 0) {
        domain_put(target);
    }
    return rc;
}

int domctl_set_virq_handler(struct xen_domctl *op, struct domain *d)
{
    return evtchn_set_global_handler(d, op->u.set_virq_handler.virq);
}

/* ---- NUMA ----------------------------------------------------------------------------------- */

static uint64_t machine_nodes(void)
{
    uint64_t nodes = 0;
    unsigned int cpu;

    cpumask_for_each(cpu, &arch_cpus_online) {
        uint32_t core;
        uint32_t socket;
        uint32_t node;

        arch_cpu_topology(cpu, &core, &socket, &node);
        if (node < 64) {
            nodes |= 1ULL << node;
        }
    }
    return nodes != 0 ? nodes : 1;
}

int domctl_setnodeaffinity(struct xen_domctl *op, struct domain *d)
{
    unsigned long nodes;
    int rc = ctl_bitmap_read(&nodes, 64, &op->u.nodeaffinity.nodemap);

    if (rc != 0) {
        return rc;
    }
    if ((nodes & machine_nodes()) == 0) {
        return -EINVAL;
    }
    d->node_affinity = nodes;
    return 0;
}

int domctl_getnodeaffinity(struct xen_domctl *op, struct domain *d)
{
    unsigned long nodes = d->node_affinity != 0 ? d->node_affinity : machine_nodes();

    return ctl_bitmap_write(&op->u.nodeaffinity.nodemap, &nodes, 64);
}

/* Checked as it would be if it were kept; virtual NUMA is not offered. */
int domctl_setvnumainfo(struct xen_domctl *op, struct domain *d)
{
    const struct xen_domctl_vnuma *info = &op->u.vnuma;

    if (info->nr_vnodes == 0 || info->nr_vcpus != d->max_vcpus || info->pad != 0) {
        return -EINVAL;
    }
    return -EOPNOTSUPP;
}

/* ---- Scheduling ----------------------------------------------------------------------------- */

int domctl_scheduler_op(struct xen_domctl *op, struct domain *d)
{
    return sched_adjust(d, &op->u.scheduler_op);
}
