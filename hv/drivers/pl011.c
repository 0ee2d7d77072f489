/* SPDX-License-Identifier: MIT */
/*
 * PL011 (Arm DDI 0183): data, flags and little else. See pl011.h. Output is called with the console lock held.
 */
#include "hv/drivers/pl011.h"

#include "hv/arch_cpu.h"
#include "hv/base/timer.h"
#include "hv/upcalls.h"

#define REG_DATA     0x00
#define REG_FLAGS    0x18
#define REG_CONTROL  0x30
#define REG_INT_MASK 0x38

#define FLAG_RX_EMPTY 0x10U
#define FLAG_TX_FULL  0x20U
#define CONTROL_ON    0x301U /* port, transmitter, receiver */

#define POLL_NS 10000000ULL

static volatile char *base;
static struct timer poll_timer;
static void (*input)(char c) = upcall_console_input;

static uint32_t reg_read(unsigned int reg)
{
    return *(volatile uint32_t *)(base + reg);
}

static void reg_write(unsigned int reg, uint32_t value)
{
    *(volatile uint32_t *)(base + reg) = value;
}

static void put(char c)
{
    while (reg_read(REG_FLAGS) & FLAG_TX_FULL) {
        arch_relax();
    }
    reg_write(REG_DATA, (uint8_t)c);
}

static void console_write(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n') {
            put('\r');
        }
        put(text[i]);
    }
}

static const struct console_device device = { .name = "pl011", .write = console_write };

const struct console_device *pl011_console(void)
{
    return &device;
}

void pl011_init(void *registers)
{
    base = registers;
    reg_write(REG_INT_MASK, 0);
    reg_write(REG_CONTROL, reg_read(REG_CONTROL) | CONTROL_ON);
}

void pl011_set_input(void (*fn)(char c))
{
    input = fn;
}

static void poll(void)
{
    for (unsigned int i = 0; i < 64 && !(reg_read(REG_FLAGS) & FLAG_RX_EMPTY); i++) {
        input((char)reg_read(REG_DATA));
    }
}

static void poll_expired(void *data)
{
    (void)data;
    poll();
    timer_set(&poll_timer, arch_clock_now() + POLL_NS);
}

void pl011_start_polling(void)
{
    timer_init(&poll_timer, poll_expired, NULL, arch_cpu_id());
    timer_set(&poll_timer, arch_clock_now() + POLL_NS);
}
