/* SPDX-License-Identifier: MIT */
/*
 * Control calls that only x86 has: CPU policies, memory maps of PV and PVH guests, time stamp counter, the
 * vcpu state of PV guests beyond vcpu_guest_context. Conventions are those of lib/ctrl/ctrl.h. Include it
 * from x86 files only.
 */
#ifndef LIB_CTRL_X86_H
#define LIB_CTRL_X86_H

#include "lib/ctrl/ctrl.h"

/* 8, 4: width of a PV guest. */
int ctrl_address_size_get(struct ctrl *c, domid_t domid, unsigned int *bytes);
int ctrl_address_size_set(struct ctrl *c, domid_t domid, unsigned int bytes);
/* Fills the guest's hypercall page, a machine frame (PV) or guest frame. */
int ctrl_hypercall_init(struct ctrl *c, domid_t domid, uint64_t frame);
int ctrl_tsc_info_get(struct ctrl *c, domid_t domid, struct xen_domctl_tsc_info *info);
int ctrl_tsc_info_set(struct ctrl *c, domid_t domid, const struct xen_domctl_tsc_info *info);
/* The memory map the guest reads by XENMEM_memory_map. */
struct ctrl_e820_entry {
    uint64_t start, size;
    uint32_t type;
};
int ctrl_memory_map_set(struct ctrl *c, domid_t domid, const struct ctrl_e820_entry *map, unsigned int count);
/* The machine's own; returns how many. */
int ctrl_machine_memory_map(struct ctrl *c, struct ctrl_e820_entry *map, unsigned int max);
int ctrl_ioport_mapping(struct ctrl *c, domid_t domid, uint32_t guest, uint32_t machine, uint32_t count,
                        bool add);

/* *leaf_count and *msr_count in: room, out: filled. With both arrays NULL: the room needed. */
int ctrl_system_cpu_policy(struct ctrl *c, uint32_t index, xen_cpuid_leaf_t *leaves, uint32_t *leaf_count,
                           xen_msr_entry_t *msrs, uint32_t *msr_count);
int ctrl_domain_cpu_policy_get(struct ctrl *c, domid_t domid, xen_cpuid_leaf_t *leaves, uint32_t *leaf_count,
                               xen_msr_entry_t *msrs, uint32_t *msr_count);
/* bad[0..2]: leaf, subleaf, MSR the hypervisor refused. */
int ctrl_domain_cpu_policy_set(struct ctrl *c, domid_t domid, const xen_cpuid_leaf_t *leaves,
                               uint32_t leaf_count, const xen_msr_entry_t *msrs, uint32_t msr_count,
                               uint32_t bad[3]);
int ctrl_cpu_featureset(struct ctrl *c, uint32_t index, uint32_t *words, uint32_t *count);

int ctrl_vcpu_ext_context_get(struct ctrl *c, domid_t domid, struct xen_domctl_ext_vcpucontext *context);
int ctrl_vcpu_ext_context_set(struct ctrl *c, domid_t domid,
                              const struct xen_domctl_ext_vcpucontext *context);
/* XSAVE area: with area NULL *size is set to what it needs. */
int ctrl_vcpu_xstate_get(struct ctrl *c, domid_t domid, unsigned int vcpu, uint64_t *xfeature_mask,
                         void *area, uint64_t *size);
int ctrl_vcpu_xstate_set(struct ctrl *c, domid_t domid, unsigned int vcpu, uint64_t xfeature_mask,
                         const void *area, uint64_t size);
int ctrl_vcpu_msrs_get(struct ctrl *c, domid_t domid, unsigned int vcpu, struct xen_domctl_vcpu_msr *msrs,
                       uint32_t *count);
int ctrl_vcpu_msrs_set(struct ctrl *c, domid_t domid, unsigned int vcpu,
                       const struct xen_domctl_vcpu_msr *msrs, uint32_t count);

#endif
