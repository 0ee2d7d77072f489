/* SPDX-License-Identifier: MIT */
/* CPU pools, and the parameters of schedulers: of one domain (domctl), of a pool (sysctl). */
#include <errno.h>
#include <string.h>

#include "lib/ctrl/internal.h"

static int pool_op(struct ctrl *c, struct xen_sysctl *op, uint32_t what, uint32_t pool)
{
    op->cmd = XEN_SYSCTL_cpupool_op;
    op->u.cpupool_op.op = what;
    op->u.cpupool_op.cpupool_id = pool;
    return ctrl_sysctl(c, op);
}

int ctrl_cpupool_create(struct ctrl *c, uint32_t sched_id, uint32_t *pool)
{
    struct xen_sysctl op = { 0 };
    op.u.cpupool_op.sched_id = sched_id;
    int rc = pool_op(c, &op, XEN_SYSCTL_CPUPOOL_OP_CREATE, *pool);
    if (rc == 0) {
        *pool = op.u.cpupool_op.cpupool_id;
    }
    return rc;
}

int ctrl_cpupool_destroy(struct ctrl *c, uint32_t pool)
{
    struct xen_sysctl op = { 0 };
    return pool_op(c, &op, XEN_SYSCTL_CPUPOOL_OP_DESTROY, pool);
}

/* INFO and FREEINFO: a bitmap comes back. */
static int pool_read(struct ctrl *c, struct xen_sysctl *op, uint32_t what, uint32_t pool, uint8_t *cpus,
                     unsigned int bits)
{
    struct bounce b = BOUNCE(cpus, (bits + 7) / 8, BOUNCE_OUT);
    int rc = bounce_begin(c, &b);
    if (rc == 0) {
        set_xen_guest_handle(op->u.cpupool_op.cpumap.bitmap, b.p);
        op->u.cpupool_op.cpumap.nr_bits = b.p ? bits : 0;
        rc = pool_op(c, op, what, pool);
    }
    bounce_end(c, &b, rc);
    return rc;
}

int ctrl_cpupool_info(struct ctrl *c, uint32_t pool, struct ctrl_cpupool *info, uint8_t *cpus,
                      unsigned int bits)
{
    struct xen_sysctl op = { 0 };
    int rc = pool_read(c, &op, XEN_SYSCTL_CPUPOOL_OP_INFO, pool, cpus, bits);
    if (rc == 0) {
        info->id = op.u.cpupool_op.cpupool_id;
        info->sched_id = op.u.cpupool_op.sched_id;
        info->domain_count = op.u.cpupool_op.n_dom;
    }
    return rc;
}

int ctrl_cpupool_free_cpus(struct ctrl *c, uint8_t *cpus, unsigned int bits)
{
    struct xen_sysctl op = { 0 };
    return pool_read(c, &op, XEN_SYSCTL_CPUPOOL_OP_FREEINFO, 0, cpus, bits);
}

int ctrl_cpupool_add_cpu(struct ctrl *c, uint32_t pool, uint32_t cpu)
{
    struct xen_sysctl op = { 0 };
    op.u.cpupool_op.cpu = cpu;
    return pool_op(c, &op, XEN_SYSCTL_CPUPOOL_OP_ADDCPU, pool);
}

int ctrl_cpupool_remove_cpu(struct ctrl *c, uint32_t pool, uint32_t cpu)
{
    struct xen_sysctl op = { 0 };
    op.u.cpupool_op.cpu = cpu;
    return pool_op(c, &op, XEN_SYSCTL_CPUPOOL_OP_RMCPU, pool);
}

int ctrl_cpupool_move_domain(struct ctrl *c, uint32_t pool, domid_t domid)
{
    struct xen_sysctl op = { 0 };
    op.u.cpupool_op.domid = domid;
    return pool_op(c, &op, XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, pool);
}

static int domain_sched(struct ctrl *c, domid_t domid, uint32_t sched_id, uint32_t cmd, void *p, size_t size)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_scheduler_op, .domain = domid };
    op.u.scheduler_op.sched_id = sched_id;
    op.u.scheduler_op.cmd = cmd;
    memcpy(&op.u.scheduler_op.u, p, size);
    int rc = ctrl_domctl(c, &op);
    if (rc == 0 && cmd == XEN_DOMCTL_SCHEDOP_getinfo) {
        memcpy(p, &op.u.scheduler_op.u, size);
    }
    return rc;
}

