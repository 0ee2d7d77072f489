/* SPDX-License-Identifier: MIT */
/*
 * AMD-V with nested paging: struct hvm_ops by the VMCB. (AMD APM volume 2, chapter 15.)
 *
 * svm_entry.S calls svm_prepare() before each entry and svm_exit() after each exit. Intercepts are the same for all
 * guests: what the hypervisor must see, and instructions that a guest is not offered. CR and DR accesses are the
 * guest's own; its EFER has SVME set underneath, which it does not see.
 *
 * Translations carry an ASID. A vcpu gets a new one when it comes to another CPU and when its domain's p2m lost
 * something (generation); when a CPU's ASIDs are used up all its translations are flushed and counting starts anew.
 *
 * Not every CPU saves the next instruction's address or the instruction's bytes: then its length is found by reading
 * it (hvm_instruction_length()).
 */
#include "hv/arch/x86/hvm/svm.h"

#include <arch_p2m.h>

#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch/x86/cpu/paging.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/arch/x86/hvm/hvm_event.h"
#include "hv/base/percpu.h"
#include "hv/base/printk.h"
#include "hv/core/sched.h"
#include "hv/lib/string.h"
#include "hv/mm/heap.h"
#include "hv/mm/page_alloc.h"

#define MSR_VM_CR      0xc0010114U
#define MSR_VM_HSAVE   0xc0010117U
#define VM_CR_SVMDIS   0x10UL
#define CPUID_SVM      0x8000000aU
#define CPUID_NPT      (1U << 0)
#define CPUID_NRIPS    (1U << 3)
#define CPUID_CLEAN    (1U << 5)
#define CPUID_EXT_SVM  (1U << 2)   /* 0x80000001.ecx */
#define CPUID_PAGE1GB  (1U << 26)  /* 0x80000001.edx */
#define MSRPM_ORDER    1
#define IOPM_ORDER     2
#define PAT_AT_RESET   0x0007040600070406UL
#define CS_LONG        0x200U /* attributes of a segment */
#define CS_DEFAULT32   0x400U
#define NP_ENABLE      1UL

struct svm_vcpu {
    struct vmcb *vmcb;
    unsigned int asid_cpu;
    uint64_t asid_generation; /* of that CPU; 0: no ASID yet */
    uint64_t p2m_generation;
};

struct asid_pool {
    uint64_t generation;
    uint32_t next;
};

static PERCPU(struct asid_pool, asids);
static PERCPU(mfn_t, host_vmcb);
static uint32_t asid_count;
static bool have_next_rip;
static uint32_t clean_bits; /* after an exit; 0: this CPU keeps nothing */
static mfn_t msrpm;
static mfn_t iopm;

static inline struct svm_vcpu *of(const struct vcpu *v)
{
    return hvm_vcpu(v)->block;
}

/* ---- The machine --------------------------------------------------------------------------- */

/* MSRs a guest reads and writes itself, since VMLOAD, VMSAVE or VMRUN switch them. */
static const uint32_t own_msrs[] = {
    0x174, 0x175, 0x176,                                     /* SYSENTER */
    0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,          /* STAR, LSTAR, CSTAR, SFMASK */
    0xc0000100, 0xc0000101, 0xc0000102,                      /* FS, GS, kernel GS base */
};

static void msr_allow(uint8_t *map, uint32_t msr)
{
    unsigned int offset = msr >= 0xc0000000U ? 0x800 : 0;
    unsigned int n = (msr & 0x1fff) * 2;

    map[offset + n / 8] &= (uint8_t)~(3U << n % 8);
}

static bool make_maps(void)
{
    msrpm = page_alloc(MSRPM_ORDER, 0);
    iopm = page_alloc(IOPM_ORDER, 0);
    if (mfn_eq(msrpm, INVALID_MFN) || mfn_eq(iopm, INVALID_MFN)) {
        return false;
    }
    memset(arch_direct_map(msrpm), 0xff, PAGE_SIZE << MSRPM_ORDER);
    memset(arch_direct_map(iopm), 0xff, PAGE_SIZE << IOPM_ORDER);
    for (unsigned int i = 0; i < ARRAY_SIZE(own_msrs); i++) {
        msr_allow(arch_direct_map(msrpm), own_msrs[i]);
    }
    return true;
}

static const struct hvm_ops svm_ops;

