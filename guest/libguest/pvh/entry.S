/* SPDX-License-Identifier: MIT */
/*
 * Entries of a PVH kernel: one stub per vector, which makes the frame that libguest/x86/traps.h describes of what
 * the CPU pushed; trap_try_call(), as for PV; and the way into the hypervisor, a bare
 * vmmcall, which start.c makes a vmcall on Intel's CPUs.
 */
#define __ASSEMBLY__
#include "guest/libguest/pvh/call.h"

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

    .globl trap_leave
trap_leave:
    add $8, %rsp
    iretq

    .globl hypercall_gate
hypercall_gate:
    HYPERCALL_INSTRUCTION
    ret

    .section .note.GNU-stack, "", @progbits
