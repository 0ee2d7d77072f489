/* SPDX-License-Identifier: MIT */
/*
 * How a PV guest comes to its handlers: exceptions, system calls, events and NMIs are all one thing, a
 * frame pushed on the guest kernel's stack and a new instruction pointer (deliver()).
 *
 * The frame, lowest address first: rcx, r11, [ds, es, fs, gs for failsafe], [error code], rip,
 * cs | saved event mask << 32, rflags, rsp, ss. The pushed cs has RPL 0 when the guest kernel was
 * interrupted, and the guest leaves handlers by the iret hypercall or, kernel to kernel, by iretq.
 */
#include "abi/callback.h"
#include "hv/arch/x86/cpu/fpu.h"
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch/x86/cpu/traps.h"
#include "hv/arch/x86/guest/guest.h"
#include "hv/arch/x86/guest/pv_trap.h"
#include "hv/base/printk.h"
#include "hv/calls/hypercall.h"
#include "hv/core/arch_guest.h"
#include "hv/upcalls.h"

BUILD_ASSERT(HYPERCALL_COUNT == 64 && ENOSYS == 38 && ERESTART == 85); /* abi_numbers.h */

#define ERROR_CODE_VECTORS                                                                       \
    (1U << EXC_DF | 1U << EXC_TS | 1U << EXC_NP | 1U << EXC_SS | 1U << EXC_GP | 1U << EXC_PF |   \
     1U << EXC_AC)
#define PF_PRESENT 1U
#define PF_WRITE   2U
#define PF_USER    4U
#define ERROR_IDT  2U /* selector error code: the selector names an IDT gate */
#define DR6_TF     0x4000UL

enum frame_kind { FRAME_PLAIN, FRAME_ERROR_CODE, FRAME_FAILSAFE };

struct delivery {
    unsigned long handler;
    enum frame_kind kind;
    uint32_t error_code;
    bool mask_events;
    const char *what;
};

static bool in_kernel(const struct vcpu *v)
{
    return v->arch->kernel_mode;
}

/* Writes the frame and enters the handler. The guest that has no handler, or no stack, is crashed. Inlined so that
 * each kind of frame becomes straight code: every page fault of every guest comes through here. */
static inline __attribute__((always_inline)) void
deliver(struct vcpu *v, struct cpu_user_regs *regs, const struct delivery *how)
{
    struct arch_vcpu *a = v->arch;
    uint8_t mask = READ_ONCE(v->info->evtchn_upcall_mask);
    bool from_kernel = in_kernel(v);
    unsigned long words[11];
    unsigned int n = 0;
    unsigned long sp;

    if (how->handler == 0) {
        domain_crash(v->domain, "no handler for %s (rip %lx, error %x, cr2 %lx)", how->what,
                     (unsigned long)regs->rip, how->error_code,
                     (unsigned long)v->info->arch.cr2);
        return;
    }
    if (!from_kernel) {
        pv_toggle_mode(v);
    }
    words[n++] = regs->rcx;
    words[n++] = regs->r11;
    if (how->kind == FRAME_FAILSAFE) {
        words[n++] = regs->ds;
        words[n++] = regs->es;
        words[n++] = regs->fs;
        words[n++] = regs->gs;
    }
    if (how->kind == FRAME_ERROR_CODE) {
        words[n++] = how->error_code;
    }
    words[n++] = regs->rip;
    words[n++] = (from_kernel ? regs->cs & ~3UL : regs->cs) | (unsigned long)mask << 32;
    words[n++] = (regs->rflags & ~(X86_EFLAGS_IF | X86_EFLAGS_IOPL)) |
                 (mask ? 0 : X86_EFLAGS_IF);
    words[n++] = regs->rsp;
    words[n++] = regs->ss;

    sp = (from_kernel ? regs->rsp : a->kernel_sp) & ~15UL;
    sp -= n * sizeof(words[0]);
    if (arch_copy_to_va(sp, words, n * sizeof(words[0])) != 0) {
        domain_crash(v->domain, "%s: kernel stack %lx is not writable (rip %lx)", how->what, sp,
                     (unsigned long)regs->rip);
        return;
    }
    if (how->mask_events) {
        WRITE_ONCE(v->info->evtchn_upcall_mask, 1);
    }
    regs->rsp = sp;
    regs->ss = SEL_USER_DS;
    regs->rip = how->handler;
    regs->cs = SEL_USER_CS64;
    regs->rflags &= ~(unsigned long)(X86_EFLAGS_TF | X86_EFLAGS_NT | X86_EFLAGS_RF |
                                     X86_EFLAGS_VM | X86_EFLAGS_AC | X86_EFLAGS_IOPL);
    regs->entry_vector = VECTOR_SYSCALL; /* rcx and r11 are in the frame: sysret will do */
}

static void deliver_trap(struct vcpu *v, struct cpu_user_regs *regs, unsigned int vector,
                         uint32_t error_code)
{
    const struct trap_info *t = &v->arch->traps[vector];
    bool has_code = vector < 32 && (ERROR_CODE_VECTORS >> vector & 1);

    deliver(v, regs,
            &(struct delivery){ .handler = t->address,
                                .kind = has_code ? FRAME_ERROR_CODE : FRAME_PLAIN,
                                .error_code = error_code,
                                .mask_events = TI_GET_IF(t) != 0,
                                .what = "trap" });
}

void pv_inject_trap(unsigned int vector, uint32_t error_code)
{
    deliver_trap(current_vcpu(), guest_regs(), vector, error_code);
}

void pv_inject_page_fault(unsigned long va, uint32_t error_code)
{
    struct vcpu *v = current_vcpu();
    const struct trap_info *t = &v->arch->traps[EXC_PF];

    v->info->arch.cr2 = va;
    if (in_kernel(v)) {
        error_code &= ~PF_USER; /* the CPU saw ring 3, the guest means its kernel */
    } else {
        error_code |= PF_USER;
    }
    deliver(v, guest_regs(),
            &(struct delivery){ .handler = t->address,
                                .kind = FRAME_ERROR_CODE,
                                .error_code = error_code,
                                .mask_events = TI_GET_IF(t) != 0,
                                .what = "page fault" });
}

static NOINLINE void hypervisor_area_fault(struct vcpu *v, struct cpu_user_regs *regs,
                                           unsigned long va)
{
    unsigned long ldt_offset = va - pv_ldt_va(v->id);

    if (ldt_offset >= 16 * PAGE_SIZE) {
        pv_inject_page_fault(va, regs->error_code);
    } else if (!pv_ldt_fault(v, ldt_offset)) {
        pv_inject_page_fault(v->arch->ldt_base + ldt_offset, regs->error_code);
    }
}

static inline void page_fault(struct vcpu *v, struct cpu_user_regs *regs)
{
    unsigned long va = read_cr2();

    if (unlikely(va - HV_VIRT_START < HV_VIRT_END - HV_VIRT_START)) {
        hypervisor_area_fault(v, regs, va);
        return;
    }
    if ((regs->error_code & (PF_PRESENT | PF_WRITE)) == (PF_PRESENT | PF_WRITE) && in_kernel(v) &&
        pv_ptwr_fault(v, va, regs)) {
        return;
    }
    pv_inject_page_fault(va, regs->error_code);
}

/* int n reaches us as #GP, since only the guest's own table knows who may call n. */
static bool software_interrupt(struct vcpu *v, struct cpu_user_regs *regs)
{
    unsigned int vector = regs->error_code >> 3 & 0xff;
    const struct trap_info *t = &v->arch->traps[vector];

    if (!(regs->error_code & ERROR_IDT) || TI_GET_DPL(t) < (in_kernel(v) ? 1 : 3)) {
        return false;
    }
    regs->rip += 2;
    deliver_trap(v, regs, vector, 0);
    return true;
}

/* int 0x80 has a gate that user code may call: it is the old system call of 32-bit programs. */
static void int80(struct vcpu *v, struct cpu_user_regs *regs)
{
    if (TI_GET_DPL(&v->arch->traps[VECTOR_INT80]) < (in_kernel(v) ? 1 : 3)) {
        regs->rip -= 2;
        deliver_trap(v, regs, EXC_GP, VECTOR_INT80 << 3 | ERROR_IDT);
        return;
    }
    deliver_trap(v, regs, VECTOR_INT80, 0);
}

