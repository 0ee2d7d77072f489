/* SPDX-License-Identifier: MIT */
/*
 * A domain's state under hardware virtualisation as the ABI's list of records (<xen/hvm/save.h>): what a toolstack
 * writes to start a vcpu, and what xenctx, dumps and migration read. Per vcpu: CPU, LAPIC, LAPIC_REGS and MTRR.
 *
 * A list begins with HEADER and ends with END; each record has a descriptor in front. The domain is paused.
 */
#include "abi/hvm_vcpu.h"
#include "hv/arch/x86/cpu/fpu.h"
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/core/arch_guest.h"
#include "hv/core/sched.h"
#include "hv/core/wallclock.h"
#include "hv/lib/string.h"
#include "hv/mm/heap.h"

#define CONTEXT_MAX (1U << 20)
#define LAPIC_DISABLED_SW 1U
#define LAPIC_DISABLED_HW 2U
#define APIC_BASE_ENABLE  0x800UL
#define REGISTER_BYTES    16U

/* Any one record. */
union record {
    struct hvm_save_header header;
    struct hvm_hw_cpu cpu;
    struct hvm_hw_lapic lapic;
    struct hvm_hw_lapic_regs lapic_regs;
    struct hvm_hw_mtrr mtrr;
};

/* ---- One record ----------------------------------------------------------------------------- */

void hvm_reset_state(struct hvm_hw_cpu *c)
{
    memset(c, 0, sizeof(*c));
    c->rip = 0xfff0;
    c->rflags = 2;
    c->cr0 = CR0_ET;
    c->dr6 = 0xffff0ff0U;
    c->dr7 = 0x400;
    c->cs_sel = 0xf000;
    c->cs_base = 0xf0000;
    c->cs_limit = c->ds_limit = c->es_limit = c->fs_limit = c->gs_limit = c->ss_limit = 0xffff;
    c->cs_arbytes = 0x9b;
    c->ds_arbytes = c->es_arbytes = c->fs_arbytes = c->gs_arbytes = c->ss_arbytes = 0x93;
    c->tr_limit = c->ldtr_limit = c->gdtr_limit = c->idtr_limit = 0xffff;
    c->tr_arbytes = 0x8b;
    c->ldtr_arbytes = 0x82;
}

#define FOR_EACH_REGISTER(X)                                                                       \
    X(rax) X(rbx) X(rcx) X(rdx) X(rbp) X(rsi) X(rdi) X(rsp) X(r8) X(r9) X(r10) X(r11) X(r12)       \
    X(r13) X(r14) X(r15) X(rip) X(rflags)

static void save_cpu(struct vcpu *v, union record *r)
{
    const struct cpu_user_regs *regs = &v->arch->regs;
    struct hvm_hw_cpu *c = &r->cpu;

    hvm->get_state(v, c);
#define SAVE_REGISTER(name) c->name = regs->name;
    FOR_EACH_REGISTER(SAVE_REGISTER)
    c->dr0 = hvm_vcpu(v)->dr[0];
    c->dr1 = hvm_vcpu(v)->dr[1];
    c->dr2 = hvm_vcpu(v)->dr[2];
    c->dr3 = hvm_vcpu(v)->dr[3];
    c->msr_tsc_aux = v->arch->msr_tsc_aux;
    c->tsc = read_tsc(); /* the guest's is the machine's */
    fpu_area_to_fxsave(v->arch->fpu, c->fpu_regs);
    c->flags = XEN_X86_FPU_INITIALISED;
}

/* All but what save_cpu() has of the FPU and of MSRs. */
static int load_registers(struct vcpu *v, const struct hvm_hw_cpu *c)
{
    struct cpu_user_regs *regs = &v->arch->regs;
    int rc = hvm->set_state(v, c);

    if (rc != 0) {
        return rc;
    }
#define LOAD_REGISTER(name) regs->name = c->name;
    FOR_EACH_REGISTER(LOAD_REGISTER)
    regs->rflags = (c->rflags & 0x3f7fd7UL) | 2;
    hvm_vcpu(v)->dr[0] = c->dr0;
    hvm_vcpu(v)->dr[1] = c->dr1;
    hvm_vcpu(v)->dr[2] = c->dr2;
    hvm_vcpu(v)->dr[3] = c->dr3;
    return 0;
}

