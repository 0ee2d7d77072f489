/* SPDX-License-Identifier: MIT */
/*
 * Control operations on a domain that only x86 has. arch_domctl() is entered from do_domctl() with the
 * operation copied in, permission checked and the domain referenced; the table is as there.
 *
 * Operations of HVM guests and of hardware this hypervisor does not drive are refused with the error
 * Xen 4.17 gives for a PV guest.
 */
#include "hv/arch/x86/guest/cpu_policy_calls.h"
#include "hv/arch/x86/guest/guest.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/core/arch_guest.h"
#include "hv/lib/string.h"
#include "hv/mm/map.h"

#define PAGE_INFO_MAX   1024U
#define MSR_SPEC_CTRL   0x48U
#define MSR_TSC_AUX     0xc0000103U
#define TSC_MODE_MAX    2U /* default, always emulated, never emulated */

typedef int (*x86_domctl_fn)(struct xen_domctl *op, struct domain *d);

struct x86_domctl_row {
    x86_domctl_fn fn;
    int refusal;
    bool copy_back;
};

/* -EINVAL for a number the domain cannot have, -ESRCH for one not created yet. */
static int find_vcpu(const struct domain *d, uint32_t id, struct vcpu **v)
{
    if (id >= d->max_vcpus) {
        return -EINVAL;
    }
    *v = vcpu_lookup(d, id);
    return *v != NULL ? 0 : -ESRCH;
}

/* ---- Kind of guest -------------------------------------------------------------------------- */

static int set_address_size(struct xen_domctl *op, struct domain *d)
{
    if (d->is_hvm || op->u.address_size.size == 32) {
        return -EOPNOTSUPP;
    }
    return op->u.address_size.size == 64 ? 0 : -EINVAL;
}

static int get_address_size(struct xen_domctl *op, struct domain *d)
{
    op->u.address_size.size = 64;
    return 0;
}

static int hypercall_init(struct xen_domctl *op, struct domain *d)
{
    gfn_t gfn = _gfn(op->u.hypercall_init.gmfn);
    struct frame *f = arch_get_gfn(d, gfn, true);
    void *page;

    if (f == NULL) {
        f = arch_get_gfn(d, gfn, false);
        if (f == NULL) {
            return -EINVAL;
        }
        arch_put_gfn(f, false);
        return -EPERM; /* a page that is not to be written, a page table say */
    }
    page = map_frame(frame_mfn(f));
    arch_fill_hypercall_page(d, page);
    unmap_frame(page);
    arch_put_gfn(f, true);
    return 0;
}

/* The log of written pages: of guests with a physical space of their own. */
static int log_dirty(struct xen_domctl_shadow_op *s, struct domain *d)
{
    uint64_t pages = s->pages;
    uint64_t written;
    uint32_t faults;
    int rc;

    if (!d->is_hvm) {
        return s->op == XEN_DOMCTL_SHADOW_OP_OFF ? 0 : -EOPNOTSUPP;
    }
    switch (s->op) {
    case XEN_DOMCTL_SHADOW_OP_OFF:
        return p2m_log_stop(d);
    case XEN_DOMCTL_SHADOW_OP_CLEAN:
    case XEN_DOMCTL_SHADOW_OP_PEEK:
        if (s->mode & ~(uint32_t)XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL) {
            return -EINVAL;
        }
        rc = p2m_log_read(d, guest_ptr(s->dirty_bitmap), &pages, s->op == XEN_DOMCTL_SHADOW_OP_CLEAN, &written,
                          &faults);
        if (rc == 0) {
            s->pages = pages;
            s->stats.dirty_count = (uint32_t)MIN(written, (uint64_t)UINT32_MAX);
            s->stats.fault_count = faults;
        }
        return rc;
    default:
        return p2m_log_start(d);
    }
}

/* PV page tables are the guest's own: no mode to turn on, and nothing to turn off. */
static int shadow_op(struct xen_domctl *op, struct domain *d)
{
    struct xen_domctl_shadow_op *s = &op->u.shadow_op;

    if (d == current_domain() || vcpu_lookup(d, 0) == NULL) {
        return -EINVAL;
    }
    switch (s->op) {
    case XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION:
        s->mb = d->is_hvm ? d->p2m->table_limit >> (20 - PAGE_SHIFT) : 0;
        return 0;
    case XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION:
        if (d->is_hvm) {
            WRITE_ONCE(d->p2m->table_limit, MIN(s->mb, 0xffffU) << (20 - PAGE_SHIFT));
            return 0;
        }
        return s->mb == 0 ? 0 : -EOPNOTSUPP;
    case XEN_DOMCTL_SHADOW_OP_ENABLE:
        if (d->is_hvm && !(s->mode & XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY)) {
            return -EINVAL;
        }
        return log_dirty(s, d);
    case XEN_DOMCTL_SHADOW_OP_OFF:
    case XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY:
    case XEN_DOMCTL_SHADOW_OP_CLEAN:
    case XEN_DOMCTL_SHADOW_OP_PEEK:
        return log_dirty(s, d);
    case XEN_DOMCTL_SHADOW_OP_ENABLE_TEST:
        return d->is_hvm ? -EINVAL : -EOPNOTSUPP;
    default:
        return -EINVAL;
    }
}

/* ---- Pages ---------------------------------------------------------------------------------- */

static unsigned long page_type(struct domain *d, uint64_t gfn)
{
    static const uint32_t types[] = {
        [ROLE_L1] = XEN_DOMCTL_PFINFO_L1TAB,
        [ROLE_L2] = XEN_DOMCTL_PFINFO_L2TAB,
        [ROLE_L3] = XEN_DOMCTL_PFINFO_L3TAB,
        [ROLE_L4] = XEN_DOMCTL_PFINFO_L4TAB,
    };
    struct frame *f = arch_get_gfn(d, _gfn(gfn), false);
    unsigned long type = XEN_DOMCTL_PFINFO_NOTAB;
    uint32_t role;

    if (f == NULL) {
        return XEN_DOMCTL_PFINFO_XTAB;
    }
    role = READ_ONCE(f->role);
    if (READ_ONCE(f->count) & FRAME_HEAP) {
        type = XEN_DOMCTL_PFINFO_XTAB;
    } else if ((role & ROLE_COUNT_MASK) != 0 && role >> ROLE_SHIFT < ARRAY_SIZE(types)) {
        type = types[role >> ROLE_SHIFT];
        if (role & ROLE_PINNED) {
            type |= XEN_DOMCTL_PFINFO_LPINTAB;
        }
    }
    arch_put_gfn(f, false);
    return type;
}

static int getpageframeinfo3(struct xen_domctl *op, struct domain *d)
{
    guest_ptr_t array = guest_ptr(op->u.getpageframeinfo3.array);

    if (op->u.getpageframeinfo3.num > PAGE_INFO_MAX) {
        return -E2BIG;
    }
    for (uint64_t i = 0; i < op->u.getpageframeinfo3.num; i++) {
        guest_ptr_t at = guest_ptr_at(array, i, sizeof(uint64_t));
        uint64_t value;

        if (copy_from_guest(&value, at, sizeof(value)) != 0) {
            return -EFAULT;
        }
        value = page_type(d, value);
        if (copy_to_guest(at, &value, sizeof(value)) != 0) {
            return -EFAULT;
        }
    }
    return 0;
}

/* ---- Time ----------------------------------------------------------------------------------- */

static int gettscinfo(struct xen_domctl *op, struct domain *d)
{
    struct xen_domctl_tsc_info *t = &op->u.tsc_info;

    if (d == current_domain()) {
        return -EINVAL;
    }
    t->tsc_mode = d->arch->tsc_mode;
    t->gtsc_khz = d->arch->tsc_khz != 0 ? (uint32_t)d->arch->tsc_khz : arch_clock_cpu_khz();
    t->incarnation = d->arch->tsc_incarnation;
    t->pad = 0;
    t->elapsed_nsec = arch_clock_now();
    return 0;
}

static int settscinfo(struct xen_domctl *op, struct domain *d)
{
    const struct xen_domctl_tsc_info *t = &op->u.tsc_info;

    if (d == current_domain() || t->tsc_mode > TSC_MODE_MAX) {
        return -EINVAL;
    }
    domain_pause(d);
    d->arch->tsc_mode = t->tsc_mode;
    d->arch->tsc_khz = t->gtsc_khz;
    d->arch->tsc_incarnation = t->incarnation;
    domain_unpause(d);
    return 0;
}

/* ---- Extended vcpu state -------------------------------------------------------------------- */

