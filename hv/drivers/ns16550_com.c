/* SPDX-License-Identifier: MIT */
/*
 * COM1 and COM2 of a PC: ports that are reached by I/O instructions, and what com1= and com2= say of them. See
 * ns16550.h.
 */
#include "hv/arch_cpu.h"
#include "hv/drivers/ns16550.h"
#include "hv/lib/string.h"

#define CLOCK_HZ 1843200

static uint8_t port_read(const struct ns16550_settings *s, unsigned int reg)
{
    return (uint8_t)arch_port_in((uint16_t)(s->base + reg), 1);
}

static void port_write(const struct ns16550_settings *s, unsigned int reg, uint8_t value)
{
    arch_port_out((uint16_t)(s->base + reg), value, 1);
}

static const struct ns16550_access port_access = { .read = port_read, .write = port_write };

void ns16550_defaults(unsigned int port, struct ns16550_settings *s)
{
    *s = (struct ns16550_settings){ .baud = 115200, .clock_hz = CLOCK_HZ, .data_bits = 8,
                                    .parity = 'n', .stop_bits = 1,
                                    .irq = port == 0 ? 4 : 3,
                                    .access = &port_access, .base = port == 0 ? 0x3f8 : 0x2f8 };
}

/* Reads a number into *value when there is one; false when what follows is neither , nor the end. */
static bool parse_number(const char **text, unsigned int *value, uint64_t max)
{
    const char *end;
    uint64_t n;

    if (**text == ',' || **text == '\0') {
        return true;
    }
    n = string_to_u64(*text, &end);
    if (end == *text || n > max) {
        return false;
    }
    *value = (unsigned int)n;
    *text = end;
    return true;
}

static bool parse_line_mode(const char **text, struct ns16550_settings *s)
{
    const char *t = *text;

    if (*t == ',' || *t == '\0') {
        return true;
    }
    if (t[0] < '5' || t[0] > '8' || t[1] == '\0' || strchr("noems", t[1]) == NULL ||
        (t[2] != '1' && t[2] != '2')) {
        return false;
    }
    s->data_bits = (unsigned int)(t[0] - '0');
    s->parity = t[1];
    s->stop_bits = (unsigned int)(t[2] - '0');
    *text = t + 3;
    return true;
}

static bool parse_baud(const char **text, struct ns16550_settings *s)
{
    if (strncmp(*text, "auto", 4) == 0) {
        s->baud = 0;
        *text += 4;
    } else if (!parse_number(text, &s->baud, 4000000)) {
        return false;
    }
    if (**text == '/') {
        (*text)++;
        return parse_number(text, &s->clock_hz, 1U << 30);
    }
    return true;
}

/* A comma leads to the next field; false when there is none. */
static bool next_field(const char **text)
{
    if (**text != ',') {
        return false;
    }
    (*text)++;
    return true;
}

int ns16550_parse(const char *text, struct ns16550_settings *s)
{
    struct ns16550_settings n = *s;
    unsigned int io = (unsigned int)n.base;

    if (!parse_baud(&text, &n)) {
        return -EINVAL;
    }
    if (next_field(&text) && !parse_line_mode(&text, &n)) {
        return -EINVAL;
    }
    if (next_field(&text) && (!parse_number(&text, &io, 0xfff8) || io == 0)) {
        return -EINVAL;
    }
    if (next_field(&text) && !parse_number(&text, &n.irq, 255)) {
        return -EINVAL;
    }
    if (*text != '\0' && *text != ',') {
        return -EINVAL;
    }
    n.base = io;
    *s = n;
    return 0;
}
