/* SPDX-License-Identifier: MIT */
/*
 * An interrupt controller used badly: distributor, redistributor and SGI registers written and read at random, in all
 * sizes, from one vcpu or from two at once; then everything reset, and it works. More interrupts pending at once than
 * there are list registers: each comes exactly once, the most urgent first. An SGI that already is in a list register
 * is withdrawn and made pending again. That another vcpu has ended an interrupt is seen soon. Command line: calls=N
 * (default 50000), seed=N.
 */
#include "guest/arm64/guest.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/start.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"

#define SPI_FIRST 32U
#define SPI_MAX   1020U

static volatile bool stop, stopped;

static void access(uint64_t at, bool is_write, unsigned int size, uint64_t value)
{
    switch (size * 2 + is_write) {
    case 0:
        __asm__ volatile("ldrb w9, [%0]" ::"r"(at) : "x9", "memory");
        break;
    case 1:
        __asm__ volatile("strb %w1, [%0]" ::"r"(at), "r"(value) : "memory");
        break;
    case 2:
        __asm__ volatile("ldrsh x9, [%0]" ::"r"(at) : "x9", "memory");
        break;
    case 3:
        __asm__ volatile("strh %w1, [%0]" ::"r"(at), "r"(value) : "memory");
        break;
    case 4:
        __asm__ volatile("ldr w9, [%0]" ::"r"(at) : "x9", "memory");
        break;
    case 5:
        __asm__ volatile("str %w1, [%0]" ::"r"(at), "r"(value) : "memory");
        break;
    case 6:
        __asm__ volatile("ldr x9, [%0]" ::"r"(at) : "x9", "memory");
        break;
    default:
        __asm__ volatile("str %1, [%0]" ::"r"(at), "r"(value) : "memory");
        break;
    }
}

static void wild_access(uint64_t a, uint64_t value)
{
    uint64_t base = gic_dist;
    uint64_t room = is_gicv3() ? 0x10000 : 0x1000;

    if (is_gicv3() && (a & 3) == 0) {
        base = gic_redist;
        room = 0x80000; /* beyond the vcpus there are, too */
    }
    a >>= 2;
    access(base + a % room, (a >> 24 & 3) != 0, a >> 28 & 3, a >> 32 & 1 ? value : value & 1 ? ~0UL : 0);
}

/* To anybody, by any affinity, in every form the registers have. */
static void wild_sgi(uint64_t value)
{
    if (is_gicv3()) {
        __asm__ volatile("msr S3_0_C12_C11_5, %0" ::"r"(value) : "memory");
    } else {
        write32(gic_dist + 0xf00, (uint32_t)value);
    }
}

/* The CPU interface: any state, ends of interrupts that are not active. */
static void wild_interface(uint64_t value)
{
    if (!is_gicv3()) {
        write32(gic_cpu + (value >> 40) % 0x400 * 4, (uint32_t)value);
        return;
    }
    switch (value >> 60) {
    case 0:
        __asm__ volatile("msr S3_0_C12_C12_1, %0" ::"r"(value & 0xffffff) : "memory"); /* EOIR1 */
        break;
    case 1:
        __asm__ volatile("msr S3_0_C12_C11_1, %0" ::"r"(value & 0xffffff) : "memory"); /* DIR */
        break;
    case 2:
        __asm__ volatile("msr S3_0_C4_C6_0, %0" ::"r"(value & 0xff) : "memory"); /* PMR */
        break;
    case 3:
        __asm__ volatile("msr S3_0_C12_C9_0, %0" ::"r"(value & 0xffffffff) : "memory"); /* AP1R0 */
        break;
    case 4:
        __asm__ volatile("msr S3_0_C12_C12_4, %0" ::"r"(value & 0xff) : "memory"); /* CTLR */
        break;
    case 5:
        __asm__ volatile("mrs x9, S3_0_C12_C12_0" ::: "x9", "memory"); /* IAR1 */
        break;
    default:
        break;
    }
}

static void other_vcpu(unsigned int vcpu)
{
    uint64_t state = vcpu + 77;

    while (!stop) {
        state = state * 6364136223846793005UL + 1442695040888963407UL;
        wild_access(state >> 13 | 1, state);
        wild_sgi(state);
    }
    __atomic_store_n(&stopped, true, __ATOMIC_SEQ_CST);
}

/* ---- one vcpu sees when another has ended an interrupt ----------------------------------------- */

#define ACTIVE_SPI 60U
enum { ROUTED = 1, ACTIVE, ENDED, GO_ON };
static volatile unsigned int phase;

static void phase_wait(unsigned int wanted)
{
    for (unsigned int i = 0; i < 100000000 && phase < wanted; i++) {
        __asm__ volatile("yield" ::: "memory");
    }
}