static bool machine_has_svm(void)
{
    uint32_t a, b, c, d;

    cpuid(0x80000000U, 0, &a, &b, &c, &d);
    if (a < CPUID_SVM) {
        return false;
    }
    cpuid(0x80000001U, 0, &a, &b, &c, &d);
    if (!(c & CPUID_EXT_SVM)) {
        return false;
    }
    p2m_leaf_level = d & CPUID_PAGE1GB ? 3 : 2;
    if (read_msr(MSR_VM_CR) & VM_CR_SVMDIS) {
        log_info("AMD-V is disabled by the firmware\n");
        return false;
    }
    cpuid(CPUID_SVM, 0, &a, &b, &c, &d);
    if (!(d & CPUID_NPT)) {
        log_info("AMD-V without nested paging: no PVH guests\n");
        return false;
    }
    asid_count = b;
    have_next_rip = d & CPUID_NRIPS;
    clean_bits = d & CPUID_CLEAN ? SVM_CLEAN_ALL : 0;
    return asid_count >= 2;
}

const struct hvm_ops *svm_init_cpu(void)
{
    mfn_t pages;

    if (arch_cpu_id() == 0) {
        if (!machine_has_svm() || !make_maps()) {
            return NULL;
        }
        log_info("AMD-V: nested paging, %u ASIDs%s\n", asid_count, have_next_rip ? ", next RIP" : "");
    }
    pages = page_alloc(1, PAGE_ZERO); /* the CPU's save area, and our own VMCB */
    if (mfn_eq(pages, INVALID_MFN)) {
        return NULL;
    }
    write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SVME);
    write_msr(MSR_VM_HSAVE, mfn_to_paddr(pages).v);
    this_cpu(host_vmcb) = mfn_add(pages, 1);
    __asm__ __volatile__("vmsave %0" ::"a"(mfn_to_paddr(mfn_add(pages, 1)).v) : "memory");
    cpu_local()->host_vmcb = mfn_to_paddr(mfn_add(pages, 1)).v;
    this_cpu(asids).generation = 1;
    this_cpu(asids).next = 1;
    return &svm_ops;
}

/* ---- Birth and end -------------------------------------------------------------------------- */

static int svm_vcpu_init(struct vcpu *v)
{
    struct svm_vcpu *s = heap_alloc(sizeof(*s));
    struct vmcb *b = s == NULL ? NULL : heap_alloc_page();

    if (b == NULL) {
        heap_free(s);
        return -ENOMEM;
    }
    s->vmcb = b;
    hvm_vcpu(v)->block = s;
    b->exception_intercepts = 1U << EXC_DB | 1U << EXC_AC | 1U << EXC_MC;
    b->intercepts1 = SVM_INTERCEPT_INTR | SVM_INTERCEPT_NMI | SVM_INTERCEPT_INIT | SVM_INTERCEPT_VINTR |
                     SVM_INTERCEPT_RDPMC | SVM_INTERCEPT_CPUID | SVM_INTERCEPT_RSM | SVM_INTERCEPT_INVD |
                     SVM_INTERCEPT_HLT | SVM_INTERCEPT_INVLPGA | SVM_INTERCEPT_IO | SVM_INTERCEPT_MSR |
                     SVM_INTERCEPT_TASK | SVM_INTERCEPT_FERR | SVM_INTERCEPT_SHUTDOWN;
    b->intercepts2 = SVM_INTERCEPTS2;
    b->iopm_base = mfn_to_paddr(iopm).v;
    b->msrpm_base = mfn_to_paddr(msrpm).v;
    b->vintr = SVM_VINTR_MASKING;
    b->np_control = NP_ENABLE;
    b->nested_cr3 = mfn_to_paddr(v->domain->p2m->root).v;
    b->pat = PAT_AT_RESET;
    return 0;
}

static void svm_vcpu_exit(struct vcpu *v)
{
    struct svm_vcpu *s = of(v);

    if (s != NULL) {
        heap_free_page(s->vmcb);
        heap_free(s);
        hvm_vcpu(v)->block = NULL;
    }
}

static void svm_enter(struct vcpu *v)
{
    cpu_local()->vmcb = mfn_to_paddr(arch_direct_mfn(of(v)->vmcb)).v;
}

static void svm_leave(struct vcpu *v)
{
    (void)v; /* all of it is in the VMCB since the last exit */
}

/* ---- State ---------------------------------------------------------------------------------- */

#define FOR_EACH_SEGMENT(X) X(cs) X(ds) X(es) X(fs) X(gs) X(ss) X(tr) X(ldtr)

