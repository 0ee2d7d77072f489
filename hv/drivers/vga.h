/* SPDX-License-Identifier: MIT */
/*
 * Text console on a PC's VGA adapter in mode 80x25. vga_init() takes a pointer to the mapped text buffer
 * (physical 0xb8000). vga_stop() ends output when dom0 takes the screen over (vga=keep: never).
 */
#ifndef HV_DRIVERS_VGA_H
#define HV_DRIVERS_VGA_H

#include "hv/base/printk.h"
#include "hv/lib/types.h"

#define VGA_TEXT_BASE  0xb8000UL
#define VGA_TEXT_BYTES 0x8000UL
#define VGA_COLUMNS    80
#define VGA_ROWS       25

void vga_init(void *text_buffer);
void vga_stop(void);
const struct console_device *vga_console(void);
/* Where the cursor is, for dom0's console information. */
void vga_cursor(unsigned int *row, unsigned int *column);

#endif
