/* SPDX-License-Identifier: MIT */
/*
 * The per-domain slice of address space (level 4 slot 260): descriptor table pages of each vcpu, mapped for
 * the hypervisor and the CPU only. One level 3 and one level 2 table, and a level 1 table for 16 vcpus.
 *
 * Entries are written by whoever prepares the vcpu (it does not run) or by the vcpu itself; the caller
 * flushes where the old entry may be in use.
 */
#include "hv/arch/x86/cpu/paging.h"
#include "hv/arch/x86/guest/guest.h"
#include "hv/mm/heap.h"

#define TABLE_FLAGS (PTE_PRESENT | PTE_RW | PTE_ACCESSED | PTE_DIRTY)
#define VCPUS_PER_L1 (PTE_COUNT / PV_VCPU_AREA_PAGES)

BUILD_ASSERT((PERDOMAIN_START >> 39 & 511) == 260);

/* What descriptor pages show that a guest did not set: null descriptors. */
static const uint8_t zero_page[PAGE_SIZE] ALIGNED(4096) = { 0 };

int pv_perdomain_init(struct domain *d)
{
    uint64_t *l3 = heap_alloc_page();

    if (l3 == NULL) {
        return -ENOMEM;
    }
    d->arch->perdomain_l3 = arch_direct_mfn(l3);
    d->arch->perdomain_l2 = heap_alloc_page();
    if (d->arch->perdomain_l2 == NULL) {
        return -ENOMEM; /* pv_perdomain_exit() follows */
    }
    l3[0] = pte_make(arch_direct_mfn(d->arch->perdomain_l2), TABLE_FLAGS);
    return 0;
}

void pv_perdomain_exit(struct domain *d)
{
    struct arch_domain *a = d->arch;

    for (unsigned int i = 0; i < ARRAY_SIZE(a->perdomain_l1); i++) {
        if (a->perdomain_l1[i] != NULL) {
            heap_free_page(a->perdomain_l1[i]);
            a->perdomain_l1[i] = NULL;
        }
    }
    if (a->perdomain_l2 != NULL) {
        heap_free_page(a->perdomain_l2);
        a->perdomain_l2 = NULL;
    }
    if (!mfn_eq(a->perdomain_l3, INVALID_MFN)) {
        heap_free_page(arch_direct_map(a->perdomain_l3));
        a->perdomain_l3 = INVALID_MFN;
    }
}

int pv_perdomain_prepare(struct domain *d, unsigned int vcpu_id)
{
    struct arch_domain *a = d->arch;
    unsigned int i = vcpu_id / VCPUS_PER_L1;

    if (i >= ARRAY_SIZE(a->perdomain_l1)) {
        return -EINVAL;
    }
    if (a->perdomain_l1[i] == NULL) {
        a->perdomain_l1[i] = heap_alloc_page();
        if (a->perdomain_l1[i] == NULL) {
            return -ENOMEM;
        }
        WRITE_ONCE(a->perdomain_l2[i],
                   pte_make(arch_direct_mfn(a->perdomain_l1[i]), TABLE_FLAGS));
    }
    for (unsigned int page = 0; page < PV_GDT_FRAMES; page++) {
        pv_perdomain_set(d, pv_gdt_va(vcpu_id) + page * PAGE_SIZE, INVALID_MFN, false);
    }
    return 0;
}

void pv_perdomain_set(struct domain *d, unsigned long va, mfn_t mfn, bool writable)
{
    unsigned int page = (unsigned int)((va - PERDOMAIN_START) >> PAGE_SHIFT);
    bool in_gdt = page % PV_VCPU_AREA_PAGES < PV_GDT_FRAMES;
    uint64_t pte = 0;

    if (!mfn_eq(mfn, INVALID_MFN)) {
        pte = pte_make(mfn, PTE_PRESENT | PTE_NX | PTE_ACCESSED |
                                (writable ? PTE_RW | PTE_DIRTY : 0));
    } else if (in_gdt) {
        /* A selector beyond the guest's table must be a bad selector, not a page fault. */
        pte = pte_make(paddr_to_mfn(paging_virt_to_phys(zero_page)),
                       PTE_PRESENT | PTE_NX | PTE_ACCESSED);
    }
    WRITE_ONCE(d->arch->perdomain_l1[page / PTE_COUNT][page % PTE_COUNT], pte);
}
