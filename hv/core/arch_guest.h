/* SPDX-License-Identifier: MIT */
/*
 * Contract 3: what an architecture's upper half (arch/X/guest) provides to core/ and calls/. Declared
 * here, implemented there, bound by the linker.
 *
 * "Translated" is asked of the domain (d->is_translated); each function below works for every kind of
 * guest the architecture has.
 */
#ifndef HV_CORE_ARCH_GUEST_H
#define HV_CORE_ARCH_GUEST_H

#include "abi/domctl.h"
#include "abi/memory.h"
#include "abi/physdev.h"
#include "abi/platform.h"
#include "abi/sysctl.h"
#include "hv/core/domain.h"
#include "hv/core/vcpu.h"

/* ---- Birth and end ------------------------------------------------------------------------- */
/* Checks config for what the architecture cannot do (-EINVAL, -EOPNOTSUPP), completes it. */
MUST_CHECK int arch_domain_check_config(struct xen_domctl_createdomain *config);
/* d->arch and shared info page; d->id and config are set. */
MUST_CHECK int arch_domain_init(struct domain *d);
void arch_domain_exit(struct domain *d);
/* Drops page tables and other references the domain holds on its own pages. Preemptible. */
MUST_CHECK int arch_domain_relinquish(struct domain *d);
MUST_CHECK int arch_vcpu_init(struct vcpu *v);
void arch_vcpu_exit(struct vcpu *v);
void arch_vcpu_reset(struct vcpu *v);

/* ---- Running ------------------------------------------------------------------------------- */
/* Leaves prev, continues as next on this CPU. Interrupts are off. On the new vcpu's side it ends in
 * sched_switch_finished(prev) and then its exit path; it returns only when prev runs again (idle). */
void arch_switch(struct vcpu *prev, struct vcpu *next);
/* State of prev that is still loaded lazily on this CPU is saved (before it may run elsewhere). */
void arch_sync_vcpu_state(struct vcpu *v);
/* Registers from and to the control ABI's record. The pointer is guest memory holding a
 * vcpu_guest_context. -EBUSY when v is already initialised and force is false. */
MUST_CHECK int arch_vcpu_set_context(struct vcpu *v, guest_ptr_t context);
/* The same by the vcpu's own domain (VCPUOP_initialise), which may have a layout of its own for it. v is not up.
 * -EINVAL where vcpus start in another way. */
MUST_CHECK int arch_vcpu_initialise(struct vcpu *v, guest_ptr_t context);
MUST_CHECK int arch_vcpu_get_context(struct vcpu *v, guest_ptr_t context);
/* Writes the vcpu's time records (vcpu_info.time and the extra area) for its current CPU. */
void arch_update_vcpu_time(struct vcpu *v);
/* The guest kernel's memory is what the current page tables show (false while PV user space runs): areas
 * registered by virtual address can be written. */
bool arch_kernel_mapped(const struct vcpu *v);
/* VCPUOP_register_vcpu_time_memory_area: -EFAULT when va cannot be written. */
MUST_CHECK int arch_register_vcpu_time(struct vcpu *v, guest_ptr_t va);
/* VCPUOP_get_physid: what names the CPU v is pinned to. */
MUST_CHECK int arch_vcpu_physid(const struct vcpu *v, uint64_t *id);
/* Sends NMI or other trigger; -ENOSYS for those the guest kind lacks. */
MUST_CHECK int arch_vcpu_trigger(struct vcpu *v, unsigned int trigger);
/* An interrupt other than an event's upcall waits for v, the current vcpu: it must not block. */
bool arch_interrupt_due(const struct vcpu *v);

/* ---- Hypercalls ---------------------------------------------------------------------------- */
/* Makes the vcpu run the hypercall in v->restart again (outside a multicall). */
void arch_hypercall_restart(struct vcpu *v);
/* Fills a guest's hypercall page (4096 bytes at page). */
void arch_fill_hypercall_page(struct domain *d, void *page);
/* One entry of a multicall; args already in plain form. */
unsigned long arch_multicall_one(unsigned long op, const unsigned long args[6]);

/* ---- Memory -------------------------------------------------------------------------------- */
/* The frame behind a guest frame number with a general reference, NULL when none. writable: and with role WRITABLE
 * taken (PV) or a writable mapping (translated). */
struct frame *arch_get_gfn(struct domain *d, gfn_t gfn, bool writable);
void arch_put_gfn(struct frame *f, bool writable);
/* d's gfn now means mfn (order pages): M2P for PV, p2m for translated. */
MUST_CHECK int arch_p2m_add(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order);
MUST_CHECK int arch_p2m_remove(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order);
/* core/p2m.c took something out of d's space (after p2m->generation grew): returns when no CPU of d can reach it
 * any more. Interrupts are on, no lock is held. */
void arch_p2m_flush(struct domain *d);
/* The same by the tables, for an architecture that wants an entry in use to be emptied and forgotten before another
 * takes its place (ARCH_P2M_BREAKS of <arch_p2m.h>). p2m.lock is held. */
void arch_p2m_invalidate(const struct p2m *p);
gfn_t arch_mfn_to_gfn(struct domain *d, mfn_t mfn);
void arch_set_m2p(mfn_t mfn, uint64_t pfn);
/* XENMEM_add_to_physmap(_batch), one page; foreign for XENMAPSPACE_gmfn_foreign. */
MUST_CHECK int arch_add_to_physmap(struct domain *d, unsigned int space, struct domain *foreign,
                                   unsigned long idx, gfn_t gfn);
/* Architecture's own XENMEM_ operations: -ENOSYS when it has none of that number. */
MUST_CHECK int arch_memory_op(unsigned int cmd, guest_ptr_t arg);
MUST_CHECK int arch_acquire_resource(struct domain *d, unsigned int type, unsigned int id,
                                     unsigned int frame, mfn_t *mfn);

/* A grant becomes visible in the current domain at addr (linear address or PTE machine address, by
 * GNTMAP_* flags). Frame and role references are the caller's. GNTST_okay or GNTST_*. */
MUST_CHECK int arch_grant_map(uint64_t addr, mfn_t mfn, unsigned int flags, unsigned int cache);
MUST_CHECK int arch_grant_unmap(uint64_t addr, mfn_t mfn, unsigned int flags);
/* GNTTABOP_unmap_and_replace: addr's entry gets what new_addr's has, whose entry is cleared. */
MUST_CHECK int arch_grant_replace(uint64_t addr, mfn_t mfn, unsigned int flags, uint64_t new_addr);

/* ---- Interrupts of devices ----------------------------------------------------------------- */
MUST_CHECK int arch_pirq_bind(struct vcpu *v, unsigned int pirq, evtchn_port_t port, bool share);
void arch_pirq_unbind(struct domain *d, unsigned int pirq);
void arch_pirq_set_cpu(struct domain *d, unsigned int pirq, unsigned int cpu);
unsigned int arch_pirq_count(struct domain *d);
/* Event on the pirq's port was unmasked or EOI asked. */
void arch_pirq_eoi(struct domain *d, unsigned int pirq);

/* ---- Hypercalls that are wholly the architecture's ----------------------------------------- */
long arch_physdev_op(unsigned int cmd, guest_ptr_t arg);
/* Rows that common domctl, sysctl and platform tables do not have; *copy_back: write op back. */
MUST_CHECK int arch_domctl(struct xen_domctl *op, struct domain *d, guest_ptr_t u_op,
                           bool *copy_back);
MUST_CHECK int arch_sysctl(struct xen_sysctl *op, guest_ptr_t u_op, bool *copy_back);
MUST_CHECK int arch_platform_op(struct xen_platform_op *op, guest_ptr_t u_op, bool *copy_back);
void arch_physinfo(struct xen_sysctl_physinfo *info);
void arch_get_domain_info(const struct domain *d, struct xen_domctl_getdomaininfo *info);
/* XENVER_get_features submap 0 and XENVER_capabilities. */
unsigned int arch_features(const struct domain *d);
void arch_capabilities(char *buf, size_t size);
/* What the linker made of the image's contents; 0 bytes: none. */
size_t arch_build_id(const void **id);
unsigned long arch_virt_start(void);
/* Bits of VMASST_TYPE_* a guest of this kind may set. */
unsigned long arch_vm_assist_valid(const struct domain *d);
long arch_hvm_op(unsigned long op, guest_ptr_t arg);
/* Debug key d/0: registers of the vcpu. */
void arch_vcpu_dump(struct vcpu *v);
/* Debug keys i and M: interrupts, their owners and where they go. */
void arch_irq_dump(void);
void arch_irq_chip_dump(void);
/* Anything of the CPU's topology a toolstack asks for. */
/* Memory nodes: at least one; frames from a node's first to its last; relative distance, 10 for a node itself. */
unsigned int arch_node_count(void);
uint64_t arch_node_span(unsigned int node);
unsigned int arch_node_distance(unsigned int from, unsigned int to);
void arch_cpu_topology(unsigned int cpu, uint32_t *core, uint32_t *socket, uint32_t *node);

#endif
