/* SPDX-License-Identifier: MIT */
/*
 * Serial ports (8250 to 16550A), as console output and input: COM1 and COM2 of a PC, or registers in memory.
 *
 * ns16550_init() makes a port usable before anything else runs. A PC's settings come from ns16550_defaults() and, for a
 * com1=/com2= option, ns16550_parse(); others give ns16550_mmio and where the registers are mapped. Output is polled
 * and waits for the device. Input is fetched by ns16550_poll(), from a timer or the port's interrupt, and handed to
 * upcall_console_input().
 */
#ifndef HV_DRIVERS_NS16550_H
#define HV_DRIVERS_NS16550_H

#include "hv/base/printk.h"
#include "hv/lib/types.h"

#define NS16550_PORTS 2

struct ns16550_settings;

/* How registers are reached. */
struct ns16550_access {
    uint8_t (*read)(const struct ns16550_settings *s, unsigned int reg);
    void (*write)(const struct ns16550_settings *s, unsigned int reg, uint8_t value);
};
extern const struct ns16550_access ns16550_mmio;

struct ns16550_settings {
    unsigned int baud; /* 0: leave the line as the firmware set it ("auto") */
    unsigned int clock_hz;
    unsigned int data_bits;
    char parity; /* n o e m s */
    unsigned int stop_bits;
    unsigned int irq; /* 0: poll */
    const struct ns16550_access *access;
    unsigned long base;
    unsigned int reg_shift; /* of ns16550_mmio */
    unsigned int reg_bytes; /* 1 or 4 */
};

/* Standard settings of COM1 (0) and COM2 (1). */
void ns16550_defaults(unsigned int port, struct ns16550_settings *s);
/* BAUD[/CLK][,DPS[,IO[,IRQ]]], as "115200,8n1,0x3f8,4"; what is left out stays as it is in *s. */
MUST_CHECK int ns16550_parse(const char *text, struct ns16550_settings *s);

/* Programs the port; -ENODEV when nothing answers there. Usable with no other part of the hypervisor up. */
MUST_CHECK int ns16550_init(unsigned int port, const struct ns16550_settings *s);
/* The console device of an initialised port. */
const struct console_device *ns16550_console(unsigned int port);
/* Fetches what has been received on all initialised ports that serve as input. */
void ns16550_poll(void);
/* Who gets what is received, instead of the console; before polling. */
void ns16550_set_input(void (*fn)(char c));
/* Lets the port's input be fetched by ns16550_poll() (console=com1 names it). */
void ns16550_enable_input(unsigned int port);
/* Polls every 10 ms from a timer of this CPU; timers must be up. */
void ns16550_start_polling(void);
/* I/O port range and interrupt of an initialised port, to keep dom0 off it; false when not in use. */
bool ns16550_claims(unsigned int port, uint16_t *io_base, unsigned int *irq);

#endif
