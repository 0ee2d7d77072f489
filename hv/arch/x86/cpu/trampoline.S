/* SPDX-License-Identifier: MIT */
/*
 * Where another CPU starts: real mode at the page smp.c copied this to, to long mode with the hypervisor's
 * page tables, its own stack and cpu_main(). Position independent: real-mode code uses cs * 16 as base.
 */
#include "hv/arch/x86/cpu/traps.h"

#define OFFSET(sym) ((sym) - trampoline_begin)

    .section .rodata, "a"
    .balign 16
    .globl trampoline_begin, trampoline_end, trampoline_args
trampoline_begin:
    .code16
    cli
    cld
    mov %cs, %ax
    mov %ax, %ds
    movzwl %ax, %ebx
    shl $4, %ebx /* linear address of this page */
    lea OFFSET(tramp_gdt)(%ebx), %eax
    mov %eax, OFFSET(tramp_gdtr) + 2
    lea OFFSET(tramp32)(%ebx), %eax
    mov %eax, OFFSET(tramp_jump)
    lgdtl OFFSET(tramp_gdtr)
    mov $0x11, %eax
    mov %eax, %cr0
    .byte 0x66, 0xff, 0x2e /* ljmpl *tramp_jump */
    .word OFFSET(tramp_jump)

    .code32
tramp32:
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov OFFSET(trampoline_args) + 4(%ebx), %eax
    mov %eax, %cr4
    mov OFFSET(trampoline_args)(%ebx), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    xor %edx, %edx
    mov OFFSET(trampoline_args) + 8(%ebx), %eax
    wrmsr
    mov $0x80010023, %eax
    mov %eax, %cr0
    lea OFFSET(tramp64)(%ebx), %eax
    mov %eax, OFFSET(tramp_jump)(%ebx)
    movw $0x18, OFFSET(tramp_jump) + 4(%ebx)
    ljmpl *OFFSET(tramp_jump)(%ebx)

    .code64
tramp64:
    mov %ebx, %ebx
    mov OFFSET(trampoline_args) + 16(%rbx), %rsp
    mov OFFSET(trampoline_args) + 24(%rbx), %rax
    lgdt boot_gdtr64_address(%rip)
    jmp 1f
boot_gdtr64_address:
    .word 0xffff
    .quad boot_gdt - SEL_GDT_FIRST
1:  mov $SEL_HV_DS, %ecx
    mov %ecx, %ds
    mov %ecx, %es
    mov %ecx, %ss
    xor %ecx, %ecx
    mov %ecx, %fs
    mov %ecx, %gs
    push $SEL_HV_CS
    push %rax
    lretq

    .balign 8
tramp_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
    .quad 0x00af9b000000ffff
tramp_gdtr:
    .word . - tramp_gdt - 1
    .long 0
    .balign 4
tramp_jump:
    .long 0
    .word 0x08
    .balign 8
trampoline_args:
    .skip 32
trampoline_end:
