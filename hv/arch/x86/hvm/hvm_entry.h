/* SPDX-License-Identifier: MIT */
/*
 * Assembly macros of the loop that enters a guest (svm_entry.S, vmx_entry.S), for what both kinds have alike. Needs
 * asm_offsets.h. The stack pointer is at cpu_local.regs at the label "again", to which each exit comes back.
 */
#ifndef HV_ARCH_X86_HVM_HVM_ENTRY_H
#define HV_ARCH_X86_HVM_HVM_ENTRY_H

#ifdef __ASSEMBLY__

/* From any stack of this CPU to where the vendor's prepare(regs) has said that the guest may be entered, with
 * interrupts off. */
.macro GUEST_LOOP prepare
    mov %rsp, %rax
    or $0x7fff, %rax
    sub $(CPU_LOCAL_SIZE - CPU_REGS - 1), %rax
    mov %rax, %rsp
again:
    cli
    cmpq $0, CPU_softirq(%rsp)
    jne softirqs
    mov %rsp, %rdi
    call \prepare
    test %al, %al
    jz again
.endm

/* Behind the loop, out of its way. */
.macro GUEST_LOOP_SOFTIRQS
softirqs:
    sti
    call softirq_run
    jmp again
.endm

#endif
#endif
