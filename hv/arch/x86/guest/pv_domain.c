/* SPDX-License-Identifier: MIT */
/*
 * The x86 part of a PV domain and its vcpus: birth and end, register contexts of the control ABI, and the
 * switch from one vcpu to another.
 *
 * A switch never returns to the code that asked for it: the hypervisor's stack is the CPU's, not the
 * vcpu's, so all of a vcpu is in struct arch_vcpu, and the next one leaves through resume_guest().
 */
#include "abi/vcpu.h"
#include "hv/arch/x86/cpu/fpu.h"
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch/x86/cpu/paging.h"
#include "hv/arch/x86/cpu/traps.h"
#include "hv/arch/x86/guest/guest.h"
#include "hv/arch/x86/guest/pirq.h"
#include "hv/arch/x86/guest/pv_trap.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/base/percpu.h"
#include "hv/base/printk.h"
#include "hv/calls/hypercall.h"
#include "hv/core/arch_guest.h"
#include "hv/core/sched.h"
#include "hv/lib/string.h"
#include "hv/mm/guest_copy.h"
#include "hv/mm/heap.h"
#include "hv/mm/map.h"

#define DR7_ACTIVE 0xffUL
#define CR0_GUEST  0x80050033UL /* PG AM WP NE ET MP PE, as a PV guest reads it */
#define REGS_SAVED offsetof(struct cpu_user_regs, es)

/* ---- birth and end --------------------------------------------------------------------------- */

int arch_domain_check_config(struct xen_domctl_createdomain *config)
{
    const uint32_t known = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap | XEN_DOMCTL_CDF_s3_integrity |
                           XEN_DOMCTL_CDF_oos_off | XEN_DOMCTL_CDF_xs_domain |
                           XEN_DOMCTL_CDF_iommu | XEN_DOMCTL_CDF_nested_virt |
                           XEN_DOMCTL_CDF_vpmu;

    if (config->flags & ~known) {
        return -EINVAL;
    }
    if (config->flags & (XEN_DOMCTL_CDF_iommu | XEN_DOMCTL_CDF_nested_virt | XEN_DOMCTL_CDF_vpmu)) {
        return -EINVAL;
    }
    if (config->flags & XEN_DOMCTL_CDF_hvm) {
        return hvm_check_config(config);
    }
    if (config->flags & XEN_DOMCTL_CDF_hap) {
        return -EINVAL;
    }
    return config->arch.emulation_flags == 0 ? 0 : -EINVAL;
}

int arch_domain_init(struct domain *d)
{
    struct arch_domain *a = heap_alloc(sizeof(*a));
    int rc;

    if (a == NULL) {
        return -ENOMEM;
    }
    d->arch = a;
    a->is_pv = !d->is_hvm;
    a->perdomain_l3 = INVALID_MFN;
    a->pirq_eoi_mfn = INVALID_MFN;
    spin_init(&a->mmu_lock, LOCK_ARCH_DOMAIN);
    rc = cpu_policy_init(d);
    if (rc == 0) {
        rc = d->is_hvm ? hvm_domain_init(d) : pv_perdomain_init(d);
    }
    if (rc == 0) {
        rc = pirq_domain_init(d);
    }
    if (rc != 0) {
        arch_domain_exit(d);
    }
    return rc;
}

void arch_domain_exit(struct domain *d)
{
    if (d->arch == NULL) {
        return;
    }
    pirq_domain_exit(d);
    pv_perdomain_exit(d);
    hvm_domain_exit(d);
    cpu_policy_exit(d);
    heap_free(d->arch->memory_map);
    heap_free(d->arch);
    d->arch = NULL;
}

int arch_domain_relinquish(struct domain *d)
{
    struct vcpu *v;

    if (d->is_hvm) {
        pirq_domain_relinquish(d);
        return hvm_domain_relinquish(d);
    }
    domain_for_each_vcpu (d, v) {
        pv_mmu_drop_tables(v);
        pv_drop_ldt(v);
        pv_destroy_gdt(v);
    }
    pirq_domain_relinquish(d);
    return pv_mmu_relinquish(d);
}

