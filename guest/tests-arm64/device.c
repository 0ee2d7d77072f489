/* SPDX-License-Identifier: MIT */
/*
 * A device of the machine: QEMU's PL031 real-time clock, its seconds, its alarm and the interrupt of that, as dom0 and
 * as a guest that the device tree gives it to. Command line: rtc=ADDRESS (where it is for us), silent=1 (its interrupt
 * is not ours), withheld=ADDRESS (registers that are not ours).
 */
#include "guest/arm64/guest.h"
#include "guest/libguest/start.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"

#define RTC_MACHINE 0x9010000UL
#define RTC_IRQ     34U
#define DATA        0x0
#define MATCH       0x4
#define MASK        0x10
#define RAW_STATUS  0x14
#define CLEAR       0x1c
#define PERIPH_ID   0xfe0
#define SECOND      62500000UL

static uint64_t rtc;
static unsigned int expected = RTC_IRQ;

static void enable_irq(void)
{
    write32(gic_dist + 0x400 + RTC_IRQ / 4 * 4, 0xa0a0a0a0);
    if (is_gicv3()) {
        __asm__ volatile("str xzr, [%0]" ::"r"(gic_dist + 0x6000 + RTC_IRQ * 8) : "memory");
    } else {
        __asm__ volatile("strb %w0, [%1]" ::"r"(1), "r"(gic_dist + 0x800 + RTC_IRQ) : "memory");
    }
    write32(gic_dist + 0x100 + RTC_IRQ / 32 * 4, 1U << RTC_IRQ % 32);
}

/* With interrupts off: a level would come again and again. The number, 1023 for none in five seconds. */
static unsigned int wait_any(void)
{
    uint64_t start = counter();
    unsigned int irq = 1023;

    while (irq >= 1020 && counter() - start < 5 * SECOND) {
        irq = gic_acknowledge() & 1023;
    }
    return irq;
}

static void test_alarm(unsigned int after)
{
    uint32_t now = read32(rtc + DATA);
    unsigned int irq;

    write32(rtc + MATCH, now + after);
    write32(rtc + MASK, 1);
    irq = wait_any();
    EXPECT_EQ(irq, expected);
    EXPECT(read32(rtc + DATA) - now >= after);
    EXPECT_EQ(read32(rtc + RAW_STATUS), 1);
    if (irq < 1020) { /* a level: as long as it is there it comes */
        gic_end(irq);
        irq = wait_any();
        EXPECT_EQ(irq, expected);
    }
    write32(rtc + CLEAR, 1);
    EXPECT_EQ(read32(rtc + RAW_STATUS), 0);
    if (irq < 1020) {
        gic_end(irq);
    }
}

static void test_withheld(uint64_t at)
{
    sync_expected = true;
    (void)read32(at);
    sync_expected = false;
    EXPECT_EQ(sync_count, 1);
}

void test_main(void)
{
    uint64_t withheld = string_option(start_cmdline(), "withheld", 0);

    if (string_option(start_cmdline(), "silent", 0) != 0) {
        expected = 1023;
    }
    if (withheld != 0) {
        test_withheld(withheld);
    }
    rtc = string_option(start_cmdline(), "rtc", RTC_MACHINE);
    EXPECT_EQ(read32(rtc + PERIPH_ID) & 0xff, 0x31);
    EXPECT(read32(rtc + DATA) > 1600000000U); /* it is later than 2020 */
    write32(rtc + MASK, 0);
    write32(rtc + CLEAR, 1);
    enable_irq();
    test_alarm(1);
    test_alarm(1); /* and once more: the first has ended */
}
