/* SPDX-License-Identifier: MIT */
/*
 * Assembly macros: what a C function's caller expects to find again, saved on the stack. The last of a trap's frame
 * (traps.h) is the same.
 */
#ifndef GUEST_LIBGUEST_X86_SAVE_H
#define GUEST_LIBGUEST_X86_SAVE_H

#ifdef __ASSEMBLY__

.macro SAVE_CALLEE_REGS
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
.endm

.macro RESTORE_CALLEE_REGS
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
.endm

#endif
#endif