static void svm_get_state(const struct vcpu *v, struct hvm_hw_cpu *c)
{
    const struct vmcb *b = of(v)->vmcb;

#define GET_SEGMENT(name)                                                                          \
    c->name##_sel = b->name.selector;                                                              \
    c->name##_limit = b->name.limit;                                                               \
    c->name##_base = b->name.base;                                                                 \
    c->name##_arbytes = b->name.attributes;
    FOR_EACH_SEGMENT(GET_SEGMENT)
    c->gdtr_limit = b->gdtr.limit;
    c->gdtr_base = b->gdtr.base;
    c->idtr_limit = b->idtr.limit;
    c->idtr_base = b->idtr.base;
    c->cr0 = b->cr0;
    c->cr2 = b->cr2;
    c->cr3 = b->cr3;
    c->cr4 = b->cr4;
    c->dr6 = b->dr6;
    c->dr7 = b->dr7;
    c->msr_efer = b->efer & ~EFER_SVME;
    c->msr_star = b->star;
    c->msr_lstar = b->lstar;
    c->msr_cstar = b->cstar;
    c->msr_syscall_mask = b->sfmask;
    c->shadow_gs = b->kernel_gs_base;
    c->sysenter_cs = b->sysenter_cs;
    c->sysenter_esp = b->sysenter_esp;
    c->sysenter_eip = b->sysenter_eip;
    if (b->eventinj & SVM_EVENT_VALID) {
        c->pending_event = (uint32_t)b->eventinj;
        c->error_code = (uint32_t)(b->eventinj >> 32);
    }
}

static int svm_set_state(struct vcpu *v, const struct hvm_hw_cpu *c)
{
    struct vmcb *b = of(v)->vmcb;

    if (c->msr_efer & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE) || c->cr0 >> 32 != 0 || c->dr6 >> 32 != 0 ||
        c->dr7 >> 32 != 0 || ((c->cr0 & CR0_PG) && !(c->cr0 & CR0_PE))) {
        return -EINVAL;
    }
#define SET_SEGMENT(name)                                                                          \
    b->name = (struct svm_segment){ (uint16_t)c->name##_sel, (uint16_t)c->name##_arbytes,          \
                                    c->name##_limit, c->name##_base };
    FOR_EACH_SEGMENT(SET_SEGMENT)
    b->gdtr = (struct svm_segment){ .limit = c->gdtr_limit, .base = c->gdtr_base };
    b->idtr = (struct svm_segment){ .limit = c->idtr_limit, .base = c->idtr_base };
    b->cpl = c->ss_arbytes >> 5 & 3;
    b->cr0 = c->cr0 | CR0_ET;
    b->cr2 = c->cr2;
    b->cr3 = c->cr3;
    b->cr4 = c->cr4;
    b->dr6 = c->dr6;
    b->dr7 = c->dr7;
    b->efer = c->msr_efer | EFER_SVME;
    b->star = c->msr_star;
    b->lstar = c->msr_lstar;
    b->cstar = c->msr_cstar;
    b->sfmask = c->msr_syscall_mask;
    b->kernel_gs_base = c->shadow_gs;
    b->sysenter_cs = c->sysenter_cs;
    b->sysenter_esp = c->sysenter_esp;
    b->sysenter_eip = c->sysenter_eip;
    b->interrupt_shadow = 0;
    b->eventinj = c->pending_valid ? (uint64_t)c->error_code << 32 | c->pending_event : 0;
    b->clean = 0;
    of(v)->asid_generation = 0;
    return 0;
}

static void svm_get_paging(const struct vcpu *v, struct hvm_paging *p)
{
    const struct vmcb *b = of(v)->vmcb;

    p->cr0 = b->cr0;
    p->cr3 = b->cr3;
    p->cr4 = b->cr4;
    p->efer = b->efer;
    p->cpl = b->cpl;
    p->cs_base = b->cs.base;
    if ((b->efer & EFER_LMA) && (b->cs.attributes & CS_LONG)) {
        p->code_bits = 64;
    } else {
        p->code_bits = b->cs.attributes & CS_DEFAULT32 ? 32 : 16;
    }
}

static void svm_inject(struct vcpu *v, unsigned int vector, enum hvm_event_type type, bool has_error,
                       uint32_t error)
{
    of(v)->vmcb->eventinj = vector | (uint64_t)type << 8 | (has_error ? SVM_EVENT_ERROR : 0) |
                            SVM_EVENT_VALID | (uint64_t)error << 32;
}

static uint64_t svm_get_es_base(const struct vcpu *v)
{
    return of(v)->vmcb->es.base;
}

static void svm_set_cr2(struct vcpu *v, uint64_t cr2)
{
    of(v)->vmcb->cr2 = cr2;
    of(v)->vmcb->clean &= ~SVM_CLEAN_CR2;
}

static void svm_set_efer(struct vcpu *v, uint64_t efer)
{
    of(v)->vmcb->efer = efer | EFER_SVME;
    of(v)->vmcb->clean &= ~SVM_CLEAN_CR;
}

static void svm_set_pat(struct vcpu *v, uint64_t pat)
{
    of(v)->vmcb->pat = pat;
    of(v)->vmcb->clean &= ~SVM_CLEAN_NP;
}

static uint64_t svm_get_pat(const struct vcpu *v)
{
    return of(v)->vmcb->pat;
}

static uint64_t svm_get_cr4(const struct vcpu *v)
{
    return of(v)->vmcb->cr4;
}

static bool svm_interrupts_on(const struct vcpu *v)
{
    return (guest_regs()->rflags & X86_EFLAGS_IF) && !(of(v)->vmcb->interrupt_shadow & 1);
}

static void svm_dump(const struct vcpu *v)
{
    const struct vmcb *b = of(v)->vmcb;

    printk("VMCB of %pv: exit %lx info %lx %lx intinfo %lx inject %lx vintr %lx asid %u\n", v,
           (unsigned long)b->exitcode, (unsigned long)b->exitinfo1, (unsigned long)b->exitinfo2,
           (unsigned long)b->exitintinfo, (unsigned long)b->eventinj, (unsigned long)b->vintr, b->asid);
    printk("cr0 %lx cr2 %lx cr3 %lx cr4 %lx efer %lx cpl %u rip %04x:%lx rflags %lx ss:rsp %04x:%lx\n",
           (unsigned long)b->cr0, (unsigned long)b->cr2, (unsigned long)b->cr3, (unsigned long)b->cr4,
           (unsigned long)b->efer, b->cpl, b->cs.selector, (unsigned long)b->rip, (unsigned long)b->rflags,
           b->ss.selector, (unsigned long)b->rsp);
    printk("dr6 %lx dr7 %lx pat %lx tlb %x shadow %lx\n", (unsigned long)b->dr6, (unsigned long)b->dr7,
           (unsigned long)b->pat, b->tlb_control, (unsigned long)b->interrupt_shadow);
    printk("cs %x %x %lx ss %x %x %lx tr %x %x %lx\n", b->cs.attributes, b->cs.limit, (unsigned long)b->cs.base,
           b->ss.attributes, b->ss.limit, (unsigned long)b->ss.base, b->tr.attributes, b->tr.limit,
           (unsigned long)b->tr.base);
}

/* ---- Entering -------------------------------------------------------------------------------- */

static void new_asid(struct vcpu *v, struct svm_vcpu *s)
{
    struct asid_pool *pool = &this_cpu(asids);

    if (pool->next >= asid_count) {
        pool->next = 1;
        pool->generation++;
        s->vmcb->tlb_control = SVM_TLB_FLUSH_ALL;
    }
    s->vmcb->asid = pool->next++;
    s->asid_generation = pool->generation;
    s->asid_cpu = arch_cpu_id();
    s->vmcb->clean = 0; /* it may be another CPU than before */
}

/* Interrupts are off: what is raised from here on ends the entry at once. */
static NOINLINE void deliver_interrupt(struct vcpu *v, struct vmcb *b)
{
    bool by_apic;
    int vector;

    b->vintr &= ~(SVM_VINTR_IRQ | SVM_VINTR_PRIO | SVM_VINTR_IGN_TPR);
    b->clean &= ~SVM_CLEAN_VINTR;
    if (v->nmi_pending && !(b->eventinj & SVM_EVENT_VALID) && !(b->interrupt_shadow & 1)) {
        v->nmi_pending = false;
        svm_inject(v, EXC_NMI, HVM_EVENT_NMI, false, 0);
    }
    vector = hvm_next_interrupt(v, &by_apic);
    if (vector < 0) {
        return;
    }
    if (!(b->eventinj & SVM_EVENT_VALID) && svm_interrupts_on(v)) {
        svm_inject(v, (unsigned int)vector, HVM_EVENT_INTERRUPT, false, 0);
        if (by_apic) {
            vlapic_accept(v, (unsigned int)vector);
        }
        return;
    }
    /* An exit as soon as the guest would take one. */
    b->vintr |= SVM_VINTR_IRQ | SVM_VINTR_PRIO | SVM_VINTR_IGN_TPR;
}

bool svm_prepare(struct cpu_user_regs *regs)
{
    struct vcpu *v = current_vcpu();
    struct hvm_vcpu *h = hvm_vcpu(v);
    struct svm_vcpu *s = h->block;
    struct vmcb *b = s->vmcb;
    uint64_t generation;

    if (hvm_take_notes(v, h)) {
        return false;
    }
    if (unlikely(READ_ONCE(v->info->evtchn_upcall_pending) || READ_ONCE(h->vlapic.irr_maybe) ||
                 READ_ONCE(v->nmi_pending) || (b->vintr & SVM_VINTR_IRQ))) {
        deliver_interrupt(v, b);
    }
    generation = READ_ONCE(v->domain->p2m->generation);
    if (unlikely(s->asid_generation != this_cpu(asids).generation || s->asid_cpu != arch_cpu_id() ||
                 s->p2m_generation != generation)) {
        s->p2m_generation = generation;
        new_asid(v, s);
    }
    if (unlikely((b->vintr & SVM_VINTR_TPR) != vlapic_tpr(v) >> 4)) {
        b->vintr = (b->vintr & ~SVM_VINTR_TPR) | vlapic_tpr(v) >> 4;
        b->clean &= ~SVM_CLEAN_VINTR;
    }
    b->rax = regs->rax;
    b->rsp = regs->rsp;
    b->rip = regs->rip;
    b->rflags = regs->rflags;
    return true;
}

/* ---- Exits ----------------------------------------------------------------------------------- */

typedef void (*exit_fn)(struct vcpu *v, struct vmcb *b, struct cpu_user_regs *regs);

/* Length of the instruction that made the exit, opcode and all of size bytes, with its prefixes. 0: its bytes have
 * gone from under the CPU, and it runs again to meet the fault. */
static unsigned int length_of(struct vcpu *v, const struct vmcb *b, const struct cpu_user_regs *regs,
                              unsigned int size)
{
    if (have_next_rip && b->next_rip > regs->rip && b->next_rip - regs->rip <= 15) {
        return (unsigned int)(b->next_rip - regs->rip);
    }
    return hvm_instruction_length(v, regs, size);
}

static void on_nothing(struct vcpu *v, struct vmcb *b, struct cpu_user_regs *regs)
{
    (void)v; /* an interrupt of the machine, which has been taken by now */
    (void)b;
    (void)regs;
}

static void on_undefined(struct vcpu *v, struct vmcb *b, struct cpu_user_regs *regs)
{
    (void)b;
    (void)regs;
    hvm_inject_exception(v, EXC_UD);
}

static void on_refused(struct vcpu *v, struct vmcb *b, struct cpu_user_regs *regs)
{
    (void)b;
    (void)regs;
    hvm_inject_gp(v);
}

static void on_cpuid(struct vcpu *v, struct vmcb *b, struct cpu_user_regs *regs)
{
    hvm_exit_cpuid(v, regs, length_of(v, b, regs, 2));
}

static void on_msr(struct vcpu *v, struct vmcb *b, struct cpu_user_regs *regs)
{
    hvm_exit_msr(v, regs, length_of(v, b, regs, 2), b->exitinfo1 & 1);
}

static void on_vmmcall(struct vcpu *v, struct vmcb *b, struct cpu_user_regs *regs)
{
    hvm_exit_hypercall(v, regs, length_of(v, b, regs, 3));
}

static void on_halt(struct vcpu *v, struct vmcb *b, struct cpu_user_regs *regs)
{
    hvm_exit_halt(v, regs, length_of(v, b, regs, 1));
}

static void on_xsetbv(struct vcpu *v, struct vmcb *b, struct cpu_user_regs *regs)
{
    hvm_exit_xsetbv(v, regs, length_of(v, b, regs, 3));
}

/* Nothing of the guest's is cached that the machine would have to see. */
static void on_cache(struct vcpu *v, struct vmcb *b, struct cpu_user_regs *regs)
{
    regs->rip += length_of(v, b, regs, 2);
}

