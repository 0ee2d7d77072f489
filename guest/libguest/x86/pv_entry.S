/* SPDX-License-Identifier: MIT */
/*
 * Entries of a PV kernel: one stub per trap vector, the event and failsafe callbacks, and
 * the syscall callbacks; what follows is in trap_common.S.
 *
 * The hypervisor pushes rcx, r11, [error code], rip, cs, rflags, rsp, ss (lowest first). Stubs
 * turn that into struct trap_frame (libguest/x86/traps.h): vector and error code share one
 * slot, which becomes the flags word of the iret hypercall on the way out.
 */
#define __ASSEMBLY__
#include <xen/xen.h>

    .text
    .macro TRAP_STUB vec
    pop %rcx
    pop %r11
    .if ! (((\vec) == 8) || (((\vec) >= 10) && ((\vec) <= 14)) || \
           ((\vec) == 17) || ((\vec) == 21))
    push $0
    .endif
    movl $(\vec), 4(%rsp)
    jmp trap_common
    .endm

    .balign 32
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept 256
    TRAP_STUB vector
    .balign 32
    .set vector, vector + 1
    .endr

    .macro NAMED_ENTRY name, number, flags=0
    .globl \name
\name:
    pop %rcx
    pop %r11
    push $\flags
    movl $\number, 4(%rsp)
    jmp trap_common
    .endm

    /* Pseudo vectors above 255, see TRAP_* in traps.h. */
    NAMED_ENTRY entry_event, 0x100
    NAMED_ENTRY entry_syscall, 0x101
    NAMED_ENTRY entry_syscall32, 0x102
    NAMED_ENTRY entry_sysenter, 0x103

    /* The NMI callback is vector 2 through its own registration. */
    .globl entry_nmi
entry_nmi:
    pop %rcx
    pop %r11
    push $0
    movl $2, 4(%rsp)
    jmp trap_common

    /*
     * Failsafe: rcx, r11, ds, es, fs, gs come before rip. Keep the selectors for the test to
     * see.
     */
    .globl entry_failsafe
entry_failsafe:
    pop %rcx
    pop %r11
    popq failsafe_selectors(%rip)
    popq failsafe_selectors + 8(%rip)
    popq failsafe_selectors + 16(%rip)
    popq failsafe_selectors + 24(%rip)
    push $0
    movl $0x104, 4(%rsp)

    .globl trap_leave
trap_leave:
    movq $0, (%rsp)
    jmp hypercall_gate_iret

    .bss
    .balign 8
    .globl failsafe_selectors
failsafe_selectors:
    .skip 32

    .section .note.GNU-stack, "", @progbits
