/* SPDX-License-Identifier: MIT */
/*
 * Control of the host and its domains: one typed function for each domctl, sysctl, memory, event, grant and
 * HVM call the toolstack makes (x86's own calls are in lib/ctrl/x86.h).
 *
 * All return 0 or -E... (the hypervisor's error number); functions that count return the count or -E.... The
 * caller makes the text for the user. Pointers are ordinary memory: what a call reads or writes is bounced
 * through the hypercall buffers of lib/call. A bitmap is bytes plus a count of bits, bit 0 first. A handle
 * may be used by several threads. Nothing here walks all domains except ctrl_domain_list_all().
 */
#ifndef LIB_CTRL_CTRL_H
#define LIB_CTRL_CTRL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/domctl.h"
#include "abi/event_channel.h"
#include "abi/hvm_params.h"
#include "abi/memory.h"
#include "abi/physdev.h"
#include "abi/platform.h"
#include "abi/sched.h"
#include "abi/sysctl.h"
#include "abi/version.h"
#include "lib/base/err.h"

struct ctrl;
struct xencall_handle;
struct xenforeignmemory_handle;

/* ---- the handle ---- */
int ctrl_open(struct err *e, struct ctrl **c);
void ctrl_close(struct ctrl *c);
/* The handles inside, for mapping guest memory and for calls that have no function here. */
struct xencall_handle *ctrl_call(struct ctrl *c);
/* May be NULL, with errno: xenforeignmemory_map() then fails with it. */
struct xenforeignmemory_handle *ctrl_foreignmemory(struct ctrl *c);

/* Any domctl, sysctl, platform op (version filled in) or memory op whose argument is flat. */
int ctrl_domctl(struct ctrl *c, struct xen_domctl *op);
int ctrl_sysctl(struct ctrl *c, struct xen_sysctl *op);
int ctrl_platform_op(struct ctrl *c, struct xen_platform_op *op);
/* The answer may be a count: negative is -E.... */
long ctrl_memory_op(struct ctrl *c, unsigned int cmd, void *arg, size_t size);

/* ---- the hypervisor ---- */
struct ctrl_version {
    unsigned int major, minor;
    unsigned int page_size;
    uint64_t virt_start;
    char extra[sizeof(xen_extraversion_t) + 1];
    char capabilities[sizeof(xen_capabilities_info_t) + 1];
    char changeset[sizeof(xen_changeset_info_t) + 1];
    char commandline[sizeof(xen_commandline_t) + 1];
    struct xen_compile_info compile;
    char build_id[129]; /* hexadecimal, empty if the image has none */
};
int ctrl_version(struct ctrl *c, struct ctrl_version *v);
/* Only the command line it was booted with. */
int ctrl_commandline(struct ctrl *c, xen_commandline_t line);

int ctrl_physinfo(struct ctrl *c, struct xen_sysctl_physinfo *info);
/* Number of CPU ids and node ids a bitmap needs; read once. */
int ctrl_cpu_ids(struct ctrl *c);
int ctrl_node_ids(struct ctrl *c);
/* XEN_SCHEDULER_... of Pool-0. */
int ctrl_sched_id(struct ctrl *c, uint32_t *sched_id);
/*
 * Up to *size bytes of the hypervisor's log; *size is set to what came. With `incremental` reading starts at
 * *index, which is set to where the next call goes on.
 */
int ctrl_read_console(struct ctrl *c, char *text, uint32_t *size, bool clear, bool incremental,
                      uint32_t *index);
int ctrl_debug_keys(struct ctrl *c, const char *keys);
/*
 * Sets a run-time parameter, as `xl set-parameters`: name as on the command line. -ENOENT: no such parameter.
 */
int ctrl_set_parameter(struct ctrl *c, const char *name, const char *value);
/* *count in: room; out: entries filled. With topology NULL only the count is set. */
int ctrl_cpu_topology(struct ctrl *c, struct xen_sysctl_cputopo *topology, unsigned int *count);
/* distance has *nodes * *nodes entries, row by row; either array may be NULL. */
int ctrl_numa_info(struct ctrl *c, struct xen_sysctl_meminfo *memory, uint32_t *distance,
                   unsigned int *nodes);
