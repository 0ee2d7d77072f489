/* SPDX-License-Identifier: MIT */
/*
 * Grant mappings in a PV domain's page tables: one leaf entry each, named by a linear address or by its
 * machine address.
 *
 * The entry holds the references grant/ took on the granted page, as any leaf entry would, so a guest that
 * overwrites it gives them up the ordinary way. Unmapping hands them back to the caller, and therefore
 * insists that the entry still is what mapping made: this frame with this right.
 *
 * A translated domain's are in its physical space instead (core/p2m.h).
 *
 * Lock: the current domain's mmu_lock. The caller flushes after unmapping.
 */
#include "abi/grant_table.h"
#include "hv/arch/x86/guest/pv_mmu.h"
#include "hv/core/arch_guest.h"
#include "hv/core/p2m.h"
#include "hv/mm/map.h"

#define GRANT_CACHE (PTE_PWT | PTE_PCD | PTE_PAT)

/* The leaf entry addr names, in a validated table of d. */
static uint64_t *find_slot(struct vcpu *v, uint64_t addr, unsigned int flags)
{
    mfn_t mfn = paddr_to_mfn(_paddr(addr));
    const struct frame *f;

    if (!(flags & GNTMAP_contains_pte)) {
        return pv_mmu_leaf_slot(v->arch->guest_table, addr);
    }
    if ((addr & 7) || !frame_valid(mfn)) {
        return NULL;
    }
    f = frame_of(mfn);
    if (f->owner != v->domain->id || frame_role(f) != ROLE_L1 ||
        !pv_table_role(READ_ONCE(f->role))) {
        return NULL;
    }
    return (uint64_t *)((char *)map_frame(mfn) + (addr & ~PAGE_MASK));
}

static uint64_t grant_pte(mfn_t mfn, unsigned int flags, unsigned int cache)
{
    uint64_t avail = (uint64_t)(flags & GNTMAP_guest_avail_mask) >> _GNTMAP_guest_avail0;
    uint64_t pte = pte_make(mfn, PTE_PRESENT | PTE_USER | PTE_ACCESSED | PTE_DIRTY | PTE_NX);

    pte |= avail << PTE_AVAIL_SHIFT & PTE_AVAIL;
    if (!frame_valid(mfn)) {
        pte |= cache & GRANT_CACHE;
    }
    if (!(flags & GNTMAP_readonly) && !pv_frame_is_read_only_device(mfn)) {
        pte |= PTE_RW;
    }
    return pte;
}

static void note_foreign(const struct domain *d, mfn_t mfn)
{
    if (frame_valid(mfn) && frame_of(mfn)->owner != d->id) {
        __atomic_fetch_or(&frame_of(mfn)->count, FRAME_FOREIGN, __ATOMIC_SEQ_CST);
    }
}

int arch_grant_map(uint64_t addr, mfn_t mfn, unsigned int flags, unsigned int cache)
{
    struct vcpu *v = current_vcpu();
    struct domain *d = v->domain;
    uint64_t *slot;
    uint64_t old;

    if (unlikely(d->is_translated)) {
        return p2m_grant_map(addr, mfn, flags);
    }
    spin_lock(&d->arch->mmu_lock);
    slot = find_slot(v, addr, flags);
    if (slot == NULL) {
        spin_unlock(&d->arch->mmu_lock);
        return GNTST_general_error;
    }
    note_foreign(d, mfn);
    old = __atomic_exchange_n(slot, grant_pte(mfn, flags, cache), __ATOMIC_SEQ_CST);
    if (old & PTE_PRESENT) {
        pv_frame_leaf_put(old);
    }
    spin_unlock(&d->arch->mmu_lock);
    return GNTST_okay;
}

/* The entry is still this mapping, so its references are the caller's to drop. */
static bool is_mapping(uint64_t pte, mfn_t mfn, unsigned int flags)
{
    bool writable = !(flags & GNTMAP_readonly) && !pv_frame_is_read_only_device(mfn);

    return (pte & PTE_PRESENT) && mfn_eq(pte_mfn(pte), mfn) && !!(pte & PTE_RW) == writable;
}

int arch_grant_unmap(uint64_t addr, mfn_t mfn, unsigned int flags)
{
    struct vcpu *v = current_vcpu();
    struct domain *d = v->domain;
    int status = GNTST_general_error;
    uint64_t *slot;

    if (unlikely(d->is_translated)) {
        return p2m_grant_unmap(addr, mfn, flags);
    }
    spin_lock(&d->arch->mmu_lock);
    slot = find_slot(v, addr, flags);
    if (slot != NULL && is_mapping(READ_ONCE(*slot), mfn, flags)) {
        (void)__atomic_exchange_n(slot, 0, __ATOMIC_SEQ_CST);
        status = GNTST_okay;
    }
    spin_unlock(&d->arch->mmu_lock);
    return status;
}

int arch_grant_replace(uint64_t addr, mfn_t mfn, unsigned int flags, uint64_t new_addr)
{
    struct vcpu *v = current_vcpu();
    struct domain *d = v->domain;
    int status = GNTST_general_error;
    uint64_t *slot;
    uint64_t *from;

    if (new_addr == 0) {
        return arch_grant_unmap(addr, mfn, flags);
    }
    if ((flags & GNTMAP_contains_pte) || d->is_translated) {
        return GNTST_general_error;
    }
    spin_lock(&d->arch->mmu_lock);
    slot = find_slot(v, addr, flags);
    from = find_slot(v, new_addr, 0);
    if (slot != NULL && from != NULL && slot != from && is_mapping(READ_ONCE(*slot), mfn, flags)) {
        uint64_t moved = __atomic_exchange_n(from, 0, __ATOMIC_SEQ_CST);

        (void)__atomic_exchange_n(slot, moved, __ATOMIC_SEQ_CST);
        status = GNTST_okay;
    }
    spin_unlock(&d->arch->mmu_lock);
    return status;
}
