/* SPDX-License-Identifier: MIT */
/*
 * Serial ports whose registers are in memory, 1 << reg_shift bytes apart and read and written reg_bytes wide. See
 * ns16550.h.
 */
#include "hv/drivers/ns16550.h"

static uint8_t mmio_read(const struct ns16550_settings *s, unsigned int reg)
{
    unsigned long at = s->base + ((unsigned long)reg << s->reg_shift);

    return s->reg_bytes == 4 ? (uint8_t)*(volatile uint32_t *)at : *(volatile uint8_t *)at;
}

static void mmio_write(const struct ns16550_settings *s, unsigned int reg, uint8_t value)
{
    unsigned long at = s->base + ((unsigned long)reg << s->reg_shift);

    if (s->reg_bytes == 4) {
        *(volatile uint32_t *)at = value;
    } else {
        *(volatile uint8_t *)at = value;
    }
}

const struct ns16550_access ns16550_mmio = { .read = mmio_read, .write = mmio_write };