int ctrl_pci_nodes(struct ctrl *c, const struct physdev_pci_device *devices, uint32_t *nodes,
                   unsigned int count);
/* Idle nanoseconds of each CPU; returns the number of CPUs. */
int ctrl_cpu_idle_times(struct ctrl *c, struct xen_sysctl_cpuinfo *info, unsigned int max);
/* Free bytes between two address widths (0: any) on a node (-1: all). */
int ctrl_avail_heap(struct ctrl *c, unsigned int min_bits, unsigned int max_bits, int node, uint64_t *bytes);
int ctrl_cpu_online(struct ctrl *c, uint32_t cpu, bool online);
/* Pages shared by, or freed through, memory sharing: 0 where it is not built. */
long ctrl_sharing_freed_pages(struct ctrl *c);
long ctrl_sharing_used_pages(struct ctrl *c);

/* ---- CPU pools ---- */
struct ctrl_cpupool {
    uint32_t id, sched_id, domain_count;
};
int ctrl_cpupool_create(struct ctrl *c, uint32_t sched_id,
                        uint32_t *pool); /* *pool in: wanted id or XEN_SYSCTL_CPUPOOL_PAR_ANY */
int ctrl_cpupool_destroy(struct ctrl *c, uint32_t pool);
/* The first pool whose id is at least `pool`; -ENOENT when there is none. cpus may be NULL. */
int ctrl_cpupool_info(struct ctrl *c, uint32_t pool, struct ctrl_cpupool *info, uint8_t *cpus,
                      unsigned int bits);
/* cpu may be XEN_SYSCTL_CPUPOOL_PAR_ANY. */
int ctrl_cpupool_add_cpu(struct ctrl *c, uint32_t pool, uint32_t cpu);
int ctrl_cpupool_remove_cpu(struct ctrl *c, uint32_t pool, uint32_t cpu);
int ctrl_cpupool_move_domain(struct ctrl *c, uint32_t pool, domid_t domid);
int ctrl_cpupool_free_cpus(struct ctrl *c, uint8_t *cpus, unsigned int bits);

/* ---- schedulers: of a domain, of a pool ---- */
int ctrl_sched_credit_get(struct ctrl *c, domid_t domid, struct xen_domctl_sched_credit *p);
int ctrl_sched_credit_set(struct ctrl *c, domid_t domid, const struct xen_domctl_sched_credit *p);
int ctrl_sched_credit2_get(struct ctrl *c, domid_t domid, struct xen_domctl_sched_credit2 *p);
int ctrl_sched_credit2_set(struct ctrl *c, domid_t domid, const struct xen_domctl_sched_credit2 *p);
int ctrl_sched_rtds_get(struct ctrl *c, domid_t domid, struct xen_domctl_sched_rtds *p);
int ctrl_sched_rtds_set(struct ctrl *c, domid_t domid, const struct xen_domctl_sched_rtds *p);
int ctrl_pool_credit_get(struct ctrl *c, uint32_t pool, struct xen_sysctl_credit_schedule *p);
int ctrl_pool_credit_set(struct ctrl *c, uint32_t pool, struct xen_sysctl_credit_schedule *p);
int ctrl_pool_credit2_get(struct ctrl *c, uint32_t pool, struct xen_sysctl_credit2_schedule *p);
int ctrl_pool_credit2_set(struct ctrl *c, uint32_t pool, struct xen_sysctl_credit2_schedule *p);

/* ---- domains ---- */
/*
 * *domid in: wanted, or 0 for the next free one; out: the new domain's. config comes back as the hypervisor
 * took it.
 */