/* Sleeps while it is active, so that its list register is saved, and does nothing that traps once it has ended. */
static void second_vcpu(unsigned int vcpu)
{
    uint64_t irq;

    phase_wait(ROUTED);
    if (phase == ROUTED) {
        gic_enable_local(27);
        do {
            irq = gic_acknowledge();
        } while ((irq & 1023) != ACTIVE_SPI);
        phase = ACTIVE;
        __asm__ volatile("msr cntv_tval_el0, %0; msr cntv_ctl_el0, %1; isb; wfi" ::"r"(62500UL), "r"(1UL) : "memory");
        __asm__ volatile("msr cntv_ctl_el0, xzr; isb" ::: "memory");
        gic_end(irq);
        phase = ENDED;
    }
    while (phase != GO_ON) {
        __asm__ volatile("" ::: "memory");
    }
    other_vcpu(vcpu);
}

static bool spi_is_active(void)
{
    return read32(gic_dist + 0x300 + ACTIVE_SPI / 32 * 4) >> ACTIVE_SPI % 32 & 1;
}

/* True when the second vcpu is there. */
static bool test_active(void)
{
    bool two = arm_cpu_start(1, second_vcpu) == 0;
    unsigned int polls = 0;

    if (two && (read32(gic_dist + 4) & 31) > 0) {
        if (is_gicv3()) {
            __asm__ volatile("str %0, [%1]" ::"r"(1UL), "r"(gic_dist + 0x6000 + ACTIVE_SPI * 8) : "memory");
        } else {
            __asm__ volatile("strb %w0, [%1]" ::"r"(2), "r"(gic_dist + 0x800 + ACTIVE_SPI) : "memory");
        }
        write32(gic_dist + 0x100 + ACTIVE_SPI / 32 * 4, 1U << ACTIVE_SPI % 32);
        phase = ROUTED;
        write32(gic_dist + 0x200 + ACTIVE_SPI / 32 * 4, 1U << ACTIVE_SPI % 32);
        phase_wait(ACTIVE);
        phase_wait(ENDED);
        if (is_gicv3()) { /* a cluster that is not there: as it was */
            uint64_t route = 1UL << 16;

            __asm__ volatile("str %0, [%1]" ::"r"(route), "r"(gic_dist + 0x6000 + ACTIVE_SPI * 8) : "memory");
            __asm__ volatile("ldr %0, [%1]" : "=r"(route) : "r"(gic_dist + 0x6000 + ACTIVE_SPI * 8) : "memory");
            EXPECT_EQ(route, 1);
        }
        EXPECT_EQ(phase, ENDED);
        while (polls < 10000 && spi_is_active()) {
            polls++;
        }
        EXPECT(!spi_is_active());
        test_note("the end of another vcpu's interrupt is seen after %u looks", polls);
    }
    phase = GO_ON;
    return two;
}

static void interface_clear(void)
{
    if (is_gicv3()) {
        __asm__ volatile("msr S3_0_C12_C9_0, xzr; msr S3_0_C12_C8_4, xzr; msr S3_0_C12_C12_4, xzr" ::: "memory");
    } else {
        for (unsigned int i = 0; i < 4; i++) {
            write32(gic_cpu + 0xd0 + i * 4, 0);
        }
    }
}

static void test_wild(unsigned long calls, bool two)
{
    sync_expected = true;
    for (unsigned long i = 0; i < calls; i++) {
        uint64_t value = arm_random();

        switch (value & 7) {
        case 0:
            wild_sgi(arm_random());
            break;
        case 1:
            wild_interface(arm_random());
            break;
        default:
            wild_access(arm_random(), value >> 3);
            break;
        }
    }
    stop = true;
    for (unsigned int i = 0; two && i < 100000000 && !stopped; i++) {
        __asm__ volatile("yield" ::: "memory");
    }
    EXPECT(!two || stopped);
    test_note("%lu accesses, %s, %u refused", calls, two ? "beside another vcpu" : "alone", sync_count);
    interface_clear();
    sync_expected = false;
}

/* ---- more than there are list registers ------------------------------------------------------- */

static volatile unsigned int order[SPI_MAX], order_count;

static unsigned int total(unsigned int from, unsigned int to)
{
    unsigned int sum = 0;

    for (unsigned int i = from; i < to; i++) {
        sum += irq_count[i];
    }
    return sum;
}

/* Takes them one after another without leaving the running priority in between. */
static void drain(unsigned int most)
{
    order_count = 0;
    while (order_count < most) {
        uint64_t irq = gic_acknowledge();

        /* Refills come with an exit, perhaps of the other vcpu. */
        for (unsigned int i = 0; i < 100000 && (irq & 1023) >= SPI_MAX; i++) {
            (void)hypercall_xen_version(0, NULL);
            irq = gic_acknowledge();
        }
        if ((irq & 1023) >= SPI_MAX) {
            return;
        }
        order[order_count++] = (unsigned int)irq & 1023;
        gic_end(irq);
    }
}

