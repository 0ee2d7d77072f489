/* SPDX-License-Identifier: MIT */
/*
 * Page tables in use: the mmu_update and update_va_mapping hypercalls, base pointers of vcpus, walks, TLB
 * flushes, and what a dying domain's tables come to. mmuext_op is in pv_mmuext.c, validity in pv_frame.c.
 *
 * Guest memory is read before the lock is taken, in batches. A count with MMU_CONTINUED says that *done
 * already counts what earlier runs of the same call did.
 *
 * Lock: mmu_lock of the domain whose tables change.
 */
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch/x86/cpu/paging.h"
#include "hv/arch/x86/guest/pv_mmu.h"
#include "hv/base/percpu.h"
#include "hv/base/printk.h"
#include "hv/calls/hypercall.h"
#include "hv/core/p2m.h"
#include "hv/core/arch_guest.h"
#include "hv/core/rights.h"
#include "hv/mm/guest_copy.h"
#include "hv/mm/map.h"
#include "hv/upcalls.h"

#define MMU_CONTINUED 0x80000000U
#define PERDOMAIN_SLOT ((PERDOMAIN_START >> 39) & 511)

/* Tick of the last full flush on this CPU. */
static PERCPU(uint64_t, flushed_at);

/* ---- TLBs ------------------------------------------------------------------------------------- */

void pv_mmu_load_cr3(struct vcpu *v)
{
    struct arch_vcpu *a = v->arch;
    bool user = !a->kernel_mode && !mfn_eq(a->guest_table_user, INVALID_MFN);

    a->cr3 = mfn_to_paddr(user ? a->guest_table_user : a->guest_table).v;
    /* The tick comes first: a stamp taken after it may be younger than this flush. */
    WRITE_ONCE(this_cpu(flushed_at), frame_flush_tick());
    write_cr3(a->cr3);
}

void pv_toggle_mode(struct vcpu *v)
{
    struct arch_vcpu *a = v->arch;

    a->kernel_mode = !a->kernel_mode;
    pv_mmu_load_cr3(v);
    swapgs();
    if (unlikely(v->areas_stale) && a->kernel_mode) {
        vcpu_areas_refresh(v);
    }
}

static void mask_add(struct cpumask *to, const struct cpumask *from)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(to->bits); i++) {
        to->bits[i] |= READ_ONCE(from->bits[i]);
    }
}

struct cpumask pv_mmu_dirty_cpus(const struct domain *d)
{
    struct cpumask cpus = { { 0 } };
    struct vcpu *v;

    domain_for_each_vcpu (d, v) {
        mask_add(&cpus, &v->dirty_cpus);
    }
    return cpus;
}

int pv_mmu_read_vcpu_mask(const struct domain *d, guest_ptr_t bitmap, struct cpumask *cpus)
{
    unsigned int words = DIV_ROUND_UP(d->max_vcpus, 64U);

    *cpus = (struct cpumask){ { 0 } };
    for (unsigned int i = 0; i < words; i++) {
        uint64_t bits;

        if (copy_from_guest(&bits, guest_ptr_at(bitmap, i, sizeof(bits)), sizeof(bits)) != 0) {
            return -EFAULT;
        }
        while (bits != 0) {
            unsigned int id = i * 64 + (unsigned int)__builtin_ctzll(bits);
            struct vcpu *v = id < d->max_vcpus ? READ_ONCE(d->vcpu[id]) : NULL;

            bits &= bits - 1;
            if (v != NULL) {
                mask_add(cpus, &v->dirty_cpus);
            }
        }
    }
    return 0;
}

void pv_mmu_flush_local(unsigned long va)
{
    if (va == ARCH_FLUSH_ALL) {
        pv_mmu_load_cr3(current_vcpu());
    } else if (pv_va_is_guest(va)) {
        invlpg(va);
    }
}

void pv_mmu_flush(const struct cpumask *cpus, unsigned long va)
{
    unsigned int self = arch_cpu_id();
    struct cpumask others = *cpus;

    if (va != ARCH_FLUSH_ALL && !pv_va_is_guest(va)) {
        return;
    }
    if (cpumask_test(&others, self)) {
        pv_mmu_flush_local(va);
        others.bits[self / BITS_PER_LONG] &= ~BIT(self % BITS_PER_LONG);
    }
    if (!cpumask_empty(&others)) {
        arch_tlb_flush(&others, va);
    }
}

/* CPUs that may still translate to the frame through an entry that is gone. */
static void mask_add_users(struct cpumask *cpus, const struct frame *f)
{
    struct frame_owner *o;

    if (READ_ONCE(f->count) & FRAME_FOREIGN) {
        mask_add(cpus, &arch_cpus_online);
        return;
    }
    o = upcall_frame_owner(f->owner);
    if (o != NULL) {
        struct cpumask owner = pv_mmu_dirty_cpus(container_of(o, struct domain, memory));

        mask_add(cpus, &owner);
    }
}

/* Flushes all of the CPUs' TLBs and notes when. */
static void flush_noted(struct cpumask *cpus)
{
    uint64_t tick = frame_flush_tick();
    unsigned int cpu;

    if (cpumask_empty(cpus)) {
        return;
    }
    arch_tlb_flush(cpus, ARCH_FLUSH_ALL);
    cpumask_for_each (cpu, cpus) {
        WRITE_ONCE(per_cpu(flushed_at, cpu), tick);
    }
}

void upcall_frame_flush(struct frame *f)
{
    uint64_t ended = frame_flush_expand(f->aux);
    struct cpumask cpus = { { 0 } };
    unsigned int cpu;

    mask_add_users(&cpus, f);
    cpumask_for_each (cpu, &cpus) {
        if (READ_ONCE(per_cpu(flushed_at, cpu)) > ended) {
            cpus.bits[cpu / BITS_PER_LONG] &= ~BIT(cpu % BITS_PER_LONG);
        }
    }
    flush_noted(&cpus);
}

void upcall_frames_flush(const struct frame *first)
{
    struct cpumask cpus = { { 0 } };
    const struct frame *f = first;
    domid_t last = DOMID_INVALID;

    for (;;) {
        if (f->owner != last || (READ_ONCE(f->count) & FRAME_FOREIGN)) {
            mask_add_users(&cpus, f);
            last = f->owner;
        }
        if (f->next == FRAME_NONE) {
            break;
        }
        f = frame_of(_mfn(f->next));
    }
    flush_noted(&cpus);
}

/* ---- Walks ------------------------------------------------------------------------------------ */

bool pv_mmu_mfn_possible(mfn_t mfn)
{
    static unsigned int bits;

    if (bits == 0) {
        uint32_t a, b, c, d;

        cpuid(0x80000008, 0, &a, &b, &c, &d);
        bits = a & 0xff;
    }
    return mfn_x(mfn) >> (bits - PAGE_SHIFT) == 0;
}

/* The table that va's entry in a table of this level points to, or NULL. */
static inline uint64_t *table_below(const uint64_t *table, unsigned long va, unsigned int level)
{
    uint64_t pte = READ_ONCE(table[pte_index(va, level)]);

    return likely(pte & PTE_PRESENT) ? map_frame(pte_mfn(pte)) : NULL;
}

static inline uint64_t *leaf_slot(mfn_t l4, unsigned long va)
{
    uint64_t *table;

    if (unlikely(!pv_va_is_guest(va)) || unlikely((table = table_below(map_frame(l4), va, 4)) == NULL) ||
        unlikely((table = table_below(table, va, 3)) == NULL) ||
        unlikely((table = table_below(table, va, 2)) == NULL)) {
        return NULL;
    }
    if (unlikely(frame_role(frame_of(arch_direct_mfn(table))) != ROLE_L1)) {
        return NULL;
    }
    return &table[pte_index(va, 1)];
}

