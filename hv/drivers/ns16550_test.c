/* SPDX-License-Identifier: MIT */
/*
 * The serial port driver on a register file that behaves as a 16550A does, and where registers in memory lie for each
 * spacing and width.
 */
#include "hv/drivers/ns16550.h"
#include "hv/lib/string.h"
#include "tests/unit/unit.h"

static struct {
    uint8_t reg[8];
    unsigned int divisor;
    unsigned int fifo;        /* bytes that were written since it was seen empty */
    unsigned int most;        /* of them */
    bool stuck;               /* never sends */
    char out[128];
    size_t out_count;
    const char *in;
} uart;

static char received[16];
static size_t received_count;

static uint8_t fake_read(const struct ns16550_settings *s, unsigned int reg)
{
    (void)s;
    switch (reg) {
    case 0:
        return *uart.in != '\0' ? (uint8_t)*uart.in++ : 0;
    case 5:
        uart.fifo = uart.stuck ? uart.fifo : 0;
        return (uint8_t)((uart.stuck ? 0 : 0x60) | (*uart.in != '\0' ? 1 : 0));
    default:
        return uart.reg[reg];
    }
}

static void fake_write(const struct ns16550_settings *s, unsigned int reg, uint8_t value)
{
    bool divisor = (uart.reg[3] & 0x80) != 0;

    (void)s;
    if (reg == 0 && divisor) {
        uart.divisor = (uart.divisor & 0xff00) | value;
    } else if (reg == 1 && divisor) {
        uart.divisor = (uart.divisor & 0xff) | (unsigned int)value << 8;
    } else if (reg == 0) {
        uart.out[uart.out_count++ % sizeof(uart.out)] = (char)value;
        uart.most = ++uart.fifo > uart.most ? uart.fifo : uart.most;
    } else {
        uart.reg[reg] = value;
    }
}

static const struct ns16550_access fake_access = { .read = fake_read, .write = fake_write };
static const struct ns16550_settings fake_port = { .baud = 9600, .clock_hz = 1843200, .data_bits = 8, .parity = 'e',
                                                   .stop_bits = 1, .access = &fake_access };

static void reset(void)
{
    memset(&uart, 0, sizeof(uart));
    uart.in = "";
}

static void take(char c)
{
    received[received_count++ % sizeof(received)] = c;
}

TEST(ns16550_line_is_set)
{
    reset();
    EXPECT_EQ(ns16550_init(0, &fake_port), 0);
    EXPECT_EQ(uart.divisor, 12);
    EXPECT_EQ(uart.reg[3], 0x1b); /* 8e1 */
    EXPECT_EQ(uart.reg[1], 0);    /* no interrupts */
}

TEST(ns16550_line_stays_as_it_is)
{
    struct ns16550_settings s = fake_port;

    reset();
    uart.reg[3] = 0x03;
    s.baud = 0;
    EXPECT_EQ(ns16550_init(0, &s), 0);
    EXPECT_EQ(uart.divisor, 0);
    EXPECT_EQ(uart.reg[3], 0x03);
}

TEST(ns16550_writes_no_more_than_the_fifo_holds)
{
    static const char text[] = "a line of more than sixteen bytes\n";

    reset();
    EXPECT_EQ(ns16550_init(0, &fake_port), 0);
    ns16550_console(0)->write(text, sizeof(text) - 1);
    EXPECT_EQ(uart.out_count, sizeof(text));
    EXPECT_EQ(memcmp(uart.out, "a line of more than sixteen bytes\r\n", sizeof(text)), 0);
    EXPECT_EQ(uart.most, 16);
}

TEST(ns16550_gives_up_a_port_that_is_stuck)
{
    reset();
    EXPECT_EQ(ns16550_init(0, &fake_port), 0);
    uart.stuck = true;
    ns16550_console(0)->write("x", 1);
    EXPECT_EQ(uart.out_count, 0);
}

TEST(ns16550_input)
{
    reset();
    EXPECT_EQ(ns16550_init(0, &fake_port), 0);
    ns16550_set_input(take);
    uart.in = "hello";
    ns16550_poll();
    EXPECT_EQ(received_count, 0); /* it serves as input only when it is said */
    ns16550_enable_input(0);
    ns16550_poll();
    EXPECT_EQ(received_count, 5);
    EXPECT_EQ(memcmp(received, "hello", 5), 0);
}

static uint8_t open_bus_read(const struct ns16550_settings *s, unsigned int reg)
{
    (void)s;
    (void)reg;
    return 0xff;
}

TEST(ns16550_nothing_there)
{
    static const struct ns16550_access open_bus = { .read = open_bus_read, .write = fake_write };
    struct ns16550_settings s = fake_port;

    reset();
    s.access = &open_bus;
    EXPECT_EQ(ns16550_init(0, &s), -ENODEV);
    ns16550_console(0)->write("x", 1);
    EXPECT_EQ(uart.out_count, 0);
}

TEST(ns16550_registers_in_memory)
{
    uint32_t words[8];
    uint8_t bytes[8];
    struct ns16550_settings s = { .reg_shift = 2, .reg_bytes = 4, .base = (unsigned long)words };

    memset(words, 0xff, sizeof(words));
    ns16550_mmio.write(&s, 3, 0x55);
    EXPECT_EQ(words[3], 0x55);
    EXPECT_EQ(words[2], 0xffffffff);
    EXPECT_EQ(ns16550_mmio.read(&s, 3), 0x55);
    s.reg_bytes = 1;
    ns16550_mmio.write(&s, 2, 0x66);
    EXPECT_EQ(words[2], 0xffffff66);
    s = (struct ns16550_settings){ .reg_bytes = 1, .base = (unsigned long)bytes };
    memset(bytes, 0, sizeof(bytes));
    ns16550_mmio.write(&s, 7, 0x77);
    EXPECT_EQ(bytes[7], 0x77);
    EXPECT_EQ(ns16550_mmio.read(&s, 7), 0x77);
}
