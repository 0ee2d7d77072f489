/* SPDX-License-Identifier: MIT */
/*
 * What makes a page a page table of a PV guest: which entries are allowed, which references they hold, and
 * how a whole table gains and loses its role.
 *
 *   leaf entry     general reference on a RAM page of the owner named, and role WRITABLE when it is writable;
 *                  device memory takes none but needs the right to it
 *   upper entry    general reference and the role of the level below on a table of the same domain; nothing
 *                  where it names its own table (linear page tables), which must be read-only
 *   not present    anything, no references
 *
 * The hypervisor forces PTE_USER in all entries (guest kernels run in ring 3), takes PTE_GLOBAL out, keeps
 * slots 256..271 of level 4 to itself, and refuses large pages. Cache attributes of RAM are for domains with
 * devices only. Levels above 1 can be interrupted half way: aux says how far, see frame.h. The descent goes
 * through frame_get_role() and back in here, at most four levels deep.
 *
 * Lock: mmu_lock of the tables' owner.
 */
#include "hv/arch/x86/cpu/paging.h"
#include "hv/arch/x86/guest/pv_mmu.h"
#include "hv/base/printk.h"
#include "hv/calls/hypercall.h"
#include "hv/core/rights.h"
#include "hv/lib/rangeset.h"
#include "hv/mm/map.h"
#include "hv/upcalls.h"

#define LEAF_CACHE     (PTE_PWT | PTE_PCD | PTE_PAT)
#define UPPER_REFUSED  (PTE_PWT | PTE_PCD | PTE_LARGE | PTE_GLOBAL)
#define ACCESSED_DIRTY (PTE_ACCESSED | PTE_DIRTY)
#define READ_ONLY_MAX  64

static struct {
    uint64_t first;
    uint64_t last;
} read_only[READ_ONLY_MAX];
static unsigned int read_only_count;

bool pv_frame_linear_allowed;

bool pv_frame_may_preempt(void)
{
    return current_vcpu() != NULL && !vcpu_is_idle(current_vcpu());
}

/* ---- Device pages ---------------------------------------------------------------------------- */

int pv_frame_add_read_only_device(uint64_t first, uint64_t last)
{
    unsigned int n = read_only_count;

    if (n == READ_ONLY_MAX) {
        return -ENOSPC;
    }
    read_only[n].first = first;
    read_only[n].last = last;
    __atomic_store_n(&read_only_count, n + 1, __ATOMIC_RELEASE);
    return 0;
}

bool pv_frame_is_read_only_device(mfn_t mfn)
{
    unsigned int n = __atomic_load_n(&read_only_count, __ATOMIC_ACQUIRE);

    for (unsigned int i = 0; i < n; i++) {
        if (mfn_x(mfn) >= read_only[i].first && mfn_x(mfn) <= read_only[i].last) {
            return true;
        }
    }
    return false;
}

static int device_get(const struct domain *pages, uint64_t *pte)
{
    mfn_t mfn = pte_mfn(*pte);
    const struct domain *who = pages == domain_io ? current_domain() : pages;

    if (pages == domain_xen || !pv_mmu_mfn_possible(mfn)) {
        return -EINVAL;
    }
    if (!rights_has(who, RIGHT_MEMORY, mfn_x(mfn), mfn_x(mfn))) {
        return -EPERM;
    }
    if ((*pte & PTE_RW) && pv_frame_is_read_only_device(mfn)) {
        *pte &= ~PTE_RW;
    }
    return 0;
}

/* ---- Leaf entries ---------------------------------------------------------------------------- */

static uint64_t leaf_adjust(const struct domain *tables, uint64_t pte)
{
    pte = (pte | PTE_USER) & ~PTE_GLOBAL;
    return tables->is_hardware ? pte : pte & ~LEAF_CACHE;
}

static void mark_foreign(struct frame *f)
{
    if (!(READ_ONCE(f->count) & FRAME_FOREIGN)) {
        __atomic_fetch_or(&f->count, FRAME_FOREIGN, __ATOMIC_SEQ_CST);
    }
}

