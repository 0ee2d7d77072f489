/* SPDX-License-Identifier: MIT */
/*
 * The leanest page fault handlers, so that the measured round trip is the hypervisor's: both
 * step over the three-byte faulting instruction. One leaves by the iret hypercall, as Linux
 * does, the other by the iretq instruction, which a PV kernel may use towards itself.
 */
#define __ASSEMBLY__
#include <xen/xen.h>

    .text
    .globl bench_fault_hypercall, bench_fault_iretq
bench_fault_hypercall:
    pop %rcx
    pop %r11
    addq $3, 8(%rsp)
    movq $0, (%rsp)
    push %rcx
    push %r11
    push %rax
    mov $__HYPERVISOR_iret, %eax
    syscall

bench_fault_iretq:
    pop %rcx
    pop %r11
    add $8, %rsp
    addq $3, (%rsp)
    orb $3, 8(%rsp)
    iretq

    .section .note.GNU-stack, "", @progbits
