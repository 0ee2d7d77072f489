/* SPDX-License-Identifier: MIT */
/*
 * A Multiboot image that prints the time stamp counter of its first instruction on the first
 * serial port and stops: what the firmware and QEMU's loader cost before any hypervisor image
 * starts. guest/bench.py subtracts it. Output: "marker 0x<16 digits>".
 */
    .code32
    .section .text, "ax"
    .globl _start
_start:
    rdtsc
    mov %eax, %esi
    mov %edx, %edi
    mov $text, %ebx
1:  movb (%ebx), %al
    test %al, %al
    jz 2f
    mov $0x3f8, %dx
    outb %al, %dx
    inc %ebx
    jmp 1b
2:  mov %edi, %ebp
    call print_hex
    mov %esi, %ebp
    call print_hex
    mov $'\n', %al
    outb %al, %dx
3:  hlt
    jmp 3b

/* Prints %ebp as eight digits. */
print_hex:
    mov $8, %ecx
    mov $0x3f8, %dx
1:  rol $4, %ebp
    mov %ebp, %eax
    and $15, %eax
    movb digits(%eax), %al
    outb %al, %dx
    loop 1b
    ret

text:
    .asciz "marker 0x"
digits:
    .ascii "0123456789abcdef"

    .balign 4
    .section .multiboot, "a"
    .long 0x1badb002
    .long 0
    .long -0x1badb002

    .section .note.GNU-stack, "", @progbits
