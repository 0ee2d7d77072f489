/* SPDX-License-Identifier: MIT */
/*
 * Entries of a PVH kernel: one stub per vector, which makes the frame that libguest/x86/traps.h describes of what
 * the CPU pushed; trap_try_call(), as for PV; and the way into the hypervisor, a bare vmmcall.
 */
#define __ASSEMBLY__

#define VECTOR_UPCALL 0xf3
#define TRAP_EVENT 0x100

    .text
    .balign 32
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept 256
    .if ! ((vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21))
    push $0
    .endif
    .if vector == VECTOR_UPCALL
    movl $TRAP_EVENT, 4(%rsp)
    .else
    movl $vector, 4(%rsp)
    .endif
    jmp trap_common
    .balign 32
    .set vector, vector + 1
    .endr

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
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    cld
    mov %rsp, %rdi
    mov %rsp, %rbx
    and $-16, %rsp
    call traps_handle
    mov %rbx, %rsp
    .globl trap_return
trap_return:
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %r10
    pop %r9
    pop %r8
    pop %rdx
    pop %rsi
    pop %rdi
    pop %rax
    pop %r11
    pop %rcx
    add $8, %rsp
    iretq

    .globl trap_return_to
trap_return_to:
    mov %rdi, %rsp
    jmp trap_return

    .globl trap_try_call, trap_try_fault
trap_try_call:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    sub $8, %rsp
    mov %rsp, 0(%rdi)
    mov %rdx, %rdi
    call *%rsi
    xor %eax, %eax
1:  add $8, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
trap_try_fault:
    mov $1, %eax
    jmp 1b

    .globl hypercall_gate
hypercall_gate:
    vmmcall
    ret

    .section .note.GNU-stack, "", @progbits
