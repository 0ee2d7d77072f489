/* SPDX-License-Identifier: MIT */
/* Arm's PL011 serial port, as console output and input. Output is polled; input comes by interrupt (the caller
 * requests it and calls pl011_poll()) or by polling. pl011_init() only needs the registers mapped. */
#ifndef HV_DRIVERS_PL011_H
#define HV_DRIVERS_PL011_H

#include "hv/base/printk.h"

/* The line's settings stay as firmware left them. */
void pl011_init(void *registers);
const struct console_device *pl011_console(void);
/* Hands what has been received to upcall_console_input(). */
void pl011_poll(void);
/* Polls every 10 ms from a timer of this CPU; timers must be up. */
void pl011_start_polling(void);

#endif
