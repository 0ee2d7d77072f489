/* SPDX-License-Identifier: MIT */
/*
 * Linear page tables: a level 4 table with a read-only entry for itself shows the tables below it as memory.
 * What the CPU shows, what may be written through it, and that nothing but leaf entries ever is.
 */
#include "abi/xen.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/traps.h"

#define SLOT 300UL

/* Where the entry of va at a level appears. */
static uint64_t *shown(unsigned long va, unsigned int level)
{
    for (unsigned int i = 0; i < level; i++) {
        va = (va & 0xffffffffffffUL) >> 9 & ~7UL;
        va |= 0xffff000000000000UL | SLOT << 39;
    }
    return (uint64_t *)va;
}

static long remap(const void *va, uint64_t pte)
{
    return hypercall_update_va_mapping((unsigned long)va, pte, UVMF_TLB_FLUSH);
}

void test_main(void)
{
    uint64_t *root = pagetable_root();
    uint64_t *other = memory_alloc();
    char *page = memory_alloc();
    unsigned long va = (unsigned long)page;
    unsigned long mfn = memory_mfn(root);
    uint64_t before;

    EXPECT(pagetable_set(&root[SLOT], pte_make(mfn, PTE_DATA)) < 0);
    EXPECT(pagetable_set(&root[SLOT], pte_make(mfn, PTE_RO | PTE_PSE)) < 0);
    EXPECT_EQ(pagetable_set(&root[SLOT], pte_make(mfn, PTE_RO)), 0);
    EXPECT(pagetable_set(&root[SLOT], pte_make(mfn, PTE_DATA)) < 0);
    EXPECT_EQ(*shown(va, 1), *pagetable_l1(page));
    EXPECT_EQ(*shown(va, 2), *pagetable_slot(root, va, 2));
    EXPECT_EQ(*shown(va, 4), *pagetable_slot(root, va, 4));
    EXPECT_EQ(root[SLOT] & PTE_RW, 0);

    /* An entry of an upper table is no leaf, though it looks like one from here. */
    before = *shown(va, 2);
    EXPECT(remap(shown(va, 1), pte_make(memory_mfn(other), PTE_DATA)) < 0);
    EXPECT(remap(shown(va, 2), pte_make(memory_mfn(other), PTE_DATA)) < 0);
    EXPECT(remap(shown(va, 4), 0) < 0);
    EXPECT_EQ(*shown(va, 2), before);

    /* Leaf entries are written through it as anywhere: emulated and checked. */
    page[0] = 'x';
    *(volatile uint64_t *)shown(va, 1) = pte_make(memory_mfn(page), PTE_RO);
    EXPECT_EQ(*pagetable_l1(page) & PTE_RW, 0);
    *(volatile uint64_t *)shown(va, 1) = pte_make(memory_mfn(page), PTE_DATA);
    EXPECT_EQ(*pagetable_l1(page) & PTE_RW, PTE_RW);
    page[0] = 'y';

    /* Pinned, loaded and unpinned with such an entry a table comes back whole. */
    for (unsigned int i = 0; i < 512; i++) {
        other[i] = i >= 256 && i < 272 ? 0 : root[i];
    }
    other[SLOT] = pte_make(memory_mfn(other), PTE_RO);
    EXPECT_EQ(pagetable_protect(other, PTE_RO), 0);
    EXPECT_EQ(pagetable_pin(memory_mfn(other), 4), 0);
    EXPECT(pagetable_protect(other, PTE_DATA) < 0);
    EXPECT_EQ(pagetable_unpin(memory_mfn(other)), 0);
    EXPECT_EQ(pagetable_protect(other, PTE_DATA), 0);

    EXPECT_EQ(pagetable_set(&root[SLOT], 0), 0);
    EXPECT_EQ(root[SLOT], 0);
}