static void set_priority(unsigned int irq, unsigned int priority)
{
    __asm__ volatile("strb %w0, [%1]" ::"r"(priority), "r"(gic_dist + 0x400 + irq) : "memory");
}

static void test_many(void)
{
    unsigned int lines = ((read32(gic_dist + 4) & 31) + 1) * 32;
    unsigned int count = 0;
    unsigned int wrong = 0;

    lines = lines > SPI_MAX ? SPI_MAX : lines;
    irqs_off();
    for (unsigned int irq = SPI_FIRST; irq < lines; irq++) {
        set_priority(irq, (irq * 8) & 0xf8 ? (irq * 8) & 0xe8 : 8);
        write32(gic_dist + 0x100 + irq / 32 * 4, 1U << irq % 32);
    }
    for (unsigned int irq = SPI_FIRST; irq < lines; irq++) {
        write32(gic_dist + 0x200 + irq / 32 * 4, 1U << irq % 32);
        count++;
    }
    drain(2 * count);
    EXPECT_EQ(order_count, count);
    for (unsigned int i = 0; i < order_count; i++) {
        for (unsigned int j = 0; j < i; j++) {
            wrong += order[i] == order[j];
        }
    }
    EXPECT_EQ(wrong, 0);
    test_note("%u interrupts at once, %u came", count, order_count);
    gic_reset();
}

/* With interrupts on: SGIs and SPIs together, again and again. */
static void test_flood(void)
{
    unsigned int lines = (read32(gic_dist + 4) & 31) * 32; /* none for a guest of a toolstack that gives it no device */
    unsigned int spis = lines > 64 ? 64 : lines;
    unsigned int before = total(0, 16) + total(SPI_FIRST, SPI_FIRST + spis);
    unsigned int sent = 0;

    for (unsigned int irq = SPI_FIRST; irq < SPI_FIRST + spis; irq++) {
        write32(gic_dist + 0x100 + irq / 32 * 4, 1U << irq % 32);
    }
    for (unsigned int round = 0; round < 100; round++) {
        irqs_off();
        for (unsigned int sgi = 0; sgi < 16; sgi++) {
            arm_send_sgi(sgi, 1);
        }
        for (unsigned int irq = SPI_FIRST; irq < SPI_FIRST + spis; irq++) {
            write32(gic_dist + 0x200 + irq / 32 * 4, 1U << irq % 32);
        }
        sent += 16 + spis;
        irqs_on();
        for (unsigned int i = 0; i < 1000000; i++) {
            if (total(0, 16) + total(SPI_FIRST, SPI_FIRST + spis) - before == sent) {
                break;
            }
        }
    }
    irqs_off();
    EXPECT_EQ(total(0, 16) + total(SPI_FIRST, SPI_FIRST + spis) - before, sent);
}

/* GICv2 has registers of senders for this, GICv3 the redistributor's pending bits. */
static uint32_t sgi_pending(unsigned int sgi)
{
    return is_gicv3() ? read32(gic_redist + 0x10200) >> sgi & 1
                      : read32(gic_dist + 0xf10 + sgi / 4 * 4) >> sgi % 4 * 8 & 0xff;
}

static void sgi_withdraw(unsigned int sgi, uint32_t senders)
{
    if (is_gicv3()) {
        write32(gic_redist + 0x10280, 1U << sgi);
    } else {
        write32(gic_dist + 0xf10 + sgi / 4 * 4, senders << sgi % 4 * 8);
    }
}

static void test_withdraw(void)
{
    irqs_off();
    arm_send_sgi(6, 1);
    EXPECT_EQ(sgi_pending(6), 1);
    if (!is_gicv3()) {
        sgi_withdraw(6, 0xfe); /* not who sent it */
        EXPECT_EQ(sgi_pending(6), 1);
    }
    sgi_withdraw(6, 1);
    EXPECT_EQ(sgi_pending(6), 0);
    EXPECT_EQ(gic_acknowledge() & 1023, 1023);
    arm_send_sgi(6, 1);
    sgi_withdraw(6, 1);
    arm_send_sgi(6, 1);
    EXPECT_EQ(sgi_pending(6), 1);
    drain(2);
    EXPECT_EQ(order_count, 1);
    EXPECT_EQ(order[0], 6);
    EXPECT_EQ(sgi_pending(6), 0);
}

void test_main(void)
{
    unsigned long calls = string_option(start_cmdline(), "calls", 50000);

    test_withdraw();
    test_many();
    test_flood();
    gic_reset();
    test_wild(calls, test_active());
    gic_reset();
    drain(SPI_MAX); /* what was in list registers */
    gic_reset();
    test_many();
    test_flood();
    EXPECT(hypercall_xen_version(0, NULL) >= 4 << 16);
}
