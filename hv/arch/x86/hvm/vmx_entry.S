/* SPDX-License-Identifier: MIT */
/*
 * Into a guest by VMLAUNCH or VMRESUME and out again: one loop per exit. See vmx.c.
 *
 * The guest's general registers live in cpu_local.regs, popped before and pushed after; rsp, rip and rflags are the
 * VMCS's, which C copies. A physical interrupt that is pending ends the guest's turn at once and is taken at "sti".
 * An exit arrives with the stack pointer where the pops left it.
 */
#include <asm_offsets.h>

#include "hv/arch/x86/cpu/entry_macros.h"
#include "hv/arch/x86/hvm/hvm_entry.h"

    .section .text.hot, "ax", @progbits

    .balign 64
    .globl vmx_resume
vmx_resume:
    GUEST_LOOP vmx_prepare
    cmpq $0, CPU_vmcs_launched(%rsp)
    RESTORE_REGS
    je 1f
    vmresume
    jmp refused
1:  vmlaunch
refused:
    SAVE_REGS
    sti
    mov %rsp, %rdi
    call vmx_entry_refused
    jmp again

    .balign 16
    .globl vmx_exit_entry
vmx_exit_entry:
    SAVE_REGS
    movq $1, CPU_vmcs_launched(%rsp)
    mov %rsp, %rdi
    call vmx_exit
    jmp again

    GUEST_LOOP_SOFTIRQS