int arch_vcpu_init(struct vcpu *v)
{
    struct arch_vcpu *a = heap_alloc(sizeof(*a));
    int rc;

    if (a == NULL) {
        return -ENOMEM;
    }
    v->arch = a;
    a->guest_table = INVALID_MFN;
    a->guest_table_user = INVALID_MFN;
    a->kernel_mode = true;
    a->cr[0] = CR0_GUEST;
    a->dr[6] = 0xffff0ff0UL;
    a->dr[7] = 0x400UL;
    a->fpu = fpu_area_alloc();
    rc = a->fpu == NULL ? -ENOMEM : 0;
    if (rc == 0 && v->domain->is_hvm) {
        rc = hvm_vcpu_init(v);
    } else if (rc == 0 && !vcpu_is_idle(v)) {
        rc = pv_perdomain_prepare(v->domain, v->id);
    }
    if (rc != 0) {
        arch_vcpu_exit(v);
    }
    return rc;
}

void arch_vcpu_exit(struct vcpu *v)
{
    if (v->arch == NULL) {
        return;
    }
    hvm_vcpu_exit(v);
    fpu_area_free(v->arch->fpu);
    heap_free(v->arch);
    v->arch = NULL;
}

void arch_vcpu_reset(struct vcpu *v)
{
    if (v->arch->hvm != NULL) {
        hvm_vcpu_reset(v);
        return;
    }
    pv_mmu_drop_tables(v);
    pv_drop_ldt(v);
    pv_destroy_gdt(v);
}

int arch_vcpu_trigger(struct vcpu *v, unsigned int trigger)
{
    if (trigger == XEN_DOMCTL_SENDTRIGGER_POWER || trigger == XEN_DOMCTL_SENDTRIGGER_SLEEP) {
        return -EINVAL; /* buttons of a machine with ACPI */
    }
    if (trigger != XEN_DOMCTL_SENDTRIGGER_NMI) {
        return -ENOSYS;
    }
    if (v->arch->hvm == NULL && v->arch->traps[EXC_NMI].address == 0) {
        return -EINVAL;
    }
    WRITE_ONCE(v->nmi_pending, true);
    vcpu_kick_for_event(v);
    return 0;
}

/* ---- FPU and segments ------------------------------------------------------------------------ */

/* Loaded at every switch, not at first use: what a CPU speculates on must not be another guest's registers, and
 * emulated CPUs let XSAVE and XRSTOR through when CR0.TS is set. TS is only ever the guest's own wish. */
static void fpu_enter(const struct arch_vcpu *a)
{
    fpu_restore(a->fpu, a->xcr0);
    if (a->ts_set) {
        set_ts();
    }
}

static void fpu_leave(const struct arch_vcpu *a)
{
    if (a->ts_set) {
        clear_ts();
    }
    fpu_save(a->fpu, a->xcr0);
}

/* gs and its base belong to the user; while the kernel runs they are the inactive pair. */
void pv_load_user_gs(uint16_t selector)
{
    __asm__ __volatile__("swapgs" ::: "memory");
    (void)raw_load_gs(selector);
    __asm__ __volatile__("swapgs" ::: "memory");
}

static void segments_save(struct arch_vcpu *a)
{
    a->regs.ds = read_ds();
    a->regs.es = read_es();
    a->regs.fs = read_fs();
    a->regs.gs = read_gs();
    a->fs_base = read_msr(MSR_FS_BASE);
    a->gs_base_kernel = read_msr(a->kernel_mode ? MSR_GS_BASE : MSR_KERNEL_GS_BASE);
    a->gs_base_user = read_msr(a->kernel_mode ? MSR_KERNEL_GS_BASE : MSR_GS_BASE);
}

/* False when a selector was refused by the CPU: it is null now. */
static bool segments_load(const struct arch_vcpu *a)
{
    bool ok = raw_load_ds(a->regs.ds);

    ok &= raw_load_es(a->regs.es);
    ok &= raw_load_fs(a->regs.fs);
    ok &= raw_load_gs(a->regs.gs);
    write_msr(MSR_FS_BASE, a->fs_base);
    write_msr(MSR_GS_BASE, a->kernel_mode ? a->gs_base_kernel : a->gs_base_user);
    write_msr(MSR_KERNEL_GS_BASE, a->kernel_mode ? a->gs_base_user : a->gs_base_kernel);
    return ok;
}

static void debug_registers_load(const unsigned long *dr)
{
    write_dr0(dr[0]);
    write_dr1(dr[1]);
    write_dr2(dr[2]);
    write_dr3(dr[3]);
    write_dr6(dr[6]);
    write_dr7(dr[7]);
}

/* ---- the switch ------------------------------------------------------------------------------ */

static void leave_vcpu(struct vcpu *prev)
{
    struct arch_vcpu *a = prev->arch;

    memcpy(&a->regs, guest_regs(), REGS_SAVED);
    if (a->hvm != NULL) {
        hvm_leave(prev);
    } else {
        segments_save(a);
    }
    fpu_leave(a);
    if (a->dr[7] & DR7_ACTIVE) {
        write_dr7(0x400);
    }
    cpumask_clear(&prev->dirty_cpus, arch_cpu_id());
}

static void enter_pv(struct vcpu *next)
{
    struct arch_vcpu *a = next->arch;
    unsigned long gdt = pv_gdt_va(next->id);

    pv_perdomain_set(next->domain, gdt + SEL_GDT_FIRST, traps_gdt_mfn(arch_cpu_id()), true);
    pv_mmu_load_cr3(next);
    traps_load_gdt(gdt);
    traps_set_ldt(pv_ldt_va(next->id), a->ldt_entries);
    if (a->dr[7] & DR7_ACTIVE) {
        debug_registers_load(a->dr);
    }
}

static void enter_vcpu(struct vcpu *next)
{
    struct arch_vcpu *a = next->arch;

    cpumask_set(&next->dirty_cpus, arch_cpu_id());
    if (a->hvm != NULL) {
        hvm_enter(next);
    } else {
        enter_pv(next);
    }
    fpu_enter(a);
    memcpy(guest_regs(), &a->regs, REGS_SAVED);
    guest_regs()->entry_vector = a->regs.entry_vector;
}

static NORETURN void run_guest(void)
{
    struct vcpu *v = current_vcpu();

    arch_update_vcpu_time(v);
    vcpu_runstate_publish(v);
    if (!segments_load(v->arch)) {
        struct cpu_user_regs *regs = guest_regs();

        regs->ds = v->arch->regs.ds;
        regs->es = v->arch->regs.es;
        regs->fs = v->arch->regs.fs;
        regs->gs = v->arch->regs.gs;
        pv_failsafe(regs);
    }
    resume_guest();
}

static void enter_idle(void)
{
    write_cr3(mfn_to_paddr(paging_idle_l4_mfn()).v);
    traps_load_plain_gdt();
    traps_set_ldt(0, 0);
}

void arch_switch(struct vcpu *prev, struct vcpu *next)
{
    if (!vcpu_is_idle(prev)) {
        leave_vcpu(prev);
    }
    arch_set_current(next);
    if (vcpu_is_idle(next)) {
        enter_idle();
    } else {
        enter_vcpu(next);
    }
    sched_switch_finished(prev);
    arch_irq_enable();
    if (vcpu_is_idle(next)) {
        stack_reset_and_call(sched_idle_loop);
    }
    stack_reset_and_call(next->arch->hvm != NULL ? hvm_run_guest : run_guest);
}

void arch_sync_vcpu_state(struct vcpu *v)
{
    (void)v; /* nothing is left behind on a CPU: arch_switch() saves all */
}

/* ---- contexts of the control ABI ------------------------------------------------------------- */

static unsigned long guest_flags(unsigned long rflags)
{
    return (rflags & ~(unsigned long)(X86_EFLAGS_IOPL | X86_EFLAGS_VM)) | X86_EFLAGS_IF | 2;
}