static int load_cpu(struct vcpu *v, const union record *r)
{
    const struct hvm_hw_cpu *c = &r->cpu;
    int rc = load_registers(v, c);

    if (rc != 0) {
        return rc;
    }
    v->arch->msr_tsc_aux = (uint32_t)c->msr_tsc_aux;
    if (c->flags & XEN_X86_FPU_INITIALISED) {
        fpu_area_from_fxsave(v->arch->fpu, c->fpu_regs);
    } else {
        fpu_area_reset(v->arch->fpu);
    }
    v->arch->fpu_initialised = true;
    wallclock_update(v->domain);
    v->is_initialised = true;
    hvm_vcpu(v)->waits_for_startup = false;
    __atomic_fetch_and(&v->pause_flags, ~BIT(VCPU_DOWN), __ATOMIC_SEQ_CST);
    return 0;
}

int hvm_start_flat(struct vcpu *v, uint32_t rip, uint32_t rbx)
{
    union record *r = heap_alloc(sizeof(*r));
    struct hvm_hw_cpu *c = &r->cpu;
    int rc;

    if (r == NULL) {
        return -ENOMEM;
    }
    hvm_reset_state(c);
    c->cr0 |= CR0_PE;
    c->rip = rip;
    c->rbx = rbx;
    c->cs_sel = 8;
    c->ds_sel = c->es_sel = c->ss_sel = 16;
    c->cs_base = 0;
    c->cs_limit = c->ds_limit = c->es_limit = c->ss_limit = ~0U;
    c->cs_arbytes = 0xc9b;
    c->ds_arbytes = c->es_arbytes = c->ss_arbytes = 0xc93;
    c->tr_limit = 0x67;
    rc = load_cpu(v, r);
    heap_free(r);
    return rc;
}

/* ---- XEN_DOMCTL_setvcpucontext ---------------------------------------------------------------- */

/* Of this record, which was made for another kind of guest, only what means the same here. */
static int load_guest_context(struct vcpu *v, const struct vcpu_guest_context *x, union record *r)
{
    struct hvm_hw_cpu *c = &r->cpu;
    int rc;

    save_cpu(v, r);
#define FROM_CONTEXT(name) c->name = x->user_regs.name;
    FOR_EACH_REGISTER(FROM_CONTEXT)
    c->rflags |= 2;
    c->dr0 = x->debugreg[0];
    c->dr1 = x->debugreg[1];
    c->dr2 = x->debugreg[2];
    c->dr3 = x->debugreg[3];
    c->dr6 = x->debugreg[6];
    c->dr7 = x->debugreg[7];
    rc = load_registers(v, c);
    if (rc != 0) {
        return rc;
    }
    if (x->flags & VGCF_i387_valid) {
        fpu_area_from_fxsave(v->arch->fpu, &x->fpu_ctxt);
        v->arch->fpu_initialised = true;
    }
    v->is_initialised = true;
    if (x->flags & VGCF_online) {
        hvm_vcpu(v)->waits_for_startup = false;
        __atomic_fetch_and(&v->pause_flags, ~BIT(VCPU_DOWN), __ATOMIC_SEQ_CST);
    } else {
        __atomic_fetch_or(&v->pause_flags, BIT(VCPU_DOWN), __ATOMIC_SEQ_CST);
    }
    return 0;
}

int hvm_set_guest_context(struct vcpu *v, guest_ptr_t context)
{
    struct vcpu_guest_context *x = heap_alloc(sizeof(*x));
    union record *r = heap_alloc(sizeof(*r));
    int rc = -ENOMEM;

    if (x != NULL && r != NULL) {
        rc = copy_from_guest(x, context, sizeof(*x)) != 0 ? -EFAULT : load_guest_context(v, x, r);
    }
    heap_free(r);
    heap_free(x);
    return rc;
}

/* ---- VCPUOP_initialise ------------------------------------------------------------------------ */

#define SEGMENT_PRESENT 0x80U
#define SEGMENT_CODE    0x18U /* and no system segment */
#define TASK_BUSY       0x2U

static bool from_context32(struct hvm_hw_cpu *c, const struct vcpu_hvm_x86_32 *x)
{
    if (x->pad1 != 0 || (x->pad2[0] | x->pad2[1] | x->pad2[2]) != 0 ||
        (x->cs_ar | x->ds_ar | x->es_ar | x->ss_ar | x->tr_ar) >> 12 != 0 || !(x->cs_ar & SEGMENT_PRESENT) ||
        (x->cs_ar & SEGMENT_CODE) != SEGMENT_CODE || !(x->tr_ar & SEGMENT_PRESENT)) {
        return false;
    }
#define FROM_REGISTER(name) c->r##name = x->e##name;
    FROM_REGISTER(ax) FROM_REGISTER(bx) FROM_REGISTER(cx) FROM_REGISTER(dx) FROM_REGISTER(si) FROM_REGISTER(di)
    FROM_REGISTER(bp) FROM_REGISTER(sp) FROM_REGISTER(ip) FROM_REGISTER(flags)
#define FROM_SEGMENT(name)                                                                         \
    c->name##_base = x->name##_base;                                                               \
    c->name##_limit = x->name##_limit;                                                             \
    c->name##_arbytes = x->name##_ar;
    FROM_SEGMENT(cs) FROM_SEGMENT(ds) FROM_SEGMENT(es) FROM_SEGMENT(ss) FROM_SEGMENT(tr)
    c->cs_sel = 0;
    c->tr_arbytes |= TASK_BUSY;
    c->cr0 = x->cr0 | CR0_ET;
    c->cr3 = x->cr3;
    c->cr4 = x->cr4;
    c->msr_efer = x->efer;
    return true;
}

static bool from_context64(struct hvm_hw_cpu *c, const struct vcpu_hvm_x86_64 *x)
{
    uint64_t efer = EFER_LME | EFER_LMA;

    if ((x->cr0 & (CR0_PE | CR0_PG)) != (CR0_PE | CR0_PG) || !(x->cr4 & CR4_PAE) || (x->efer & efer) != efer) {
        return false;
    }
#define FROM_WIDE_REGISTER(name) c->name = x->name;
    FROM_WIDE_REGISTER(rax) FROM_WIDE_REGISTER(rbx) FROM_WIDE_REGISTER(rcx) FROM_WIDE_REGISTER(rdx)
    FROM_WIDE_REGISTER(rsi) FROM_WIDE_REGISTER(rdi) FROM_WIDE_REGISTER(rbp) FROM_WIDE_REGISTER(rsp)
    FROM_WIDE_REGISTER(rip) FROM_WIDE_REGISTER(rflags)
    FROM_WIDE_REGISTER(cr3) FROM_WIDE_REGISTER(cr4)
    c->cr0 = x->cr0 | CR0_ET;
    c->msr_efer = x->efer;
    c->cs_sel = 0;
    c->cs_base = 0;
    c->cs_limit = c->ds_limit = c->es_limit = c->ss_limit = ~0U;
    c->cs_arbytes = 0xa9b;
    c->ds_arbytes = c->es_arbytes = c->ss_arbytes = 0xc93;
    c->tr_limit = 0x67;
    return true;
}