uint64_t *pv_mmu_leaf_slot(mfn_t l4, unsigned long va)
{
    return leaf_slot(l4, va);
}

/* Without the lock, so a table may become anything while it is read: each frame is checked. */
uint64_t pv_mmu_leaf_entry(unsigned long va)
{
    struct arch_vcpu *a = current_vcpu()->arch;
    mfn_t mfn = a->kernel_mode ? a->guest_table : a->guest_table_user;
    uint64_t pte = 0;

    if (!pv_va_is_guest(va)) {
        return 0;
    }
    for (unsigned int l = 4; l > 0; l--) {
        const uint64_t *table;

        if (!frame_valid(mfn)) {
            return 0;
        }
        table = map_frame(mfn);
        pte = READ_ONCE(table[pte_index(va, l)]);
        if (!(pte & PTE_PRESENT)) {
            return 0;
        }
        mfn = pte_mfn(pte);
    }
    return pte;
}

/* ---- Whom a call is about ---------------------------------------------------------------------- */

static struct domain *special_domain(unsigned int domid)
{
    if (domid == DOMID_IO) {
        return domain_io;
    }
    return domid == DOMID_XEN ? domain_xen : NULL;
}

struct domain *pv_mmu_foreign_get(unsigned int domid, int *rc)
{
    struct domain *self = current_domain();
    struct domain *d = special_domain(domid);

    if (d != NULL) {
        *rc = rights_is_control(self) ? 0 : -EPERM;
        return *rc == 0 ? d : NULL;
    }
    d = domain_get_or_self((domid_t)domid);
    if (d == NULL) {
        *rc = -ESRCH;
        return NULL;
    }
    if (d != self && !rights_may_control(self, d)) {
        domain_put(d);
        *rc = -EPERM;
        return NULL;
    }
    *rc = 0;
    return d;
}

void pv_mmu_foreign_put(struct domain *d)
{
    if (d != NULL && d != domain_io && d != domain_xen) {
        domain_put(d);
    }
}

/* ---- mmu_update -------------------------------------------------------------------------------- */

/* A page that is no table now is written like data, if the domain may write it. */
static NOINLINE int write_data(const struct domain *d, struct frame *f, unsigned int offset, uint64_t value)
{
    uint64_t *page;
    int rc = frame_get_with_role(f, d->id, ROLE_WRITABLE);

    if (rc != 0) {
        return rc;
    }
    page = map_frame(frame_mfn(f));
    WRITE_ONCE(page[offset / sizeof(*page)], value);
    unmap_frame(page);
    frame_put_with_role(f);
    return 0;
}

static inline int update_table(struct domain *d, struct domain *pages, uint64_t address,
                               uint64_t value, struct pv_write how)
{
    mfn_t mfn = paddr_to_mfn(_paddr(address));
    unsigned int offset = address & ~PAGE_MASK;
    uint64_t *slot;
    struct frame *f;
    uint32_t role;

    if (unlikely(!frame_valid(mfn)) || unlikely(offset & 7)) {
        return -EINVAL;
    }
    slot = (uint64_t *)((char *)map_frame(mfn) + offset);
    f = frame_of(mfn);
    role = READ_ONCE(f->role);
    if (unlikely(f->owner != d->id) || unlikely(!pv_table_role(role))) {
        return write_data(d, f, offset, value);
    }
    if (likely(role >> ROLE_SHIFT == ROLE_L1)) {
        return pv_frame_set_leaf(d, pages, slot, value, how);
    }
    return pv_frame_set_upper(d, slot, role >> ROLE_SHIFT, value, how);
}

static int update_m2p(const struct domain *pages, uint64_t address, uint64_t value)
{
    struct frame *f = frame_get_mfn(paddr_to_mfn(_paddr(address)), pages->id);

    if (f == NULL) {
        return -EINVAL;
    }
    arch_set_m2p(frame_mfn(f), value);
    frame_put(f);
    return 0;
}

/* A translated domain's page is named by its guest frame number; false when there is no page of its own. */
static NOINLINE bool translate_leaf(struct domain *pages, uint64_t *pte)
{
    gfn_t gfn = _gfn(mfn_x(pte_mfn(*pte)));
    enum p2m_type type;
    mfn_t mfn;

    if (!(*pte & PTE_PRESENT)) {
        return true;
    }
    mfn = p2m_lookup(pages, gfn, &type);
    if (type == P2M_ON_DEMAND && p2m_populate(pages, gfn) == 0) {
        mfn = p2m_lookup(pages, gfn, &type);
    }
    if (type == P2M_RAM_LOGGED && (*pte & PTE_RW)) {
        p2m_log_write(pages, gfn);
    } else if (type != P2M_RAM && type != P2M_RAM_LOGGED && type != P2M_RAM_RO && type != P2M_SHARED) {
        return false;
    }
    *pte = pte_make(mfn, *pte & ~PTE_ADDRESS);
    return true;
}

static inline int update_one(struct domain *d, struct domain *pages, uint64_t ptr, uint64_t value)
{
    uint64_t address = ptr & ~3ULL;
    int rc;

    if (unlikely(d->arch->stale_count > 0)) {
        rc = pv_frame_drain(d);
        if (rc != 0) {
            return rc;
        }
    }
    switch (ptr & 3) {
    case MMU_NORMAL_PT_UPDATE:
        if (unlikely(pages->is_translated) && !translate_leaf(pages, &value)) {
            return -EINVAL;
        }
        return update_table(d, pages, address, value, (struct pv_write){ .kind = PV_WRITE_PLAIN });
    case MMU_PT_UPDATE_NO_TRANSLATE:
        return update_table(d, pages, address, value, (struct pv_write){ .kind = PV_WRITE_PLAIN });
    case MMU_PT_UPDATE_PRESERVE_AD:
        return update_table(d, pages, address, value, (struct pv_write){ .kind = PV_WRITE_KEEP_AD });
    default:
        return update_m2p(pages, address, value);
    }
}

/* Runs the updates under the lock: how many succeeded, and why it stopped. */
static unsigned int update_all(struct domain *d, struct domain *pages, guest_ptr_t updates,
                               unsigned int count, int *why)
{
    uint64_t update[2];
    unsigned int i;
    int rc;

    BUILD_ASSERT(sizeof(struct mmu_update) == sizeof(update));
    spin_lock(&d->arch->mmu_lock);
    rc = unlikely(d->memory.dying) ? -EINVAL : 0;
    for (i = 0; rc == 0 && i < count; i++) {
        if (i > 0 && hypercall_preempt_check()) {
            rc = -ERESTART;
            break;
        }
        rc = copy_pair_from_guest(update, updates);
        if (likely(rc == 0)) {
            rc = update_one(d, pages, update[0], update[1]);
        }
        if (unlikely(rc != 0)) {
            break; /* i stays at the one that failed */
        }
        updates.va += sizeof(update);
    }
    spin_unlock(&d->arch->mmu_lock);
    *why = rc;
    return i;
}

static bool can_have_tables(const struct domain *d)
{
    return d->arch != NULL && d->arch->is_pv && !d->is_translated;
}

/* The domains of do_mmu_update()'s last argument. */
static int update_domains(unsigned int domids, struct domain **tables, struct domain **pages)
{
    unsigned int owner = domids >> 16;
    int rc;

    *tables = pv_mmu_foreign_get(owner == 0 ? DOMID_SELF : owner - 1, &rc);
    if (*tables == NULL) {
        return rc;
    }
    if (!can_have_tables(*tables)) {
        pv_mmu_foreign_put(*tables);
        return -EINVAL;
    }
    *pages = pv_mmu_foreign_get(domids & 0xffff, &rc);
    if (*pages == NULL) {
        pv_mmu_foreign_put(*tables);
    }
    return rc;
}

long do_mmu_update(guest_ptr_t updates, unsigned int count, guest_ptr_t done, unsigned int domid)
{
    struct domain *d = current_domain();
    struct domain *pages = d;
    bool foreign = domid != DOMID_SELF;
    unsigned int before = 0;
    unsigned int finished;
    int rc;

    if (unlikely(!can_have_tables(d))) {
        return -ENOSYS;
    }
    if (unlikely(count & MMU_CONTINUED)) {
        count &= ~MMU_CONTINUED;
        if (!guest_ptr_is_null(done) && copy_from_guest(&before, done, sizeof(before)) != 0) {
            return -EFAULT;
        }
    }
    if (unlikely(foreign)) {
        rc = update_domains(domid, &d, &pages);
        if (rc != 0) {
            return rc;
        }
    }
    finished = update_all(d, pages, updates, count, &rc);
    if (unlikely(foreign)) {
        pv_mmu_foreign_put(pages);
        pv_mmu_foreign_put(d);
    }
    before += finished;
    if (!guest_ptr_is_null(done) && copy_to_guest(done, &before, sizeof(before)) != 0) {
        return -EFAULT;
    }
    if (unlikely(rc == -ERESTART)) {
        updates = guest_ptr_at(updates, finished, sizeof(struct mmu_update));
        return hypercall_continue(__HYPERVISOR_mmu_update, 4, (unsigned long)updates.va,
                                  (unsigned long)((count - finished) | MMU_CONTINUED),
                                  (unsigned long)done.va, (unsigned long)domid);
    }
    return rc;
}

/* ---- update_va_mapping -------------------------------------------------------------------------- */

static inline int update_va(struct vcpu *v, struct domain *pages, unsigned long va, uint64_t pte)
{
    struct domain *d = v->domain;
    uint64_t *slot;
    int rc = 0;

    if (unlikely(pages->is_translated) && !translate_leaf(pages, &pte)) {
        return -EINVAL;
    }
    spin_lock(&d->arch->mmu_lock);
    if (unlikely(d->arch->stale_count > 0)) {
        rc = pv_frame_drain(d);
    }
    slot = leaf_slot(v->arch->guest_table, va);
    if (unlikely(slot == NULL)) {
        rc = -EINVAL;
    } else if (likely(rc == 0)) {
        rc = pv_frame_set_leaf(d, pages, slot, pte, (struct pv_write){ .kind = PV_WRITE_PLAIN });
    }
    spin_unlock(&d->arch->mmu_lock);
    return rc;
}

static int flush_after_va(struct domain *d, unsigned long va, unsigned long flags)
{
    unsigned long what = (flags & UVMF_FLUSHTYPE_MASK) == UVMF_INVLPG ? va : ARCH_FLUSH_ALL;
    unsigned long who = flags & ~UVMF_FLUSHTYPE_MASK;
    struct cpumask cpus;
    int rc;

    if ((flags & UVMF_FLUSHTYPE_MASK) != UVMF_INVLPG &&
        (flags & UVMF_FLUSHTYPE_MASK) != UVMF_TLB_FLUSH) {
        return 0;
    }
    if (who == UVMF_LOCAL) {
        pv_mmu_flush_local(what);
        return 0;
    }
    if (who == UVMF_ALL) {
        cpus = pv_mmu_dirty_cpus(d);
    } else {
        rc = pv_mmu_read_vcpu_mask(d, guest_ptr_from_arg(who), &cpus);
        if (rc != 0) {
            return rc;
        }
    }
    pv_mmu_flush(&cpus, what);
    return 0;
}

long do_update_va_mapping(unsigned long va, uint64_t pte, unsigned long flags)
{
    struct vcpu *v = current_vcpu();
    int rc;
    int flush_rc;

    if (unlikely(!can_have_tables(v->domain))) {
        return -ENOSYS;
    }
    rc = update_va(v, v->domain, va, pte);
    if (unlikely(rc == -ERESTART)) {
        return hypercall_continue(__HYPERVISOR_update_va_mapping, 3, va, (unsigned long)pte, flags);
    }
    if (flags == UVMF_NONE) {
        return rc;
    }
    if (likely(flags == (UVMF_INVLPG | UVMF_LOCAL))) {
        pv_mmu_flush_local(va);
        return rc;
    }
    flush_rc = flush_after_va(v->domain, va, flags);
    return rc != 0 ? rc : flush_rc;
}

long do_update_va_mapping_otherdomain(unsigned long va, uint64_t pte, unsigned long flags,
                                      domid_t domid)
{
    struct vcpu *v = current_vcpu();
    struct domain *pages;
    int flush_rc;
    int rc;

    if (!can_have_tables(v->domain)) {
        return -ENOSYS;
    }
    pages = pv_mmu_foreign_get(domid, &rc);
    if (pages == NULL) {
        return rc;
    }
    rc = update_va(v, pages, va, pte);
    pv_mmu_foreign_put(pages);
    if (unlikely(rc == -ERESTART)) {
        return hypercall_continue(__HYPERVISOR_update_va_mapping_otherdomain, 4, va,
                                  (unsigned long)pte, flags, (unsigned long)domid);
    }
    flush_rc = flush_after_va(v->domain, va, flags);
    return rc != 0 ? rc : flush_rc;
}

/* ---- Base pointers ------------------------------------------------------------------------------ */

static void m2p_slot_set(mfn_t l4_mfn, uint64_t entry)
{
    uint64_t *l4 = map_frame(l4_mfn);

    WRITE_ONCE(l4[HV_SLOT_FIRST], entry);
    unmap_frame(l4);
}

void pv_mmu_show_m2p(struct vcpu *v)
{
    const struct arch_vcpu *a = v->arch;

    if (!mfn_eq(a->guest_table_user, INVALID_MFN)) {
        m2p_slot_set(a->guest_table_user, 0);
    }
    m2p_slot_set(a->guest_table, paging_idle_l4[HV_SLOT_FIRST]);
}

void pv_mmu_fill_l4(struct domain *d, uint64_t *l4)
{
    for (unsigned int i = HV_SLOT_FIRST; i <= HV_SLOT_LAST; i++) {
        l4[i] = paging_idle_l4[i];
    }
    l4[PERDOMAIN_SLOT] =
        pte_make(d->arch->perdomain_l3, PTE_PRESENT | PTE_RW | PTE_USER | PTE_ACCESSED | PTE_DIRTY);
}

static int set_tables_locked(struct vcpu *v, mfn_t kernel, mfn_t user)
{
    struct domain *d = v->domain;
    struct frame *user_frame;
    struct frame *f;
    int rc = pv_frame_drain(d);

    if (rc == 0 && d->memory.dying) {
        rc = -EINVAL;
    }
    if (rc == 0) {
        rc = pv_frame_get_table(d, kernel, 4, &f);
    }
    if (rc != 0) {
        return rc;
    }
    if (!mfn_eq(user, INVALID_MFN)) {
        rc = pv_frame_get_table(d, user, 4, &user_frame);
        if (rc != 0) {
            pv_frame_drop_table(d, f);
            return rc;
        }
    }
    v->arch->guest_table = kernel;
    v->arch->guest_table_user = user;
    pv_mmu_show_m2p(v);
    return 0;
}

/* The vcpu is not running and has no tables. -ERESTART: call again. */
int pv_mmu_set_tables(struct vcpu *v, mfn_t kernel, mfn_t user)
{
    struct domain *d = v->domain;
    int rc;

    pv_mmu_drop_tables(v);
    spin_lock(&d->arch->mmu_lock);
    rc = set_tables_locked(v, kernel, user);
    spin_unlock(&d->arch->mmu_lock);
    return rc;
}

static void drop_base(struct domain *d, mfn_t *table)
{
    if (!mfn_eq(*table, INVALID_MFN)) {
        struct frame *f = frame_of(*table);

        *table = INVALID_MFN;
        pv_frame_drop_table(d, f);
    }
}

void pv_mmu_drop_tables(struct vcpu *v)
{
    struct domain *d = v->domain;

    if (v->arch == NULL || mfn_eq(v->arch->guest_table, INVALID_MFN)) {
        return;
    }
    spin_lock(&d->arch->mmu_lock);
    drop_base(d, &v->arch->guest_table);
    drop_base(d, &v->arch->guest_table_user);
    spin_unlock(&d->arch->mmu_lock);
}

int pv_mmu_pin(struct domain *d, mfn_t mfn, unsigned int level)
{
    struct frame *f;
    int rc;

    spin_lock(&d->arch->mmu_lock);
    rc = pv_frame_drain(d);
    if (rc == 0 && d->memory.dying) {
        rc = -EINVAL;
    }
    if (rc == 0) {
        rc = pv_frame_get_table(d, mfn, level, &f);
    }
    if (rc == 0) {
        rc = frame_pin(f);
        if (rc != 0) {
            pv_frame_drop_table(d, f);
        }
    }
    spin_unlock(&d->arch->mmu_lock);
    return rc;
}

/* ---- The end ------------------------------------------------------------------------------------- */

/* What a dying domain's frame still holds of its own: the pin, half-finished tables, and in the second pass
 * whole tables, which then are only used by each other. */
static int relinquish_frame(struct domain *d, struct frame *f)
{
    uint32_t role = READ_ONCE(f->role);
    int rc = 0;

    if (role & ROLE_PINNED) {
        rc = frame_unpin(f, pv_frame_may_preempt());
        role = READ_ONCE(f->role);
    }
    if (rc == 0 && ((role & ROLE_PARTIAL) || d->arch->relinquish_pass > 0)) {
        rc = frame_force_release(f, pv_frame_may_preempt());
    }
    return rc;
}

static int relinquish_pass(struct domain *d)
{
    struct frame_owner *o = &d->memory;
    bool progress = false;

    while (d->arch->relinquish_left > 0) {
        struct frame *f;
        int rc;

        if (progress && hypercall_preempt_check()) {
            return -ERESTART;
        }
        f = frame_owner_first(o);
        if (f == NULL) {
            d->arch->relinquish_left = 0;
            break;
        }
        rc = relinquish_frame(d, f);
        if (rc != 0) {
            frame_put(f);
            return rc;
        }
        progress = true;
        d->arch->relinquish_left--;
        if (frame_clear_allocated(f)) {
            frame_put(f);
        }
        if (!frame_put_if_last(f)) {
            frame_owner_next(o, f); /* to the end, where it stays while somebody holds it */
            frame_put(f);
        }
    }
    return 0;
}

/* Two passes over all frames, see relinquish_frame(). The count of a pass is taken when it begins; nothing is
 * added to a dying domain's list, and looking at a frame twice does no harm. */
int pv_mmu_relinquish(struct domain *d)
{
    struct arch_domain *a = d->arch;
    int rc;

    spin_lock(&a->mmu_lock);
    rc = pv_frame_drain(d);
    while (rc == 0 && a->relinquish_pass < 2) {
        if (a->relinquish_left == 0) {
            a->relinquish_left = d->memory.listed;
            if (a->relinquish_left == 0) {
                break;
            }
        }
        rc = relinquish_pass(d);
        if (rc == 0) {
            a->relinquish_pass++;
        }
    }
    spin_unlock(&a->mmu_lock);
    return rc;
}
