/* SPDX-License-Identifier: MIT */
/*
 * The way into the hypervisor, variant 1: a bare syscall instruction. hypercall_gate: number in
 * %rax, arguments in rdi rsi rdx r10 r8 r9, result in %rax, rcx and r11 lost.
 * hypercall_gate_iret: jump here with all registers final and [flags, rip, cs, rflags, rsp, ss]
 * on the stack; never returns.
 */
#define __ASSEMBLY__
#include <xen/xen.h>

    .text
    .globl hypercall_gate, hypercall_gate_iret
hypercall_gate:
    syscall
    ret

hypercall_gate_iret:
    push %rcx
    push %r11
    push %rax
    mov $__HYPERVISOR_iret, %eax
    syscall
    ud2

    .section .note.GNU-stack, "", @progbits