static bool canonical(unsigned long va)
{
    return va < 1UL << 47 || va >= HV_VIRT_START;
}

static int context_check(const struct vcpu_guest_context *c)
{
    bool ok = canonical(c->user_regs.rip) && canonical(c->event_callback_eip) &&
              canonical(c->failsafe_callback_eip) && canonical(c->syscall_callback_eip) &&
              canonical(c->fs_base) && canonical(c->gs_base_kernel) &&
              canonical(c->gs_base_user);

    if (!ok || c->gdt_ents > 8192 - 2 * 512 || c->ldt_ents > 8192) {
        return -EINVAL;
    }
    return 0;
}

static int context_set_traps(struct vcpu *v, const struct vcpu_guest_context *c)
{
    for (unsigned int i = 0; i < 256; i++) {
        struct trap_info t = c->trap_ctxt[i];
        int rc;

        t.vector = (uint8_t)i;
        rc = pv_set_trap(v, &t);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static void context_set_registers(struct vcpu *v, const struct vcpu_guest_context *c)
{
    struct arch_vcpu *a = v->arch;

    a->regs = c->user_regs;
    a->regs.cs |= 3;
    a->regs.ss |= 3;
    a->regs.rflags = guest_flags(c->user_regs.rflags);
    a->regs.entry_vector = 0;
    a->iopl = (unsigned int)(c->user_regs.rflags >> 12) & 3;
    a->kernel_mode = (c->flags & VGCF_in_kernel) != 0;
    if (c->flags & VGCF_online) {
        __atomic_fetch_and(&v->pause_flags, ~BIT(VCPU_DOWN), __ATOMIC_SEQ_CST);
    } else {
        __atomic_fetch_or(&v->pause_flags, BIT(VCPU_DOWN), __ATOMIC_SEQ_CST);
    }
    a->fs_base = c->fs_base;
    a->gs_base_kernel = c->gs_base_kernel;
    a->gs_base_user = c->gs_base_user;
    a->kernel_sp = c->kernel_sp;
    a->kernel_ss = c->kernel_ss | 3;
    a->event.address = c->event_callback_eip;
    a->failsafe.address = c->failsafe_callback_eip;
    a->failsafe.mask_events = (c->flags & VGCF_failsafe_disables_events) != 0;
    a->syscall.address = c->syscall_callback_eip;
    a->syscall.mask_events = (c->flags & VGCF_syscall_disables_events) != 0;
    if (c->flags & VGCF_i387_valid) {
        fpu_area_from_fxsave(a->fpu, &c->fpu_ctxt);
    } else {
        fpu_area_reset(a->fpu);
    }
    a->fpu_initialised = true;
    a->cr[0] = c->ctrlreg[0] | CR0_GUEST;
    a->cr[4] = c->ctrlreg[4];
    for (unsigned int i = 0; i < 8; i++) {
        if (i != 4 && i != 5) {
            (void)!pv_set_debugreg(v, i, c->debugreg[i]);
        }
    }
}

static int context_set_tables(struct vcpu *v, const struct vcpu_guest_context *c)
{
    mfn_t kernel = _mfn(xen_cr3_to_pfn(c->ctrlreg[3]));
    mfn_t user = c->ctrlreg[1] == 0 ? INVALID_MFN : _mfn(xen_cr3_to_pfn(c->ctrlreg[1]));
    int rc = pv_mmu_set_tables(v, kernel, user);

    if (rc != 0) {
        return rc;
    }
    if (c->gdt_ents != 0) {
        rc = pv_set_gdt(v, (const uint64_t *)c->gdt_frames, (unsigned int)c->gdt_ents);
    }
    if (rc == 0) {
        v->arch->ldt_base = c->ldt_base;
        v->arch->ldt_entries = (unsigned int)c->ldt_ents;
        v->domain->vm_assist |= c->vm_assist & arch_vm_assist_valid(v->domain);
    }
    return rc;
}

int arch_vcpu_set_context(struct vcpu *v, guest_ptr_t context)
{
    struct vcpu_guest_context *c;
    int rc;

    if (v->arch->hvm != NULL) {
        return hvm_set_guest_context(v, context);
    }
    c = heap_alloc(sizeof(*c));
    if (c == NULL) {
        return -ENOMEM;
    }
    rc = copy_from_guest(c, context, sizeof(*c));
    if (rc == 0) {
        rc = context_check(c);
    }
    if (rc == 0 && !v->is_initialised) {
        rc = context_set_tables(v, c);
    }
    if (rc == 0) {
        rc = context_set_traps(v, c);
    }
    if (rc == 0) {
        context_set_registers(v, c);
        v->is_initialised = true;
    }
    heap_free(c);
    return rc;
}

int arch_vcpu_initialise(struct vcpu *v, guest_ptr_t context)
{
    return v->arch->hvm != NULL ? hvm_vcpu_initialise(v, context) : arch_vcpu_set_context(v, context);
}

static void context_fill(const struct vcpu *v, struct vcpu_guest_context *c)
{
    const struct arch_vcpu *a = v->arch;

    fpu_area_to_fxsave(a->fpu, &c->fpu_ctxt);
    if (a->hvm != NULL) {
        c->flags = VGCF_i387_valid | VGCF_in_kernel |
                   (READ_ONCE(v->pause_flags) & BIT(VCPU_DOWN) ? 0 : VGCF_online);
        hvm_fill_guest_context(v, c);
        return;
    }
    c->flags = VGCF_i387_valid | (a->kernel_mode ? VGCF_in_kernel : 0) |
               (a->failsafe.mask_events ? VGCF_failsafe_disables_events : 0) |
               (a->syscall.mask_events ? VGCF_syscall_disables_events : 0) |
               (READ_ONCE(v->pause_flags) & BIT(VCPU_DOWN) ? 0 : VGCF_online);
    c->user_regs = a->regs;
    c->user_regs.rflags = (a->regs.rflags & ~(unsigned long)X86_EFLAGS_IOPL) |
                          (unsigned long)a->iopl << 12;
    memcpy(c->trap_ctxt, a->traps, sizeof(c->trap_ctxt));
    c->ldt_base = a->ldt_base;
    c->ldt_ents = a->ldt_entries;
    c->gdt_ents = a->gdt_entries;
    for (unsigned int i = 0; i < PV_GDT_FRAMES; i++) {
        c->gdt_frames[i] = a->gdt_frames[i] == NULL ? 0 : mfn_x(frame_mfn(a->gdt_frames[i]));
    }
    c->kernel_ss = a->kernel_ss;
    c->kernel_sp = a->kernel_sp;
    memcpy(c->ctrlreg, a->cr, sizeof(c->ctrlreg));
    c->ctrlreg[3] = mfn_eq(a->guest_table, INVALID_MFN) ? 0 : mfn_x(a->guest_table) << PAGE_SHIFT;
    c->ctrlreg[1] = mfn_eq(a->guest_table_user, INVALID_MFN)
                        ? 0
                        : mfn_x(a->guest_table_user) << PAGE_SHIFT;
    memcpy(c->debugreg, a->dr, sizeof(c->debugreg));
    c->event_callback_eip = a->event.address;
    c->failsafe_callback_eip = a->failsafe.address;
    c->syscall_callback_eip = a->syscall.address;
    c->vm_assist = v->domain->vm_assist;
    c->fs_base = a->fs_base;
    c->gs_base_kernel = a->gs_base_kernel;
    c->gs_base_user = a->gs_base_user;
}

int arch_vcpu_get_context(struct vcpu *v, guest_ptr_t context)
{
    struct vcpu_guest_context *c = heap_alloc(sizeof(*c));
    int rc;

    if (c == NULL) {
        return -ENOMEM;
    }
    context_fill(v, c);
    rc = copy_to_guest(context, c, sizeof(*c));
    heap_free(c);
    return rc;
}

/* ---- debug registers ------------------------------------------------------------------------- */

/* Watchpoints on the hypervisor, I/O breakpoints and general detect are refused. */
int pv_set_debugreg(struct vcpu *v, unsigned int reg, unsigned long value)
{
    unsigned long *dr = v->arch->dr;
    bool running = v == current_vcpu();

    switch (reg) {
    case 0 ... 3:
        if (value >= 1UL << 47 && value < HV_VIRT_END) {
            return -EPERM;
        }
        dr[reg] = value;
        break;
    case 4:
    case 6:
        dr[6] = (value & 0xe00fUL) | 0xffff0ff0UL;
        break;
    case 5:
    case 7:
        value = (value & 0xffff23ffUL) | 0x400UL;
        for (unsigned int i = 0; i < 4; i++) {
            if ((value >> (16 + 4 * i) & 3) == 2) { /* breakpoint on I/O */
                return -EPERM;
            }
        }
        if (value & 0x2000UL) { /* general detect */
            return -EPERM;
        }
        dr[7] = value;
        break;
    default:
        return -EINVAL;
    }
    if (running) {
        debug_registers_load(dr);
    }
    return 0;
}

long do_set_debugreg(int reg, unsigned long value)
{
    return pv_set_debugreg(current_vcpu(), (unsigned int)reg, value);
}

unsigned long do_get_debugreg(int reg)
{
    const unsigned long *dr = current_vcpu()->arch->dr;

    switch (reg) {
    case 0 ... 3:
    case 6:
    case 7:
        return dr[reg];
    default:
        return (unsigned long)-EINVAL;
    }
}

/* ---- what the toolstack asks ----------------------------------------------------------------- */

void arch_vcpu_dump(struct vcpu *v)
{
    const struct cpu_user_regs *regs = v == current_vcpu() ? guest_regs() : &v->arch->regs;
    unsigned long stack[32];

    arch_dump_regs(regs);
    if (v->arch->hvm != NULL) {
        hvm->dump(v);
    }
    if (v != current_vcpu() || arch_copy_from_va(stack, regs->rsp, sizeof(stack)) != 0) {
        return;
    }
    printk("Guest stack:\n");
    for (unsigned int i = 0; i < ARRAY_SIZE(stack); i += 4) {
        printk("   %016lx %016lx %016lx %016lx\n", stack[i], stack[i + 1], stack[i + 2],
               stack[i + 3]);
    }
}

/* The kernel's addresses can be followed: its page tables are loaded, not the user's. */
bool arch_kernel_mapped(const struct vcpu *v)
{
    return v->arch->kernel_mode;
}

/* mov nr, vmmcall or vmcall, ret: good in every mode. */
static void fill_hvm_hypercall_page(uint8_t *p)
{
    static const uint8_t call[] = { 0xb8, 0, 0, 0, 0, 0x0f, 0x01, 0xd9, 0xc3 };

    for (unsigned int nr = 0; nr < PAGE_SIZE / 32; nr++, p += 32) {
        memcpy(p, call, sizeof(call));
        p[1] = (uint8_t)nr;
        p[7] = hvm->call_opcode;
    }
}

/* push rcx, push r11, mov nr, syscall, pop r11, pop rcx, ret: 32 bytes a call. iret never returns. */
void arch_fill_hypercall_page(struct domain *d, void *page)
{
    static const uint8_t call[] = { 0x51, 0x41, 0x53, 0xb8, 0, 0, 0, 0, 0x0f, 0x05,
                                    0x41, 0x5b, 0x59, 0xc3 };
    static const uint8_t iret[] = { 0x51, 0x41, 0x53, 0x50, 0xb8, 0, 0, 0, 0, 0x0f, 0x05 };
    uint8_t *p = page;

    memset(page, 0xcc, PAGE_SIZE);
    if (d->is_hvm) {
        fill_hvm_hypercall_page(p);
        return;
    }
    for (unsigned int nr = 0; nr < PAGE_SIZE / 32; nr++, p += 32) {
        if (nr == __HYPERVISOR_iret) {
            memcpy(p, iret, sizeof(iret));
            p[5] = (uint8_t)nr;
        } else {
            memcpy(p, call, sizeof(call));
            p[4] = (uint8_t)nr;
        }
    }
}
