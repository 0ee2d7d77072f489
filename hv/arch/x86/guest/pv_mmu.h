/* SPDX-License-Identifier: MIT */
/*
 * What the PV memory files (pv_frame, pv_mmu, pv_mmuext, pv_ptwr, pv_grant, pv_descriptor) share.
 *
 * All page tables of a domain change under its mmu_lock. With the lock held a frame that has a VALIDATED
 * page table role keeps it, so tables can be walked and written without taking references.
 */
#ifndef HV_ARCH_X86_GUEST_PV_MMU_H
#define HV_ARCH_X86_GUEST_PV_MMU_H

#include "hv/arch/x86/cpu/pte.h"
#include "hv/arch/x86/guest/guest.h"
#include "hv/mm/frame.h"

/* How an entry is written. All are atomic against the CPU setting accessed and dirty. */
struct pv_write {
    enum {
        PV_WRITE_PLAIN,   /* the new value as it is */
        PV_WRITE_KEEP_AD, /* and accessed and dirty of the old one */
        PV_WRITE_COMPARE  /* only if the old value is the expected one: -EAGAIN else */
    } kind;
    uint64_t expected;    /* PV_WRITE_COMPARE */
};

/*
 * pv_frame.c: changes one entry of a validated table of `tables`, whose mmu_lock is held. pages: the owner of
 * pages a leaf entry may point to (also domain_io, domain_xen). Set_upper may return -ERESTART: nothing has
 * changed, do it again.
 */
MUST_CHECK int pv_frame_set_leaf(struct domain *tables, struct domain *pages, uint64_t *slot,
                                 uint64_t new_pte, struct pv_write how);
MUST_CHECK int pv_frame_set_upper(struct domain *tables, uint64_t *slot, unsigned int level,
                                  uint64_t new_pte, struct pv_write how);
/* pv-linear-pt: an upper table may have a read-only entry for itself, through which the CPU shows the tables
 * below it as data. It holds no reference. Set once at boot. */
extern bool pv_frame_linear_allowed;
/* The references a leaf entry holds go. */
void pv_frame_leaf_put(uint64_t pte);
/* Goes on with releases that were interrupted: -ERESTART until none is left. mmu_lock is held. */
MUST_CHECK int pv_frame_drain(struct domain *d);
/* Gives up a role and a general reference on a table of d; what takes long is left to pv_frame_drain(). */
void pv_frame_drop_table(struct domain *d, struct frame *f);
/* Takes a role and a general reference on a table of d: 0, -EINVAL, -ERESTART. mmu_lock is held. */
MUST_CHECK int pv_frame_get_table(struct domain *d, mfn_t mfn, unsigned int level,
                                  struct frame **f);
/* True while long work may stop with -ERESTART: not when the hypervisor builds dom0. */
bool pv_frame_may_preempt(void);
/* Device pages that guests may map only for reading. */
MUST_CHECK int pv_frame_add_read_only_device(uint64_t first, uint64_t last);
bool pv_frame_is_read_only_device(mfn_t mfn);

static inline bool pv_table_role(uint32_t role)
{
    return (role & ROLE_VALIDATED) && (role >> ROLE_SHIFT) - ROLE_L1 <= ROLE_L4 - ROLE_L1;
}

static inline bool pv_va_is_guest(unsigned long va)
{
    return va < 1UL << 47 || va >= HV_VIRT_END;
}

/* pv_mmu.c: the slot of va in a level 1 table under l4, NULL where the tables end or va goes through a linear
 * entry (then what looks like its leaf lies in another table). mmu_lock is held. */
uint64_t *pv_mmu_leaf_slot(mfn_t l4, unsigned long va);
/* The domain a hypercall names as owner of pages: referenced, or NULL and *rc. */
struct domain *pv_mmu_foreign_get(unsigned int domid, int *rc);
void pv_mmu_foreign_put(struct domain *d);
/* CPUs that may hold translations of d. */
struct cpumask pv_mmu_dirty_cpus(const struct domain *d);
/* CPUs that run vcpus of d in the guest's bitmap. */
MUST_CHECK int pv_mmu_read_vcpu_mask(const struct domain *d, guest_ptr_t bitmap,
                                     struct cpumask *cpus);
/* Flushes va, or all (ARCH_FLUSH_ALL). */
void pv_mmu_flush(const struct cpumask *cpus, unsigned long va);
void pv_mmu_flush_local(unsigned long va);
/* The current vcpu's kernel table becomes l4 (MMUEXT_NEW_BASEPTR, mov to CR3). */
MUST_CHECK int pv_mmu_new_base(mfn_t l4);
/* The M2P is the kernel's to read, not its user space's: gives it to the vcpu's kernel table only. */
void pv_mmu_show_m2p(struct vcpu *v);
/* A frame or machine number within what the CPU can address. */
bool pv_mmu_mfn_possible(mfn_t mfn);

#endif
