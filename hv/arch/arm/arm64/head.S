/* SPDX-License-Identifier: MIT */
/*
 * Entry of the image, and of CPUs that PSCI starts or a spin table releases: EL2, MMU off, at any 2 MiB boundary. Makes the first page tables
 * (the image at IMAGE_START, and the gigabyte we run in at itself), switches the MMU on and goes to C.
 */
#include "hv/arch/arm/arm64/sysreg_values.h"
#ifdef EARLY_UART
#include "hv/arch/arm/arm64/early_uart_values.h"
#endif

/* On the port of EARLY_UART, with the MMU off: a text, or a register's value. Clobbers x0 to x4, x30. */
    .macro say text
#ifdef EARLY_UART
    .pushsection .rodata.early, "a", @progbits
.Lsay\@: .asciz "\text"
    .popsection
    adr x0, .Lsay\@
    bl early_say
#endif
    .endm
    .macro say_value register
#ifdef EARLY_UART
    mov x0, \register
    bl early_say_value
#endif
    .endm

    .section .boot.text, "ax", @progbits
/* The header of an arm64 Image. */
    b start
    .long 0
    .quad 0                     /* text offset */
    .quad image_size
    .quad 0xa                   /* little endian, 4 KiB pages, anywhere */
    .quad 0, 0, 0
    .ascii "ARM\x64"
    .long 0

/* x0: physical address of the device tree. */
start:
    msr daifset, #15
    mov x20, x0
    mrs x1, CurrentEL
    cmp x1, #(2 << 2)
    b.ne 8f
    adrp x21, image_begin       /* where we are */
    say "- at EL2, image at "
    say_value x21
    say ", device tree at "
    say_value x20
    say "\r\n"

    adrp x0, bss_begin          /* nobody has zeroed it */
    add x0, x0, :lo12:bss_begin
    adrp x1, bss_end
1:  stp xzr, xzr, [x0], #16
    cmp x0, x1
    b.lo 1b

    adrp x0, paging_l0          /* the gigabyte around us, at its own address */
    adrp x1, boot_identity_l1
    lsr x2, x21, #39
    orr x3, x1, #PTE_TABLE
    str x3, [x0, x2, lsl #3]
    lsr x2, x21, #30
    and x3, x2, #511
    lsl x4, x2, #30
    ldr x5, =PTE_BLOCK_RAM
    orr x4, x4, x5
    str x4, [x1, x3, lsl #3]

    adrp x1, boot_image_l1      /* the image: eight blocks of 2 MiB */
    mov x2, #(IMAGE_L0_SLOT)
    orr x3, x1, #PTE_TABLE
    str x3, [x0, x2, lsl #3]
    adrp x2, paging_image_l2
    orr x3, x2, #PTE_TABLE
    str x3, [x1]
    orr x4, x21, x5
    mov x6, #0
    mov x7, #0x200000
2:  str x4, [x2, x6, lsl #3]
    add x4, x4, x7
    add x6, x6, #1
    cmp x6, #8
    b.lo 2b

    bl cache_clean_tables
    say "- the MMU goes on\r\n"
    bl mmu_on
    ldr x9, =3f                 /* its link address: where it is mapped */
    br x9
3:  ldr x0, =boot_stack_top - CPU_LOCAL_BYTES
    mov sp, x0
    msr tpidr_el2, x0
    mov x0, x20
    mov x1, x21
    mov x29, xzr
    mov x30, xzr
    bl boot_start
8:  say "- not at EL2: halted\r\n"
9:  wfi
    b 9b

#ifdef EARLY_UART
    .macro early_put /* w2, to the port at x1 */
.Lput\@:
#if EARLY_UART_WORDS
    ldr w3, [x1, #EARLY_UART_STATUS]
#else
    ldrb w3, [x1, #EARLY_UART_STATUS]
#endif
#if EARLY_UART_READY
    tbz w3, #EARLY_UART_BIT, .Lput\@
#else
    tbnz w3, #EARLY_UART_BIT, .Lput\@
#endif
#if EARLY_UART_WORDS
    str w2, [x1]
#else
    strb w2, [x1]
#endif
    .endm

early_say:
    ldr x1, =EARLY_UART_ADDRESS
1:  ldrb w2, [x0], #1
    cbz w2, 2f
    early_put
    b 1b
2:  ret

early_say_value:
    ldr x1, =EARLY_UART_ADDRESS
    mov x4, #60
1:  lsr x2, x0, x4
    and x2, x2, #15
    add w3, w2, #('a' - 10)
    cmp w2, #10
    add w2, w2, #'0'
    csel w2, w2, w3, lo
    early_put
    subs x4, x4, #4
    b.pl 1b
    ret
#endif

/* What was written with the MMU off must not be hidden by older lines of a cache. */
cache_clean_tables:
    adrp x0, bss_begin
    adrp x1, bss_end
1:  dc civac, x0
    add x0, x0, #16
    cmp x0, x1
    b.lo 1b
    dsb sy
    ret

/* Common to all CPUs. Clobbers x0 to x5. */
mmu_on:
    mov x0, #(1 << 31)          /* HCR_EL2: RW, and not E2H, with which the registers below have other meanings */
    msr hcr_el2, x0
    isb
    ldr x0, =MAIR_VALUE
    msr mair_el2, x0
    ldr x0, =TCR_VALUE
    mrs x1, id_aa64mmfr0_el1
    and x1, x1, #0xf
    cmp x1, #5                  /* 48 bits are the most that 4 KiB pages give */
    b.ls 1f
    mov x1, #5
1:  orr x0, x0, x1, lsl #16
    msr tcr_el2, x0
    adrp x0, paging_l0
    msr ttbr0_el2, x0
    isb
    tlbi alle2
    dsb sy
    ic iallu
    dsb sy
    isb
    ldr x0, =SCTLR_VALUE
    msr sctlr_el2, x0
    isb
    ret

/* A CPU that a spin table releases: registers say nothing, its number does. Where all CPUs wait for one address, the
 * first one's release brings the others, too: they wait here for theirs. */
    .globl secondary_start_released
secondary_start_released:
    msr daifset, #15
    mrs x1, mpidr_el1
    ldr x2, =MPIDR_AFFINITY
    and x1, x1, x2
    b 2f
1:  wfe
2:  adrp x3, smp_released
    add x3, x3, :lo12:smp_released
3:  ldp x2, x0, [x3], #16
    cbz x0, 1b
    cmp x1, x2
    b.ne 3b

/* A CPU that PSCI starts. x0: virtual address of its struct cpu_local. */
    .globl secondary_start
secondary_start:
    msr daifset, #15
    mov x20, x0
    bl mmu_on
    ldr x9, =1f
    br x9
1:  mov sp, x20
    msr tpidr_el2, x20
    mov x29, xzr
    mov x30, xzr
    bl smp_secondary_main
    b 9b

    .ltorg

    .section .bss.page, "aw", @nobits
    .balign 4096
    .globl paging_l0, paging_image_l2
paging_l0:        .skip 4096
boot_identity_l1: .skip 4096
boot_image_l1:    .skip 4096
paging_image_l2:  .skip 4096
    .section .bss.stack, "aw", @nobits
    .balign 16384
boot_stack:
    .skip 16384
boot_stack_top:
