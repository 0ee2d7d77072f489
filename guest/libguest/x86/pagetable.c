/* SPDX-License-Identifier: MIT */
/*
 * Walking and editing PV page tables; see pagetable.h.
 */
#include "guest/libguest/x86/pagetable.h"

#include <stddef.h>

#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/test.h"

/* A level-4 slot that the boot tables do not use: 0x0000_1000_0000_0000 >> 39 = 32. */
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
        table = memory_va(memory_m2p(pte_mfn(entry)));
    }
    return &table[pagetable_index(va, level)];
}

uint64_t *pagetable_l1(const void *va)
{
    return pagetable_slot(pagetable_root(), (unsigned long)va, 1);
}

long pagetable_set(uint64_t *slot, uint64_t value)
{
    struct mmu_update update = {
        .ptr = memory_maddr(slot) | MMU_NORMAL_PT_UPDATE,
        .val = value,
    };

    return hypercall_mmu_update(&update, 1, NULL, DOMID_SELF);
}

long pagetable_protect(const void *va, uint64_t flags)
{
    return hypercall_update_va_mapping((unsigned long)va, pte_make(memory_mfn(va), flags),
                                       UVMF_INVLPG | UVMF_ALL);
}

void pagetable_flush(const void *va)
{
    struct mmuext_op op = { .cmd = MMUEXT_INVLPG_LOCAL, .arg1.linear_addr = (unsigned long)va };

    hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

long pagetable_pin(unsigned long mfn, unsigned int level)
{
    struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE + level - 1, .arg1.mfn = mfn };

    return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

long pagetable_unpin(unsigned long mfn)
{
    struct mmuext_op op = { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = mfn };

    return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void *new_table(void)
{
    void *table = memory_alloc();

    if (pagetable_protect(table, PTE_RO) != 0) {
        test_broken("cannot make a new table read-only");
    }
    return table;
}

void *pagetable_reserve_va(void)
{
    static unsigned int used;
    uint64_t *l4 = pagetable_slot(pagetable_root(), WINDOW_BASE, 4);

    if (used == 0) {
        uint64_t *l3 = new_table();
        uint64_t *l2 = new_table();
        uint64_t *l1 = new_table();
        uint64_t flags = PTE_DATA;

        if (pagetable_set(l4, pte_make(memory_mfn(l3), flags)) != 0 ||
            pagetable_set(&l3[0], pte_make(memory_mfn(l2), flags)) != 0 ||
            pagetable_set(&l2[0], pte_make(memory_mfn(l1), flags)) != 0) {
            test_broken("cannot build a window of page tables");
        }
    }
    if (used == 512) {
        test_broken("the window of virtual addresses is used up");
    }
    return (void *)(WINDOW_BASE + used++ * MEMORY_PAGE);
}

unsigned long memory_not_plain(void)
{
    return memory_mfn(pagetable_root());
}
