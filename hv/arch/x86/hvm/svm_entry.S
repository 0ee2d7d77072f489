/* SPDX-License-Identifier: MIT */
/*
 * Into a guest by VMRUN and out again: one loop per exit. See svm.c.
 *
 * The guest's general registers live in cpu_local.regs, popped before and pushed after; rax, rsp, rip and rflags are
 * the VMCB's, which C copies. With the global interrupt flag off, "sti" lets a physical interrupt end the guest's
 * turn at once; it is taken at "stgi". VMLOAD and VMSAVE switch FS, GS, TR, LDTR and the system call MSRs.
 */
#include <asm_offsets.h>

#include "hv/arch/x86/cpu/entry_macros.h"
#include "hv/arch/x86/hvm/hvm_entry.h"

    .section .text.hot, "ax", @progbits

    .balign 64
    .globl svm_resume
svm_resume:
    GUEST_LOOP svm_prepare
    RESTORE_REGS
    clgi
    sti
    mov CPU_vmcb - UREGS_error_code(%rsp), %rax
    vmload %rax
    vmrun %rax
    vmsave %rax
    SAVE_REGS
    mov CPU_host_vmcb(%rsp), %rax
    vmload %rax
    stgi
    mov %rsp, %rdi
    call svm_exit
    jmp again

    GUEST_LOOP_SOFTIRQS
