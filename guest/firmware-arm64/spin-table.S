/* SPDX-License-Identifier: MIT */
/*
 * A firmware without PSCI for QEMU's `virt` machine with EL3 (secure=on, -bios): every CPU begins here, makes the
 * interrupt controller's interrupts non-secure (and the shared ones edges), goes down to EL2, and either jumps to the hypervisor's Image (the first)
 * or waits for an address in its word of the spin table. The loop and the table lie in one page of non-secure memory,
 * PARK, where the first CPU copies them: the others' words are at PARK + 0x800 + 8 * number, and the first CPU's is one
 * for all of them. The test puts the Image at IMAGE and its device tree at TREE (tests/arm64/test_arm64.py).
 */
#define PARK    0x47fff000
#define IMAGE   0x44000000
#define TREE    0x48000000
#define READY   0xff8       /* in PARK: the copy is there */
#define GICD    0x08000000
#define GICC    0x08010000
#define GICR    0x080a0000

#define SCR_VALUE  0x531    /* non-secure, HVC, EL2 is AArch64 */
#define SPSR_VALUE 0x3c9    /* EL2 with its own stack, all masked */

    .text
    .globl _start
_start:
    mrs x19, mpidr_el1
    and x19, x19, #0xff
    ldr x0, =SCR_VALUE
    msr scr_el3, x0
    msr cptr_el3, xzr
    ldr x0, =62500000
    msr cntfrq_el0, x0
    ldr x0, =0x30c50830         /* the ones */
    msr sctlr_el2, x0
    msr hcr_el2, xzr

    ldr x20, =GICD
    mrs x0, id_aa64pfr0_el1
    ubfx x0, x0, #24, #4
    cbz x0, gicv2

    mov x0, #0xf                /* GICv3: system registers, for the levels below too */
    msr S3_6_C12_C12_5, x0      /* ICC_SRE_EL3 */
    isb
    mov x0, #0xff
    msr S3_0_C4_C6_0, x0        /* ICC_PMR_EL1 */
    cbnz x19, 1f                /* the distributor is the first CPU's business */
    mov w0, #0x30               /* affinity routing before anything else */
    str w0, [x20]
    mov w0, #0x37
    str w0, [x20]
1:  ldr x1, =GICR
    add x1, x1, x19, lsl #17
    ldr w0, [x1, #0x14]         /* the redistributor wakes up */
    bic w0, w0, #2
    str w0, [x1, #0x14]
1:  ldr w0, [x1, #0x14]
    tbnz w0, #2, 1b
    add x1, x1, #0x10000
    mov w0, #-1
    str w0, [x1, #0x80]         /* its local interrupts: group 1, non-secure */
    b shared
gicv2:
    ldr x1, =GICC
    mov w0, #0xff
    str w0, [x1, #4]            /* the non-secure view has the upper half */
    mov w0, #3
    str w0, [x1]
    mov w1, #-1
    str w1, [x20, #0x80]
    cbnz x19, shared
    str w0, [x20]
shared:
    cbnz x19, others
    mov w0, #-1
    add x1, x20, #0x84          /* what is no interrupt ignores it */
    mov x2, #31
2:  str w0, [x1], #4
    subs x2, x2, #1
    b.ne 2b
    ldr w0, =0xaaaaaaaa         /* edges, all of the shared ones: nothing says how firmware leaves them */
    add x1, x20, #0xc00
    add x1, x1, #8
    mov x2, #62
6:  str w0, [x1], #4
    subs x2, x2, #1
    b.ne 6b

    adr x0, park_begin
    adr x1, park_end
    ldr x2, =PARK
3:  ldr w3, [x0], #4
    str w3, [x2], #4
    cmp x0, x1
    b.lo 3b
    ldr x2, =PARK
    mov w0, #1
    str w0, [x2, #READY]
    dsb sy
    sev
    ldr x0, =TREE
    ldr x1, =IMAGE
    b down
others:
    ldr x1, =PARK
4:  ldr w0, [x1, #READY]
    cbz w0, 4b
    mov x0, x19
down:
    ic iallu
    dsb sy
    isb
    msr elr_el3, x1
    ldr x2, =SPSR_VALUE
    msr spsr_el3, x2
    mov x1, xzr
    mov x2, xzr
    mov x3, xzr
    eret
    .ltorg

/* x0: the CPU's number. At EL2, with the MMU off. */
park_begin:
    adr x3, park_begin
    add x3, x3, #0x800
    add x1, x3, x0, lsl #3
5:  wfe
    ldr x2, [x1]
    ldr x4, [x3]
    orr x2, x2, x4
    cbz x2, 5b
    mov x0, xzr
    br x2
    .balign 8
park_end:
