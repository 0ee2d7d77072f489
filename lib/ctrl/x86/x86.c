/* SPDX-License-Identifier: MIT */
/* Control calls that only x86 has: see lib/ctrl/x86.h. */
#include "lib/ctrl/x86.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ctrl/internal.h"

/* An entry of the memory map as the hypervisor reads it: 20 bytes, no padding. */
struct e820_wire {
    uint64_t start, size;
    uint32_t type;
} __attribute__((packed));

int ctrl_address_size_get(struct ctrl *c, domid_t domid, unsigned int *bytes)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_get_address_size, .domain = domid };
    int rc = ctrl_domctl(c, &op);
    if (rc == 0) {
        *bytes = op.u.address_size.size / 8;
    }
    return rc;
}

int ctrl_address_size_set(struct ctrl *c, domid_t domid, unsigned int bytes)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_set_address_size, .domain = domid };
    op.u.address_size.size = bytes * 8;
    return ctrl_domctl(c, &op);
}

int ctrl_hypercall_init(struct ctrl *c, domid_t domid, uint64_t frame)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_hypercall_init, .domain = domid };
    op.u.hypercall_init.gmfn = frame;
    return ctrl_domctl(c, &op);
}

int ctrl_tsc_info_get(struct ctrl *c, domid_t domid, struct xen_domctl_tsc_info *info)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_gettscinfo, .domain = domid };
    int rc = ctrl_domctl(c, &op);
    if (rc == 0) {
        *info = op.u.tsc_info;
    }
    return rc;
}

int ctrl_tsc_info_set(struct ctrl *c, domid_t domid, const struct xen_domctl_tsc_info *info)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_settscinfo, .domain = domid };
    op.u.tsc_info = *info;
    return ctrl_domctl(c, &op);
}

int ctrl_memory_map_set(struct ctrl *c, domid_t domid, const struct ctrl_e820_entry *map, unsigned int count)
{
    struct e820_wire *wire = calloc(count, sizeof(*wire));
    if (!wire) {
        return -ENOMEM;
    }
    for (unsigned int i = 0; i < count; i++) {
        wire[i] = (struct e820_wire){ map[i].start, map[i].size, map[i].type };
    }
    struct xen_foreign_memory_map arg = { .domid = domid, .map.nr_entries = count };
    struct bounce b = BOUNCE(wire, count * sizeof(*wire), BOUNCE_IN);
    int rc = bounce_begin(c, &b);
    if (rc == 0) {
        set_xen_guest_handle(arg.map.buffer, b.p);
        rc = (int)ctrl_memory_op(c, XENMEM_set_memory_map, &arg, sizeof(arg));
    }
    bounce_end(c, &b, rc);
    free(wire);
    return rc;
}

int ctrl_machine_memory_map(struct ctrl *c, struct ctrl_e820_entry *map, unsigned int max)
{
    struct e820_wire *wire = calloc(max, sizeof(*wire));
    if (!wire) {
        return -ENOMEM;
    }
    struct xen_memory_map arg = { .nr_entries = max };
    struct bounce b = BOUNCE(wire, max * sizeof(*wire), BOUNCE_OUT);
    int rc = bounce_begin(c, &b);
    if (rc == 0) {
        set_xen_guest_handle(arg.buffer, b.p);
        rc = (int)ctrl_memory_op(c, XENMEM_machine_memory_map, &arg, sizeof(arg));
    }
    bounce_end(c, &b, rc);
    for (unsigned int i = 0; rc == 0 && i < arg.nr_entries; i++) {
        map[i] = (struct ctrl_e820_entry){ wire[i].start, wire[i].size, wire[i].type };
    }
    free(wire);
    return rc < 0 ? rc : (int)arg.nr_entries;
}

int ctrl_ioport_mapping(struct ctrl *c, domid_t domid, uint32_t guest, uint32_t machine, uint32_t count,
                        bool add)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_ioport_mapping, .domain = domid };
    op.u.ioport_mapping.first_gport = guest;
    op.u.ioport_mapping.first_mport = machine;
    op.u.ioport_mapping.nr_ports = count;
    op.u.ioport_mapping.add_mapping = add ? DPCI_ADD_MAPPING : DPCI_REMOVE_MAPPING;
    return ctrl_domctl(c, &op);
}

/* The two arrays of a CPU policy on their way through a call. */
struct policy {
    struct bounce leaves, msrs;
};

static int policy_begin(struct ctrl *c, struct policy *p, const void *leaves, uint32_t leaf_count,
                        const void *msrs, uint32_t msr_count, int direction)
{
    p->leaves = (struct bounce)BOUNCE(leaves, leaf_count * sizeof(xen_cpuid_leaf_t), direction);
    p->msrs = (struct bounce)BOUNCE(msrs, msr_count * sizeof(xen_msr_entry_t), direction);
    int rc = bounce_begin(c, &p->leaves);
    int rc2 = bounce_begin(c, &p->msrs);
    return rc < 0 ? rc : rc2;
}

static void policy_end(struct ctrl *c, struct policy *p, int rc)
{
    bounce_end(c, &p->msrs, rc);
    bounce_end(c, &p->leaves, rc);
}

int ctrl_system_cpu_policy(struct ctrl *c, uint32_t index, xen_cpuid_leaf_t *leaves, uint32_t *leaf_count,
                           xen_msr_entry_t *msrs, uint32_t *msr_count)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_get_cpu_policy };
    struct policy p;
    int rc = policy_begin(c, &p, leaves, *leaf_count, msrs, *msr_count, BOUNCE_OUT);
    if (rc == 0) {
        op.u.cpu_policy.index = index;
        op.u.cpu_policy.nr_leaves = leaves ? *leaf_count : 0;
        op.u.cpu_policy.nr_msrs = msrs ? *msr_count : 0;
        set_xen_guest_handle(op.u.cpu_policy.leaves, p.leaves.p);
        set_xen_guest_handle(op.u.cpu_policy.msrs, p.msrs.p);
        rc = ctrl_sysctl(c, &op);
    }
    policy_end(c, &p, rc);
    if (rc == 0) {
        *leaf_count = op.u.cpu_policy.nr_leaves;
        *msr_count = op.u.cpu_policy.nr_msrs;
    }
    return rc;
}

int ctrl_domain_cpu_policy_get(struct ctrl *c, domid_t domid, xen_cpuid_leaf_t *leaves, uint32_t *leaf_count,
                               xen_msr_entry_t *msrs, uint32_t *msr_count)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_get_cpu_policy, .domain = domid };
    struct policy p;
    int rc = policy_begin(c, &p, leaves, *leaf_count, msrs, *msr_count, BOUNCE_OUT);
    if (rc == 0) {
        op.u.cpu_policy.nr_leaves = leaves ? *leaf_count : 0;
        op.u.cpu_policy.nr_msrs = msrs ? *msr_count : 0;
        set_xen_guest_handle(op.u.cpu_policy.leaves, p.leaves.p);
        set_xen_guest_handle(op.u.cpu_policy.msrs, p.msrs.p);
        rc = ctrl_domctl(c, &op);
    }
    policy_end(c, &p, rc);
    if (rc == 0) {
        *leaf_count = op.u.cpu_policy.nr_leaves;
        *msr_count = op.u.cpu_policy.nr_msrs;
    }
    return rc;
}

int ctrl_domain_cpu_policy_set(struct ctrl *c, domid_t domid, const xen_cpuid_leaf_t *leaves,
                               uint32_t leaf_count, const xen_msr_entry_t *msrs, uint32_t msr_count,
                               uint32_t bad[3])
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_set_cpu_policy, .domain = domid };
    struct policy p;
    int rc = policy_begin(c, &p, leaves, leaf_count, msrs, msr_count, BOUNCE_IN);
    if (rc == 0) {
        op.u.cpu_policy.nr_leaves = leaf_count;
        op.u.cpu_policy.nr_msrs = msr_count;
        op.u.cpu_policy.err_leaf = op.u.cpu_policy.err_subleaf = op.u.cpu_policy.err_msr = UINT32_MAX;
        set_xen_guest_handle(op.u.cpu_policy.leaves, p.leaves.p);
        set_xen_guest_handle(op.u.cpu_policy.msrs, p.msrs.p);
        rc = ctrl_domctl(c, &op);
    }
    policy_end(c, &p, rc);
    if (bad) {
        bad[0] = op.u.cpu_policy.err_leaf;
        bad[1] = op.u.cpu_policy.err_subleaf;
        bad[2] = op.u.cpu_policy.err_msr;
    }
    return rc;
}

int ctrl_cpu_featureset(struct ctrl *c, uint32_t index, uint32_t *words, uint32_t *count)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_get_cpu_featureset };
    struct bounce b = BOUNCE(words, *count * sizeof(*words), BOUNCE_OUT);
    int rc = bounce_begin(c, &b);
    if (rc == 0) {
        op.u.cpu_featureset.index = index;
        op.u.cpu_featureset.nr_features = b.p ? *count : 0;
        set_xen_guest_handle(op.u.cpu_featureset.features, b.p);
        rc = ctrl_sysctl(c, &op);
    }
    bounce_end(c, &b, rc);
    if (rc == 0) {
        *count = op.u.cpu_featureset.nr_features;
    }
    return rc;
}

int ctrl_vcpu_ext_context_get(struct ctrl *c, domid_t domid, struct xen_domctl_ext_vcpucontext *context)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_get_ext_vcpucontext, .domain = domid };
    op.u.ext_vcpucontext.vcpu = context->vcpu;
    int rc = ctrl_domctl(c, &op);
    if (rc == 0) {
        *context = op.u.ext_vcpucontext;
    }
    return rc;
}

int ctrl_vcpu_ext_context_set(struct ctrl *c, domid_t domid, const struct xen_domctl_ext_vcpucontext *context)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_set_ext_vcpucontext, .domain = domid };
    op.u.ext_vcpucontext = *context;
    return ctrl_domctl(c, &op);
}

static int vcpu_xstate(struct ctrl *c, struct xen_domctl *op, struct bounce *b)
{
    int rc = bounce_begin(c, b);
    if (rc == 0) {
        set_xen_guest_handle(op->u.vcpuextstate.buffer, b->p);
        rc = ctrl_domctl(c, op);
    }
    bounce_end(c, b, rc);
    return rc;
}

int ctrl_vcpu_xstate_get(struct ctrl *c, domid_t domid, unsigned int vcpu, uint64_t *xfeature_mask,
                         void *area, uint64_t *size)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_getvcpuextstate, .domain = domid };
    struct bounce b = BOUNCE(area, *size, BOUNCE_OUT);
    op.u.vcpuextstate.vcpu = vcpu;
    op.u.vcpuextstate.xfeature_mask = *xfeature_mask;
    op.u.vcpuextstate.size = area ? *size : 0;
    int rc = vcpu_xstate(c, &op, &b);
    if (rc == 0) {
        *xfeature_mask = op.u.vcpuextstate.xfeature_mask;
        *size = op.u.vcpuextstate.size;
    }
    return rc;
}

int ctrl_vcpu_xstate_set(struct ctrl *c, domid_t domid, unsigned int vcpu, uint64_t xfeature_mask,
                         const void *area, uint64_t size)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_setvcpuextstate, .domain = domid };
    struct bounce b = BOUNCE(area, size, BOUNCE_IN);
    op.u.vcpuextstate.vcpu = vcpu;
    op.u.vcpuextstate.xfeature_mask = xfeature_mask;
    op.u.vcpuextstate.size = size;
    return vcpu_xstate(c, &op, &b);
}

static int vcpu_msrs(struct ctrl *c, struct xen_domctl *op, unsigned int vcpu, uint32_t count,
                     struct bounce *b)
{
    int rc = bounce_begin(c, b);
    if (rc == 0) {
        op->u.vcpu_msrs.vcpu = vcpu;
        op->u.vcpu_msrs.msr_count = b->p ? count : 0;
        set_xen_guest_handle(op->u.vcpu_msrs.msrs, b->p);
        rc = ctrl_domctl(c, op);
    }
    bounce_end(c, b, rc);
    return rc;
}

int ctrl_vcpu_msrs_get(struct ctrl *c, domid_t domid, unsigned int vcpu, struct xen_domctl_vcpu_msr *msrs,
                       uint32_t *count)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_get_vcpu_msrs, .domain = domid };
    struct bounce b = BOUNCE(msrs, *count * sizeof(*msrs), BOUNCE_OUT);
    int rc = vcpu_msrs(c, &op, vcpu, *count, &b);
    if (rc == 0) {
        *count = op.u.vcpu_msrs.msr_count;
    }
    return rc;
}

int ctrl_vcpu_msrs_set(struct ctrl *c, domid_t domid, unsigned int vcpu,
                       const struct xen_domctl_vcpu_msr *msrs, uint32_t count)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_set_vcpu_msrs, .domain = domid };
    struct bounce b = BOUNCE(msrs, count * sizeof(*msrs), BOUNCE_IN);
    return vcpu_msrs(c, &op, vcpu, count, &b);
}
