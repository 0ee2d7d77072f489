/* SPDX-License-Identifier: MIT */
/*
 * The port that EARLY_UART names, as firmware has set it up: see early_uart.h. Boot CPU only; called with the console
 * lock held.
 */
#include "hv/init/arm/early_uart.h"

#include "hv/arch/arm/arm64/early_uart_values.h"
#include "hv/arch/arm/cpu/paging.h"
#include "hv/arch_cpu.h"
#include "hv/base/printk.h"

static volatile char *base; /* NULL: the console has taken over */

static uint32_t status_read(void)
{
    return EARLY_UART_WORDS ? *(volatile uint32_t *)(base + EARLY_UART_STATUS)
                            : *(volatile uint8_t *)(base + EARLY_UART_STATUS);
}

static void put(char c)
{
    while (((status_read() >> EARLY_UART_BIT) & 1) != EARLY_UART_READY) {
        arch_relax();
    }
    if (EARLY_UART_WORDS) {
        *(volatile uint32_t *)base = (uint8_t)c;
    } else {
        *(volatile uint8_t *)base = (uint8_t)c;
    }
}

static void console_write(const char *text, size_t len)
{
    for (size_t i = 0; base != NULL && i < len; i++) {
        if (text[i] == '\n') {
            put('\r');
        }
        put(text[i]);
    }
}

static const struct console_device device = { .name = "early", .write = console_write };

void early_uart_start(void)
{
    base = arch_map_device(_paddr(EARLY_UART_ADDRESS), PAGE_SIZE);
    printk_add_device(&device);
}

void early_uart_stop(void)
{
    base = NULL;
}

void early_uart_no_tree(uint64_t start)
{
    printk("no device tree at 0x%lx, or a broken one: halted\n", (unsigned long)start);
}
