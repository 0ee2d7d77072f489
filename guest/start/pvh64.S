/* SPDX-License-Identifier: MIT */
/*
 * First instructions and ELF notes of a PVH test kernel. The builder enters at _start in 32-bit protected mode without
 * paging, ebx = physical address of struct hvm_start_info. We map the first GiB twice (at 0 and at -2 GiB) with large
 * pages, go to long mode and call pvh_start_main(); it makes the tables tests work with.
 */
#define __ASSEMBLY__
#define START_STACK_SIZE (1 << 14)
#include <xen/elfnote.h>

#define PHYS(symbol) ((symbol) - 0xffffffff80000000)
#define CR0_START 0x80000033 /* PG, NE, ET, MP, PE */
#define CR4_START 0x6a0      /* PAE, PGE, OSFXSR, OSXMMEXCPT */
#define EFER_START 0x901     /* SCE, LME, NXE */
#define MSR_EFER 0xc0000080

    .pushsection .note.Xen, "a", @note
    .balign 4
    .long 4
    .long 8
    .long XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad _start - 0xffffffff80000000
    .balign 4
    .long 4
    .long 2f - 1f
    .long XEN_ELFNOTE_GUEST_OS
    .asciz "Xen"
1:  .asciz "proxenos-test"
2:  .balign 4
    .popsection

    .section .text.start, "ax", @progbits
    .code32
    .globl _start
_start:
    cli
    cld
    mov $PHYS(start_stack) + START_STACK_SIZE, %esp
    mov %ebx, %esi

    /* Level 2: 512 large pages, present, writable, accessed, dirty. */
    mov $PHYS(boot_l2), %edi
    mov $0x000000e3, %eax
1:  mov %eax, (%edi)
    movl $0, 4(%edi)
    add $8, %edi
    add $0x200000, %eax
    cmp $PHYS(boot_l2 + 4096), %edi
    jb 1b
    movl $PHYS(boot_l2) + 0x63, PHYS(boot_l3)
    movl $PHYS(boot_l2) + 0x63, PHYS(boot_l3 + 510 * 8)
    movl $PHYS(boot_l3) + 0x63, PHYS(boot_l4)
    movl $PHYS(boot_l3) + 0x63, PHYS(boot_l4 + 511 * 8)

    mov $CR4_START, %eax
    mov %eax, %cr4
    mov $PHYS(boot_l4), %eax
    mov %eax, %cr3
    mov $MSR_EFER, %ecx
    xor %edx, %edx
    mov $EFER_START, %eax
    wrmsr
    mov $CR0_START, %eax
    mov %eax, %cr0
    lgdt PHYS(boot_gdtr)
    ljmp $PVH_CS, $PHYS(long_mode)

    .code64
long_mode:
    movabs $1f, %rax
    jmp *%rax
1:  xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    mov $PVH_DS, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    lea start_stack + START_STACK_SIZE(%rip), %rsp
    lgdt pvh_gdtr(%rip)
    xor %ebp, %ebp
    mov %esi, %edi
    call pvh_start_main
1:  jmp 1b

    .set PVH_CS, 0x08
    .set PVH_DS, 0x10

    .data
    .balign 16
boot_gdtr:
    .word pvh_gdt_end - pvh_gdt - 1
    .long PHYS(pvh_gdt)
    .balign 16
    .globl pvh_gdtr
pvh_gdtr:
    .word pvh_gdt_end - pvh_gdt - 1
    .quad pvh_gdt
    .balign 16
    .globl pvh_gdt
pvh_gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* 0x08 kernel code, 64 bit */
    .quad 0x00cf93000000ffff /* 0x10 kernel data */
    .quad 0x00cf9b000000ffff /* 0x18 kernel code, 32 bit */
    .quad 0x00cff3000000ffff /* 0x23 user data */
    .quad 0x00affb000000ffff /* 0x2b user code, 64 bit */
    .quad 0, 0               /* 0x30 TSS */
pvh_gdt_end:

    .bss
    .balign 4096
boot_l4:
    .skip 4096
boot_l3:
    .skip 4096
boot_l2:
    .skip 4096

    .section .note.GNU-stack, "", @progbits