static void debug_trap(struct vcpu *v, struct cpu_user_regs *regs)
{
    unsigned long dr6 = read_dr6();

    v->arch->dr[6] |= dr6 & 0xe00fUL;
    write_dr6(0xffff0ff0UL);
    deliver_trap(v, regs, EXC_DB, 0);
}

static void device_not_available(struct vcpu *v, struct cpu_user_regs *regs)
{
    v->arch->ts_set = false;
    clear_ts();
    deliver_trap(v, regs, EXC_NM, 0);
}

static NOINLINE void rarer_trap(struct vcpu *v, struct cpu_user_regs *regs)
{
    switch (regs->entry_vector) {
    case EXC_GP:
        if (software_interrupt(v, regs) || pv_emulate_privileged(regs)) {
            return;
        }
        break;
    case EXC_UD:
        if (pv_emulate_forced_cpuid(regs)) {
            return;
        }
        break;
    case VECTOR_INT80:
        int80(v, regs);
        return;
    case EXC_NM:
        device_not_available(v, regs);
        return;
    case EXC_DB:
        debug_trap(v, regs);
        return;
    default:
        break;
    }
    deliver_trap(v, regs, regs->entry_vector, regs->error_code);
}

void upcall_guest_trap(struct cpu_user_regs *regs)
{
    if (likely(regs->entry_vector == EXC_PF)) {
        page_fault(current_vcpu(), regs);
    } else {
        rarer_trap(current_vcpu(), regs);
    }
}

bool upcall_fault_fixup(struct cpu_user_regs *regs, unsigned long cr2)
{
    struct vcpu *v = current_vcpu();
    unsigned long ldt_offset;

    if (regs->entry_vector != EXC_PF || v == NULL || vcpu_is_idle(v)) {
        return false;
    }
    ldt_offset = cr2 - pv_ldt_va(v->id);
    return ldt_offset < 16 * PAGE_SIZE && pv_ldt_fault(v, ldt_offset);
}

/* ---- called by pv_entry.S -------------------------------------------------------------------- */

void pv_deliver_events(struct cpu_user_regs *regs)
{
    struct vcpu *v = current_vcpu();

    deliver(v, regs,
            &(struct delivery){ .handler = v->arch->event.address,
                                .mask_events = true,
                                .what = "events" });
}

bool pv_deliver_nmi(struct cpu_user_regs *regs)
{
    struct vcpu *v = current_vcpu();
    struct arch_vcpu *a = v->arch;

    if (a->nmi_in_progress || a->traps[EXC_NMI].address == 0) {
        return false;
    }
    v->nmi_pending = false;
    a->nmi_in_progress = true;
    deliver(v, regs,
            &(struct delivery){ .handler = a->traps[EXC_NMI].address,
                                .mask_events = true,
                                .what = "NMI" });
    return true;
}

static void syscall_from_user(struct cpu_user_regs *regs, const struct pv_callback *to,
                              unsigned int length)
{
    struct vcpu *v = current_vcpu();

    if (in_kernel(v) || to->address == 0) {
        regs->rip -= length;
        regs->entry_vector = EXC_UD;
        deliver_trap(v, regs, EXC_UD, 0);
        return;
    }
    deliver(v, regs,
            &(struct delivery){ .handler = to->address,
                                .mask_events = to->mask_events,
                                .what = "syscall" });
}

void pv_user_syscall(struct cpu_user_regs *regs)
{
    syscall_from_user(regs, &current_vcpu()->arch->syscall, 2);
}

void pv_user_syscall32(struct cpu_user_regs *regs)
{
    syscall_from_user(regs, &current_vcpu()->arch->syscall32, 2);
}

void pv_user_sysenter(struct cpu_user_regs *regs)
{
    struct arch_vcpu *a = current_vcpu()->arch;

    if (a->sysenter.address == 0) {
        deliver_trap(current_vcpu(), regs, EXC_GP, 0);
        return;
    }
    syscall_from_user(regs, &a->sysenter, 0);
}

