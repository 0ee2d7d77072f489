/* SPDX-License-Identifier: MIT */
/*
 * HVC and SMC with any immediate and any function number, with registers full of nonsense: an HVC that is no call
 * of ours is an undefined instruction, an SMC that means nothing answers -1 (not supported), and x4 to x27 come back
 * as they were. Functions that would end or stop the caller (CPU_OFF, SYSTEM_OFF, SYSTEM_RESET, CPU_SUSPEND)
 * are left out. Command line: calls=N (default 20000), seed=N.
 */
#include "guest/arm64/guest.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/start.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"

#define HVC       0xd4000002U
#define SMC       0xd4000003U
#define RET       0xd65f03c0U
#define IMM(n)    ((uint32_t)(n) << 5)
#define XEN_TAG   0xea1U
#define ROUND     512U
#define PSCI_BASE 0x84000000U

static uint32_t code[2 * ROUND] __attribute__((aligned(4096)));

static uint64_t run(unsigned int i, uint64_t x0)
{
    register uint64_t r0 __asm__("x0") = x0;

    __asm__ volatile("blr %1"
                     : "+r"(r0)
                     : "r"(&code[2 * i])
                     : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
                       "x16", "x17", "x30", "memory", "cc");
    return r0;
}

static void test_immediates(uint32_t base, bool undefined)
{
    unsigned int wrong = 0;

    for (unsigned int first = 0; first < 0x10000; first += ROUND) {
        for (unsigned int i = 0; i < ROUND; i++) {
            code[2 * i] = base | IMM(first + i);
            code[2 * i + 1] = RET;
        }
        arm_code_ready(code, sizeof(code));
        for (unsigned int i = 0; i < ROUND; i++) {
            unsigned int before = sync_count;
            uint64_t answer;

            if (first + i == 0 || (undefined && first + i == XEN_TAG)) {
                continue;
            }
            answer = run(i, 0x84000000U); /* which would be a function with immediate 0 */
            wrong += undefined ? sync_count != before + 1 || sync_esr >> 26 != 0
                               : sync_count != before || answer != ~0UL;
        }
    }
    EXPECT_EQ(wrong, 0);
}

static bool ends_the_caller(uint32_t function)
{
    switch (function & ~0x40000000U) {
    case 1: /* CPU_OFF of PSCI 0.1 */
    case PSCI_BASE + 1: /* CPU_SUSPEND */
    case PSCI_BASE + 2: /* CPU_OFF */
    case PSCI_BASE + 8: /* SYSTEM_OFF */
    case PSCI_BASE + 9: /* SYSTEM_RESET */
    case PSCI_BASE + 0xc:
    case PSCI_BASE + 0xe:
    case PSCI_BASE + 0x12:
        return true;
    default:
        return false;
    }
}

static uint64_t any_function(void)
{
    uint32_t f = (uint32_t)arm_random();

    switch (arm_random_below(4)) {
    case 0:
        f = PSCI_BASE + arm_random_below(40);
        break;
    case 1:
        f = 0xc4000000U + arm_random_below(40);
        break;
    case 2:
        f = 0x80000000U + (f & 0x3f000000U) + (arm_random_below(4) == 0 ? arm_random_below(0x10000) : f & 0xff);
        break;
    default:
        break;
    }
    return ends_the_caller(f) ? PSCI_BASE : f | (arm_random_below(8) == 0 ? arm_random() << 32 : 0);
}

/* x4 to x27 hold patterns across the call; true when they are there behind it. */
static bool call_keeps_registers(bool smc, uint64_t f, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t x0 __asm__("x0") = f;
    register uint64_t x1 __asm__("x1") = a;
    register uint64_t x2 __asm__("x2") = b;
    register uint64_t x3 __asm__("x3") = c;

    __asm__ volatile("stp x29, x30, [sp, #-16]!\n"
                     ".irp n, 4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27\n"
                     "mov x\\n, #(0x1000 + \\n)\n"
                     ".endr\n"
                     "cbnz %w4, 1f\n"
                     "hvc #0\n"
                     "b 2f\n"
                     "1: smc #0\n"
                     "2: mov x3, #0\n"
                     ".irp n, 4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27\n"
                     "mov x2, #(0x1000 + \\n)\n"
                     "eor x2, x2, x\\n\n"
                     "orr x3, x3, x2\n"
                     ".endr\n"
                     "ldp x29, x30, [sp], #16\n"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
                     : "r"((uint64_t)smc)
                     : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",
                       "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "memory", "cc");
    return x3 == 0;
}

static void test_functions(unsigned long calls)
{
    unsigned int lost = 0;

    for (unsigned long i = 0; i < calls; i++) {
        uint64_t a = arm_random_below(2) == 0 ? arm_random_below(16) : arm_random();

        lost += !call_keeps_registers((i & 1) != 0, any_function(), a, arm_random(), arm_random());
    }
    EXPECT_EQ(lost, 0);
}

void test_main(void)
{
    unsigned long calls = string_option(start_cmdline(), "calls", 20000);

    sync_expected = true;
    test_immediates(HVC, true);
    test_immediates(SMC, false);
    EXPECT_EQ(sync_count, 0xfffe);
    sync_count = 0;
    test_functions(calls);
    EXPECT_EQ(sync_count, 0);
    sync_expected = false;
    EXPECT_EQ(firmware_call(PSCI_BASE, 0, 0, 0), 0x10001);
    EXPECT(hypercall_xen_version(0, NULL) >= 4 << 16);
}