int ctrl_domain_create(struct ctrl *c, struct xen_domctl_createdomain *config, domid_t *domid);
/* Repeats until the last page is given back. */
int ctrl_domain_destroy(struct ctrl *c, domid_t domid);
int ctrl_domain_pause(struct ctrl *c, domid_t domid);
int ctrl_domain_unpause(struct ctrl *c, domid_t domid);
/* Exactly this domain; -ESRCH when it is not there. */
int ctrl_domain_info(struct ctrl *c, domid_t domid, struct xen_domctl_getdomaininfo *info);
/* Up to `max` domains from `first` on, in order; returns how many. */
int ctrl_domain_list(struct ctrl *c, domid_t first, unsigned int max, struct xen_domctl_getdomaininfo *list);
/* All of them, in memory the caller frees; returns how many. */
int ctrl_domain_list_all(struct ctrl *c, struct xen_domctl_getdomaininfo **list);
int ctrl_domain_max_vcpus(struct ctrl *c, domid_t domid, unsigned int count);
int ctrl_domain_max_mem(struct ctrl *c, domid_t domid, uint64_t kib);
int ctrl_domain_set_handle(struct ctrl *c, domid_t domid, const uint8_t handle[16]);
int ctrl_domain_set_target(struct ctrl *c, domid_t domid, domid_t target);
int ctrl_domain_time_offset(struct ctrl *c, domid_t domid, int64_t seconds);
/* SCHEDOP remote_shutdown: reason is SHUTDOWN_.... */
int ctrl_domain_shutdown(struct ctrl *c, domid_t domid, unsigned int reason);
int ctrl_domain_resume(struct ctrl *c, domid_t domid);
int ctrl_domain_soft_reset(struct ctrl *c, domid_t domid);
/* XEN_DOMCTL_SENDTRIGGER_... */
int ctrl_domain_trigger(struct ctrl *c, domid_t domid, uint32_t trigger, uint32_t vcpu);
/* The event channel that is sent to when the domain suspends. */
int ctrl_domain_subscribe(struct ctrl *c, domid_t domid, evtchn_port_t port);
int ctrl_domain_set_access_required(struct ctrl *c, domid_t domid, bool required);
int ctrl_domain_node_affinity_get(struct ctrl *c, domid_t domid, uint8_t *nodes, unsigned int bits);
int ctrl_domain_node_affinity_set(struct ctrl *c, domid_t domid, const uint8_t *nodes, unsigned int bits);
/* Which domain gets a global virtual interrupt such as VIRQ_CONSOLE. */
int ctrl_virq_handler(struct ctrl *c, domid_t domid, uint32_t virq);
int ctrl_paging_pool_get(struct ctrl *c, domid_t domid, uint64_t *bytes);
int ctrl_paging_pool_set(struct ctrl *c, domid_t domid, uint64_t bytes);

/* ---- virtual CPUs ---- */
int ctrl_vcpu_info(struct ctrl *c, domid_t domid, unsigned int vcpu, struct xen_domctl_getvcpuinfo *info);
/* Either bitmap may be NULL. On return the set call's bitmaps hold what takes effect. */
int ctrl_vcpu_affinity_get(struct ctrl *c, domid_t domid, unsigned int vcpu, uint8_t *hard, uint8_t *soft,
                           unsigned int bits);
int ctrl_vcpu_affinity_set(struct ctrl *c, domid_t domid, unsigned int vcpu, uint8_t *hard, uint8_t *soft,
                           unsigned int bits, bool force);
/* The size is the guest's: a 32-bit PV guest has another structure than vcpu_guest_context. */
int ctrl_vcpu_context_get(struct ctrl *c, domid_t domid, unsigned int vcpu, void *context, size_t size);
int ctrl_vcpu_context_set(struct ctrl *c, domid_t domid, unsigned int vcpu, const void *context, size_t size);

/* ---- rights over the machine, devices ---- */
int ctrl_ioport_permission(struct ctrl *c, domid_t domid, uint32_t first, uint32_t count, bool allow);
int ctrl_iomem_permission(struct ctrl *c, domid_t domid, uint64_t first_mfn, uint64_t count, bool allow);
int ctrl_irq_permission(struct ctrl *c, domid_t domid, uint32_t pirq, bool allow);
int ctrl_memory_mapping(struct ctrl *c, domid_t domid, uint64_t gfn, uint64_t mfn, uint64_t count, bool add);
int ctrl_device_assign(struct ctrl *c, domid_t domid, uint32_t sbdf, uint32_t flags);
int ctrl_device_assign_test(struct ctrl *c, domid_t domid, uint32_t sbdf);
int ctrl_device_deassign(struct ctrl *c, domid_t domid, uint32_t sbdf);
/* *pirq in: wanted or -1; out: given. */
int ctrl_pirq_map(struct ctrl *c, domid_t domid, int gsi, int *pirq);
int ctrl_pirq_unmap(struct ctrl *c, domid_t domid, int pirq);

