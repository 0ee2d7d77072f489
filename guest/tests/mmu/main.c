/* SPDX-License-Identifier: MIT */
/*
 * Page table entries by hypercall: update_va_mapping and mmu_update, what they allow and what
 * they refuse (wrong owner, wrong type, reserved slots, bad pointers, counts), the three update
 * kinds and the machine-to-physical table.
 */
#include "abi/memory.h"
#include "abi/xen.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/percpu.h"

#define UNMAPPED 0x0000200000000000UL

static char *page;
static unsigned long page_mfn;

static long remap(const void *va, uint64_t pte)
{
    return hypercall_update_va_mapping((unsigned long)va, pte, UVMF_INVLPG);
}

static long update(uint64_t ptr, uint64_t value)
{
    struct mmu_update u = { .ptr = ptr, .val = value };

    return hypercall_mmu_update(&u, 1, NULL, DOMID_SELF);
}

static void test_va_mapping(void)
{
    char *other = memory_alloc();

    other[0] = 'o';
    page[0] = 'p';
    EXPECT_EQ(remap(page, pte_make(memory_mfn(other), PTE_DATA)), 0);
    EXPECT_EQ(page[0], 'o');
    EXPECT_EQ(remap(page, 0), 0);
    EXPECT_EQ(TRAP_PROBE("movb (%0), %%al", NOTHING, "r"(page), "rax"), TRAP_PF);
    EXPECT_EQ(remap(page, pte_make(page_mfn, PTE_DATA)), 0);
    EXPECT_EQ(page[0], 'p');
    EXPECT_EQ(hypercall_update_va_mapping((unsigned long)page, pte_make(page_mfn, PTE_DATA),
                                          UVMF_TLB_FLUSH | UVMF_ALL),
              0);
    EXPECT_EQ(hypercall_update_va_mapping((unsigned long)page, pte_make(page_mfn, PTE_DATA),
                                          UVMF_NONE),
              0);
    memory_free(other);
}

static void test_va_mapping_refused(void)
{
    EXPECT_EQ(remap((void *)UNMAPPED, pte_make(page_mfn, PTE_DATA)), -EINVAL);
    EXPECT_EQ(remap((void *)HYPERVISOR_VIRT_START, pte_make(page_mfn, PTE_DATA)), -EINVAL);
    EXPECT_EQ(remap((void *)0x0001000000000000UL, pte_make(page_mfn, PTE_DATA)), -EINVAL);
    /* A page table may be mapped read-only, never writable. */
    EXPECT_EQ(remap(page, pte_make(memory_mfn(pagetable_root()), PTE_RO)), 0);
    EXPECT(remap(page, pte_make(memory_mfn(pagetable_root()), PTE_DATA)) < 0);
    EXPECT(remap(page, pte_make(memory_mfn(pagetable_l1(page)), PTE_DATA)) < 0);
    EXPECT_EQ(remap(page, pte_make(page_mfn, PTE_DATA)), 0);
    /* Reserved address bits. */
    EXPECT(remap(page, pte_make(page_mfn, PTE_DATA) | 1UL << 51) < 0);
    EXPECT_EQ(*pagetable_l1(page) >> 12 & 0xffffffffffUL, page_mfn);
    /* Unknown flush kinds and a bad vcpu mask. */
    EXPECT_EQ(hypercall_update_va_mapping((unsigned long)page, pte_make(page_mfn, PTE_DATA), 3),
              0);
    EXPECT_EQ(hypercall_update_va_mapping((unsigned long)page, pte_make(page_mfn, PTE_DATA),
                                          UVMF_INVLPG | 0x1000),
              -EFAULT);
}

static void test_otherdomain(void)
{
    unsigned long va = (unsigned long)page;

    EXPECT_EQ(hypercall(__HYPERVISOR_update_va_mapping_otherdomain, va,
                        pte_make(page_mfn, PTE_DATA), UVMF_INVLPG, 77, 0),
              -ESRCH);
    EXPECT_EQ(hypercall(__HYPERVISOR_update_va_mapping_otherdomain, va,
                        pte_make(page_mfn, PTE_DATA), UVMF_INVLPG, DOMID_SELF, 0),
              0);
}

static void test_update_kinds(void)
{
    uint64_t *slot = pagetable_l1(page);
    uint64_t where = memory_maddr(slot);

    EXPECT_EQ(update(where, pte_make(page_mfn, PTE_P | PTE_RW)), 0);
    EXPECT_EQ(*slot & (PTE_P | PTE_RW | PTE_A | PTE_D), PTE_P | PTE_RW);
    page[1] = 1;
    EXPECT_EQ(*slot & (PTE_A | PTE_D), PTE_A | PTE_D);
    EXPECT_EQ(update(where | MMU_PT_UPDATE_PRESERVE_AD, pte_make(page_mfn, PTE_P | PTE_RW)), 0);
    EXPECT_EQ(*slot & (PTE_A | PTE_D), PTE_A | PTE_D);
    EXPECT_EQ(update(where | MMU_NORMAL_PT_UPDATE, pte_make(page_mfn, PTE_P | PTE_RW)), 0);
    EXPECT_EQ(*slot & (PTE_A | PTE_D), 0);
    EXPECT_EQ(update(where | MMU_PT_UPDATE_NO_TRANSLATE, pte_make(page_mfn, PTE_DATA)), 0);
    EXPECT_EQ(pte_mfn(*slot), page_mfn);
    EXPECT_EQ(update(where, 0x1230), 0); /* not present: the rest is ours to use */
    EXPECT_EQ(*slot, 0x1230);
    EXPECT_EQ(update(where, pte_make(page_mfn, PTE_DATA)), 0);
}