int ctrl_sched_credit_get(struct ctrl *c, domid_t domid, struct xen_domctl_sched_credit *p)
{
    return domain_sched(c, domid, XEN_SCHEDULER_CREDIT, XEN_DOMCTL_SCHEDOP_getinfo, p, sizeof(*p));
}

int ctrl_sched_credit_set(struct ctrl *c, domid_t domid, const struct xen_domctl_sched_credit *p)
{
    struct xen_domctl_sched_credit copy = *p;
    return domain_sched(c, domid, XEN_SCHEDULER_CREDIT, XEN_DOMCTL_SCHEDOP_putinfo, &copy, sizeof(copy));
}

int ctrl_sched_credit2_get(struct ctrl *c, domid_t domid, struct xen_domctl_sched_credit2 *p)
{
    return domain_sched(c, domid, XEN_SCHEDULER_CREDIT2, XEN_DOMCTL_SCHEDOP_getinfo, p, sizeof(*p));
}

int ctrl_sched_credit2_set(struct ctrl *c, domid_t domid, const struct xen_domctl_sched_credit2 *p)
{
    struct xen_domctl_sched_credit2 copy = *p;
    return domain_sched(c, domid, XEN_SCHEDULER_CREDIT2, XEN_DOMCTL_SCHEDOP_putinfo, &copy, sizeof(copy));
}

int ctrl_sched_rtds_get(struct ctrl *c, domid_t domid, struct xen_domctl_sched_rtds *p)
{
    return domain_sched(c, domid, XEN_SCHEDULER_RTDS, XEN_DOMCTL_SCHEDOP_getinfo, p, sizeof(*p));
}

int ctrl_sched_rtds_set(struct ctrl *c, domid_t domid, const struct xen_domctl_sched_rtds *p)
{
    struct xen_domctl_sched_rtds copy = *p;
    return domain_sched(c, domid, XEN_SCHEDULER_RTDS, XEN_DOMCTL_SCHEDOP_putinfo, &copy, sizeof(copy));
}

/* Both directions bring back what is in force. */
static int pool_sched(struct ctrl *c, uint32_t pool, uint32_t sched_id, uint32_t cmd, void *p, size_t size)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_scheduler_op };
    op.u.scheduler_op.cpupool_id = pool;
    op.u.scheduler_op.sched_id = sched_id;
    op.u.scheduler_op.cmd = cmd;
    memcpy(&op.u.scheduler_op.u, p, size);
    int rc = ctrl_sysctl(c, &op);
    if (rc == 0) {
        memcpy(p, &op.u.scheduler_op.u, size);
    }
    return rc;
}

int ctrl_pool_credit_get(struct ctrl *c, uint32_t pool, struct xen_sysctl_credit_schedule *p)
{
    memset(p, 0, sizeof(*p));
    return pool_sched(c, pool, XEN_SCHEDULER_CREDIT, XEN_SYSCTL_SCHEDOP_getinfo, p, sizeof(*p));
}

int ctrl_pool_credit_set(struct ctrl *c, uint32_t pool, struct xen_sysctl_credit_schedule *p)
{
    return pool_sched(c, pool, XEN_SCHEDULER_CREDIT, XEN_SYSCTL_SCHEDOP_putinfo, p, sizeof(*p));
}

int ctrl_pool_credit2_get(struct ctrl *c, uint32_t pool, struct xen_sysctl_credit2_schedule *p)
{
    memset(p, 0, sizeof(*p));
    return pool_sched(c, pool, XEN_SCHEDULER_CREDIT2, XEN_SYSCTL_SCHEDOP_getinfo, p, sizeof(*p));
}

int ctrl_pool_credit2_set(struct ctrl *c, uint32_t pool, struct xen_sysctl_credit2_schedule *p)
{
    return pool_sched(c, pool, XEN_SCHEDULER_CREDIT2, XEN_SYSCTL_SCHEDOP_putinfo, p, sizeof(*p));
}
