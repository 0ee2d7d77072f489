/* SPDX-License-Identifier: MIT */
/*
 * First instructions of an arm64 test kernel, an Image that the loader may put at any 2 MiB boundary. The MMU goes on
 * with two views: machine addresses as they are (devices below 1 GiB, memory above), and the image where it is linked.
 * Also the vectors: an interrupt goes to arm_irq(), a synchronous exception to arm_sync(), which may step over it.
 */
#define IMAGE_BASE_SLOT 256 /* of level 1: 256 GiB */

    .section .text.start, "ax", @progbits
    .globl _start
_start:
    b 1f
    .long 0
    .quad 0
    .quad image_size
    .quad 0xa
    .quad 0, 0, 0
    .ascii "ARM\x64"
    .long 0
1:  msr daifset, #15
    mov x23, x0                 /* the device tree */
    mrs x24, cntpct_el0         /* when we began */
    adrp x21, _start
    adrp x0, bss_begin
    adrp x1, image_end
2:  stp xzr, xzr, [x0], #16
    cmp x0, x1
    b.lo 2b
    adrp x0, boot_l1
    mov x1, #0x0405             /* device block, attribute 1 */
    movk x1, #0x0060, lsl #48
    str x1, [x0]
    mov x2, #1
3:  lsl x3, x2, #30             /* memory: gigabytes 1 to 7 */
    mov x4, #0x0701
    orr x3, x3, x4
    str x3, [x0, x2, lsl #3]
    add x2, x2, #1
    cmp x2, #8
    b.lo 3b
    adrp x1, boot_l2
    orr x2, x1, #3
    str x2, [x0, #(IMAGE_BASE_SLOT * 8)]
    mov x4, #0x0701
    orr x2, x21, x4
    str x2, [x1]
    ldr x0, =arm_boot_entry
    ldr x22, =start_stack_top
    b mmu_on

/* A vcpu that arm_cpu_start() starts: its stack is the context it is given. */
    .globl secondary_start
secondary_start:
    msr daifset, #15
    mov x22, x0
    ldr x0, =arm_secondary_entry

/* Jumps to x0 in the linked image, with the stack in x22. */
mmu_on:
    adrp x1, boot_l1
    ldr x2, =0x04ff             /* normal, device nGnRE */
    msr mair_el1, x2
    ldr x2, =0x200803519        /* 39 bits, 4 KiB, walks cached; upper half off */
    msr tcr_el1, x2
    msr ttbr0_el1, x1
    isb
    tlbi vmalle1
    dsb sy
    isb
    ldr x2, =0x30d0198d         /* the ones, M, C, I, SA */
    msr sctlr_el1, x2
    isb
    mov x2, #(3 << 20)          /* FP and SIMD are allowed, though not used */
    msr cpacr_el1, x2
    ldr x2, =vectors
    msr vbar_el1, x2
    isb
    mov sp, x22
    mov x29, xzr
    mov x30, xzr
    br x0

arm_boot_entry:
    mov x0, x23
    mov x1, x24
    bl arm_start
5:  b 5b

arm_secondary_entry:
    bl arm_secondary
6:  wfi
    b 6b

    .macro SAVE_ALL
    stp x0, x1, [sp, #-272]!
    stp x2, x3, [sp, #16]
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    stp x18, x19, [sp, #144]
    stp x20, x21, [sp, #160]
    stp x22, x23, [sp, #176]
    stp x24, x25, [sp, #192]
    stp x26, x27, [sp, #208]
    stp x28, x29, [sp, #224]
    mrs x0, elr_el1
    stp x30, x0, [sp, #240]
    mrs x0, spsr_el1
    str x0, [sp, #256]
    .endm

    .macro VECTOR target
    .balign 128
    b \target
    .endm

    .balign 2048
vectors:
    .rept 4
    VECTOR bad
    .endr
    VECTOR sync
    VECTOR irq
    VECTOR bad
    VECTOR bad
    .rept 8
    VECTOR bad
    .endr

sync:
    SAVE_ALL
    mov x0, sp
    bl arm_sync
    b leave
irq:
    SAVE_ALL
    bl arm_irq
leave:
    ldr x0, [sp, #256]
    msr spsr_el1, x0
    ldp x30, x0, [sp, #240]
    msr elr_el1, x0
    ldp x28, x29, [sp, #224]
    ldp x26, x27, [sp, #208]
    ldp x24, x25, [sp, #192]
    ldp x22, x23, [sp, #176]
    ldp x20, x21, [sp, #160]
    ldp x18, x19, [sp, #144]
    ldp x16, x17, [sp, #128]
    ldp x14, x15, [sp, #112]
    ldp x12, x13, [sp, #96]
    ldp x10, x11, [sp, #80]
    ldp x8, x9, [sp, #64]
    ldp x6, x7, [sp, #48]
    ldp x4, x5, [sp, #32]
    ldp x2, x3, [sp, #16]
    ldp x0, x1, [sp], #272
    eret
bad:
    b bad
    .ltorg

    .section .bss.page, "aw", @nobits
    .balign 4096
    .globl boot_l1
boot_l1: .skip 4096
boot_l2: .skip 4096
    .balign 16384
    .skip 16384
start_stack_top:
