/* SPDX-License-Identifier: MIT */
/*
 * The vectors of EL2 and the one way back into a guest, which first sees to softirqs and to what the vcpu's interrupt
 * controller has to be told.
 *
 * While a guest runs SP_EL2 points at cpu_local.regs: its registers are stored upwards from there, C runs below.
 */
#include <asm_offsets.h>

#include "abi_numbers.h"

#if (HYPERCALL_COUNT & (HYPERCALL_COUNT - 1)) != 0
#error "a number is made one of the table's by a mask"
#endif
#define HYPERCALL_ESR 0x5a000ea1 /* HVC of a 64-bit guest, immediate XEN_HYPERCALL_TAG */

    .macro SAVE_REGS
    stp x0, x1, [sp, #0]
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
    str x30, [sp, #240]
    mrs x9, elr_el2
    mrs x10, spsr_el2
    stp x9, x10, [sp, #UREGS_pc]
    .endm

    .macro RESTORE_REGS
    ldp x9, x10, [sp, #UREGS_pc]
    msr elr_el2, x9
    msr spsr_el2, x10
    ldp x0, x1, [sp, #0]
    ldp x2, x3, [sp, #16]
    ldp x4, x5, [sp, #32]
    ldp x6, x7, [sp, #48]
    ldp x8, x9, [sp, #64]
    ldp x10, x11, [sp, #80]
    ldp x12, x13, [sp, #96]
    ldp x14, x15, [sp, #112]
    ldp x16, x17, [sp, #128]
    ldp x18, x19, [sp, #144]
    ldp x20, x21, [sp, #160]
    ldp x22, x23, [sp, #176]
    ldp x24, x25, [sp, #192]
    ldp x26, x27, [sp, #208]
    ldp x28, x29, [sp, #224]
    ldr x30, [sp, #240]
    .endm

/* An exception of our own. */
    .macro HV_VECTOR number, target
    .balign 128
    sub sp, sp, #UREGS_SIZE
    SAVE_REGS
    add x9, sp, #UREGS_SIZE
    str x9, [sp, #UREGS_sp]
    mov x9, #\number
    b \target
    .endm

    .macro GUEST_VECTOR number, target
    .balign 128
    SAVE_REGS
    mov x9, #\number
    b \target
    .endm

    .section .text.hot, "ax", @progbits
    .balign 2048
    .globl vectors
vectors:
    HV_VECTOR 0, hv_exception
    HV_VECTOR 1, hv_exception
    HV_VECTOR 2, hv_exception
    HV_VECTOR 3, hv_exception
    HV_VECTOR 4, hv_exception
    HV_VECTOR 5, hv_interrupt
    HV_VECTOR 6, hv_exception
    HV_VECTOR 7, hv_exception
    GUEST_VECTOR 8, guest_sync64
    GUEST_VECTOR 9, guest_interrupt
    GUEST_VECTOR 10, guest_other
    GUEST_VECTOR 11, guest_other
    GUEST_VECTOR 12, guest_sync
    GUEST_VECTOR 13, guest_interrupt
    GUEST_VECTOR 14, guest_other
    GUEST_VECTOR 15, guest_other

guest_sync64:
    mrs x11, esr_el2
    ldr w12, =HYPERCALL_ESR
    cmp w11, w12
    b.ne guest_trap
    msr daifclr, #2
    cmp x16, #HYPERCALL_COUNT
    b.hs 2f
    adrp x12, hypercall_table
    add x12, x12, :lo12:hypercall_table
    and x13, x16, #(HYPERCALL_COUNT - 1) /* on speculation as well */
    ldr x12, [x12, x13, lsl #3]
    mov x29, xzr
    blr x12
3:  str x0, [sp]
    cmn x0, #ERESTART
    b.eq hypercall_restart

    .globl exit_to_guest
exit_to_guest:
    msr daifset, #2
    ldr x0, [sp, #CPU_softirq]
    cbnz x0, run_softirqs
    ldr x1, [sp, #CPU_current]
    ldr x2, [x1, #VCPU_arch]
    ldr w3, [x2, #ARCH_exit_work]
    cbnz w3, exit_work
    RESTORE_REGS
    eret
    dsb nsh                     /* nothing is fetched past here on speculation */
    isb

2:  mov x0, #-ENOSYS
    b 3b
guest_sync:
    mrs x11, esr_el2
guest_trap:                     /* by exception class */
    ubfx x10, x11, #26, #6
    adrp x12, guest_trap_handlers
    add x12, x12, :lo12:guest_trap_handlers
    ldr x12, [x12, x10, lsl #3]
    mov x29, xzr
    mov x0, sp
    mov x1, x11
    blr x12
    b exit_to_guest

guest_other:
    mrs x11, esr_el2
    stp x11, x9, [sp, #UREGS_esr]
    mov x29, xzr
    mov x0, sp
    bl upcall_guest_trap
    b exit_to_guest

guest_interrupt:
    mov x29, xzr
    bl gic_interrupt
    b exit_to_guest

run_softirqs:
    msr daifclr, #2
    bl softirq_run
    b exit_to_guest

exit_work:
    mov x0, x1
    bl vgic_flush
    b exit_to_guest

hypercall_restart:
    bl upcall_hypercall_restart
    b exit_to_guest

hv_exception:
    mrs x10, esr_el2
    stp x10, x9, [sp, #UREGS_esr]
    mov x0, sp
    bl arm_exception
    b hv_return

hv_interrupt:
    bl gic_interrupt
hv_return:
    RESTORE_REGS
    add sp, sp, #UREGS_SIZE
    eret
    dsb nsh
    isb

    .ltorg

/* NORETURN void stack_reset_and_call(void (*fn)(void)): drops everything on this CPU's stack. */
    .globl stack_reset_and_call
stack_reset_and_call:
    mrs x1, tpidr_el2
    mov sp, x1
    mov x29, xzr
    mov x30, xzr
    blr x0
    brk #0

/* NORETURN void resume_guest(void): leaves into the guest whose registers are in cpu_local.regs. */
    .globl resume_guest
resume_guest:
    mrs x1, tpidr_el2
    mov sp, x1
    b exit_to_guest

/* void fpu_save(struct arch_fpu *), void fpu_restore(const struct arch_fpu *) */
    .arch_extension fp
    .arch_extension simd
    .globl fpu_save
fpu_save:
    st1 {v0.2d-v3.2d}, [x0], #64
    st1 {v4.2d-v7.2d}, [x0], #64
    st1 {v8.2d-v11.2d}, [x0], #64
    st1 {v12.2d-v15.2d}, [x0], #64
    st1 {v16.2d-v19.2d}, [x0], #64
    st1 {v20.2d-v23.2d}, [x0], #64
    st1 {v24.2d-v27.2d}, [x0], #64
    st1 {v28.2d-v31.2d}, [x0], #64
    mrs x1, fpsr
    mrs x2, fpcr
    stp x1, x2, [x0]
    ret
/* void regs_copy(struct cpu_user_regs *to, const struct cpu_user_regs *from) */
    .globl regs_copy
regs_copy:
    ld1 {v0.2d-v3.2d}, [x1], #64
    ld1 {v4.2d-v7.2d}, [x1], #64
    ld1 {v16.2d-v19.2d}, [x1], #64
    ld1 {v20.2d-v23.2d}, [x1], #64
    ldp q24, q25, [x1]
    st1 {v0.2d-v3.2d}, [x0], #64
    st1 {v4.2d-v7.2d}, [x0], #64
    st1 {v16.2d-v19.2d}, [x0], #64
    st1 {v20.2d-v23.2d}, [x0], #64
    stp q24, q25, [x0]
    ret
/* void paging_copy_clean_page(void *to, const void *from): see paging_copy_clean(). Any address in a line cleans it: x0
 * is 32 bytes behind where the next store goes. */
    .globl paging_copy_clean_page
paging_copy_clean_page:
    mov x2, #(4096 / 512)
    sub x0, x0, #32
1:
    .rept 4
    ld1 {v0.2d-v3.2d}, [x1], #64
    ld1 {v4.2d-v7.2d}, [x1], #64
    stp q0, q1, [x0, #32]!
    stp q2, q3, [x0, #32]!
    dc cvac, x0
    stp q4, q5, [x0, #32]!
    stp q6, q7, [x0, #32]!
    dc cvac, x0
    .endr
    subs x2, x2, #1
    b.ne 1b
    ret
    .globl fpu_restore
fpu_restore:
    ld1 {v0.2d-v3.2d}, [x0], #64
    ld1 {v4.2d-v7.2d}, [x0], #64
    ld1 {v8.2d-v11.2d}, [x0], #64
    ld1 {v12.2d-v15.2d}, [x0], #64
    ld1 {v16.2d-v19.2d}, [x0], #64
    ld1 {v20.2d-v23.2d}, [x0], #64
    ld1 {v24.2d-v27.2d}, [x0], #64
    ld1 {v28.2d-v31.2d}, [x0], #64
    ldp x1, x2, [x0]
    msr fpsr, x1
    msr fpcr, x2
    ret
