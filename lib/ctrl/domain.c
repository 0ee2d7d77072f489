/* SPDX-License-Identifier: MIT */
/* Domctls that make, end, describe and steer a domain and its virtual CPUs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ctrl/internal.h"

int ctrl_domain_create(struct ctrl *c, struct xen_domctl_createdomain *config, domid_t *domid)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_createdomain, .domain = *domid };
    op.u.createdomain = *config;
    int rc = ctrl_domctl(c, &op);
    if (rc == 0) {
        *domid = op.domain;
        *config = op.u.createdomain;
    }
    return rc;
}

int ctrl_domain_destroy(struct ctrl *c, domid_t domid)
{
    int rc;
    do {
        rc = ctrl_domctl_plain(c, XEN_DOMCTL_destroydomain, domid);
    } while (rc == -EAGAIN || rc == -ERESTART);
    return rc;
}

int ctrl_domain_pause(struct ctrl *c, domid_t domid)
{
    return ctrl_domctl_plain(c, XEN_DOMCTL_pausedomain, domid);
}

int ctrl_domain_unpause(struct ctrl *c, domid_t domid)
{
    return ctrl_domctl_plain(c, XEN_DOMCTL_unpausedomain, domid);
}

int ctrl_domain_info(struct ctrl *c, domid_t domid, struct xen_domctl_getdomaininfo *info)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_getdomaininfo, .domain = domid };
    int rc = ctrl_domctl(c, &op);
    if (rc < 0) {
        return rc;
    }
    /* The call answers with the next domain when there is no such one. */
    if (op.domain != domid) {
        return -ESRCH;
    }
    *info = op.u.getdomaininfo;
    return 0;
}

int ctrl_domain_list(struct ctrl *c, domid_t first, unsigned int max, struct xen_domctl_getdomaininfo *list)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_getdomaininfolist };
    struct bounce b = BOUNCE(list, max * sizeof(*list), BOUNCE_OUT);
    int rc = bounce_begin(c, &b);
    if (rc == 0) {
        op.u.getdomaininfolist.first_domain = first;
        op.u.getdomaininfolist.max_domains = max;
        set_xen_guest_handle(op.u.getdomaininfolist.buffer, b.p);
        rc = ctrl_sysctl(c, &op);
    }
    if (rc == 0 && op.u.getdomaininfolist.num_domains <= max) {
        b.size = op.u.getdomaininfolist.num_domains * sizeof(*list);
    }
    bounce_end(c, &b, rc);
    return rc < 0 ? rc : (int)op.u.getdomaininfolist.num_domains;
}

int ctrl_domain_list_all(struct ctrl *c, struct xen_domctl_getdomaininfo **list)
{
    struct xen_domctl_getdomaininfo *all = NULL;
    unsigned int count = 0;
    /* By the page of buffer that is kept: mapping more of them costs more than more calls. */
    const unsigned int step = 4096 / sizeof(*all);
    for (domid_t first = 0;;) {
        struct xen_domctl_getdomaininfo *bigger = realloc(all, (count + step) * sizeof(*all));
        if (!bigger) {
            free(all);
            return -ENOMEM;
        }
        all = bigger;
        int got = ctrl_domain_list(c, first, step, all + count);
        if (got < 0) {
            free(all);
            return got;
        }
        count += got;
        if ((unsigned int)got < step) {
            break;
        }
        first = all[count - 1].domain + 1;
    }
    *list = all;
    return (int)count;
}

int ctrl_domain_max_vcpus(struct ctrl *c, domid_t domid, unsigned int count)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_max_vcpus, .domain = domid };
    op.u.max_vcpus.max = count;
    return ctrl_domctl(c, &op);
}

int ctrl_domain_max_mem(struct ctrl *c, domid_t domid, uint64_t kib)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_max_mem, .domain = domid };
    op.u.max_mem.max_memkb = kib;
    return ctrl_domctl(c, &op);
}

int ctrl_domain_set_handle(struct ctrl *c, domid_t domid, const uint8_t handle[16])
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_setdomainhandle, .domain = domid };
    memcpy(op.u.setdomainhandle.handle, handle, sizeof(op.u.setdomainhandle.handle));
    return ctrl_domctl(c, &op);
}

int ctrl_domain_set_target(struct ctrl *c, domid_t domid, domid_t target)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_set_target, .domain = domid };
    op.u.set_target.target = target;
    return ctrl_domctl(c, &op);
}

int ctrl_domain_time_offset(struct ctrl *c, domid_t domid, int64_t seconds)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_settimeoffset, .domain = domid };
    op.u.settimeoffset.time_offset_seconds = seconds;
    return ctrl_domctl(c, &op);
}

int ctrl_domain_shutdown(struct ctrl *c, domid_t domid, unsigned int reason)
{
    struct sched_remote_shutdown arg = { .domain_id = domid, .reason = reason };
    return ctrl_hypercall_struct(c, __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &arg, sizeof(arg));
}

int ctrl_domain_resume(struct ctrl *c, domid_t domid)
{
    return ctrl_domctl_plain(c, XEN_DOMCTL_resumedomain, domid);
}

int ctrl_domain_soft_reset(struct ctrl *c, domid_t domid)
{
    return ctrl_domctl_plain(c, XEN_DOMCTL_soft_reset, domid);
}

int ctrl_domain_trigger(struct ctrl *c, domid_t domid, uint32_t trigger, uint32_t vcpu)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_sendtrigger, .domain = domid };
    op.u.sendtrigger.trigger = trigger;
    op.u.sendtrigger.vcpu = vcpu;
    return ctrl_domctl(c, &op);
}

int ctrl_domain_subscribe(struct ctrl *c, domid_t domid, evtchn_port_t port)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_subscribe, .domain = domid };
    op.u.subscribe.port = port;
    return ctrl_domctl(c, &op);
}

int ctrl_domain_set_access_required(struct ctrl *c, domid_t domid, bool required)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_set_access_required, .domain = domid };
    op.u.access_required.access_required = required;
    return ctrl_domctl(c, &op);
}

static int node_affinity(struct ctrl *c, domid_t domid, uint32_t cmd, void *nodes, unsigned int bits,
                         int direction)
{
    struct xen_domctl op = { .cmd = cmd, .domain = domid };
    struct bounce b = BOUNCE(nodes, (bits + 7) / 8, direction);
    int rc = bounce_begin(c, &b);
    if (rc == 0) {
        set_xen_guest_handle(op.u.nodeaffinity.nodemap.bitmap, b.p);
        op.u.nodeaffinity.nodemap.nr_bits = bits;
        rc = ctrl_domctl(c, &op);
    }
    bounce_end(c, &b, rc);
    return rc;
}

int ctrl_domain_node_affinity_get(struct ctrl *c, domid_t domid, uint8_t *nodes, unsigned int bits)
{
    return node_affinity(c, domid, XEN_DOMCTL_getnodeaffinity, nodes, bits, BOUNCE_OUT);
}

int ctrl_domain_node_affinity_set(struct ctrl *c, domid_t domid, const uint8_t *nodes, unsigned int bits)
{
    return node_affinity(c, domid, XEN_DOMCTL_setnodeaffinity, (void *)(uintptr_t)nodes, bits, BOUNCE_IN);
}

int ctrl_virq_handler(struct ctrl *c, domid_t domid, uint32_t virq)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_set_virq_handler, .domain = domid };
    op.u.set_virq_handler.virq = virq;
    return ctrl_domctl(c, &op);
}

int ctrl_paging_pool_get(struct ctrl *c, domid_t domid, uint64_t *bytes)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_get_paging_mempool_size, .domain = domid };
    int rc = ctrl_domctl(c, &op);
    if (rc == 0) {
        *bytes = op.u.paging_mempool.size;
    }
    return rc;
}

int ctrl_paging_pool_set(struct ctrl *c, domid_t domid, uint64_t bytes)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_set_paging_mempool_size, .domain = domid };
    op.u.paging_mempool.size = bytes;
    return ctrl_domctl(c, &op);
}

int ctrl_vcpu_info(struct ctrl *c, domid_t domid, unsigned int vcpu, struct xen_domctl_getvcpuinfo *info)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_getvcpuinfo, .domain = domid };
    op.u.getvcpuinfo.vcpu = vcpu;
    int rc = ctrl_domctl(c, &op);
    if (rc == 0) {
        *info = op.u.getvcpuinfo;
    }
    return rc;
}

static int vcpu_affinity(struct ctrl *c, struct xen_domctl *op, uint8_t *hard, uint8_t *soft,
                         unsigned int bits)
{
    struct bounce h = BOUNCE(hard, (bits + 7) / 8, BOUNCE_IN | BOUNCE_OUT);
    struct bounce s = BOUNCE(soft, (bits + 7) / 8, BOUNCE_IN | BOUNCE_OUT);
    int rc = bounce_begin(c, &h);
    int rc2 = bounce_begin(c, &s);
    rc = rc < 0 ? rc : rc2;
    if (rc == 0) {
        struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
        a->flags |= (hard ? XEN_VCPUAFFINITY_HARD : 0) | (soft ? XEN_VCPUAFFINITY_SOFT : 0);
        set_xen_guest_handle(a->cpumap_hard.bitmap, h.p);
        a->cpumap_hard.nr_bits = hard ? bits : 0;
        set_xen_guest_handle(a->cpumap_soft.bitmap, s.p);
        a->cpumap_soft.nr_bits = soft ? bits : 0;
        rc = ctrl_domctl(c, op);
    }
    bounce_end(c, &s, rc);
    bounce_end(c, &h, rc);
    return rc;
}

int ctrl_vcpu_affinity_get(struct ctrl *c, domid_t domid, unsigned int vcpu, uint8_t *hard, uint8_t *soft,
                           unsigned int bits)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_getvcpuaffinity, .domain = domid };
    op.u.vcpuaffinity.vcpu = vcpu;
    return vcpu_affinity(c, &op, hard, soft, bits);
}

int ctrl_vcpu_affinity_set(struct ctrl *c, domid_t domid, unsigned int vcpu, uint8_t *hard, uint8_t *soft,
                           unsigned int bits, bool force)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_setvcpuaffinity, .domain = domid };
    op.u.vcpuaffinity.vcpu = vcpu;
    op.u.vcpuaffinity.flags = force ? XEN_VCPUAFFINITY_FORCE : 0;
    return vcpu_affinity(c, &op, hard, soft, bits);
}

static int vcpu_context(struct ctrl *c, domid_t domid, uint32_t cmd, unsigned int vcpu, struct bounce *b)
{
    struct xen_domctl op = { .cmd = cmd, .domain = domid };
    int rc = bounce_begin(c, b);
    if (rc == 0) {
        op.u.vcpucontext.vcpu = vcpu;
        set_xen_guest_handle(op.u.vcpucontext.ctxt, b->p);
        rc = ctrl_domctl(c, &op);
    }
    bounce_end(c, b, rc);
    return rc;
}

int ctrl_vcpu_context_get(struct ctrl *c, domid_t domid, unsigned int vcpu, void *context, size_t size)
{
    struct bounce b = BOUNCE(context, size, BOUNCE_OUT);
    return vcpu_context(c, domid, XEN_DOMCTL_getvcpucontext, vcpu, &b);
}

int ctrl_vcpu_context_set(struct ctrl *c, domid_t domid, unsigned int vcpu, const void *context, size_t size)
{
    struct bounce b = BOUNCE(context, size, BOUNCE_IN);
    return vcpu_context(c, domid, XEN_DOMCTL_setvcpucontext, vcpu, &b);
}
