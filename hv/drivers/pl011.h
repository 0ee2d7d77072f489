/* SPDX-License-Identifier: MIT */
/* Arm's PL011 serial port, as console output and input, both polled. pl011_init() only needs the registers mapped. */
#ifndef HV_DRIVERS_PL011_H
#define HV_DRIVERS_PL011_H

#include "hv/base/printk.h"

/* The line's settings stay as firmware left them. */
void pl011_init(void *registers);
const struct console_device *pl011_console(void);
/* Who gets what is received, from a timer; before pl011_start_polling(). */
void pl011_set_input(void (*fn)(char c));
/* Polls every 10 ms from a timer of this CPU; timers must be up. */
void pl011_start_polling(void);

#endif