static void on_port(struct vcpu *v, struct vmcb *b, struct cpu_user_regs *regs)
{
    unsigned int bytes = (unsigned int)(b->exitinfo1 >> SVM_IO_SIZE_SHIFT) & 7;

    if (b->exitinfo1 & SVM_IO_STRING) {
        struct hvm_string_io io = {
            .port = (uint16_t)(b->exitinfo1 >> SVM_IO_PORT_SHIFT),
            .bytes = bytes,
            .address_bits = ((unsigned int)(b->exitinfo1 >> SVM_IO_ADDRESS_SHIFT) & 7) * 16,
            .in = b->exitinfo1 & SVM_IO_IN,
            .repeat = b->exitinfo1 & SVM_IO_REPEAT,
        };

        hvm_exit_string_port(v, regs, io, b->exitinfo2);
        return;
    }
    hvm_exit_port(v, regs, (uint16_t)(b->exitinfo1 >> SVM_IO_PORT_SHIFT), bytes, b->exitinfo1 & SVM_IO_IN,
                  b->exitinfo2);
}

static void on_task_switch(struct vcpu *v, struct vmcb *b, struct cpu_user_regs *regs)
{
    (void)b;
    (void)regs;
    domain_crash(v->domain, "task switch by hardware");
}

static void on_shutdown(struct vcpu *v, struct vmcb *b, struct cpu_user_regs *regs)
{
    unsigned int reason = (unsigned int)v->domain->arch->hvm->params[HVM_PARAM_TRIPLE_FAULT_REASON];

    (void)regs;
    log_info("%pv: triple fault at %04x:%lx\n", v, b->cs.selector, (unsigned long)b->rip);
    domain_shutdown(v->domain, reason);
}

/* Intercepted so that a guest cannot keep the CPU delivering them forever; given back. */
static void on_debug(struct vcpu *v, struct vmcb *b, struct cpu_user_regs *regs)
{
    (void)b;
    (void)regs;
    hvm_inject_exception(v, EXC_DB);
}

static void on_alignment(struct vcpu *v, struct vmcb *b, struct cpu_user_regs *regs)
{
    (void)b;
    (void)regs;
    hvm->inject(v, EXC_AC, HVM_EVENT_EXCEPTION, true, 0);
}

static void on_machine_check(struct vcpu *v, struct vmcb *b, struct cpu_user_regs *regs)
{
    (void)b;
    x86_machine_check(regs);
}

static void on_window(struct vcpu *v, struct vmcb *b, struct cpu_user_regs *regs)
{
    (void)v; /* svm_prepare() looks what is to be delivered */
    (void)regs;
    b->vintr &= ~(SVM_VINTR_PRIO | SVM_VINTR_IGN_TPR);
    b->clean &= ~SVM_CLEAN_VINTR;
}

static const exit_fn exits[SVM_EXIT_COUNT] = {
    [SVM_EXIT_EXCEPTION + EXC_DB] = on_debug,
    [SVM_EXIT_EXCEPTION + EXC_AC] = on_alignment,
    [SVM_EXIT_EXCEPTION + EXC_MC] = on_machine_check,
    [SVM_EXIT_INTR] = on_nothing,
    [SVM_EXIT_NMI] = on_nothing,
    [SVM_EXIT_INIT] = on_nothing,
    [SVM_EXIT_VINTR] = on_window,
    [SVM_EXIT_RDPMC] = on_refused,
    [SVM_EXIT_CPUID] = on_cpuid,
    [SVM_EXIT_RSM] = on_undefined,
    [SVM_EXIT_INVD] = on_cache,
    [SVM_EXIT_HLT] = on_halt,
    [SVM_EXIT_INVLPGA] = on_undefined,
    [SVM_EXIT_IO] = on_port,
    [SVM_EXIT_MSR] = on_msr,
    [SVM_EXIT_TASK] = on_task_switch,
    [SVM_EXIT_FERR] = on_nothing,
    [SVM_EXIT_SHUTDOWN] = on_shutdown,
    [SVM_EXIT_VMRUN] = on_undefined,
    [SVM_EXIT_VMMCALL] = on_vmmcall,
    [SVM_EXIT_VMLOAD] = on_undefined,
    [SVM_EXIT_VMSAVE] = on_undefined,
    [SVM_EXIT_STGI] = on_undefined,
    [SVM_EXIT_CLGI] = on_undefined,
    [SVM_EXIT_SKINIT] = on_undefined,
    [SVM_EXIT_RDTSCP] = on_undefined,
    [SVM_EXIT_WBINVD] = on_cache,
    [SVM_EXIT_MONITOR] = on_undefined,
    [SVM_EXIT_MWAIT] = on_undefined,
    [SVM_EXIT_MWAIT_ARMED] = on_undefined,
    [SVM_EXIT_XSETBV] = on_xsetbv,
};

