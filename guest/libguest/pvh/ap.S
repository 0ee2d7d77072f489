/* SPDX-License-Identifier: MIT */
/*
 * The first instructions of a secondary vcpu of a PVH kernel: real mode, in the page its startup message names, where
 * smp.c copies pvh_ap_begin to pvh_ap_end; or pvh_ap_wide, in 64-bit code. Takes the tables, stack and function from pvh_ap_cr3, _stack and _entry.
 */
#define __ASSEMBLY__
#define PHYS(symbol) ((symbol) - 0xffffffff80000000)
#define PAGE 0x8000 /* PVH_AP_PAGE << 12 */
#define HERE(label) (PAGE + (label) - pvh_ap_begin)

    .data
    .code16
    .globl pvh_ap_begin, pvh_ap_end
pvh_ap_begin:
    cli
    xor %ax, %ax
    mov %ax, %ds
    lgdtl HERE(gdtr)
    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
    ljmpl $0x18, $HERE(protected)

    .code32
protected:
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $0x6a0, %eax
    mov %eax, %cr4
    mov PHYS(pvh_ap_cr3), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    xor %edx, %edx
    mov $0x901, %eax
    wrmsr
    mov $0x80000033, %eax
    mov %eax, %cr0
    ljmp $0x08, $HERE(long_mode)

    .code64
long_mode:
    movabs $pvh_ap_stack, %rax
    mov (%rax), %rsp
    movabs $pvh_ap_entry, %rax
    jmp *(%rax)

    /* By VCPUOP_initialise, where it is, with no descriptor table. */
    .globl pvh_ap_wide
pvh_ap_wide:
    lgdt pvh_gdtr(%rip)
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov pvh_ap_stack(%rip), %rsp
    pushq $0x08
    lea 1f(%rip), %rax
    push %rax
    lretq
1:  jmp *pvh_ap_entry(%rip)

    .balign 4
gdtr:
    .word 63
    .long PHYS(pvh_gdt)
pvh_ap_end:

    .section .note.GNU-stack, "", @progbits