static int get_ext_vcpucontext(struct xen_domctl *op, struct domain *d)
{
    struct xen_domctl_ext_vcpucontext *e = &op->u.ext_vcpucontext;
    struct vcpu *v;
    int rc = find_vcpu(d, e->vcpu, &v);
    uint32_t id = e->vcpu;

    if (rc != 0) {
        return rc == -EINVAL ? -ESRCH : rc;
    }
    if (v == current_vcpu()) {
        return -EINVAL;
    }
    memset(e, 0, sizeof(*e));
    vcpu_pause(v);
    e->vcpu = id;
    e->size = sizeof(*e);
    e->sysenter_callback_eip = v->arch->sysenter.address;
    e->sysenter_disables_events = v->arch->sysenter.mask_events;
    e->syscall32_callback_eip = v->arch->syscall32.address;
    e->syscall32_disables_events = v->arch->syscall32.mask_events;
    vcpu_unpause(v);
    return 0;
}

static bool canonical(uint64_t va)
{
    return va < 1ULL << 47 || va >= HV_VIRT_START;
}

static int set_ext_vcpucontext(struct xen_domctl *op, struct domain *d)
{
    const struct xen_domctl_ext_vcpucontext *e = &op->u.ext_vcpucontext;
    struct vcpu *v;
    int rc = find_vcpu(d, e->vcpu, &v);

    if (rc != 0) {
        return rc == -EINVAL ? -ESRCH : rc;
    }
    if (v == current_vcpu() || e->size < offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap) ||
        !canonical(e->sysenter_callback_eip) || !canonical(e->syscall32_callback_eip)) {
        return -EINVAL;
    }
    domain_pause(d);
    v->arch->sysenter.address = e->sysenter_callback_eip;
    v->arch->sysenter.mask_events = e->sysenter_disables_events != 0;
    v->arch->syscall32.address = e->syscall32_callback_eip;
    v->arch->syscall32.mask_events = e->syscall32_disables_events != 0;
    domain_unpause(d);
    return 0;
}

/* Size 0 says that the vcpu has no state beyond what its context holds. */
static int getvcpuextstate(struct xen_domctl *op, struct domain *d)
{
    struct vcpu *v;
    int rc = find_vcpu(d, op->u.vcpuextstate.vcpu, &v);

    if (rc != 0) {
        return rc == -EINVAL ? -ESRCH : rc;
    }
    if (v->arch->xcr0_accum != 0) {
        return -EOPNOTSUPP;
    }
    op->u.vcpuextstate.xfeature_mask = 0;
    op->u.vcpuextstate.size = 0;
    return 0;
}

static int get_vcpu_msrs(struct xen_domctl *op, struct domain *d)
{
    struct xen_domctl_vcpu_msrs *m = &op->u.vcpu_msrs;
    struct xen_domctl_vcpu_msr values[2] = { { .index = MSR_SPEC_CTRL }, { .index = MSR_TSC_AUX } };
    uint32_t count = 0;
    struct vcpu *v;
    int rc = find_vcpu(d, m->vcpu, &v);

    if (rc != 0) {
        return -ESRCH;
    }
    if (v == current_vcpu()) {
        return -EINVAL;
    }
    if (guest_ptr_is_null(guest_ptr(m->msrs))) {
        m->msr_count = ARRAY_SIZE(values);
        return 0;
    }
    vcpu_pause(v);
    values[0].value = v->arch->msr_spec_ctrl;
    values[1].value = v->arch->msr_tsc_aux;
    vcpu_unpause(v);
    for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
        if (values[i].value == 0) {
            continue;
        }
        if (count < m->msr_count &&
            copy_to_guest(guest_ptr_at(guest_ptr(m->msrs), count, sizeof(values[i])), &values[i],
                          sizeof(values[i])) != 0) {
            return -EFAULT;
        }
        count++;
    }
    rc = count > m->msr_count ? -ENOBUFS : 0;
    m->msr_count = count;
    return rc;
}

static bool set_msr(struct vcpu *v, const struct xen_domctl_vcpu_msr *msr)
{
    if (msr->reserved != 0) {
        return false;
    }
    if (msr->index == MSR_TSC_AUX && msr->value >> 32 == 0) {
        v->arch->msr_tsc_aux = (uint32_t)msr->value;
        return true;
    }
    return msr->index == MSR_SPEC_CTRL && msr->value == v->arch->msr_spec_ctrl;
}

