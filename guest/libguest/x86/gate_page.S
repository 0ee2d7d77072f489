/* SPDX-License-Identifier: MIT */
/*
 * The way into the hypervisor, variant 2: the page of stubs that the hypervisor fills because
 * the ELF notes name it, one 32-byte stub per number. Same contract as gate_syscall.S. Numbers
 * beyond the page (128 stubs) go by bare syscall, so that tests of unknown numbers behave alike
 * in both variants.
 */
#define __ASSEMBLY__
#include <xen/xen.h>

    .text
    .globl hypercall_gate, hypercall_gate_iret
hypercall_gate:
    cmp $127, %rax
    ja 1f
    shl $5, %rax
    lea hypercall_page(%rax), %rax
    jmp *%rax
1:  syscall
    ret

hypercall_gate_iret:
    jmp hypercall_page + __HYPERVISOR_iret * 32

    .section .note.GNU-stack, "", @progbits
