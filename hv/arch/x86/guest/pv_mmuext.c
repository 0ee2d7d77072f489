/* SPDX-License-Identifier: MIT */
/*
 * mmuext_op: pins, base pointers, TLB and cache flushes, LDTs, clearing and copying pages.
 *
 * One const table says for each command what it may be used on: most are about the caller itself, a few
 * about the domain the caller names (control domains). Commands that change tables hold that domain's
 * mmu_lock; any of them may stop with -ERESTART and is run again from its beginning.
 */
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch/x86/cpu/smp.h"
#include "hv/arch/x86/guest/pv_mmu.h"
#include "hv/calls/hypercall.h"
#include "hv/core/rights.h"
#include "hv/mm/map.h"

#define MMU_CONTINUED 0x80000000U

/* d: the domain named; the caller itself for commands without foreign_ok. */
typedef int (*mmuext_fn)(struct domain *d, const struct mmuext_op *op);

struct mmuext_row {
    mmuext_fn fn;
    bool foreign_ok;
};

/* ---- Pins and base pointers --------------------------------------------------------------------- */

static int pin(struct domain *d, const struct mmuext_op *op)
{
    return pv_mmu_pin(d, _mfn(op->arg1.mfn), op->cmd - MMUEXT_PIN_L1_TABLE + 1);
}

static int unpin(struct domain *d, const struct mmuext_op *op)
{
    struct frame *f = frame_get_mfn(_mfn(op->arg1.mfn), d->id);
    int rc;

    if (f == NULL) {
        return -EINVAL;
    }
    spin_lock(&d->arch->mmu_lock);
    rc = pv_frame_drain(d);
    if (rc == 0) {
        rc = frame_unpin(f, true);
    }
    spin_unlock(&d->arch->mmu_lock);
    frame_put(f);
    return rc;
}

/* Puts a new table in place of *base; the old one is given up after the CPU has left it. */
static int change_base(struct domain *d, mfn_t *base, mfn_t mfn, bool load)
{
    struct vcpu *v = current_vcpu();
    struct frame *f = NULL;
    mfn_t old = *base;
    int rc;

    spin_lock(&d->arch->mmu_lock);
    rc = pv_frame_drain(d);
    if (rc == 0 && !mfn_eq(mfn, INVALID_MFN)) {
        rc = pv_frame_get_table(d, mfn, 4, &f);
    }
    if (rc == 0) {
        *base = mfn;
        pv_mmu_show_m2p(v);
        if (load) {
            pv_mmu_load_cr3(v);
        }
        if (!mfn_eq(old, INVALID_MFN)) {
            pv_frame_drop_table(d, frame_of(old));
        }
    }
    spin_unlock(&d->arch->mmu_lock);
    return rc;
}

int pv_mmu_new_base(mfn_t l4)
{
    struct vcpu *v = current_vcpu();

    if (mfn_eq(v->arch->guest_table, l4)) {
        pv_mmu_load_cr3(v);
        return 0;
    }
    return change_base(v->domain, &v->arch->guest_table, l4, true);
}

static int new_baseptr(struct domain *d, const struct mmuext_op *op)
{
    (void)d;
    return pv_mmu_new_base(_mfn(op->arg1.mfn));
}

static int new_user_baseptr(struct domain *d, const struct mmuext_op *op)
{
    struct arch_vcpu *a = current_vcpu()->arch;
    mfn_t mfn = op->arg1.mfn == 0 ? INVALID_MFN : _mfn(op->arg1.mfn);

    return mfn_eq(a->guest_table_user, mfn) ? 0
                                            : change_base(d, &a->guest_table_user, mfn, false);
}

/* ---- Flushes ------------------------------------------------------------------------------------- */

static int flush_local(struct domain *d, const struct mmuext_op *op)
{
    pv_mmu_flush_local(op->cmd == MMUEXT_INVLPG_LOCAL ? op->arg1.linear_addr : ARCH_FLUSH_ALL);
    return 0;
}

static int flush_multi(struct domain *d, const struct mmuext_op *op)
{
    struct cpumask cpus;

    if (pv_mmu_read_vcpu_mask(d, guest_ptr(op->arg2.vcpumask), &cpus) != 0) {
        return -EINVAL;
    }
    pv_mmu_flush(&cpus, op->cmd == MMUEXT_INVLPG_MULTI ? op->arg1.linear_addr : ARCH_FLUSH_ALL);
    return 0;
}

static int flush_all(struct domain *d, const struct mmuext_op *op)
{
    struct cpumask cpus = pv_mmu_dirty_cpus(d);

    pv_mmu_flush(&cpus, op->cmd == MMUEXT_INVLPG_ALL ? op->arg1.linear_addr : ARCH_FLUSH_ALL);
    return 0;
}

/* Caches are coherent for domains without devices. */
static int flush_cache(struct domain *d, const struct mmuext_op *op)
{
    if (!d->is_hardware) {
        return -EACCES;
    }
    wbinvd();
    return 0;
}

static int flush_cache_global(struct domain *d, const struct mmuext_op *op)
{
    if (!d->is_hardware) {
        return -EINVAL;
    }
    arch_tlb_flush(&arch_cpus_online, SMP_FLUSH_CACHE);
    return 0;
}

/* ---- The rest ------------------------------------------------------------------------------------- */

static int set_ldt(struct domain *d, const struct mmuext_op *op)
{
    return pv_set_ldt(current_vcpu(), op->arg1.linear_addr, op->arg2.nr_ents);
}

/* A page of d with leave to write it. */
static struct frame *writable_get(const struct domain *d, uint64_t mfn)
{
    struct frame *f;

    if (!frame_valid(_mfn(mfn))) {
        return NULL;
    }
    f = frame_of(_mfn(mfn));
    return frame_get_with_role(f, d->id, ROLE_WRITABLE) == 0 ? f : NULL;
}

static int clear_page(struct domain *d, const struct mmuext_op *op)
{
    struct frame *f = writable_get(d, op->arg1.mfn);
    void *page;

    if (f == NULL) {
        return -EINVAL;
    }
    page = map_frame(frame_mfn(f));
    arch_page_clear(page);
    unmap_frame(page);
    frame_put_with_role(f);
    return 0;
}

static int copy_page(struct domain *d, const struct mmuext_op *op)
{
    struct frame *from = frame_get_mfn(_mfn(op->arg2.src_mfn), d->id);
    struct frame *to;

    if (from == NULL) {
        return -EINVAL;
    }
    to = writable_get(d, op->arg1.mfn);
    if (to != NULL) {
        void *dst = map_frame(frame_mfn(to));
        const void *src = map_frame(frame_mfn(from));

        arch_page_copy(dst, src);
        unmap_frame(src);
        unmap_frame(dst);
        frame_put_with_role(to);
    }
    frame_put(from);
    return to == NULL ? -EINVAL : 0;
}

static int super_page(struct domain *d, const struct mmuext_op *op)
{
    return -EOPNOTSUPP;
}

static const struct mmuext_row rows[] = {
    [MMUEXT_PIN_L1_TABLE] = { pin, true },
    [MMUEXT_PIN_L2_TABLE] = { pin, true },
    [MMUEXT_PIN_L3_TABLE] = { pin, true },
    [MMUEXT_PIN_L4_TABLE] = { pin, true },
    [MMUEXT_UNPIN_TABLE] = { unpin, true },
    [MMUEXT_NEW_BASEPTR] = { new_baseptr, false },
    [MMUEXT_NEW_USER_BASEPTR] = { new_user_baseptr, false },
    [MMUEXT_TLB_FLUSH_LOCAL] = { flush_local, false },
    [MMUEXT_INVLPG_LOCAL] = { flush_local, false },
    [MMUEXT_TLB_FLUSH_MULTI] = { flush_multi, false },
    [MMUEXT_INVLPG_MULTI] = { flush_multi, false },
    [MMUEXT_TLB_FLUSH_ALL] = { flush_all, true },
    [MMUEXT_INVLPG_ALL] = { flush_all, true },
    [MMUEXT_FLUSH_CACHE] = { flush_cache, false },
    [MMUEXT_FLUSH_CACHE_GLOBAL] = { flush_cache_global, false },
    [MMUEXT_SET_LDT] = { set_ldt, false },
    [MMUEXT_CLEAR_PAGE] = { clear_page, true },
    [MMUEXT_COPY_PAGE] = { copy_page, true },
    [MMUEXT_MARK_SUPER] = { super_page, true },
    [MMUEXT_UNMARK_SUPER] = { super_page, true },
};

static int run_one(struct domain *d, const struct mmuext_op *op)
{
    const struct mmuext_row *row;

    if (op->cmd >= ARRAY_SIZE(rows) || rows[op->cmd].fn == NULL) {
        return -ENOSYS;
    }
    row = &rows[op->cmd];
    if (!row->foreign_ok && d != current_domain()) {
        return -EPERM;
    }
    return row->fn(d, op);
}

static int run_all(struct domain *d, guest_ptr_t ops, unsigned int count, unsigned int *finished)
{
    for (; *finished < count; ++*finished) {
        struct mmuext_op op;
        int rc;

        if (*finished > 0 && hypercall_preempt_check()) {
            return -ERESTART;
        }
        if (copy_from_guest(&op, guest_ptr_at(ops, *finished, sizeof(op)), sizeof(op)) != 0) {
            return -EFAULT;
        }
        rc = run_one(d, &op);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

long do_mmuext_op(guest_ptr_t ops, unsigned int count, guest_ptr_t done, unsigned int domid)
{
    struct domain *self = current_domain();
    struct domain *d = self;
    unsigned int before = 0;
    unsigned int finished = 0;
    int rc;

    if (!self->arch->is_pv && domid == DOMID_SELF) {
        return -EINVAL; /* it has no such tables itself, but may build a guest that has */
    }
    if (count & MMU_CONTINUED) {
        count &= ~MMU_CONTINUED;
        if (!guest_ptr_is_null(done) && copy_from_guest(&before, done, sizeof(before)) != 0) {
            return -EFAULT;
        }
    }
    if (domid != DOMID_SELF) {
        d = pv_mmu_foreign_get(domid, &rc);
        if (d == NULL) {
            return rc;
        }
        if (d->arch == NULL || !d->arch->is_pv) {
            pv_mmu_foreign_put(d);
            return -EINVAL;
        }
    }
    rc = run_all(d, ops, count, &finished);
    if (domid != DOMID_SELF) {
        pv_mmu_foreign_put(d);
    }
    before += finished;
    if (!guest_ptr_is_null(done) && copy_to_guest(done, &before, sizeof(before)) != 0) {
        return -EFAULT;
    }
    if (rc == -ERESTART) {
        ops = guest_ptr_at(ops, finished, sizeof(struct mmuext_op));
        return hypercall_continue(__HYPERVISOR_mmuext_op, 4, (unsigned long)ops.va,
                                  (unsigned long)((count - finished) | MMU_CONTINUED),
                                  (unsigned long)done.va, (unsigned long)domid);
    }
    return rc;
}
