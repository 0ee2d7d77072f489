/* SPDX-License-Identifier: MIT */
/* Assembly macros of the entry paths: saving registers in the order of struct cpu_user_regs, and the
 * table of instructions that may fault with an address to go on at. */
#ifndef HV_ARCH_X86_CPU_ENTRY_MACROS_H
#define HV_ARCH_X86_CPU_ENTRY_MACROS_H

#ifdef __ASSEMBLY__

.macro SAVE_REGS
    cld
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %rax
    push %r8
    push %r9
    push %r10
    push %r11
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
.endm

.macro RESTORE_REGS
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rax
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
.endm

/* Both as distances from the entry itself, so that the table needs no relocation. */
#define EX_TABLE(fault, resume)        \
    .pushsection .ex_table, "a";       \
    .balign 4;                         \
    .long (fault) - .;                 \
    .long (resume) - .;                \
    .popsection

#endif
#endif