/* ---- memory of a domain ---- */
/*
 * `count` extents of 2^order pages. Populate: frames[] in: where (guest frames); out, for a PV domain: the
 * machine frames it got. Return how many were done, which may be fewer than asked.
 */
long ctrl_populate(struct ctrl *c, domid_t domid, unsigned int order, unsigned int mem_flags, size_t count,
                   xen_pfn_t *frames);
long ctrl_depopulate(struct ctrl *c, domid_t domid, unsigned int order, size_t count,
                     const xen_pfn_t *frames);
/* Keeps pages back for the domain while it is built; 0 gives back the claim. */
int ctrl_claim_pages(struct ctrl *c, domid_t domid, uint64_t pages);
int ctrl_add_to_physmap(struct ctrl *c, domid_t domid, unsigned int space, unsigned long index,
                        xen_pfn_t gfn);
int ctrl_maximum_gfn(struct ctrl *c, domid_t domid, xen_pfn_t *gfn);
int ctrl_maximum_ram_page(struct ctrl *c, unsigned long *mfn);
int ctrl_pod_target_set(struct ctrl *c, domid_t domid, uint64_t pages, struct xen_pod_target *result);
int ctrl_pod_target_get(struct ctrl *c, domid_t domid, struct xen_pod_target *result);
/* Type and pin state of frames: types[] in: frame, out: XEN_DOMCTL_PFINFO_... | frame. */
int ctrl_page_frame_info(struct ctrl *c, domid_t domid, xen_pfn_t *types, size_t count);
/* The frames of the machine-to-physical table, for mapping it from DOMID_XEN; returns how many. */
int ctrl_machphys_frames(struct ctrl *c, xen_pfn_t *frames, unsigned int max);
/* XEN_DOMCTL_SHADOW_OP_...; bitmap NULL or (pages + 7) / 8 bytes; *pages in and out. */
int ctrl_shadow_op(struct ctrl *c, domid_t domid, uint32_t op, uint32_t mode, uint8_t *bitmap,
                   uint64_t *pages, struct xen_domctl_shadow_op_stats *stats);

/* ---- PV page tables ---- */
int ctrl_mmuext_op(struct ctrl *c, domid_t domid, struct mmuext_op *ops, unsigned int count);
int ctrl_mmu_update(struct ctrl *c, domid_t domid, struct mmu_update *updates, unsigned int count);

/* ---- events, grants, HVM parameters ---- */
/* A port of `domid` that `remote` may bind. */
int ctrl_evtchn_alloc_unbound(struct ctrl *c, domid_t domid, domid_t remote, evtchn_port_t *port);
int ctrl_evtchn_status(struct ctrl *c, domid_t domid, evtchn_port_t port, struct evtchn_status *status);
int ctrl_evtchn_reset(struct ctrl *c, domid_t domid);
/*
 * Writes the reserved grant entries of a new domain: `frame` of the domain may be mapped by `remote`. ref is
 * GNTTAB_RESERVED_CONSOLE or GNTTAB_RESERVED_XENSTORE.
 */
struct ctrl_grant_seed {
    uint32_t ref;
    domid_t remote;
    xen_pfn_t frame;
};
int ctrl_grant_seed(struct ctrl *c, domid_t domid, const struct ctrl_grant_seed *seeds, unsigned int count);
int ctrl_hvm_param_get(struct ctrl *c, domid_t domid, uint32_t index, uint64_t *value);
int ctrl_hvm_param_set(struct ctrl *c, domid_t domid, uint32_t index, uint64_t value);
/* With context NULL returns the size it needs, else the bytes read. */
int ctrl_hvm_context_get(struct ctrl *c, domid_t domid, void *context, uint32_t size);
int ctrl_hvm_context_set(struct ctrl *c, domid_t domid, const void *context, uint32_t size);
int ctrl_hvm_context_get_partial(struct ctrl *c, domid_t domid, unsigned int type, unsigned int instance,
                                 void *record, uint32_t size);

#endif