static void test_batch(void)
{
    uint64_t where = memory_maddr(pagetable_l1(page));
    struct mmu_update u[4] = {
        { .ptr = where, .val = pte_make(page_mfn, PTE_RO) },
        { .ptr = where, .val = pte_make(page_mfn, PTE_DATA) },
        { .ptr = ~0UL << 12, .val = 0 },
        { .ptr = where, .val = 0 },
    };
    unsigned int done = 99;

    EXPECT(hypercall_mmu_update(u, 4, &done, DOMID_SELF) < 0);
    EXPECT_EQ(done, 2);
    EXPECT_EQ(pte_mfn(*pagetable_l1(page)), page_mfn);
    EXPECT_EQ(hypercall_mmu_update(u, 2, &done, DOMID_SELF), 0);
    EXPECT_EQ(done, 2);
    EXPECT_EQ(hypercall_mmu_update(u, 0, &done, DOMID_SELF), 0);
    EXPECT_EQ(hypercall_mmu_update((void *)UNMAPPED, 1, NULL, DOMID_SELF), -EFAULT);
    EXPECT_EQ(hypercall_mmu_update((void *)HYPERVISOR_VIRT_START, 1, NULL, DOMID_SELF),
              -EFAULT);
    EXPECT_EQ(hypercall_mmu_update(u, 1, NULL, 77), -ESRCH);
    EXPECT_EQ(hypercall_mmu_update(u, 1, NULL, 78 << 16 | DOMID_SELF), -ESRCH);
}

static void test_update_refused(void)
{
    uint64_t *root = pagetable_root();
    uint64_t *l2 = pagetable_slot(root, (unsigned long)page, 2);
    uint64_t l2_value = *l2;

    EXPECT(update(memory_maddr(pagetable_l1(page)), pte_make(memory_mfn(root), PTE_DATA)) < 0);
    /* An L2 entry must point to an L1, carry no superpage bit, and leave a used table alone. */
    EXPECT(update(memory_maddr(l2), pte_make(page_mfn, PTE_DATA)) < 0);
    EXPECT_EQ(update(memory_maddr(l2), pte_make(page_mfn & ~511UL, PTE_DATA | PTE_PSE)),
              -EINVAL);
    EXPECT_EQ(*l2, (long)l2_value);
    /* The hypervisor's own L4 slots. */
    for (unsigned int slot = 256; slot < 272; slot++) {
        EXPECT(update(memory_maddr(&root[slot]), 0) < 0);
    }
    EXPECT(update(memory_maddr(&root[256]), root[256] | PTE_RW) < 0);
}

static void test_machphys(void)
{
    unsigned long pfn = memory_pfn(page);

    EXPECT_EQ(memory_m2p(page_mfn), pfn);
    EXPECT_EQ(update((uint64_t)page_mfn << 12 | MMU_MACHPHYS_UPDATE, 0x1234), 0);
    EXPECT_EQ(memory_m2p(page_mfn), 0x1234);
    EXPECT_EQ(update((uint64_t)page_mfn << 12 | MMU_MACHPHYS_UPDATE, pfn), 0);
    EXPECT(update(~0UL << 13 | MMU_MACHPHYS_UPDATE, pfn) < 0);
    EXPECT_EQ(TRAP_PROBE("movq $0, (%0)", NOTHING, "r"(&machine_to_phys_mapping[page_mfn])),
              TRAP_PF);
}

/* A frame given back is no longer ours to map, even while an old entry still names it. */
static void test_stale_frame(void)
{
    unsigned long pfn = memory_take_pfn();
    unsigned long mfn = memory_p2m()[pfn];
    xen_pfn_t frame = mfn;
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
    char *va = pagetable_reserve_va();

    set_xen_guest_handle(r.extent_start, &frame);
    EXPECT_EQ(remap(va, pte_make(mfn, PTE_DATA)), 0);
    va[0] = 1;
    EXPECT_EQ(hypercall_memory_op(XENMEM_decrease_reservation, &r), 1);
    EXPECT_EQ(TRAP_PROBE("movb $2, (%0)", NOTHING, "r"(va)), -1); /* held by our mapping */
    EXPECT_EQ(remap(va, 0), 0);
    EXPECT(remap(va, pte_make(mfn, PTE_DATA)) < 0);
}

void test_main(void)
{
    page = memory_alloc();
    page_mfn = memory_mfn(page);
    test_va_mapping();
    test_va_mapping_refused();
    test_otherdomain();
    test_update_kinds();
    test_batch();
    test_update_refused();
    test_machphys();
    test_stale_frame();
}
