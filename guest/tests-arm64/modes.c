/* SPDX-License-Identifier: MIT */
/*
 * 32-bit programs at EL0, and what an exception that the hypervisor gives its guest does to PSTATE. Where an
 * instruction of such a program traps to the hypervisor the program goes on behind it, though the instruction has two
 * bytes, and within a block of conditional instructions with the next one's condition. An exception to EL1 keeps its
 * kernel from user memory (PAN) as SCTLR_EL1 wants it: CPUs that have this show it (QEMU's max).
 */
#include "guest/arm64/guest.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/test.h"

#define TICKS       62500UL /* a millisecond of QEMU's counter */
#define AP_EL0      (1UL << 6)
#define SCTLR_NTWI  (1UL << 16)
#define SCTLR_SPAN  (1UL << 23)
#define PSR_USER32  0x1d0UL /* no interrupts */
#define PSR_ZERO    (1UL << 30)
#define CLASS_SVC32 0x11

/*
 * Leaves EL1 for an address and a PSTATE, x0 being 0, or (address 0) runs an HVC that means nothing: the syndrome of
 * the exception that comes of it. Only synchronous ones have a vector.
 */
uint64_t modes_run(uint64_t address, uint64_t psr, uint64_t x2);
extern uint64_t modes_x0, modes_pan;
uint64_t modes_x0, modes_pan; /* what the exception found in x0; PSTATE.PAN in its vector, where that exists */
extern uint64_t modes_has_pan;
uint64_t modes_has_pan;

__asm__(".pushsection .text\n"
        ".globl modes_run\n"
        "modes_run:\n"
        "    stp x29, x30, [sp, #-112]!\n"
        "    stp x19, x20, [sp, #16]\n"
        "    stp x21, x22, [sp, #32]\n"
        "    stp x23, x24, [sp, #48]\n"
        "    stp x25, x26, [sp, #64]\n"
        "    stp x27, x28, [sp, #80]\n"
        "    mrs x9, vbar_el1\n"
        "    str x9, [sp, #96]\n"
        "    adr x9, modes_vectors\n"
        "    msr vbar_el1, x9\n"
        "    isb\n"
        "    cbz x0, 1f\n"
        "    msr elr_el1, x0\n"
        "    msr spsr_el1, x1\n"
        "    mov x0, xzr\n"
        "    eret\n"
        "1:  hvc #0x123\n"
        "    .balign 2048\n"
        "modes_vectors:\n"
        "    .skip 0x200\n"
        "    b modes_back\n"
        "    .balign 0x200\n"
        "    b modes_back\n"
        "    .balign 0x200\n"
        "    b modes_back\n"
        "modes_back:\n"
        "    adrp x9, modes_x0\n"
        "    str x0, [x9, :lo12:modes_x0]\n"
        "    adrp x9, modes_has_pan\n"
        "    ldr x9, [x9, :lo12:modes_has_pan]\n"
        "    cbz x9, 2f\n"
        "    mrs x0, S3_0_C4_C2_3\n"
        "    adrp x9, modes_pan\n"
        "    str x0, [x9, :lo12:modes_pan]\n"
        "2:  mrs x0, esr_el1\n"
        "    ldr x9, [sp, #96]\n"
        "    msr vbar_el1, x9\n"
        "    isb\n"
        "    ldp x27, x28, [sp, #80]\n"
        "    ldp x25, x26, [sp, #64]\n"
        "    ldp x23, x24, [sp, #48]\n"
        "    ldp x21, x22, [sp, #32]\n"
        "    ldp x19, x20, [sp, #16]\n"
        "    ldp x29, x30, [sp], #112\n"
        "    ret\n"
        ".popsection\n");

static uint64_t sctlr_change(uint64_t clear, uint64_t set)
{
    uint64_t old;

    __asm__ volatile("mrs %0, sctlr_el1" : "=r"(old));
    __asm__ volatile("msr sctlr_el1, %0; isb" ::"r"((old & ~clear) | set) : "memory");
    return old;
}

