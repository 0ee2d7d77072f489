/* SPDX-License-Identifier: MIT */
/*
 * Bringing up vcpus; see smp.h.
 */
#include "guest/libguest/x86/smp.h"

#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/percpu.h"

enum { STACK_SIZE = 1 << START_STACK_ORDER };

static char stacks[SMP_MAX][STACK_SIZE] __attribute__((aligned(STACK_SIZE)));
static struct {
    smp_fn *fn;
    void *arg;
} work[SMP_MAX];

static void __attribute__((noreturn)) vcpu_main(unsigned int vcpu)
{
    percpu()->vcpu = vcpu;
    percpu()->info = &shared_info->vcpu_info[vcpu];
    percpu()->info->evtchn_upcall_mask = 1;
    work[vcpu].fn(work[vcpu].arg);
    for (;;) {
        hypercall_vcpu_op(VCPUOP_down, vcpu, NULL);
    }
}

void smp_context(struct vcpu_guest_context *ctx, unsigned int vcpu, smp_fn *fn, void *arg)
{
    unsigned long top = (unsigned long)stacks[vcpu] + STACK_SIZE;

    work[vcpu].fn = fn;
    work[vcpu].arg = arg;
    memset(stacks[vcpu], 0, sizeof(struct percpu));
    memset(ctx, 0, sizeof(*ctx));
    ctx->flags = VGCF_in_kernel;
    ctx->user_regs.rip = (unsigned long)vcpu_main;
    ctx->user_regs.rdi = vcpu;
    ctx->user_regs.rsp = top - 8;
    ctx->user_regs.rflags = 0x2;
    ctx->user_regs.cs = FLAT_KERNEL_CS;
    ctx->user_regs.ss = FLAT_KERNEL_SS;
    traps_fill_table(ctx->trap_ctxt, 256);
    ctx->kernel_ss = FLAT_KERNEL_SS;
    ctx->kernel_sp = top;
    ctx->ctrlreg[0] = 0x80050033;
    ctx->ctrlreg[3] = xen_pfn_to_cr3(memory_mfn(pagetable_root()));
    ctx->event_callback_eip = (unsigned long)entry_event;
    ctx->failsafe_callback_eip = (unsigned long)entry_failsafe;
    ctx->syscall_callback_eip = (unsigned long)entry_syscall;
}

long smp_start(unsigned int vcpu, smp_fn *fn, void *arg)
{
    static struct vcpu_guest_context ctx;
    long rc;

    smp_context(&ctx, vcpu, fn, arg);
    rc = hypercall_vcpu_op(VCPUOP_initialise, vcpu, &ctx);
    if (rc != 0 && rc != -EEXIST) {
        return rc;
    }
    return hypercall_vcpu_op(VCPUOP_up, vcpu, NULL);
}

unsigned int smp_count(void)
{
    unsigned int n = 0;

    while (n < SMP_MAX && hypercall_vcpu_op(VCPUOP_is_up, n, NULL) >= 0) {
        n++;
    }
    return n;
}

unsigned int smp_id(void)
{
    return percpu()->vcpu;
}
