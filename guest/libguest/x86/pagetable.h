/* SPDX-License-Identifier: MIT */
/*
 * Page tables of a PV guest: entries hold machine frames; tables are mapped read-only and
 * changed by hypercall. pagetable_slot() walks from a level-4 table and gives the address
 * (read-only mapping) of the entry at a level, or NULL where the walk ends early. It works for
 * tables whose frames lie in the linear region of memory.h. pagetable_set() changes one entry
 * through mmu_update.
 */
#ifndef GUEST_LIBGUEST_X86_PAGETABLE_H
#define GUEST_LIBGUEST_X86_PAGETABLE_H

#include <stdint.h>

#define PTE_P    0x001UL
#define PTE_RW   0x002UL
#define PTE_US   0x004UL
#define PTE_PWT  0x008UL
#define PTE_PCD  0x010UL
#define PTE_A    0x020UL
#define PTE_D    0x040UL
#define PTE_PSE  0x080UL
#define PTE_G    0x100UL
#define PTE_NX   0x8000000000000000UL
#define PTE_MFN  0x000ffffffffff000UL
#define PTE_RO   (PTE_P | PTE_A | PTE_US)
#define PTE_DATA (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_US)

static inline uint64_t pte_make(unsigned long mfn, uint64_t flags)
{
    return (uint64_t)mfn << 12 | flags;
}

static inline unsigned long pte_mfn(uint64_t pte)
{
    return (pte & PTE_MFN) >> 12;
}

static inline unsigned int pagetable_index(unsigned long va, unsigned int level)
{
    return va >> (12 + 9 * (level - 1)) & 511;
}

uint64_t *pagetable_root(void);
uint64_t *pagetable_slot(uint64_t *root, unsigned long va, unsigned int level);
uint64_t *pagetable_l1(const void *va);
long pagetable_set(uint64_t *slot, uint64_t value);

/*
 * Remaps a page of the linear region read-only or writable (flags PTE_*), flushing its address.
 */
long pagetable_protect(const void *va, uint64_t flags);

/* Forgets the cached translation of one address on this vcpu. */
void pagetable_flush(const void *va);

/* Pins (MMUEXT_PIN_L1_TABLE + level - 1) or unpins a page as a page table. */
long pagetable_pin(unsigned long mfn, unsigned int level);
long pagetable_unpin(unsigned long mfn);

/*
 * An address outside the linear region with tables of its own: returns a virtual address whose
 * L1 entry is empty, with L2 and L1 present; each call gives the next page of a 2 MiB window.
 */
void *pagetable_reserve_va(void);
#endif
