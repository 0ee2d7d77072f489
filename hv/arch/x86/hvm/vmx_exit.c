/* SPDX-License-Identifier: MIT */
/*
 * Exits by Intel VT-x: one row a reason, to what is the same for all vendors (hvm_exit.c). (Intel SDM volume 3, chapter
 * 27.) vmx_entry.S calls vmx_exit() after each, with the vcpu's VMCS loaded. The CPU says how long an instruction
 * is, so nothing is decoded here. What has no row, and an entry that failed, ends the guest with its VMCS on the
 * console.
 */
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/arch/x86/hvm/hvm_event.h"
#include "hv/arch/x86/hvm/vmx.h"
#include "hv/base/printk.h"

#define DR7_GD     0x2000UL
#define DR6_CAUSES 0x600fUL

typedef void (*exit_fn)(struct vcpu *v, struct cpu_user_regs *regs);

static unsigned int length(void)
{
    return (unsigned int)vmcs_read(VMCS_EXIT_LENGTH);
}

static void on_nothing(struct vcpu *v, struct cpu_user_regs *regs)
{
    (void)v; /* an interrupt of the machine, which has been taken by now, or a window: vmx_prepare() looks */
    (void)regs;
}

static void on_undefined(struct vcpu *v, struct cpu_user_regs *regs)
{
    (void)regs;
    hvm_inject_exception(v, EXC_UD);
}

static void on_refused(struct vcpu *v, struct cpu_user_regs *regs)
{
    (void)regs;
    hvm_inject_gp(v);
}

static void on_cpuid(struct vcpu *v, struct cpu_user_regs *regs)
{
    hvm_exit_cpuid(v, regs, length());
}

static void on_msr_read(struct vcpu *v, struct cpu_user_regs *regs)
{
    hvm_exit_msr(v, regs, length(), false);
}

static void on_msr_write(struct vcpu *v, struct cpu_user_regs *regs)
{
    hvm_exit_msr(v, regs, length(), true);
}

static void on_vmcall(struct vcpu *v, struct cpu_user_regs *regs)
{
    hvm_exit_hypercall(v, regs, length());
}

static void on_halt(struct vcpu *v, struct cpu_user_regs *regs)
{
    hvm_exit_halt(v, regs, length());
}

static void on_xsetbv(struct vcpu *v, struct cpu_user_regs *regs)
{
    hvm_exit_xsetbv(v, regs, length());
}

/* Nothing of the guest's is cached that the machine would have to see. */
static void on_cache(struct vcpu *v, struct cpu_user_regs *regs)
{
    (void)v;
    regs->rip += length();
}

static void on_port(struct vcpu *v, struct cpu_user_regs *regs)
{
    uint64_t how = vmcs_read(VMCS_QUALIFICATION);
    unsigned int bytes = (unsigned int)(how & 7) + 1;
    uint64_t next_rip = regs->rip + length();

    if (how & VMX_IO_STRING) {
        unsigned int size = (unsigned int)(vmcs_read(VMCS_EXIT_INSTRUCTION) >> VMX_IO_ADDRESS_SHIFT) & 3;
        struct hvm_string_io io = {
            .port = (uint16_t)(how >> VMX_IO_PORT_SHIFT),
            .bytes = bytes,
            .address_bits = 16U << size,
            .in = how & VMX_IO_IN,
            .repeat = how & VMX_IO_REPEAT,
        };

        hvm_exit_string_port(v, regs, io, next_rip);
        return;
    }
    hvm_exit_port(v, regs, (uint16_t)(how >> VMX_IO_PORT_SHIFT), bytes, how & VMX_IO_IN, next_rip);
}

static void on_task_switch(struct vcpu *v, struct cpu_user_regs *regs)
{
    (void)regs;
    domain_crash(v->domain, "task switch by hardware");
}

static void on_triple_fault(struct vcpu *v, struct cpu_user_regs *regs)
{
    unsigned int reason = (unsigned int)v->domain->arch->hvm->params[HVM_PARAM_TRIPLE_FAULT_REASON];

    log_info("%pv: triple fault at %04x:%lx\n", v, (unsigned int)vmcs_read(VMCS_GUEST_ES + 2 * SEGMENT_CS),
             (unsigned long)regs->rip);
    domain_shutdown(v->domain, reason);
}

/* Intercepted so that a guest cannot keep the CPU delivering them forever; given back, as the CPU would have. */
static void on_debug(struct vcpu *v, unsigned int type)
{
    if (type == VMX_EVENT_INT1) {
        vmcs_write(VMCS_ENTRY_LENGTH, length());
        vmcs_write(VMCS_ENTRY_EVENT, EXC_DB | VMX_EVENT_INT1 << 8 | VMX_EVENT_VALID);
        return;
    }
    write_dr6((read_dr6() & ~0xfUL) | (vmcs_read(VMCS_QUALIFICATION) & DR6_CAUSES));
    vmcs_write(VMCS_GUEST_DR7, vmcs_read(VMCS_GUEST_DR7) & ~DR7_GD);
    hvm_inject_exception(v, EXC_DB);
}

static void on_exception(struct vcpu *v, struct cpu_user_regs *regs)
{
    uint32_t event = (uint32_t)vmcs_read(VMCS_EXIT_EVENT);

    switch (event & 0xff) {
    case EXC_DB:
        on_debug(v, event >> 8 & 7);
        break;
    case EXC_AC:
        vmx_inject(v, EXC_AC, HVM_EVENT_EXCEPTION, true, 0);
        break;
    case EXC_MC:
        x86_machine_check(regs);
        break;
    default:
        break; /* an NMI, which vmx_exit() has taken */
    }
}

static bool is_long_code(void)
{
    return (vmcs_read(VMCS_GUEST_EFER) & EFER_LMA) && (vmcs_read(VMCS_GUEST_CS_RIGHTS) & VMX_LONG);
}

/* Bits 0 to 3 of the qualification: the register; 4 and 5: 0 for a MOV to it; 8 to 11: from. Nothing else exits. */
static void on_control_register(struct vcpu *v, struct cpu_user_regs *regs)
{
    uint64_t how = vmcs_read(VMCS_QUALIFICATION);
    uint64_t value = *hvm_register(regs, (unsigned int)(how >> 8) & 0xf);

    value = is_long_code() ? value : (uint32_t)value;
    if ((how & 0x3f) == 0 && vmx_write_cr0(v, value)) {
        regs->rip += length();
    } else {
        hvm_inject_gp(v); /* CR4: only what it does not have comes here */
    }
}

static void on_ept_violation(struct vcpu *v, struct cpu_user_regs *regs)
{
    uint32_t vectoring = (uint32_t)vmcs_read(VMCS_VECTORING_EVENT);
    uint64_t how = vmcs_read(VMCS_QUALIFICATION);

    if (!(vectoring & VMX_EVENT_VALID) && (how & VMX_NMI_UNBLOCKED)) { /* an IRET's stack: it runs again */
        vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) | BLOCKED_BY_NMI);
    }
    hvm_exit_memory(v, regs, vmcs_read(VMCS_GUEST_PHYSICAL_ADDRESS), how & EPT_WRITE,
                    vectoring & VMX_EVENT_VALID);
}

static const exit_fn exits[VMX_EXIT_COUNT] = {
    [VMX_EXIT_EXCEPTION] = on_exception,
    [VMX_EXIT_INTERRUPT] = on_nothing,
    [VMX_EXIT_TRIPLE_FAULT] = on_triple_fault,
    [VMX_EXIT_INIT] = on_nothing,
    [VMX_EXIT_INTERRUPT_WINDOW] = on_nothing,
    [VMX_EXIT_NMI_WINDOW] = on_nothing,
    [VMX_EXIT_TASK_SWITCH] = on_task_switch,
    [VMX_EXIT_CPUID] = on_cpuid,
    [VMX_EXIT_GETSEC] = on_undefined,
    [VMX_EXIT_HLT] = on_halt,
    [VMX_EXIT_INVD] = on_cache,
    [VMX_EXIT_RDPMC] = on_refused,
    [VMX_EXIT_RSM] = on_undefined,
    [VMX_EXIT_VMCALL] = on_vmcall,
    [VMX_EXIT_VMCLEAR ... VMX_EXIT_VMXON] = on_undefined,
    [VMX_EXIT_CR] = on_control_register,
    [VMX_EXIT_IO] = on_port,
    [VMX_EXIT_RDMSR] = on_msr_read,
    [VMX_EXIT_WRMSR] = on_msr_write,
    [VMX_EXIT_MWAIT] = on_undefined,
    [VMX_EXIT_MONITOR] = on_undefined,
    [VMX_EXIT_TPR] = on_nothing,
    [VMX_EXIT_EPT_VIOLATION] = on_ept_violation,
    [VMX_EXIT_INVEPT] = on_undefined,
    [VMX_EXIT_TIMER] = on_nothing,
    [VMX_EXIT_INVVPID] = on_undefined,
    [VMX_EXIT_WBINVD] = on_cache,
    [VMX_EXIT_XSETBV] = on_xsetbv,
};

static NOINLINE void unknown_exit(struct vcpu *v, uint32_t reason)
{
    vmx_dump(v);
    if (reason & VMX_ENTRY_FAILED) {
        domain_crash(v->domain, "the CPU does not enter it, reason %u", reason & 0xffff);
    } else {
        domain_crash(v->domain, "exit %u, which it should not be able to make", reason);
    }
}

void vmx_entry_refused(struct cpu_user_regs *regs)
{
    struct vcpu *v = current_vcpu();

    (void)regs;
    vmx_dump(v);
    domain_crash(v->domain, "the CPU does not enter it, error %u", (unsigned int)vmcs_read(VMCS_INSTRUCTION_ERROR));
}

static void merge(struct vcpu *v, struct cpu_user_regs *regs, uint32_t first, uint32_t second)
{
    if ((first >> 8 & 7) != HVM_EVENT_EXCEPTION || (second >> 8 & 7) != HVM_EVENT_EXCEPTION) {
        return;
    }
    switch (hvm_event_merge(first & 0xff, second & 0xff)) {
    case HVM_MERGED_DOUBLE_FAULT:
        hvm_inject_exception(v, EXC_DF);
        break;
    case HVM_MERGED_SHUTDOWN:
        vmcs_write(VMCS_ENTRY_EVENT, 0);
        on_triple_fault(v, regs);
        break;
    default:
        break;
    }
}

/* An event whose delivery made the exit comes again, unless the handler had something of its own. One that a
 * software interrupt made comes by itself: its instruction runs again. */
static NOINLINE void redeliver(struct vcpu *v, struct cpu_user_regs *regs, uint32_t event)
{
    uint32_t pending = (uint32_t)vmcs_read(VMCS_ENTRY_EVENT);
    unsigned int type = event >> 8 & 7;

    if (pending & VMX_EVENT_VALID) {
        merge(v, regs, event, pending);
        return;
    }
    if (type != HVM_EVENT_INTERRUPT && type != HVM_EVENT_NMI && type != HVM_EVENT_EXCEPTION) {
        return;
    }
    if (type == HVM_EVENT_NMI) {
        vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & ~BLOCKED_BY_NMI);
    }
    vmcs_write(VMCS_ENTRY_ERROR_CODE, vmcs_read(VMCS_VECTORING_ERROR_CODE));
    vmcs_write(VMCS_ENTRY_EVENT, event & ~VMX_NMI_UNBLOCKED);
}

/* What a skipped instruction leaves behind: it ends the shadow of STI and MOV SS, and may be single-stepped. The CPU
 * also insists on a step that is pending where there is a shadow and TF is set. */
static void finish_instruction(const struct cpu_user_regs *regs, uint64_t old_rip)
{
    uint32_t blocked = (uint32_t)vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);
    bool skipped = regs->rip != old_rip;

    if (skipped && (blocked & (BLOCKED_BY_STI | BLOCKED_BY_SS))) {
        vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, blocked & ~(BLOCKED_BY_STI | BLOCKED_BY_SS));
    }
    if ((regs->rflags & X86_EFLAGS_TF) && (skipped || (blocked & (BLOCKED_BY_STI | BLOCKED_BY_SS)))) {
        vmcs_write(VMCS_GUEST_PENDING_DEBUG, vmcs_read(VMCS_GUEST_PENDING_DEBUG) | PENDING_SINGLE_STEP);
    }
}

static bool is_nmi(uint32_t reason)
{
    return reason == VMX_EXIT_EXCEPTION && ((uint32_t)vmcs_read(VMCS_EXIT_EVENT) >> 8 & 7) == HVM_EVENT_NMI;
}

/* Interrupts are off as the CPU leaves them. */
void vmx_exit(struct cpu_user_regs *regs)
{
    struct vcpu *v = current_vcpu();
    uint32_t reason = (uint32_t)vmcs_read(VMCS_EXIT_REASON);
    uint8_t tpr = vmx_guest_tpr(v);
    uint32_t vectoring;
    uint64_t rip;

    if (unlikely(is_nmi(reason))) {
        __asm__ __volatile__("int $2" ::: "memory"); /* the exit took it: our handler's IRET lets the next one in */
    }
    arch_irq_enable();
    regs->rsp = vmcs_read(VMCS_GUEST_RSP);
    regs->rip = rip = vmcs_read(VMCS_GUEST_RIP);
    regs->rflags = vmcs_read(VMCS_GUEST_RFLAGS);
    if (unlikely(tpr != vlapic_tpr(v))) {
        vlapic_set_tpr(v, tpr);
    }
    if (unlikely(reason >= VMX_EXIT_COUNT || exits[reason] == NULL)) {
        unknown_exit(v, reason);
        return;
    }
    vectoring = (uint32_t)vmcs_read(VMCS_VECTORING_EVENT);
    exits[reason](v, regs);
    if (regs->rip != rip || unlikely(regs->rflags & X86_EFLAGS_TF)) {
        finish_instruction(regs, rip);
    }
    if (unlikely(vectoring & VMX_EVENT_VALID)) {
        redeliver(v, regs, vectoring);
    }
}