int hvm_vcpu_initialise(struct vcpu *v, guest_ptr_t context)
{
    struct vcpu_hvm_context x;
    union record *r;
    bool ok;
    int rc = copy_from_guest(&x, context, sizeof(x)) != 0 ? -EFAULT : 0;

    if (rc != 0) {
        return rc;
    }
    r = heap_alloc(sizeof(*r));
    if (r == NULL) {
        return -ENOMEM;
    }
    hvm_reset_state(&r->cpu);
    ok = x.mode == VCPU_HVM_MODE_32B   ? from_context32(&r->cpu, &x.cpu_regs.x86_32)
         : x.mode == VCPU_HVM_MODE_64B ? from_context64(&r->cpu, &x.cpu_regs.x86_64)
                                       : false;
    rc = ok && x.pad == 0 ? 0 : -EINVAL;
    if (rc == 0) {
        vcpu_pause(v); /* a startup message may have been quicker */
        rc = load_cpu(v, r);
        if (rc == 0) {
            __atomic_fetch_or(&v->pause_flags, BIT(VCPU_DOWN), __ATOMIC_SEQ_CST);
        }
        vcpu_unpause(v);
    }
    heap_free(r);
    return rc;
}

/* ---- Records of the local APIC ---------------------------------------------------------------- */

static void save_lapic(struct vcpu *v, union record *r)
{
    const struct vlapic *l = &hvm_vcpu(v)->vlapic;

    r->lapic.apic_base_msr = l->base;
    r->lapic.disabled = (l->base & APIC_BASE_ENABLE ? 0 : LAPIC_DISABLED_HW) |
                        (vlapic_enabled(v) ? 0 : LAPIC_DISABLED_SW);
    r->lapic.timer_divisor = 1;
}

static int load_lapic(struct vcpu *v, const union record *r)
{
    struct vlapic *l = &hvm_vcpu(v)->vlapic;

    /* Directly, as the way there does not matter. */
    if ((r->lapic.apic_base_msr & ~0xd00UL) != VLAPIC_BASE) {
        return -EINVAL;
    }
    l->base = r->lapic.apic_base_msr;
    return 0;
}

static void save_lapic_regs(struct vcpu *v, union record *r)
{
    struct vlapic *l = &hvm_vcpu(v)->vlapic;

    for (unsigned int i = 0; i < VLAPIC_REGISTERS; i++) {
        uint32_t value = vlapic_mmio_read(v, i * REGISTER_BYTES);

        memcpy(&r->lapic_regs.data[i * REGISTER_BYTES], &value, sizeof(value));
    }
    (void)l;
}

static int load_lapic_regs(struct vcpu *v, const union record *r)
{
    vlapic_load(v, r->lapic_regs.data);
    return 0;
}

/* The ABI's order of fixed ranges is that of the MSRs' numbers, as ours. */
static void save_mtrr(struct vcpu *v, union record *r)
{
    const struct hvm_vcpu *h = hvm_vcpu(v);

    r->mtrr.msr_pat_cr = hvm->get_pat(v);
    memcpy(r->mtrr.msr_mtrr_var, h->mtrr_variable, sizeof(h->mtrr_variable));
    memcpy(r->mtrr.msr_mtrr_fixed, h->mtrr_fixed, sizeof(h->mtrr_fixed));
    r->mtrr.msr_mtrr_cap = 0x508;
    r->mtrr.msr_mtrr_def_type = h->mtrr_def_type;
}

static int load_mtrr(struct vcpu *v, const union record *r)
{
    struct hvm_vcpu *h = hvm_vcpu(v);

    if (!hvm_pat_valid(r->mtrr.msr_pat_cr)) {
        return -EINVAL;
    }
    hvm->set_pat(v, r->mtrr.msr_pat_cr);
    memcpy(h->mtrr_variable, r->mtrr.msr_mtrr_var, sizeof(h->mtrr_variable));
    memcpy(h->mtrr_fixed, r->mtrr.msr_mtrr_fixed, sizeof(h->mtrr_fixed));
    h->mtrr_def_type = r->mtrr.msr_mtrr_def_type;
    return 0;
}

/* ---- Kinds of records ------------------------------------------------------------------------ */