static NOINLINE void unknown_exit(struct vcpu *v)
{
    svm_dump(v);
    domain_crash(v->domain, "exit 0x%lx, which it should not be able to make",
                 (unsigned long)of(v)->vmcb->exitcode);
}

static void merge(struct vcpu *v, struct vmcb *b, struct cpu_user_regs *regs)
{
    unsigned int first = (unsigned int)b->exitintinfo & 0xff;
    unsigned int second = (unsigned int)b->eventinj & 0xff;

    if (((unsigned int)(b->exitintinfo >> 8) & 7) != HVM_EVENT_EXCEPTION ||
        ((unsigned int)(b->eventinj >> 8) & 7) != HVM_EVENT_EXCEPTION) {
        return;
    }
    switch (hvm_event_merge(first, second)) {
    case HVM_MERGED_DOUBLE_FAULT:
        hvm_inject_exception(v, EXC_DF);
        break;
    case HVM_MERGED_SHUTDOWN:
        b->eventinj = 0;
        on_shutdown(v, b, regs);
        break;
    default:
        break;
    }
}

/* An event whose delivery made the exit comes again, unless the handler had something of its own. One that a
 * software interrupt made comes by itself: its instruction runs again. */
static NOINLINE void redeliver(struct vcpu *v, struct vmcb *b, struct cpu_user_regs *regs)
{
    uint64_t event = b->exitintinfo;
    unsigned int type = (unsigned int)(event >> 8) & 7;
    unsigned int vector = (unsigned int)event & 0xff;

    if (b->eventinj & SVM_EVENT_VALID) {
        merge(v, b, regs);
        return;
    }
    if (type == HVM_EVENT_INTERRUPT || type == HVM_EVENT_NMI ||
        (type == HVM_EVENT_EXCEPTION && vector != EXC_BP && vector != EXC_OF)) {
        b->eventinj = event;
    }
}

void svm_exit(struct cpu_user_regs *regs)
{
    struct vcpu *v = current_vcpu();
    struct vmcb *b = of(v)->vmcb;
    uint64_t code = b->exitcode;

    regs->rax = b->rax;
    regs->rsp = b->rsp;
    regs->rip = b->rip;
    regs->rflags = b->rflags;
    b->eventinj = 0;
    b->tlb_control = 0;
    b->clean = clean_bits;
    if (unlikely((b->vintr & 0xf) != vlapic_tpr(v) >> 4)) {
        vlapic_set_tpr(v, (uint8_t)((b->vintr & 0xf) << 4));
    }
    if (likely(code < SVM_EXIT_COUNT && exits[code] != NULL)) {
        exits[code](v, b, regs);
    } else if (code == SVM_EXIT_NPF) {
        hvm_exit_memory(v, regs, b->exitinfo2, b->exitinfo1 & SVM_NPF_WRITE, b->exitintinfo & SVM_EVENT_VALID);
    } else {
        unknown_exit(v);
    }
    if (regs->rip != b->rip) {
        b->interrupt_shadow = 0; /* it ends with the instruction that was done here */
    }
    if (unlikely(b->exitintinfo & SVM_EVENT_VALID)) {
        redeliver(v, b, regs);
    }
}

static const struct hvm_ops svm_ops = {
    .name = "AMD-V",
    .call_opcode = 0xd9,
    .init_cpu = svm_init_cpu,
    .vcpu_init = svm_vcpu_init,
    .vcpu_exit = svm_vcpu_exit,
    .enter = svm_enter,
    .leave = svm_leave,
    .resume = svm_resume,
    .get_state = svm_get_state,
    .set_state = svm_set_state,
    .get_paging = svm_get_paging,
    .inject = svm_inject,
    .get_es_base = svm_get_es_base,
    .set_cr2 = svm_set_cr2,
    .set_efer = svm_set_efer,
    .set_pat = svm_set_pat,
    .get_pat = svm_get_pat,
    .get_cr4 = svm_get_cr4,
    .interrupts_on = svm_interrupts_on,
    .dump = svm_dump,
};
