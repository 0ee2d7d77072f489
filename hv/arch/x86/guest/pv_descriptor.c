/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables of PV guests: set_gdt, update_descriptor, and LDTs, whose pages are mapped in when the
 * CPU first reads them.
 *
 * A page in use as a descriptor table has role DESCRIPTORS: nobody may write it but through here, so that
 * every descriptor has been through pv_descriptor_check(). GDT frames are in gdt_frames[]; an LDT page's
 * frame is found in its per-domain entry. Both hold a general and a role reference.
 *
 * Only the vcpu itself changes its tables, or somebody else while it does not run.
 */
#include "hv/arch/x86/cpu/traps.h"
#include "hv/arch/x86/guest/pv_mmu.h"
#include "hv/calls/hypercall.h"
#include "hv/mm/guest_copy.h"
#include "hv/mm/map.h"

#define ENTRIES_PER_PAGE (PAGE_SIZE / 8)
#define LDT_PAGES        16
#define LDT_ENTRIES_MAX  8192

#define DESC_ACCESSED    (1UL << 40)
#define DESC_TYPE_CODE   (1UL << 43)
#define DESC_SEGMENT     (1UL << 44) /* code or data, not a system segment */
#define DESC_DPL         (3UL << 45)
#define DESC_PRESENT     (1UL << 47)

/* Code and data segments run at ring 3 whatever the guest says, and are marked accessed, so that the CPU
 * need not write to the page. Gates and system segments are refused. */
bool pv_descriptor_check(uint64_t *descriptor)
{
    if (!(*descriptor & DESC_PRESENT)) {
        return true;
    }
    if (!(*descriptor & DESC_SEGMENT)) {
        return false;
    }
    *descriptor |= DESC_DPL | DESC_ACCESSED;
    return true;
}

/* ---- GDT ----------------------------------------------------------------------------------------- */

static void frames_put(struct frame **frames, unsigned int count)
{
    while (count-- > 0) {
        frame_put_with_role(frames[count]);
    }
}

/* Takes references on all frames, or none. */
static int frames_get(const struct domain *d, const uint64_t *mfns, unsigned int count,
                      struct frame **frames)
{
    for (unsigned int i = 0; i < count; i++) {
        mfn_t mfn = _mfn(mfns[i]);

        if (!frame_valid(mfn) ||
            frame_get_with_role(frame_of(mfn), d->id, ROLE_DESCRIPTORS) != 0) {
            frames_put(frames, i);
            return -EINVAL;
        }
        frames[i] = frame_of(mfn);
    }
    return 0;
}

static void flush_gdt(const struct vcpu *v)
{
    if (v == current_vcpu()) {
        pv_mmu_flush_local(ARCH_FLUSH_ALL);
    }
}

void pv_destroy_gdt(struct vcpu *v)
{
    struct arch_vcpu *a = v->arch;
    struct frame *old[PV_GDT_FRAMES];
    unsigned int count = 0;

    if (a == NULL || a->gdt_entries == 0) {
        return;
    }
    a->gdt_entries = 0;
    for (unsigned int i = 0; i < PV_GDT_FRAMES; i++) {
        if (a->gdt_frames[i] != NULL) {
            old[count++] = a->gdt_frames[i];
            a->gdt_frames[i] = NULL;
            pv_perdomain_set(v->domain, pv_gdt_va(v->id) + i * PAGE_SIZE, INVALID_MFN, false);
        }
    }
    flush_gdt(v);
    frames_put(old, count);
}

int pv_set_gdt(struct vcpu *v, const uint64_t *frames, unsigned int entries)
{
    unsigned int count = (unsigned int)DIV_ROUND_UP(entries, ENTRIES_PER_PAGE);
    struct frame *fresh[PV_GDT_FRAMES];
    int rc;

    if (count > PV_GDT_FRAMES) {
        return -EINVAL;
    }
    rc = frames_get(v->domain, frames, count, fresh);
    if (rc != 0) {
        return rc;
    }
    pv_destroy_gdt(v);
    for (unsigned int i = 0; i < count; i++) {
        v->arch->gdt_frames[i] = fresh[i];
        pv_perdomain_set(v->domain, pv_gdt_va(v->id) + i * PAGE_SIZE, frame_mfn(fresh[i]), true);
    }
    v->arch->gdt_entries = entries;
    flush_gdt(v);
    return 0;
}