/* A program, at the address the machine has it at; r2 is the interrupt controller's, which it may touch for once. */
static uint64_t run_user(const uint32_t *code, unsigned long bytes, uint64_t psr)
{
    uint64_t at = arm_physical(code);
    uint64_t device = boot_l1[0];
    uint64_t memory = boot_l1[at >> 30];
    uint64_t sctlr = sctlr_change(0, SCTLR_NTWI);
    uint64_t esr;

    arm_code_ready(code, bytes);
    boot_l1[0] = device | AP_EL0;
    boot_l1[at >> 30] = memory | AP_EL0;
    __asm__ volatile("dsb ish; tlbi vmalle1; dsb ish; isb" ::: "memory");
    /* Something to sleep for. */
    __asm__ volatile("msr cntv_tval_el0, %0; msr cntv_ctl_el0, %1; isb" ::"r"(TICKS), "r"(1UL) : "memory");
    esr = modes_run(at, psr, gic_dist);
    __asm__ volatile("msr cntv_ctl_el0, xzr; isb" ::: "memory");
    boot_l1[0] = device;
    boot_l1[at >> 30] = memory;
    __asm__ volatile("dsb ish; tlbi vmalle1; dsb ish; isb" ::: "memory");
    sctlr_change(~0UL, sctlr);
    irqs_on(); /* the timer's, if it came */
    irqs_off();
    return esr;
}

static void expect_end(uint64_t esr)
{
    EXPECT_EQ(esr >> 26, CLASS_SVC32);
    EXPECT_EQ(esr & 0xffff, 0);
}

/* Each ends in SVC 0 when every instruction had its turn. */
static void test_thumb(void)
{
    static const uint32_t wait[] __attribute__((aligned(64))) = { 0xdf00bf30, 0xdf02df01 }; /* WFI, SVC 0, 1, 2 */
    /* LDR r1, [r2, #4]; SVC 0. ITE EQ; LDREQ; MOVNE r0, #1; SVC 0: the flags say equal, so r0 stays. */
    static const uint32_t load[] __attribute__((aligned(64))) = { 0xdf006851, 0xdf02df01 };
    static const uint32_t block[] __attribute__((aligned(64))) = { 0x6851bf0c, 0xdf002001, 0xdf02df01 };

    expect_end(run_user(wait, sizeof(wait), PSR_USER32 | PSR_THUMB));
    expect_end(run_user(load, sizeof(load), PSR_USER32 | PSR_THUMB));
    expect_end(run_user(block, sizeof(block), PSR_USER32 | PSR_THUMB | PSR_ZERO));
    EXPECT_EQ(modes_x0 & 0xffffffff, 0);
}

static void test_arm(void)
{
    static const uint32_t wait[] __attribute__((aligned(64))) = { 0xe320f003, 0xef000000, 0xef000001 }; /* WFI; SVC */

    expect_end(run_user(wait, sizeof(wait), PSR_USER32));
}

static void test_pan(void)
{
    uint64_t mmfr1;
    uint64_t sctlr;

    __asm__("mrs %0, id_aa64mmfr1_el1" : "=r"(mmfr1));
    if ((mmfr1 >> 20 & 15) == 0) {
        test_note("the CPU cannot keep a kernel from user memory");
        return;
    }
    modes_has_pan = 1;
    sctlr = sctlr_change(SCTLR_SPAN, 0);
    __asm__ volatile("msr S0_0_C4_C0_4, xzr" ::: "memory"); /* PAN off */
    EXPECT_EQ(modes_run(0, 0, 0) >> 26, 0);
    EXPECT_EQ(modes_pan, 1UL << 22);
    sctlr_change(0, SCTLR_SPAN);
    __asm__ volatile("msr S0_0_C4_C0_4, xzr" ::: "memory");
    EXPECT_EQ(modes_run(0, 0, 0) >> 26, 0);
    EXPECT_EQ(modes_pan, 0);
    __asm__ volatile("msr S0_0_C4_C1_4, xzr" ::: "memory"); /* on, and it stays so */
    EXPECT_EQ(modes_run(0, 0, 0) >> 26, 0);
    EXPECT_EQ(modes_pan, 1UL << 22);
    __asm__ volatile("msr S0_0_C4_C0_4, xzr" ::: "memory");
    sctlr_change(~0UL, sctlr);
}

void test_main(void)
{
    uint64_t pfr0;

    __asm__("mrs %0, id_aa64pfr0_el1" : "=r"(pfr0));
    gic_enable_local(27);
    if ((pfr0 & 15) == 2) {
        test_arm();
        test_thumb();
    } else {
        test_note("the CPU runs no 32-bit programs");
    }
    test_pan();
    EXPECT(hypercall_xen_version(0, NULL) >= 4 << 16);
}
