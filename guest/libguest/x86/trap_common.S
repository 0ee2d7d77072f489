/* SPDX-License-Identifier: MIT */
/*
 * What every entry of a PV or PVH kernel has in common: the registers saved as struct trap_frame (traps.h), the way to
 * traps_handle() and back, and trap_try_call(), which lets C run a function that is expected to fault.
 *
 * Entered by a jump with %rcx and %r11 as at the fault, and the slot of vector and error code on top of what the CPU, or
 * the hypervisor, pushed. Ends in trap_leave of the kernel's kind, with only that slot left before rip.
 */
#define __ASSEMBLY__
#include "guest/libguest/x86/save.h"

    .text
    .globl trap_common
trap_common:
    push %rcx
    push %r11
    push %rax
    push %rdi
    push %rsi
    push %rdx
    push %r8
    push %r9
    push %r10
    SAVE_CALLEE_REGS
    cld
    mov %rsp, %rdi
    mov %rsp, %rbx
    and $-16, %rsp
    call traps_handle
    mov %rbx, %rsp
    .globl trap_return
trap_return:
    RESTORE_CALLEE_REGS
    pop %r10
    pop %r9
    pop %r8
    pop %rdx
    pop %rsi
    pop %rdi
    pop %rax
    pop %r11
    pop %rcx
    jmp trap_leave

    /* void trap_return_to(struct trap_frame *): leave through a frame built in memory. */
    .globl trap_return_to
trap_return_to:
    mov %rdi, %rsp
    jmp trap_return

    /*
     * int trap_try_call(struct trap_recovery *, void (*fn)(void *), void *arg): 0 when fn
     * returned; traps_handle() resumes at trap_try_fault with the saved registers when it
     * faulted, giving 1.
     */
    .globl trap_try_call, trap_try_fault
trap_try_call:
    SAVE_CALLEE_REGS
    sub $8, %rsp
    mov %rsp, 0(%rdi)
    mov %rdx, %rdi
    call *%rsi
    xor %eax, %eax
1:  add $8, %rsp
    RESTORE_CALLEE_REGS
    ret
trap_try_fault:
    mov $1, %eax
    jmp 1b

    .section .note.GNU-stack, "", @progbits