static int set_vcpu_msrs(struct xen_domctl *op, struct domain *d)
{
    struct xen_domctl_vcpu_msrs *m = &op->u.vcpu_msrs;
    uint32_t count = m->msr_count;
    struct vcpu *v;
    int rc = find_vcpu(d, m->vcpu, &v);

    if (rc != 0) {
        return rc == -ESRCH ? -EINVAL : rc;
    }
    if (v == current_vcpu() || count > 16) {
        return -EINVAL;
    }
    vcpu_pause(v);
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        struct xen_domctl_vcpu_msr msr;

        m->msr_count = i;
        if (copy_from_guest(&msr, guest_ptr_at(guest_ptr(m->msrs), i, sizeof(msr)),
                            sizeof(msr)) != 0) {
            rc = -EFAULT;
        } else if (!set_msr(v, &msr)) {
            rc = -EINVAL;
        }
    }
    vcpu_unpause(v);
    return rc;
}

/* ---- CPU policy ----------------------------------------------------------------------------- */

static int get_cpu_policy(struct xen_domctl *op, struct domain *d)
{
    struct xen_domctl_cpu_policy *p = &op->u.cpu_policy;

    return cpu_policy_copy_domain(d, guest_ptr(p->leaves), &p->nr_leaves, guest_ptr(p->msrs),
                                  &p->nr_msrs);
}

static int set_cpu_policy(struct xen_domctl *op, struct domain *d)
{
    struct xen_domctl_cpu_policy *p = &op->u.cpu_policy;
    uint32_t err[3] = { ~0U, ~0U, ~0U };
    int rc;

    if (d == current_domain()) {
        return -EINVAL;
    }
    domain_pause(d);
    rc = d->creation_finished
             ? -EEXIST
             : cpu_policy_set_domain(d, guest_ptr(p->leaves), p->nr_leaves, guest_ptr(p->msrs),
                                     p->nr_msrs, err);
    domain_unpause(d);
    p->err_leaf = err[0];
    p->err_subleaf = err[1];
    p->err_msr = err[2];
    return rc;
}

/* ---- Dispatch ------------------------------------------------------------------------------- */

static int ioport_mapping(struct xen_domctl *op, struct domain *d)
{
    const struct xen_domctl_ioport_mapping *m = &op->u.ioport_mapping;

    if (m->nr_ports == 0 || m->nr_ports > 65536 || m->first_mport > 65536 - m->nr_ports ||
        m->first_gport > 65536 - m->nr_ports) {
        return -EINVAL;
    }
    return -EOPNOTSUPP;
}

/* ---- State of guests under hardware virtualisation --------------------------------------------- */

static int gethvmcontext(struct xen_domctl *op, struct domain *d)
{
    if (d == current_domain() || !d->is_hvm) {
        return -EINVAL;
    }
    return hvm_get_context(d, guest_ptr(op->u.hvmcontext.buffer), &op->u.hvmcontext.size);
}

static int sethvmcontext(struct xen_domctl *op, struct domain *d)
{
    if (d == current_domain() || !d->is_hvm) {
        return -EINVAL;
    }
    return hvm_set_context(d, guest_ptr(op->u.hvmcontext.buffer), op->u.hvmcontext.size);
}

static int gethvmcontext_partial(struct xen_domctl *op, struct domain *d)
{
    struct xen_domctl_hvmcontext_partial *p = &op->u.hvmcontext_partial;

    if (d == current_domain() || !d->is_hvm) {
        return -EINVAL;
    }
    return hvm_get_context_partial(d, p->type, p->instance, guest_ptr(p->buffer), &p->bufsz);
}

/* The pool is a limit: tables are taken from the machine's memory when they are needed. */
static int get_paging_mempool(struct xen_domctl *op, struct domain *d)
{
    if (!d->is_hvm) {
        return -EOPNOTSUPP;
    }
    op->u.paging_mempool.size = (uint64_t)READ_ONCE(d->p2m->table_limit) << PAGE_SHIFT;
    return 0;
}

static int set_paging_mempool(struct xen_domctl *op, struct domain *d)
{
    uint64_t size = op->u.paging_mempool.size;

    if (!d->is_hvm) {
        return -EOPNOTSUPP;
    }
    if ((size & ~PAGE_MASK) != 0 || size >> PAGE_SHIFT > UINT32_MAX) {
        return -EINVAL;
    }
    WRITE_ONCE(d->p2m->table_limit, (uint32_t)(size >> PAGE_SHIFT));
    return 0;
}

static const struct x86_domctl_row rows[] = {
    [XEN_DOMCTL_shadow_op] = { shadow_op, 0, true },
    [XEN_DOMCTL_hypercall_init] = { hypercall_init, 0, false },
    [XEN_DOMCTL_gethvmcontext] = { gethvmcontext, 0, true },
    [XEN_DOMCTL_sethvmcontext] = { sethvmcontext, 0, false },
    [XEN_DOMCTL_gethvmcontext_partial] = { gethvmcontext_partial, 0, true },
    [XEN_DOMCTL_set_address_size] = { set_address_size, 0, false },
    [XEN_DOMCTL_get_address_size] = { get_address_size, 0, true },
    [XEN_DOMCTL_bind_pt_irq] = { NULL, -EINVAL, false },
    [XEN_DOMCTL_unbind_pt_irq] = { NULL, -EINVAL, false },
    [XEN_DOMCTL_ioport_mapping] = { ioport_mapping, 0, false },
    [XEN_DOMCTL_set_ext_vcpucontext] = { set_ext_vcpucontext, 0, false },
    [XEN_DOMCTL_get_ext_vcpucontext] = { get_ext_vcpucontext, 0, true },
    [XEN_DOMCTL_debug_op] = { NULL, -EOPNOTSUPP, false },
    [XEN_DOMCTL_gettscinfo] = { gettscinfo, 0, true },
    [XEN_DOMCTL_settscinfo] = { settscinfo, 0, false },
    [XEN_DOMCTL_getpageframeinfo3] = { getpageframeinfo3, 0, false },
    [XEN_DOMCTL_setvcpuextstate] = { NULL, -EOPNOTSUPP, false },
    [XEN_DOMCTL_getvcpuextstate] = { getvcpuextstate, 0, true },
    [XEN_DOMCTL_audit_p2m] = { NULL, -EOPNOTSUPP, false },
    [XEN_DOMCTL_set_broken_page_p2m] = { NULL, -EOPNOTSUPP, false },
    [XEN_DOMCTL_get_vcpu_msrs] = { get_vcpu_msrs, 0, true },
    [XEN_DOMCTL_set_vcpu_msrs] = { set_vcpu_msrs, 0, true },
    [XEN_DOMCTL_psr_cmt_op] = { NULL, -ENODEV, false },
    [XEN_DOMCTL_psr_alloc] = { NULL, -ENODEV, false },
    [XEN_DOMCTL_get_cpu_policy] = { get_cpu_policy, 0, true },
    [XEN_DOMCTL_set_cpu_policy] = { set_cpu_policy, 0, true },
    [XEN_DOMCTL_get_paging_mempool_size] = { get_paging_mempool, 0, true },
    [XEN_DOMCTL_set_paging_mempool_size] = { set_paging_mempool, 0, false },
};

/* Some operations tell more about their failure in the record itself. */
static bool reports_failure(const struct xen_domctl *op, int rc)
{
    return (op->cmd == XEN_DOMCTL_set_vcpu_msrs && rc == -EINVAL) ||
           (op->cmd == XEN_DOMCTL_get_vcpu_msrs && rc == -ENOBUFS) ||
           (op->cmd == XEN_DOMCTL_get_cpu_policy && rc == -ENOBUFS) ||
           op->cmd == XEN_DOMCTL_set_cpu_policy;
}

int arch_domctl(struct xen_domctl *op, struct domain *d, guest_ptr_t u_op, bool *copy_back)
{
    const struct x86_domctl_row *row;
    int rc;

    if (op->cmd >= ARRAY_SIZE(rows)) {
        return -ENOSYS;
    }
    row = &rows[op->cmd];
    if (row->fn == NULL) {
        return row->refusal != 0 ? row->refusal : -ENOSYS;
    }
    rc = row->fn(op, d);
    if (rc == 0) {
        *copy_back = row->copy_back;
    } else if (reports_failure(op, rc) && copy_to_guest(u_op, op, sizeof(*op)) != 0) {
        rc = -EFAULT;
    }
    return rc;
}
