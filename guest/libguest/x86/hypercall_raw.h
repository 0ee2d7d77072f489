/* SPDX-License-Identifier: MIT */
/*
 * The x86-64 register convention of a hypercall: number in rax, arguments in rdi rsi rdx r10
 * r8, answer in rax; rcx and r11 are lost to the syscall instruction. Argument registers are
 * marked as changed, because a debug hypervisor may poison them.
 */
#ifndef GUEST_LIBGUEST_X86_HYPERCALL_RAW_H
#define GUEST_LIBGUEST_X86_HYPERCALL_RAW_H

static inline long hypercall_raw(unsigned long nr, unsigned long a, unsigned long b,
                                 unsigned long c, unsigned long d, unsigned long e)
{
    register unsigned long r10 __asm__("r10") = d;
    register unsigned long r8 __asm__("r8") = e;
    long answer = (long)nr;

    __asm__ volatile("call hypercall_gate"
                     : "+a"(answer), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)
                     :
                     : "rcx", "r9", "r11", "memory", "cc");
    return answer;
}
#endif