long do_set_gdt(guest_ptr_t frames, unsigned int entries)
{
    struct vcpu *v = current_vcpu();
    uint64_t mfns[PV_GDT_FRAMES];
    unsigned int count;

    if (!v->domain->arch->is_pv) {
        return -ENOSYS;
    }
    if (entries > PV_GDT_FRAMES * ENTRIES_PER_PAGE) {
        return -EINVAL;
    }
    count = (unsigned int)DIV_ROUND_UP(entries, ENTRIES_PER_PAGE);
    if (copy_from_guest(mfns, frames, count * sizeof(mfns[0])) != 0) {
        return -EFAULT;
    }
    return pv_set_gdt(v, mfns, entries);
}

/* ---- One descriptor ------------------------------------------------------------------------------ */

long do_update_descriptor(uint64_t address, uint64_t descriptor)
{
    struct domain *d = current_domain();
    mfn_t mfn = paddr_to_mfn(_paddr(address));
    enum frame_role role;
    struct frame *f;
    uint64_t *page;
    int rc;

    if (!d->arch->is_pv) {
        return -ENOSYS;
    }
    if ((address & 7) || !frame_valid(mfn) || !pv_descriptor_check(&descriptor)) {
        return -EINVAL;
    }
    f = frame_of(mfn);
    role = frame_role(f) == ROLE_DESCRIPTORS && (READ_ONCE(f->role) & ROLE_COUNT_MASK)
               ? ROLE_DESCRIPTORS
               : ROLE_WRITABLE;
    rc = frame_get_with_role(f, d->id, role);
    if (rc != 0) {
        return -EINVAL;
    }
    page = map_frame(mfn);
    WRITE_ONCE(page[(address & ~PAGE_MASK) / sizeof(*page)], descriptor);
    unmap_frame(page);
    frame_put_with_role(f);
    return 0;
}

/* ---- LDT ----------------------------------------------------------------------------------------- */

static uint64_t *ldt_entry(struct vcpu *v, unsigned int page)
{
    unsigned int index = (unsigned int)((pv_ldt_va(v->id) - PERDOMAIN_START) >> PAGE_SHIFT) + page;

    return &v->domain->arch->perdomain_l1[index / PTE_COUNT][index % PTE_COUNT];
}

void pv_drop_ldt(struct vcpu *v)
{
    struct arch_vcpu *a = v->arch;
    struct frame *old[LDT_PAGES];
    unsigned int count = 0;

    if (a == NULL || a->ldt_mapped == 0) {
        return;
    }
    for (unsigned int i = 0; i < LDT_PAGES; i++) {
        if (a->ldt_mapped >> i & 1) {
            uint64_t *entry = ldt_entry(v, i);

            old[count++] = frame_of(pte_mfn(*entry));
            WRITE_ONCE(*entry, 0);
        }
    }
    a->ldt_mapped = 0;
    flush_gdt(v);
    frames_put(old, count);
}

int pv_set_ldt(struct vcpu *v, unsigned long base, unsigned int entries)
{
    struct arch_vcpu *a = v->arch;

    if (entries > LDT_ENTRIES_MAX || (entries != 0 && ((base & ~PAGE_MASK) || !pv_va_is_guest(base)))) {
        return -EINVAL;
    }
    if (a->ldt_base == base && a->ldt_entries == entries) {
        return 0;
    }
    pv_drop_ldt(v);
    a->ldt_base = base;
    a->ldt_entries = entries;
    if (v == current_vcpu()) {
        traps_set_ldt(pv_ldt_va(v->id), entries);
    }
    return 0;
}

static bool map_ldt_page(struct vcpu *v, unsigned int page)
{
    uint64_t pte = pv_mmu_leaf_entry(v->arch->ldt_base + page * PAGE_SIZE);
    mfn_t mfn = pte_mfn(pte);

    if (!(pte & PTE_PRESENT) || !frame_valid(mfn) ||
        frame_get_with_role(frame_of(mfn), v->domain->id, ROLE_DESCRIPTORS) != 0) {
        return false;
    }
    pv_perdomain_set(v->domain, pv_ldt_va(v->id) + page * PAGE_SIZE, mfn, true);
    v->arch->ldt_mapped |= (uint16_t)(1U << page);
    return true;
}

/* Runs in an exception. Taking the role may have to flush other CPUs, which must be able to interrupt us. */
bool pv_ldt_fault(struct vcpu *v, unsigned long offset)
{
    unsigned int page = (unsigned int)(offset >> PAGE_SHIFT);
    unsigned long flags;
    bool mapped;

    if (page >= LDT_PAGES || offset >= v->arch->ldt_entries * 8UL ||
        (v->arch->ldt_mapped >> page & 1)) {
        return false;
    }
    flags = arch_irq_save();
    arch_irq_enable();
    mapped = map_ldt_page(v, page);
    arch_irq_disable();
    arch_irq_restore(flags);
    return mapped;
}