static const struct record_kind {
    uint16_t type;
    uint16_t length;
    bool online_only; /* a vcpu that was never started has none */
    void (*save)(struct vcpu *v, union record *r);
    int (*load)(struct vcpu *v, const union record *r);
} kinds[] = {
    { HVM_SAVE_CODE(CPU), HVM_SAVE_LENGTH(CPU), true, save_cpu, load_cpu },
    { HVM_SAVE_CODE(LAPIC), HVM_SAVE_LENGTH(LAPIC), false, save_lapic, load_lapic },
    { HVM_SAVE_CODE(LAPIC_REGS), HVM_SAVE_LENGTH(LAPIC_REGS), false, save_lapic_regs, load_lapic_regs },
    { HVM_SAVE_CODE(MTRR), HVM_SAVE_LENGTH(MTRR), false, save_mtrr, load_mtrr },
};

static const struct record_kind *kind_of(unsigned int type)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (kinds[i].type == type) {
            return &kinds[i];
        }
    }
    return NULL;
}

static bool has_record(const struct record_kind *k, const struct vcpu *v)
{
    return !k->online_only || !(READ_ONCE(v->pause_flags) & BIT(VCPU_DOWN));
}

/* ---- Lists ----------------------------------------------------------------------------------- */

/* Appends to the caller's buffer; only counts where there is none. */
struct writer {
    guest_ptr_t to;
    uint32_t room;
    uint32_t used;
    bool counting;
};

static int write_record(struct writer *w, unsigned int type, unsigned int instance, const void *data,
                        uint32_t length)
{
    struct hvm_save_descriptor desc = { (uint16_t)type, (uint16_t)instance, length };
    guest_ptr_t at = { w->to.va + w->used };

    w->used += (uint32_t)sizeof(desc) + length;
    if (w->counting) {
        return 0;
    }
    if (w->used > w->room) {
        return -ENOSPC;
    }
    if (copy_to_guest(at, &desc, sizeof(desc)) != 0) {
        return -EFAULT;
    }
    return length == 0 ? 0 : copy_to_guest((guest_ptr_t){ at.va + sizeof(desc) }, data, length);
}

static int write_all(struct domain *d, struct writer *w, union record *r)
{
    struct vcpu *v;
    int rc;

    r->header = (struct hvm_save_header){ .magic = HVM_FILE_MAGIC,
                                          .version = HVM_FILE_VERSION,
                                          .gtsc_khz = arch_clock_cpu_khz() };
    rc = write_record(w, HVM_SAVE_CODE(HEADER), 0, r, HVM_SAVE_LENGTH(HEADER));
    for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
        domain_for_each_vcpu(d, v) {
            if (rc != 0 || !has_record(&kinds[i], v)) {
                continue;
            }
            memset(r, 0, sizeof(*r));
            kinds[i].save(v, r);
            rc = write_record(w, kinds[i].type, v->id, r, kinds[i].length);
        }
    }
    return rc != 0 ? rc : write_record(w, HVM_SAVE_CODE(END), 0, NULL, 0);
}

int hvm_get_context(struct domain *d, guest_ptr_t buffer, uint32_t *size)
{
    struct writer w = { buffer, *size, 0, guest_ptr_is_null(buffer) };
    union record *r = heap_alloc(sizeof(*r));
    int rc;

    if (r == NULL) {
        return -ENOMEM;
    }
    domain_pause(d);
    rc = write_all(d, &w, r);
    domain_unpause(d);
    heap_free(r);
    *size = w.used;
    return rc;
}

int hvm_get_context_partial(struct domain *d, uint32_t type, uint32_t instance, guest_ptr_t buffer,
                            uint64_t *size)
{
    const struct record_kind *k = kind_of(type);
    struct vcpu *v = vcpu_lookup(d, instance);
    union record *r;
    int rc = 0;

    if (k == NULL || v == NULL) {
        return -ENOENT;
    }
    if (guest_ptr_is_null(buffer)) {
        *size = k->length;
        return 0;
    }
    if (*size < k->length) {
        return -ENOSPC;
    }
    if (!has_record(k, v)) {
        return -ENODATA;
    }
    r = heap_alloc(sizeof(*r));
    if (r == NULL) {
        return -ENOMEM;
    }
    vcpu_pause(v);
    k->save(v, r);
    vcpu_unpause(v);
    rc = copy_to_guest(buffer, r, k->length);
    heap_free(r);
    *size = k->length;
    return rc;
}

