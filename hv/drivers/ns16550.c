/* SPDX-License-Identifier: MIT */
/*
 * Serial ports: see ns16550.h. Output is called with the console lock held, so this file has no lock
 * for it; input comes from one timer (or interrupt) only. A port that stops answering is given up after
 * a bounded wait, so that a missing device cannot hang the machine.
 */
#include "hv/drivers/ns16550.h"

#include "hv/arch_cpu.h"
#include "hv/base/timer.h"
#include "hv/upcalls.h"

/* Registers, as offsets from the port's base. */
#define REG_DATA    0
#define REG_IER     1 /* interrupt enable; divisor high with LCR_DLAB */
#define REG_FCR     2 /* FIFO control */
#define REG_LCR     3
#define REG_MCR     4
#define REG_LSR     5
#define REG_SCRATCH 7

#define LCR_DLAB   0x80
#define FCR_RESET  0x07 /* FIFOs on and cleared, interrupt at one byte */
#define MCR_READY  0x0b /* DTR, RTS, interrupt line on */
#define LSR_DATA   0x01
#define LSR_EMPTY  0x20

#define FIFO_BYTES    16
#define SPINS_MAX     1000000
#define POLL_NS       10000000ULL
#define RECEIVE_BATCH 64

struct port {
    struct ns16550_settings at;
    bool ready;
    bool input;
    unsigned int room; /* bytes that surely fit in the transmit FIFO */
};

static struct port ports[NS16550_PORTS];
static struct timer poll_timer;
static void (*receive)(char c) = upcall_console_input;

static uint8_t reg_read(const struct port *p, unsigned int reg)
{
    return p->at.access->read(&p->at, reg);
}

static void reg_write(const struct port *p, unsigned int reg, uint8_t value)
{
    p->at.access->write(&p->at, reg, value);
}

/* ---- the device ---------------------------------------------------------------------------- */

static uint8_t line_control(const struct ns16550_settings *s)
{
    uint8_t lcr = (uint8_t)(s->data_bits - 5);

    lcr |= s->stop_bits == 2 ? 0x04 : 0;
    switch (s->parity) {
    case 'o':
        return lcr | 0x08;
    case 'e':
        return lcr | 0x18;
    case 'm':
        return lcr | 0x28;
    case 's':
        return lcr | 0x38;
    default:
        return lcr;
    }
}

static bool present(const struct port *p)
{
    reg_write(p, REG_SCRATCH, 0x5a);
    if (reg_read(p, REG_SCRATCH) != 0x5a) {
        return false;
    }
    reg_write(p, REG_SCRATCH, 0xa5);
    return reg_read(p, REG_SCRATCH) == 0xa5;
}

int ns16550_init(unsigned int port, const struct ns16550_settings *s)
{
    struct port *p = &ports[port];
    uint8_t lcr = line_control(s);

    p->at = *s;
    p->ready = false;
    if (!present(p)) {
        return -ENODEV;
    }
    reg_write(p, REG_IER, 0);
    if (s->baud != 0) {
        unsigned int divisor = s->clock_hz / 16 / s->baud;

        divisor = divisor == 0 ? 1 : divisor;
        reg_write(p, REG_LCR, lcr | LCR_DLAB);
        reg_write(p, REG_DATA, (uint8_t)divisor);
        reg_write(p, REG_IER, (uint8_t)(divisor >> 8));
        reg_write(p, REG_LCR, lcr);
    }
    reg_write(p, REG_FCR, FCR_RESET);
    reg_write(p, REG_MCR, MCR_READY);
    p->room = 0;
    p->ready = true;
    return 0;
}

static void put_byte(struct port *p, char c)
{
    for (unsigned int spins = 0; p->room == 0; spins++) {
        if (reg_read(p, REG_LSR) & LSR_EMPTY) {
            p->room = FIFO_BYTES;
        } else if (spins == SPINS_MAX) {
            p->ready = false;
            return;
        } else {
            arch_relax();
        }
    }
    reg_write(p, REG_DATA, (uint8_t)c);
    p->room--;
}

static void port_write(struct port *p, const char *text, size_t len)
{
    for (size_t i = 0; i < len && p->ready; i++) {
        if (text[i] == '\n') {
            put_byte(p, '\r');
        }
        put_byte(p, text[i]);
    }
}

static void com1_write(const char *text, size_t len)
{
    port_write(&ports[0], text, len);
}

static void com2_write(const char *text, size_t len)
{
    port_write(&ports[1], text, len);
}

static const struct console_device consoles[NS16550_PORTS] = {
    { .name = "com1", .write = com1_write },
    { .name = "com2", .write = com2_write },
};

const struct console_device *ns16550_console(unsigned int port)
{
    return &consoles[port];
}

/* ---- input --------------------------------------------------------------------------------- */

void ns16550_set_input(void (*fn)(char c))
{
    receive = fn;
}

void ns16550_enable_input(unsigned int port)
{
    ports[port].input = true;
}

void ns16550_poll(void)
{
    for (unsigned int i = 0; i < NS16550_PORTS; i++) {
        struct port *p = &ports[i];

        if (!p->ready || !p->input) {
            continue;
        }
        for (unsigned int n = 0; n < RECEIVE_BATCH && (reg_read(p, REG_LSR) & LSR_DATA); n++) {
            receive((char)reg_read(p, REG_DATA));
        }
    }
}

static void poll_timer_fired(void *data)
{
    (void)data;
    ns16550_poll();
    timer_set(&poll_timer, arch_clock_now() + POLL_NS);
}

void ns16550_start_polling(void)
{
    if (!ports[0].input && !ports[1].input) {
        return;
    }
    timer_init(&poll_timer, poll_timer_fired, NULL, arch_cpu_id());
    timer_set(&poll_timer, arch_clock_now() + POLL_NS);
}

bool ns16550_claims(unsigned int port, uint16_t *io_base, unsigned int *irq)
{
    if (!ports[port].ready) {
        return false;
    }
    *io_base = (uint16_t)ports[port].at.base;
    *irq = ports[port].at.irq;
    return true;
}
