/* SPDX-License-Identifier: MIT */
/*
 * Which devices the log goes to. The first serial port in console= also gives input. With nothing usable
 * named, COM1 is tried all the same: a silent machine helps nobody.
 */
#include "hv/init/console_devices.h"

#include "hv/arch_cpu.h"
#include "hv/drivers/ns16550.h"
#include "hv/drivers/vga.h"
#include "hv/init/bootinfo.h"
#include "hv/init/cmdline.h"
#include "hv/lib/string.h"

static bool has_input;

static void add_serial(unsigned int port)
{
    struct ns16550_settings s;
    bool bad;

    ns16550_defaults(port, &s);
    bad = cmdline.com[port][0] != '\0' && ns16550_parse(cmdline.com[port], &s) != 0;
    if (ns16550_init(port, &s) != 0) {
        return;
    }
    printk_add_device(ns16550_console(port));
    if (bad) {
        log_warning("command line: the value of com%u is not understood; using %u,8n1\n",
                    port + 1, s.baud);
    }
    if (!has_input) {
        ns16550_enable_input(port);
        has_input = true;
    }
}

static void add_vga(void)
{
    if (bootinfo.video.kind == BOOT_VIDEO_TEXT) {
        vga_init((char *)arch_direct_map(_mfn(VGA_TEXT_BASE >> PAGE_SHIFT)));
        printk_add_device(vga_console());
    }
}

static void add_device(const char *name, size_t len)
{
    if (len >= 4 && strncmp(name, "com1", 4) == 0) {
        add_serial(0);
    } else if (len >= 4 && strncmp(name, "com2", 4) == 0) {
        add_serial(1);
    } else if (len == 3 && strncmp(name, "vga", 3) == 0) {
        add_vga();
    }
}

void console_devices_init(void)
{
    const char *at = cmdline.console;

    while (*at != '\0') {
        size_t len = 0;

        while (at[len] != ',' && at[len] != '\0') {
            len++;
        }
        add_device(at, len);
        at += at[len] == ',' ? len + 1 : len;
    }
    if (!has_input && strstr(cmdline.console, "none") == NULL) {
        add_serial(0);
    }
}

void console_devices_start_input(void)
{
    ns16550_start_polling();
}

void console_devices_give_up_screen(void)
{
    if (!cmdline.vga_keep) {
        vga_stop();
    }
}