/* One record at *at, which moves behind it; *end when it was the last. */
static int read_record(struct domain *d, guest_ptr_t *at, uint32_t *left, union record *r, bool *end)
{
    struct hvm_save_descriptor desc;
    const struct record_kind *k;
    struct vcpu *v;

    if (*left < sizeof(desc) || copy_from_guest(&desc, *at, sizeof(desc)) != 0) {
        return -EFAULT;
    }
    *left -= (uint32_t)sizeof(desc);
    if (desc.length > *left) {
        return -ENODATA;
    }
    at->va += sizeof(desc);
    if (desc.typecode == HVM_SAVE_CODE(END)) {
        *end = true;
        return 0;
    }
    k = kind_of(desc.typecode);
    v = vcpu_lookup(d, desc.instance);
    if (k == NULL || v == NULL || desc.length != k->length) {
        return -EINVAL;
    }
    if (copy_from_guest(r, *at, desc.length) != 0) {
        return -EFAULT;
    }
    at->va += desc.length;
    *left -= desc.length;
    return k->load(v, r);
}

static int read_header(guest_ptr_t *at, uint32_t *left)
{
    struct {
        struct hvm_save_descriptor desc;
        struct hvm_save_header header;
    } PACKED first;

    if (*left < sizeof(first) || copy_from_guest(&first, *at, sizeof(first)) != 0) {
        return -EFAULT;
    }
    at->va += sizeof(first);
    *left -= (uint32_t)sizeof(first);
    return first.desc.typecode == HVM_SAVE_CODE(HEADER) && first.desc.length == sizeof(first.header) &&
                   first.header.magic == HVM_FILE_MAGIC && first.header.version == HVM_FILE_VERSION
               ? 0
               : -EINVAL;
}

int hvm_set_context(struct domain *d, guest_ptr_t buffer, uint32_t size)
{
    union record *r;
    bool end = false;
    int rc;

    if (size > CONTEXT_MAX) {
        return -E2BIG;
    }
    r = heap_alloc(sizeof(*r));
    if (r == NULL) {
        return -ENOMEM;
    }
    domain_pause(d);
    rc = read_header(&buffer, &size);
    while (rc == 0 && !end) {
        rc = read_record(d, &buffer, &size, r, &end);
    }
    domain_unpause(d);
    heap_free(r);
    return rc;
}

void hvm_fill_guest_context(const struct vcpu *v, struct vcpu_guest_context *c)
{
    struct hvm_hw_cpu *s = heap_alloc(sizeof(*s));

    if (s == NULL) {
        return; /* the caller's record stays zero */
    }
    hvm->get_state(v, s);
    c->user_regs = v->arch->regs;
    c->user_regs.cs = (uint16_t)s->cs_sel;
    c->user_regs.ds = (uint16_t)s->ds_sel;
    c->user_regs.es = (uint16_t)s->es_sel;
    c->user_regs.fs = (uint16_t)s->fs_sel;
    c->user_regs.gs = (uint16_t)s->gs_sel;
    c->user_regs.ss = (uint16_t)s->ss_sel;
    c->ctrlreg[0] = s->cr0;
    c->ctrlreg[2] = s->cr2;
    c->ctrlreg[3] = s->cr3;
    c->ctrlreg[4] = s->cr4;
    memcpy(c->debugreg, hvm_vcpu(v)->dr, sizeof(hvm_vcpu(v)->dr));
    c->debugreg[6] = s->dr6;
    c->debugreg[7] = s->dr7;
    c->fs_base = s->fs_base;
    c->gs_base_kernel = s->gs_base;
    c->gs_base_user = s->shadow_gs;
    heap_free(s);
}
