/* SPDX-License-Identifier: MIT */
/*
 * uint32_t call32_run(unsigned int mode, struct call32_regs *regs) of call32.h: out of 64-bit code, a hypercall in
 * one of the modes below it, and back. All of it runs at the kernel's physical address, which every mode maps; interrupts
 * are off, and a fault on the way is a triple fault.
 */
#define __ASSEMBLY__
#include "guest/libguest/pvh/call.h"
#include "guest/libguest/x86/save.h"

#define PHYS(symbol) ((symbol) - 0xffffffff80000000)
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100
#define CR4_PSE 0x10
#define CR4_PAE 0x20

    .text
    .globl call32_run
call32_run:
    SAVE_CALLEE_REGS
    mov %rsp, saved_rsp(%rip)
    mov %cr3, %rax
    mov %rax, saved_cr3(%rip)
    mov %cr4, %rax
    mov %rax, saved_cr4(%rip)
    sgdt saved_gdt(%rip)
    sidt saved_idt(%rip)
    movabs $0x80000000, %rax    /* regs lies in the kernel's GiB: its physical address */
    add %rax, %rsi
    pushq $0x18                 /* PVH_CS32 */
    pushq $PHYS(narrow)
    lretq

    .code32
narrow:
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $PHYS(stack_top), %esp
    test %edi, %edi
    jz call
    call paging_off
    mov $MSR_EFER, %ecx
    rdmsr
    and $~EFER_LME, %eax
    wrmsr
    cmp $1, %edi
    je call
    mov $PHYS(call32_pae), %eax
    cmp $2, %edi
    je 1f
    mov %cr4, %eax
    and $~CR4_PAE, %eax
    or $CR4_PSE, %eax
    mov %eax, %cr4
    mov $PHYS(call32_two), %eax
1:  mov %eax, %cr3
    call paging_on

call:
    push %edi
    push %esi
    cmpl $0, PHYS(call32_waits)
    jne wait
    mov 0(%esi), %eax
    mov 4(%esi), %ebx
    mov 8(%esi), %ecx
    mov 12(%esi), %edx
    mov 20(%esi), %edi
    mov 24(%esi), %ebp
    mov 16(%esi), %esi
    HYPERCALL_INSTRUCTION
done:
    pop %esi
    pop %edi
    mov %eax, 0(%esi)
    test %edi, %edi
    jz back
    cmp $1, %edi
    je 1f
    call paging_off
1:  mov PHYS(saved_cr4), %eax
    mov %eax, %cr4
    mov PHYS(saved_cr3), %eax
    mov %eax, %cr3
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_LME, %eax
    wrmsr
    call paging_on
back:
    mov 0(%esi), %eax
    ljmp $0x08, $PHYS(wide)

/* Sleeps until there was an upcall, with tables of this mode's own. */
wait:
    mov PHYS(saved_gdt + 2), %eax
    sub $0x80000000, %eax
    mov %eax, PHYS(low_gdt + 2)
    mov PHYS(saved_gdt), %ax
    mov %ax, PHYS(low_gdt)
    lgdt PHYS(low_gdt)
    lidt PHYS(low_idt)
    mov PHYS(call32_upcalls), %eax
1:  sti
    hlt
    cli
    cmp PHYS(call32_upcalls), %eax
    je 1b
    xor %eax, %eax
    jmp done

    .globl call32_upcall
call32_upcall:
    push %eax
    mov PHYS(call32_upcall_flag), %eax
    movb $0, (%eax)
    incl PHYS(call32_upcalls)
    pop %eax
    iret

paging_off:
    mov %cr0, %eax
    and $0x7fffffff, %eax
    mov %eax, %cr0
    ret

paging_on:
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
    ret

    .code64
wide:
    movabs $1f, %rcx
    jmp *%rcx
1:  lgdt saved_gdt(%rip)
    lidt saved_idt(%rip)
    mov saved_rsp(%rip), %rsp
    RESTORE_CALLEE_REGS
    ret

    .data
low_idt:
    .word 2047
    .long PHYS(call32_idt)
low_gdt:
    .word 0
    .long 0

    .bss
saved_gdt:
    .skip 10
saved_idt:
    .skip 10
    .balign 16
saved_rsp:
    .skip 8
saved_cr3:
    .skip 8
saved_cr4:
    .skip 8
    .balign 16
    .skip 1024
stack_top:

    .section .note.GNU-stack, "", @progbits
