/* SPDX-License-Identifier: MIT */
/*
 * Domctl handlers for the vcpus of a domain: creation, contexts, affinity, state, triggers. See domctl.h.
 */
#include "abi/vcpu.h"
#include "hv/calls/ctl_bitmap.h"
#include "hv/calls/domctl.h"
#include "hv/core/arch_guest.h"
#include "hv/core/sched.h"
#include "hv/lib/string.h"

/* -EINVAL for a number the domain cannot have, -ESRCH for one not created yet. */
static int find_vcpu(const struct domain *d, uint32_t id, struct vcpu **v)
{
    if (id >= d->max_vcpus) {
        return -EINVAL;
    }
    *v = vcpu_lookup(d, id);
    return *v != NULL ? 0 : -ESRCH;
}

int domctl_max_vcpus(struct xen_domctl *op, struct domain *d)
{
    if (d == current_domain() || op->u.max_vcpus.max != d->max_vcpus) {
        return -EINVAL;
    }
    return domain_create_vcpus(d, op->u.max_vcpus.max);
}

int domctl_setvcpucontext(struct xen_domctl *op, struct domain *d)
{
    guest_ptr_t context = guest_ptr(op->u.vcpucontext.ctxt);
    struct vcpu *v;
    int rc;

    if (d == current_domain() || find_vcpu(d, op->u.vcpucontext.vcpu, &v) != 0) {
        return -EINVAL;
    }
    domain_pause(d);
    if (guest_ptr_is_null(context)) {
        vcpu_reset(v);
        rc = 0;
    } else {
        rc = arch_vcpu_set_context(v, context);
    }
    domain_unpause(d);
    return rc;
}

int domctl_getvcpucontext(struct xen_domctl *op, struct domain *d)
{
    struct vcpu *v;
    int rc;

    if (guest_ptr_is_null(guest_ptr(op->u.vcpucontext.ctxt))) {
        return -EINVAL;
    }
    rc = find_vcpu(d, op->u.vcpucontext.vcpu, &v);
    if (rc != 0) {
        return rc;
    }
    if (!v->is_initialised) {
        return -ENODATA;
    }
    if (v == current_vcpu()) {
        return -EINVAL;
    }
    vcpu_pause(v);
    rc = arch_vcpu_get_context(v, guest_ptr(op->u.vcpucontext.ctxt));
    vcpu_unpause(v);
    return rc;
}

int domctl_getvcpuinfo(struct xen_domctl *op, struct domain *d)
{
    struct xen_domctl_getvcpuinfo *info = &op->u.getvcpuinfo;
    unsigned long flags;
    struct vcpu *v;
    int rc = find_vcpu(d, info->vcpu, &v);

    if (rc != 0) {
        return rc;
    }
    flags = READ_ONCE(v->pause_flags);
    info->online = (flags & BIT(VCPU_DOWN)) == 0;
    info->blocked = (flags & BIT(VCPU_BLOCKED)) != 0;
    info->running = READ_ONCE(v->is_running);
    info->cpu_time = vcpu_cpu_time(v);
    info->cpu = READ_ONCE(v->processor);
    return 0;
}

/* ---- Affinity ------------------------------------------------------------------------------- */

static int write_mask(const struct xenctl_bitmap *to, const struct cpumask *mask)
{
    return ctl_bitmap_write(to, mask->bits, arch_cpus_possible);
}

/* What of the masks is in effect: tells the caller what it really got. */
static int report_effective(struct vcpu *v, const struct xen_domctl_vcpuaffinity *a)
{
    struct cpumask hard;
    struct cpumask soft;
    int rc = 0;

    sched_get_affinity(v, &hard, &soft);
    hard = cpumask_and(&hard, &arch_cpus_online);
    soft = cpumask_and(&soft, &hard);
    if (a->flags & XEN_VCPUAFFINITY_HARD) {
        rc = write_mask(&a->cpumap_hard, &hard);
    }
    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_SOFT)) {
        rc = write_mask(&a->cpumap_soft, &soft);
    }
    return rc;
}

/* A full map stays full for CPUs that come later. */
static int read_mask(struct cpumask *mask, const struct xenctl_bitmap *from)
{
    int rc = ctl_bitmap_read(mask->bits, MAX_CPUS, from);
    struct cpumask missing = arch_cpus_online;
    unsigned int cpu;

    if (rc != 0) {
        return rc;
    }
    cpumask_for_each(cpu, mask) {
        if (cpu < MAX_CPUS) {
            bit_clear(missing.bits, cpu);
        }
    }
    if (cpumask_empty(&missing)) {
        cpumask_fill(mask);
    }
    return 0;
}

int domctl_setvcpuaffinity(struct xen_domctl *op, struct domain *d)
{
    const struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    struct cpumask hard;
    struct cpumask soft;
    struct vcpu *v;
    int rc = find_vcpu(d, a->vcpu, &v);

    if (rc != 0) {
        return rc;
    }
    if ((a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)) == 0) {
        return -EINVAL;
    }
    if (a->flags & XEN_VCPUAFFINITY_HARD) {
        rc = read_mask(&hard, &a->cpumap_hard);
    }
    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_SOFT)) {
        rc = read_mask(&soft, &a->cpumap_soft);
    }
    if (rc != 0) {
        return rc;
    }
    if (a->flags & XEN_VCPUAFFINITY_FORCE) {
        /* -EINVAL says there was no override to end. */
        rc = sched_pin_override(v, -1);
        if (rc != 0 && rc != -EINVAL) {
            return rc;
        }
    }
    rc = sched_set_affinity(v, a->flags & XEN_VCPUAFFINITY_HARD ? &hard : NULL,
                            a->flags & XEN_VCPUAFFINITY_SOFT ? &soft : NULL);
    return rc != 0 ? rc : report_effective(v, a);
}

int domctl_getvcpuaffinity(struct xen_domctl *op, struct domain *d)
{
    const struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    struct cpumask hard;
    struct cpumask soft;
    struct vcpu *v;
    int rc = find_vcpu(d, a->vcpu, &v);

    if (rc != 0) {
        return rc;
    }
    if ((a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)) == 0) {
        return -EINVAL;
    }
    sched_get_affinity(v, &hard, &soft);
    if (a->flags & XEN_VCPUAFFINITY_HARD) {
        rc = ctl_bitmap_write(&a->cpumap_hard, hard.bits, arch_cpus_possible);
    }
    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_SOFT)) {
        rc = ctl_bitmap_write(&a->cpumap_soft, soft.bits, arch_cpus_possible);
    }
    return rc;
}

int domctl_sendtrigger(struct xen_domctl *op, struct domain *d)
{
    struct vcpu *v;
    int rc = find_vcpu(d, op->u.sendtrigger.vcpu, &v);

    return rc != 0 ? -ESRCH : arch_vcpu_trigger(v, op->u.sendtrigger.trigger);
}