/* Takes what a present leaf entry holds; the entry may be changed to what the guest gets. */
static int leaf_get(const struct domain *tables, const struct domain *pages, uint64_t *pte)
{
    mfn_t mfn = pte_mfn(*pte);
    struct frame *f;

    if (unlikely(!frame_valid(mfn))) {
        *pte = (*pte | PTE_USER) & ~PTE_GLOBAL;
        return device_get(pages, pte);
    }
    *pte = leaf_adjust(tables, *pte);
    f = frame_of(mfn);
    if (unlikely(!frame_get(f, pages->id))) {
        return -EINVAL;
    }
    if (*pte & PTE_RW) {
        int rc = frame_get_writable(f);

        if (unlikely(rc != 0)) {
            frame_put(f);
            return rc;
        }
    }
    if (unlikely(pages != tables)) {
        mark_foreign(f);
    }
    return 0;
}

void pv_frame_leaf_put(uint64_t pte)
{
    mfn_t mfn = pte_mfn(pte);
    struct frame *f;

    if (unlikely(!frame_valid(mfn))) {
        return;
    }
    f = frame_of(mfn);
    if (pte & PTE_RW) {
        frame_put_writable(f);
    }
    frame_put(f);
}

/* The store. Only the CPU's accessed and dirty bits can change under us. */
static inline int entry_write(uint64_t *slot, uint64_t new_pte, struct pv_write how)
{
    uint64_t old;

    if (likely(how.kind == PV_WRITE_PLAIN)) {
        (void)__atomic_exchange_n(slot, new_pte, __ATOMIC_SEQ_CST);
        return 0;
    }
    if (how.kind == PV_WRITE_KEEP_AD) {
        old = READ_ONCE(*slot);
        while (!__atomic_compare_exchange_n(slot, &old, new_pte | (old & ACCESSED_DIRTY), false,
                                            __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
        }
        return 0;
    }
    old = how.expected;
    return __atomic_compare_exchange_n(slot, &old, new_pte, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)
               ? 0
               : -EAGAIN;
}

/* Another right to the page the entry maps already: no need to look at its general reference. */
static int set_same_page(struct domain *tables, struct domain *pages, uint64_t *slot, uint64_t old,
                         uint64_t new_pte, struct pv_write how)
{
    struct frame *f = frame_of(pte_mfn(old));
    uint64_t toggled;
    int rc;

    new_pte = leaf_adjust(tables, new_pte);
    toggled = (old ^ new_pte) & PTE_RW;
    if (toggled & new_pte) {
        if (unlikely(f->owner != pages->id)) {
            return -EINVAL;
        }
        rc = frame_get_writable(f);
        if (unlikely(rc != 0)) {
            return rc;
        }
    }
    rc = entry_write(slot, new_pte, how);
    if (toggled & (unlikely(rc != 0) ? new_pte : old)) {
        frame_put_writable(f);
    }
    return rc;
}

static NOINLINE int set_other_page(struct domain *tables, struct domain *pages, uint64_t *slot,
                                   uint64_t new_pte, struct pv_write how)
{
    uint64_t old = READ_ONCE(*slot);
    int rc;

    if (new_pte & PTE_PRESENT) {
        rc = leaf_get(tables, pages, &new_pte);
        if (unlikely(rc != 0)) {
            return rc;
        }
    }
    rc = entry_write(slot, new_pte, how);
    if (unlikely(rc != 0)) {
        old = new_pte;
    }
    if (old & PTE_PRESENT) {
        pv_frame_leaf_put(old);
    }
    return rc;
}

int pv_frame_set_leaf(struct domain *tables, struct domain *pages, uint64_t *slot, uint64_t new_pte,
                      struct pv_write how)
{
    uint64_t old = READ_ONCE(*slot);

    if ((old & new_pte & PTE_PRESENT) && !((old ^ new_pte) & PTE_ADDRESS) && frame_valid(pte_mfn(old))) {
        return set_same_page(tables, pages, slot, old, new_pte, how);
    }
    return set_other_page(tables, pages, slot, new_pte, how);
}

/* ---- Upper entries --------------------------------------------------------------------------- */

static bool hypervisor_slot(unsigned int level, unsigned int i)
{
    return level == 4 && i >= HV_SLOT_FIRST && i <= HV_SLOT_LAST;
}

static int upper_get(struct domain *d, unsigned int level, uint64_t *pte, bool preemptible)
{
    struct frame *f;
    int rc;

    if (*pte & UPPER_REFUSED) {
        return -EINVAL;
    }
    f = frame_get_mfn(pte_mfn(*pte), d->id);
    if (f == NULL) {
        return -EINVAL;
    }
    rc = frame_get_role(f, (enum frame_role)(level - 1), preemptible);
    if (rc != 0) {
        frame_put(f);
        return rc;
    }
    *pte |= PTE_USER;
    return 0;
}

static bool is_linear(const uint64_t *slot, uint64_t pte)
{
    return mfn_eq(pte_mfn(pte), arch_direct_mfn(slot));
}

/* Takes what the entry about to be written at slot holds. */
static int slot_get(struct domain *d, const uint64_t *slot, unsigned int level, uint64_t *pte, bool preemptible)
{
    if (likely(!is_linear(slot, *pte))) {
        return upper_get(d, level, pte, preemptible);
    }
    if (!pv_frame_linear_allowed || (*pte & (UPPER_REFUSED | PTE_RW))) {
        return -EINVAL;
    }
    *pte |= PTE_USER;
    return 0;
}

static void slot_drop(struct domain *d, const uint64_t *slot, uint64_t pte)
{
    if (likely(!is_linear(slot, pte))) {
        pv_frame_drop_table(d, frame_of(pte_mfn(pte)));
    }
}

static unsigned int slot_index(const uint64_t *slot)
{
    return (unsigned int)((unsigned long)slot & ~PAGE_MASK) / sizeof(*slot);
}

int pv_frame_set_upper(struct domain *tables, uint64_t *slot, unsigned int level, uint64_t new_pte,
                       struct pv_write how)
{
    uint64_t old = READ_ONCE(*slot);
    bool same = (old & new_pte & PTE_PRESENT) && !((old ^ new_pte) & PTE_ADDRESS);
    int rc = 0;

    if (hypervisor_slot(level, slot_index(slot))) {
        return -EINVAL;
    }
    if (same) {
        if ((new_pte & UPPER_REFUSED) || ((new_pte & PTE_RW) && is_linear(slot, new_pte))) {
            return -EINVAL;
        }
        new_pte |= PTE_USER;
    } else if (new_pte & PTE_PRESENT) {
        rc = slot_get(tables, slot, level, &new_pte, pv_frame_may_preempt());
    }
    if (rc == 0) {
        rc = entry_write(slot, new_pte, how);
        if (rc == 0 && !same && (old & PTE_PRESENT)) {
            slot_drop(tables, slot, old);
        } else if (rc != 0 && !same && (new_pte & PTE_PRESENT)) {
            slot_drop(tables, slot, new_pte);
        }
    }
    return rc;
}

/* ---- Whole tables ---------------------------------------------------------------------------- */

static struct domain *owner_of(const struct frame *f)
{
    struct frame_owner *o = upcall_frame_owner(f->owner);

    BUG_ON(o == NULL);
    return container_of(o, struct domain, memory);
}

/* Most tables are nearly empty: entries are looked at by the group. */
enum { GROUP = 8 };

static inline bool group_present(const uint64_t *entries)
{
    uint64_t any = 0;

    for (unsigned int i = 0; i < GROUP; i++) {
        any |= entries[i];
    }
    return any & PTE_PRESENT;
}

/* The first present entry from i on, or PTE_COUNT. */
static unsigned int next_present(const uint64_t *table, unsigned int i)
{
    while (i < PTE_COUNT) {
        if (i % GROUP == 0 && !group_present(&table[i])) {
            i += GROUP;
        } else if (table[i] & PTE_PRESENT) {
            break;
        } else {
            i++;
        }
    }
    return i;
}

/* One more than the last present entry below i, or 0. */
static unsigned int previous_present(const uint64_t *table, unsigned int i)
{
    while (i > 0) {
        if (i % GROUP == 0 && !group_present(&table[i - GROUP])) {
            i -= GROUP;
        } else if (table[i - 1] & PTE_PRESENT) {
            break;
        } else {
            i--;
        }
    }
    return i;
}

static int validate_l1(struct domain *d, uint64_t *table)
{
    for (unsigned int i = next_present(table, 0); i < PTE_COUNT; i = next_present(table, i + 1)) {
        uint64_t pte = table[i];
        int rc = leaf_get(d, d, &pte);

        if (rc != 0) {
            while (i-- > 0) {
                if (table[i] & PTE_PRESENT) {
                    pv_frame_leaf_put(table[i]);
                }
            }
            return rc;
        }
        table[i] = pte;
    }
    return 0;
}

static int validate_upper(struct frame *f, struct domain *d, uint64_t *table, unsigned int level,
                          bool preemptible)
{
    bool progress = false;

    for (unsigned int i = next_present(table, f->aux); i < PTE_COUNT; i = next_present(table, i + 1)) {
        int rc = 0;

        if (hypervisor_slot(level, i)) {
            continue;
        }
        if (preemptible && progress && hypercall_preempt_check()) {
            rc = -ERESTART;
        }
        if (rc == 0) {
            rc = slot_get(d, &table[i], level, &table[i], preemptible);
        }
        if (rc != 0) {
            f->aux = (uint16_t)i;
            return rc;
        }
        progress = true;
    }
    if (level == 4) {
        pv_mmu_fill_l4(d, table);
    }
    return 0;
}

static int validate_descriptors(uint64_t *table)
{
    for (unsigned int i = 0; i < PAGE_SIZE / sizeof(*table); i++) {
        uint64_t descriptor = table[i];

        if (!pv_descriptor_check(&descriptor)) {
            return -EINVAL;
        }
        if (descriptor != table[i]) {
            table[i] = descriptor;
        }
    }
    return 0;
}

int upcall_role_validate(struct frame *f, unsigned int role, bool preemptible)
{
    uint64_t *table = map_frame(frame_mfn(f));
    int rc;

    switch (role) {
    case ROLE_L1:
        rc = validate_l1(owner_of(f), table);
        break;
    case ROLE_L2 ... ROLE_L4:
        rc = validate_upper(f, owner_of(f), table, role, preemptible);
        break;
    case ROLE_DESCRIPTORS:
        rc = validate_descriptors(table);
        break;
    default:
        rc = -EINVAL;
        break;
    }
    unmap_frame(table);
    return rc;
}

static void release_l1(const uint64_t *table)
{
    for (unsigned int i = next_present(table, 0); i < PTE_COUNT; i = next_present(table, i + 1)) {
        pv_frame_leaf_put(table[i]);
    }
}

static int release_upper(struct frame *f, uint64_t *table, unsigned int level, bool preemptible)
{
    bool progress = false;

    for (unsigned int i = f->aux; (i = previous_present(table, i)) > 0;) {
        struct frame *child;
        int rc = 0;

        i--;
        if (hypervisor_slot(level, i)) {
            table[i] = 0;
            continue;
        }
        if (is_linear(table, table[i])) {
            continue;
        }
        if (preemptible && progress && hypercall_preempt_check()) {
            rc = -ERESTART;
        }
        child = frame_of(pte_mfn(table[i]));
        if (rc == 0) {
            rc = frame_put_role(child, preemptible);
        }
        if (rc != 0) {
            f->aux = (uint16_t)(i + 1);
            return rc;
        }
        frame_put(child);
        progress = true;
    }
    f->aux = 0;
    return 0;
}

int upcall_role_release(struct frame *f, unsigned int role, bool preemptible)
{
    uint64_t *table = map_frame(frame_mfn(f));
    int rc = 0;

    if (role == ROLE_L1) {
        if (f->aux != 0) {
            release_l1(table);
        }
        f->aux = 0;
    } else {
        rc = release_upper(f, table, role, preemptible);
    }
    unmap_frame(table);
    return rc;
}

/* ---- Work left over -------------------------------------------------------------------------- */

static void stale_add(struct domain *d, struct frame *f)
{
    struct arch_domain *a = d->arch;

    if (a->stale_count == ARRAY_SIZE(a->stale_tables)) {
        frame_put_with_role(f);
        return;
    }
    a->stale_tables[a->stale_count++] = f;
}

void upcall_role_abandon(struct frame *f)
{
    stale_add(owner_of(f), f);
}

int pv_frame_drain(struct domain *d)
{
    struct arch_domain *a = d->arch;

    while (a->stale_count > 0) {
        struct frame *f = a->stale_tables[a->stale_count - 1];
        int rc = frame_put_role(f, pv_frame_may_preempt());

        if (rc != 0) {
            return rc;
        }
        a->stale_count--;
        frame_put(f);
    }
    return 0;
}

void pv_frame_drop_table(struct domain *d, struct frame *f)
{
    if (frame_put_role(f, pv_frame_may_preempt()) != 0) {
        stale_add(d, f);
    } else {
        frame_put(f);
    }
}

int pv_frame_get_table(struct domain *d, mfn_t mfn, unsigned int level, struct frame **out)
{
    struct frame *f = frame_get_mfn(mfn, d->id);
    int rc;

    if (f == NULL) {
        return -EINVAL;
    }
    rc = frame_get_role(f, (enum frame_role)level, pv_frame_may_preempt());
    if (rc != 0) {
        frame_put(f);
        return rc;
    }
    *out = f;
    return 0;
}