void pv_failsafe(struct cpu_user_regs *regs)
{
    struct vcpu *v = current_vcpu();

    deliver(v, regs,
            &(struct delivery){ .handler = v->arch->failsafe.address,
                                .kind = FRAME_FAILSAFE,
                                .mask_events = v->arch->failsafe.mask_events,
                                .what = "failsafe" });
}

void pv_iret_failed(struct cpu_user_regs *regs)
{
    regs->ds = read_ds();
    regs->es = read_es();
    regs->fs = read_fs();
    regs->gs = read_gs();
    pv_failsafe(regs);
}

void pv_hypercall_restart(struct vcpu *v)
{
    if (v->restart.pending) {
        v->restart.pending = false;
        arch_hypercall_restart(v);
    }
}

/* syscall is two bytes: the guest runs it again, with the arguments of what is left to do. */
void arch_hypercall_restart(struct vcpu *v)
{
    struct cpu_user_regs *regs = guest_regs();
    const struct vcpu_restart *r = &v->restart;
    uint64_t *const into[6] = { &regs->rdi, &regs->rsi, &regs->rdx,
                                &regs->r10, &regs->r8,  &regs->r9 };

    regs->rip -= 2;
    regs->rax = r->op;
    for (unsigned int i = 0; i < r->arg_count; i++) {
        *into[i] = r->args[i];
    }
}

/* ---- hypercalls ------------------------------------------------------------------------------ */

long do_iret(void)
{
    struct vcpu *v = current_vcpu();
    struct cpu_user_regs *regs = guest_regs();
    struct iret_context frame;

    if (copy_from_guest(&frame, guest_ptr_from_arg(regs->rsp), sizeof(frame)) != 0) {
        domain_crash(v->domain, "iret: no frame at %lx", (unsigned long)regs->rsp);
        return 0;
    }
    if ((frame.cs & 3) == 3) {
        if (mfn_eq(v->arch->guest_table_user, INVALID_MFN)) {
            domain_crash(v->domain, "iret to user mode without user page tables");
            return 0;
        }
        pv_toggle_mode(v);
    }
    regs->rip = frame.rip;
    regs->cs = frame.cs | 3;
    regs->rflags = (frame.rflags & ~(unsigned long)(X86_EFLAGS_IOPL | X86_EFLAGS_VM)) |
                   X86_EFLAGS_IF;
    regs->rsp = frame.rsp;
    regs->ss = frame.ss | 3;
    if (frame.flags & VGCF_in_syscall) {
        regs->entry_vector = VECTOR_SYSCALL;
    } else {
        regs->entry_vector = 0;
        regs->r11 = frame.r11;
        regs->rcx = frame.rcx;
    }
    v->arch->nmi_in_progress = false;
    WRITE_ONCE(v->info->evtchn_upcall_mask, frame.rflags & X86_EFLAGS_IF ? 0 : 1);
    return (long)frame.rax;
}

static bool valid_handler(unsigned long address)
{
    return address < 1UL << 47 || address >= HV_VIRT_START;
}

/* Handlers run in ring 3: selectors are forced there. */
int pv_set_trap(struct vcpu *v, const struct trap_info *t)
{
    struct trap_info fixed = *t;

    if (!valid_handler(t->address)) {
        return -EINVAL;
    }
    fixed.cs |= 3;
    v->arch->traps[t->vector] = fixed;
    return 0;
}

long do_set_trap_table(guest_ptr_t traps)
{
    struct vcpu *v = current_vcpu();
    struct trap_info t;

    if (guest_ptr_is_null(traps)) {
        memset(v->arch->traps, 0, sizeof(v->arch->traps));
        return 0;
    }
    for (uint64_t i = 0;; i++) {
        guest_ptr_t at = guest_ptr_at(traps, i, sizeof(t));
        int rc;

        if (i > 0 && hypercall_preempt_check()) {
            return hypercall_continue(__HYPERVISOR_set_trap_table, 1, (unsigned long)at.va);
        }
        if (copy_from_guest(&t, at, sizeof(t)) != 0) {
            return -EFAULT;
        }
        if (t.address == 0) {
            return 0;
        }
        rc = pv_set_trap(v, &t);
        if (rc != 0) {
            return rc;
        }
    }
}

static struct pv_callback *callback_of(struct vcpu *v, unsigned int type)
{
    switch (type) {
    case CALLBACKTYPE_event:
        return &v->arch->event;
    case CALLBACKTYPE_failsafe:
        return &v->arch->failsafe;
    case CALLBACKTYPE_syscall:
        return &v->arch->syscall;
    case CALLBACKTYPE_syscall32:
        return &v->arch->syscall32;
    case CALLBACKTYPE_sysenter:
        return &v->arch->sysenter;
    default:
        return NULL;
    }
}

static int callback_register(struct vcpu *v, const struct callback_register *reg)
{
    struct pv_callback *c = callback_of(v, reg->type);

    if (!valid_handler(reg->address)) {
        return -EINVAL;
    }
    if (reg->type == CALLBACKTYPE_nmi) {
        v->arch->traps[EXC_NMI] =
            (struct trap_info){ .vector = EXC_NMI, .cs = SEL_USER_CS64, .address = reg->address };
        return 0;
    }
    if (c == NULL) {
        return -ENOSYS;
    }
    c->address = reg->address;
    c->mask_events = (reg->flags & CALLBACKF_mask_events) != 0;
    return 0;
}

static int callback_unregister(struct vcpu *v, unsigned int type)
{
    switch (type) {
    case CALLBACKTYPE_event:
    case CALLBACKTYPE_failsafe:
    case CALLBACKTYPE_syscall:
    case CALLBACKTYPE_sysenter:
        return -EINVAL; /* may be replaced, not removed */
    case CALLBACKTYPE_nmi:
        v->arch->traps[EXC_NMI].address = 0;
        return 0;
    default:
        return -ENOSYS;
    }
}

long do_callback_op(int cmd, guest_ptr_t arg)
{
    struct callback_register reg;
    struct callback_unregister unreg;

    switch (cmd) {
    case CALLBACKOP_register:
        if (copy_from_guest(&reg, arg, sizeof(reg)) != 0) {
            return -EFAULT;
        }
        return callback_register(current_vcpu(), &reg);
    case CALLBACKOP_unregister:
        if (copy_from_guest(&unreg, arg, sizeof(unreg)) != 0) {
            return -EFAULT;
        }
        return callback_unregister(current_vcpu(), unreg.type);
    default:
        return -ENOSYS;
    }
}

long do_set_callbacks(unsigned long event, unsigned long failsafe, unsigned long syscall)
{
    struct arch_vcpu *a = current_vcpu()->arch;

    if (!valid_handler(event) || !valid_handler(failsafe) || !valid_handler(syscall)) {
        return -EINVAL;
    }
    a->event.address = event;
    a->failsafe.address = failsafe;
    a->syscall.address = syscall;
    return 0;
}

long do_stack_switch(unsigned long ss, unsigned long sp)
{
    struct arch_vcpu *a = current_vcpu()->arch;

    a->kernel_ss = ss | 3;
    a->kernel_sp = sp;
    return 0;
}

long do_fpu_taskswitch(int set)
{
    struct vcpu *v = current_vcpu();

    if (set) {
        v->arch->ts_set = true;
        set_ts();
    } else {
        v->arch->ts_set = false;
        clear_ts();
    }
    return 0;
}

long do_set_segment_base(unsigned int which, unsigned long base)
{
    struct arch_vcpu *a = current_vcpu()->arch;

    if (which != SEGBASE_GS_USER_SEL && !valid_handler(base)) {
        return -EINVAL;
    }
    switch (which) {
    case SEGBASE_FS:
        a->fs_base = base;
        write_msr(MSR_FS_BASE, base);
        return 0;
    case SEGBASE_GS_USER: /* the kernel runs: the user's is the inactive one */
        a->gs_base_user = base;
        write_msr(MSR_KERNEL_GS_BASE, base);
        return 0;
    case SEGBASE_GS_KERNEL:
        a->gs_base_kernel = base;
        write_msr(MSR_GS_BASE, base);
        return 0;
    case SEGBASE_GS_USER_SEL:
        pv_load_user_gs((uint16_t)base);
        return 0;
    default:
        return -EINVAL;
    }
}
