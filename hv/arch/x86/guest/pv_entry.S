/* SPDX-License-Identifier: MIT */
/*
 * PV entry by syscall (hypercalls from guest kernels, system calls from guest user space) and the one
 * way back into a guest, which first sees to softirqs, events and NMIs.
 *
 * Each CPU's LSTAR points at a stub (traps.c) that switches to the CPU's stack, pushes ss and the guest's
 * rsp, and jumps here.
 */
#include <asm_offsets.h>

#include "abi_numbers.h"
#include "hv/arch/x86/cpu/entry_macros.h"
#include "hv/arch/x86/cpu/traps.h"

    .section .text.hot, "ax", @progbits

    .balign 64
    .globl syscall_common
syscall_common:
    push %r11
    push $SEL_USER_CS64
    push %rcx
    push $0
    movl $VECTOR_SYSCALL, 4(%rsp)
    SAVE_REGS
    mov CPU_current(%rsp), %rbx
    mov VCPU_arch(%rbx), %rcx
    sti
    cmpb $0, ARCH_kernel_mode(%rcx)
    je user_syscall
    cmp $HYPERCALL_COUNT, %rax
    jae 2f
    mov %r10, %rcx
    lea hypercall_table(%rip), %r11
    call *(%r11, %rax, 8)
1:  mov %rax, UREGS_rax(%rsp)
    cmp $-ERESTART, %rax
    je hypercall_restart

    .globl exit_to_guest
exit_to_guest:
    cli
    cmpq $0, CPU_softirq(%rsp)
    jne run_softirqs
    mov CPU_current(%rsp), %rbx
    mov VCPU_info(%rbx), %rax
    cmpb $0, (%rax)     /* evtchn_upcall_pending */
    jne event_pending
no_event:
    cmpb $0, VCPU_nmi_pending(%rbx)
    jne nmi_pending
leave:
    cmpl $VECTOR_SYSCALL, UREGS_entry_vector(%rsp)
    jne leave_by_iret
    cmpw $SEL_USER_CS64, UREGS_cs(%rsp)
    jne leave_by_iret
    mov UREGS_rip(%rsp), %rcx /* sysret to a non-canonical address would fault in ring 0 */
    sar $47, %rcx
    inc %rcx
    cmp $1, %rcx
    ja leave_by_iret
    RESTORE_REGS
    mov 8(%rsp), %rcx
    mov 24(%rsp), %r11
    mov 32(%rsp), %rsp
    sysretq

leave_by_iret:
    RESTORE_REGS
    add $8, %rsp
    .globl guest_iret
guest_iret:
    iretq

run_softirqs:
    sti
    call softirq_run
    jmp exit_to_guest

event_pending:
    cmpb $0, 1(%rax)    /* evtchn_upcall_mask */
    jne no_event
    sti
    mov %rsp, %rdi
    call pv_deliver_events
    jmp exit_to_guest

nmi_pending:
    mov VCPU_arch(%rbx), %rcx
    sti
    mov %rsp, %rdi
    call pv_deliver_nmi
    test %al, %al
    jnz exit_to_guest
    cli
    cmpq $0, CPU_softirq(%rsp)
    jne run_softirqs
    jmp leave

2:  mov $-ENOSYS, %rax
    jmp 1b

hypercall_restart:
    mov %rbx, %rdi
    call pv_hypercall_restart
    jmp exit_to_guest

user_syscall:
    mov %rsp, %rdi
    call pv_user_syscall
    jmp exit_to_guest

/* syscall from 32-bit code of a 64-bit guest; the stub pushed ss and rsp. */
    .globl syscall32_common
syscall32_common:
    push %r11
    push $SEL_USER_CS32
    push %rcx
    push $0
    movl $VECTOR_SYSCALL32, 4(%rsp)
    SAVE_REGS
    sti
    mov %rsp, %rdi
    call pv_user_syscall32
    jmp exit_to_guest

/* sysenter: SYSENTER_ESP points just above cpu_local.regs.ss. The CPU kept neither rip, rsp nor IF. */
    .globl sysenter_common
sysenter_common:
    push $SEL_USER_DS
    push $0
    pushf
    orl $X86_EFLAGS_IF, (%rsp)
    push $SEL_USER_CS64
    push $0
    push $0
    movl $VECTOR_SYSENTER, 4(%rsp)
    SAVE_REGS
    sti
    mov %rsp, %rdi
    call pv_user_sysenter
    jmp exit_to_guest

/* An iret to the guest faulted; its registers are back in cpu_local.regs. rdi: that frame, which
 * becomes the stack. */
    .globl iret_failed
iret_failed:
    mov %rdi, %rsp
    sti
    call pv_iret_failed
    jmp exit_to_guest

/* NORETURN void stack_reset_and_call(void (*fn)(void)): drops everything on this CPU's stack. */
    .globl stack_reset_and_call
stack_reset_and_call:
    mov %rsp, %rax
    or $0x7fff, %rax
    sub $(CPU_LOCAL_SIZE - 1), %rax
    mov %rax, %rsp
    call *%rdi
    ud2

/* NORETURN void resume_guest(void): leaves into the guest whose registers are in cpu_local.regs. */
    .globl resume_guest
resume_guest:
    mov %rsp, %rax
    or $0x7fff, %rax
    sub $(CPU_LOCAL_SIZE - CPU_REGS - 1), %rax
    mov %rax, %rsp
    jmp exit_to_guest
