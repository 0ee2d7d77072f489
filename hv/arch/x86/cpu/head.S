/* SPDX-License-Identifier: MIT */
/*
 * From the boot loader to C: 32-bit entry with paging off (Multiboot 1 and 2), first page tables, long
 * mode, CPU 0's stack, boot_start(magic, info).
 *
 * The first tables map physical 0..4 GiB with 2 MiB pages three times: at 0 (to survive switching paging
 * on, and for starting other CPUs), at DIRECT_START, and its first part at IMAGE_START.
 */
#include <asm_offsets.h>

#include "hv/arch/x86/cpu/traps.h"

#define IMAGE_BASE 0xffff82d080000000 /* IMAGE_START */
#define PHYS(sym) ((sym) - IMAGE_BASE)
#define STACK_BYTES 32768
#define LONG_MODE_BIT 29
#define NX_BIT 20

    .code32
    .section .boot.text, "ax", @progbits

    .balign 8
multiboot1_header:
    .long 0x1BADB002
    .long 0x00000003 /* page-aligned modules, memory information */
    .long -(0x1BADB002 + 0x00000003)

    .balign 8
multiboot2_header:
    .long 0xE85250D6
    .long 0
    .long multiboot2_end - multiboot2_header
    .long -(0xE85250D6 + (multiboot2_end - multiboot2_header))
    .short 6, 1 /* page-aligned modules, optional */
    .long 8
    .short 4, 1 /* console flags, optional: text mode is fine */
    .long 12, 2
    .balign 8
    .short 0, 0
    .long 8
multiboot2_end:

    .globl start32
start32:
    cli
    cld
    mov $PHYS(boot_stack_top), %esp
    mov %eax, %edi
    mov %ebx, %esi

    mov $0x80000000, %eax
    cpuid
    cmp $0x80000001, %eax
    jb no_long_mode
    mov $0x80000001, %eax
    cpuid
    bt $LONG_MODE_BIT, %edx
    jnc no_long_mode
    mov %edx, %ebp

    /* Four level 2 tables for 0..4 GiB, present + writable + accessed + dirty + large. */
    mov $PHYS(boot_l2), %ebx
    mov $0x000000e3, %eax
1:  mov %eax, (%ebx)
    movl $0, 4(%ebx)
    add $8, %ebx
    add $0x200000, %eax
    cmp $PHYS(boot_l2 + 4 * 4096), %ebx
    jb 1b

    /* Level 3: identity and direct map share one table, the image has its own. */
    mov $PHYS(boot_l2) + 0x63, %eax
    mov $PHYS(paging_direct_l3), %ebx
    mov $4, %ecx
1:  mov %eax, (%ebx)
    add $4096, %eax
    add $8, %ebx
    loop 1b
    movl $PHYS(boot_l2) + 0x63, PHYS(paging_image_l3 + 322 * 8)
    movl $PHYS(paging_direct_l3) + 0x63, PHYS(paging_idle_l4 + 0 * 8)
    movl $PHYS(paging_image_l3) + 0x63, PHYS(paging_idle_l4 + 261 * 8)
    movl $PHYS(paging_direct_l3) + 0x63, PHYS(paging_idle_l4 + 262 * 8)

    mov $0x000006a0, %eax /* CR4: PAE, PGE, OSFXSR, OSXMMEXCPT */
    mov %eax, %cr4
    mov $PHYS(paging_idle_l4), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx /* EFER: SCE, LME, and NXE where there is NX */
    rdmsr
    or $0x101, %eax
    bt $NX_BIT, %ebp
    jnc 1f
    or $0x800, %eax
1:  wrmsr
    mov $0x80010023, %eax /* CR0: PG, WP, NE, MP, PE */
    mov %eax, %cr0

    lgdt PHYS(boot_gdtr32)
    ljmp $SEL_HV_CS, $PHYS(start64)

no_long_mode:
    mov $PHYS(no_long_mode_text), %esi
    mov $0x3f8, %edx
1:  lodsb
    test %al, %al
    jz 2f
    out %al, %dx
    jmp 1b
2:  hlt
    jmp 2b
no_long_mode_text:
    .asciz "Proxenos needs a 64-bit CPU.\r\n"

    .code64
start64:
    movabs $start_high, %rax
    jmp *%rax
start_high:
    lgdt boot_gdtr64(%rip)
    mov $SEL_HV_DS, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    lea boot_stack_top(%rip), %rsp
    sub $CPU_LOCAL_SIZE, %rsp
    xor %ebp, %ebp
    mov %edi, %edi
    mov %esi, %esi
    call boot_start
    ud2

    .section .data, "aw", @progbits
    .balign 16
boot_gdtr32:
    .word 0xffff
    .long PHYS(boot_gdt) - SEL_GDT_FIRST
    .balign 16
    .globl boot_gdtr64
boot_gdtr64:
    .word 0xffff
    .quad boot_gdt - SEL_GDT_FIRST
    .balign 64
    .globl boot_gdt
boot_gdt: /* from SEL_GDT_FIRST on; accessed bits are set so that the CPU never writes here */
    .quad 0
    .quad 0x00af9b000000ffff /* 0xe008 hypervisor code */
    .quad 0x00cf93000000ffff /* 0xe010 hypervisor data */
    .quad 0
    .quad 0x00cffb000000ffff /* 0xe023 user code, 32 bit */
    .quad 0x00cff3000000ffff /* 0xe02b user data */
    .quad 0x00affb000000ffff /* 0xe033 user code, 64 bit */
    .quad 0

    .section .bss.stack, "aw", @nobits
    .balign STACK_BYTES
    .globl boot_stack
boot_stack:
    .skip STACK_BYTES
boot_stack_top:

    .section .bss.page, "aw", @nobits
    .balign 4096
    .globl paging_idle_l4, paging_direct_l3, paging_image_l3
paging_idle_l4:
    .skip 4096
paging_direct_l3:
    .skip 4096
paging_image_l3:
    .skip 4096
boot_l2:
    .skip 4 * 4096
