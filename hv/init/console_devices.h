/* SPDX-License-Identifier: MIT */
/* Brings up the consoles that console=, com1=, com2= and vga= name. Needs bootinfo and cmdline only. */
#ifndef HV_INIT_CONSOLE_DEVICES_H
#define HV_INIT_CONSOLE_DEVICES_H

void console_devices_init(void);
/* Boot is over and timers run: input is fetched from here on. */
void console_devices_start_input(void);
/* dom0 takes the screen, unless vga=keep. */
void console_devices_give_up_screen(void);

#endif
