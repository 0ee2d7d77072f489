/* SPDX-License-Identifier: MIT */
/*
 * Memory of Arm guests: all are translated, so most of contract 3 is calls of core/p2m.h; and what the frame table
 * asks of an architecture whose guests never show it page tables.
 */
#include "hv/arch/arm/cpu/errata.h"
#include "hv/arch/arm/cpu/paging.h"
#include "hv/arch/arm/cpu/sysreg.h"
#include "hv/arch/arm/guest/guest.h"
#include "hv/arch/arm/guest/vgic.h"
#include "hv/arch/arm/guest/vpl011.h"
#include "hv/calls/memory_op.h"
#include "hv/core/arch_guest.h"
#include "hv/core/grant.h"
#include "hv/core/p2m.h"
#include "hv/upcalls.h"

#define RELINQUISH_CHUNK 256U

struct frame *arch_get_gfn(struct domain *d, gfn_t gfn, bool writable)
{
    return p2m_get_frame(d, gfn, writable);
}

void arch_put_gfn(struct frame *f, bool writable)
{
    if (writable) {
        frame_put_with_role(f);
    } else {
        frame_put(f);
    }
}

/* A guest whose caches are off reads memory behind ours: what it is given must be there. */
int arch_p2m_add(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    paging_clean_cache(arch_direct_map(mfn), PAGE_SIZE << order);
    return p2m_set(d, gfn, mfn, order, P2M_RAM);
}

int arch_p2m_remove(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    return p2m_remove(d, gfn, mfn, order);
}

uint64_t guest_vttbr(const struct p2m *p)
{
    return mfn_to_paddr(p->root).v | (uint64_t)p->hardware_id << 48;
}

/* By VMID on all CPUs; VTTBR_EL2 says which, so it is the domain's for a moment. */
void arch_p2m_invalidate(const struct p2m *p)
{
    unsigned long flags = arch_irq_save();
    uint64_t saved = SYSREG_READ("vttbr_el2");
    uint64_t sctlr = SYSREG_READ("sctlr_el1"), tcr = SYSREG_READ("tcr_el1");

    dsb_ish(); /* the changed entries before the invalidation */
    if (unlikely(errata_speculative_walk)) {
        guest_walks_off(sctlr);
    }
    SYSREG_WRITE("vttbr_el2", guest_vttbr(p));
    isb();
    __asm__ __volatile__("tlbi vmalls12e1is" ::: "memory");
    dsb_ish();
    if (unlikely(errata_invalidate_twice)) {
        __asm__ __volatile__("tlbi vmalls12e1is" ::: "memory");
        dsb_ish();
    }
    SYSREG_WRITE("vttbr_el2", saved);
    isb();
    if (unlikely(errata_speculative_walk)) {
        guest_walks_on(sctlr, tcr);
    }
    arch_irq_restore(flags);
}

void arch_p2m_flush(struct domain *d)
{
    arch_p2m_invalidate(d->p2m);
}

/* There is no table from machine to guest frames: nobody on Arm is told numbers of it. */
gfn_t arch_mfn_to_gfn(struct domain *d, mfn_t mfn)
{
    return d->arch != NULL && d->arch->is_direct ? _gfn(mfn_x(mfn)) : INVALID_GFN;
}

void arch_set_m2p(mfn_t mfn, uint64_t pfn)
{
    (void)mfn;
    (void)pfn;
}

int arch_add_to_physmap(struct domain *d, unsigned int space, struct domain *foreign, unsigned long idx,
                        gfn_t gfn)
{
    return p2m_add_to_physmap(d, space, foreign, idx, gfn);
}

int arch_acquire_resource(struct domain *d, unsigned int type, unsigned int id, unsigned int frame,
                          mfn_t *mfn)
{
    if (type != XENMEM_resource_grant_table) {
        return -EOPNOTSUPP;
    }
    if (id != XENMEM_resource_grant_table_id_shared && id != XENMEM_resource_grant_table_id_status) {
        return -EINVAL;
    }
    return grant_get_frame(d, id == XENMEM_resource_grant_table_id_status, frame, mfn);
}

int arch_grant_map(uint64_t addr, mfn_t mfn, unsigned int flags, unsigned int cache)
{
    (void)cache;
    return p2m_grant_map(addr, mfn, flags);
}

int arch_grant_unmap(uint64_t addr, mfn_t mfn, unsigned int flags)
{
    return p2m_grant_unmap(addr, mfn, flags);
}

int arch_grant_replace(uint64_t addr, mfn_t mfn, unsigned int flags, uint64_t new_addr)
{
    (void)addr;
    (void)mfn;
    (void)flags;
    (void)new_addr;
    return GNTST_general_error; /* there is no entry of the guest's to put elsewhere */
}

int arch_memory_op(unsigned int cmd, guest_ptr_t arg)
{
    struct domain *d;
    domid_t domid;
    int rc;

    if (cmd != XENMEM_maximum_gpfn) {
        return -ENOSYS;
    }
    if (copy_from_guest(&domid, arg, sizeof(domid)) != 0) {
        return -EFAULT;
    }
    d = memory_op_domain_get(domid, &rc);
    if (d != NULL) {
        rc = (int)(p2m_end(d) - 1);
        domain_put(d);
    }
    return rc;
}

/* ---- the end ----------------------------------------------------------------------------------- */

/* What others show, then the domain's own pages: those that somebody still holds go when he lets go. */
int arch_domain_relinquish(struct domain *d)
{
    struct frame *f;
    int rc;

    vgic_release_irqs(d);
    vpl011_relinquish(d);
    rc = d->p2m == NULL ? 0 : p2m_relinquish(d);
    if (rc != 0) {
        return rc;
    }
    spin_lock(&d->memory.lock);
    d->memory.dying = true;
    spin_unlock(&d->memory.lock);
    for (uint64_t n = 0, all = READ_ONCE(d->memory.listed); n < all; n++) {
        if (n % RELINQUISH_CHUNK == RELINQUISH_CHUNK - 1 && softirq_urgent()) {
            return -ERESTART;
        }
        f = frame_owner_first(&d->memory);
        if (f == NULL) {
            break;
        }
        frame_owner_next(&d->memory, f);
        if (frame_clear_allocated(f)) {
            frame_put(f);
        }
        frame_put(f);
    }
    return 0;
}

/* ---- upcalls: roles say nothing, and invalidation is p2m's ---------------------------------------- */

int upcall_role_validate(struct frame *f, unsigned int role, bool preemptible)
{
    (void)f;
    (void)preemptible;
    return role == ROLE_WRITABLE ? 0 : -EINVAL;
}

int upcall_role_release(struct frame *f, unsigned int role, bool preemptible)
{
    (void)f;
    (void)role;
    (void)preemptible;
    return 0;
}

void upcall_role_abandon(struct frame *f)
{
    (void)f;
}

void upcall_frame_flush(struct frame *f)
{
    (void)f;
}

void upcall_frames_flush(const struct frame *first)
{
    (void)first;
}

bool upcall_fault_fixup(struct cpu_user_regs *regs, unsigned long far)
{
    (void)regs;
    (void)far;
    return false;
}

void upcall_ipi_call(void)
{
}
