/* SPDX-License-Identifier: MIT */
/* Page tables of a PVH guest: plain memory with the guest's own frame numbers. See x86/pagetable.h. */
#include "guest/libguest/x86/pagetable.h"

#include <stddef.h>

#include "guest/libguest/memory.h"
#include "guest/libguest/test.h"

#define WINDOW_BASE 0x0000100000000000UL

uint64_t *pagetable_root(void)
{
    return (uint64_t *)start_info->pt_base;
}

uint64_t *pagetable_slot(uint64_t *root, unsigned long va, unsigned int level)
{
    uint64_t *table = root;

    for (unsigned int l = 4; l > level; l--) {
        uint64_t entry = table[pagetable_index(va, l)];

        if (!(entry & PTE_P) || (entry & PTE_PSE)) {
            return NULL;
        }
        table = memory_va(pte_mfn(entry));
    }
    return &table[pagetable_index(va, level)];
}

uint64_t *pagetable_l1(const void *va)
{
    return pagetable_slot(pagetable_root(), (unsigned long)va, 1);
}

long pagetable_set(uint64_t *slot, uint64_t value)
{
    *(volatile uint64_t *)slot = value;
    return 0;
}

void pagetable_flush(const void *va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

long pagetable_protect(const void *va, uint64_t flags)
{
    pagetable_set(pagetable_l1(va), pte_make(memory_pfn(va), flags));
    pagetable_flush(va);
    return 0;
}

void *pagetable_reserve_va(void)
{
    static unsigned int used;
    static uint64_t *l1;

    if (used == 0) {
        uint64_t *l3 = memory_alloc();
        uint64_t *l2 = memory_alloc();

        l1 = memory_alloc();
        pagetable_set(&l2[0], pte_make(memory_pfn(l1), PTE_DATA));
        pagetable_set(&l3[0], pte_make(memory_pfn(l2), PTE_DATA));
        pagetable_set(pagetable_slot(pagetable_root(), WINDOW_BASE, 4), pte_make(memory_pfn(l3), PTE_DATA));
    }
    if (used == 512) {
        test_broken("the window of virtual addresses is used up");
    }
    return (void *)(WINDOW_BASE + used++ * MEMORY_PAGE);
}
