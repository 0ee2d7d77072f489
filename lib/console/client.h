/* SPDX-License-Identifier: MIT */
/*
 * The user's side of a guest's console, as `xl console` and `xl create -c` show it: joins two descriptors to
 * the terminal whose name the console daemon (or the device model) writes into xenstore.
 *
 * The terminal's name may appear late and may change: when the daemon is started again the client moves to
 * the new terminal. The local terminal is in raw mode meanwhile and restored in every case, also when a
 * signal ends the process.
 */
#ifndef LIB_CONSOLE_CLIENT_H
#define LIB_CONSOLE_CLIENT_H

#include <stdint.h>

#include "lib/base/err.h"

struct xs_handle;

enum console_kind { CONSOLE_PV, CONSOLE_SERIAL, CONSOLE_VUART };

struct console_client {
    uint32_t domid;
    unsigned int number; /* 0: the first console of its kind */
    enum console_kind kind;
    int in_fd, out_fd;    /* usually 0 and 1 */
    int escape;           /* the byte that leaves; 0x1d is ctrl-] ; -1: none */
    int notify_fd;        /* a byte is written to it when the console is attached; -1: none */
    unsigned int wait_ms; /* how long the terminal may take to appear */
};

#define CONSOLE_CLIENT_INIT                                                                                  \
    {                                                                                                        \
        .in_fd = 0, .out_fd = 1, .escape = 0x1d, .notify_fd = -1, .wait_ms = 10000                           \
    }

/* How it ended. */
enum console_end {
    CONSOLE_ESCAPED,     /* the user typed the escape */
    CONSOLE_INPUT_ENDED, /* of a terminal; when a file or pipe ends, output goes on */
    CONSOLE_GUEST_ENDED,
};

/* Returns an enum console_end, or -E.... `xs` gets watches while this runs and must not have others. */
int console_attach(struct err *e, struct xs_handle *xs, const struct console_client *c);

/* The xenstore path of the terminal's name. */
void console_tty_path(const struct console_client *c, char *path, unsigned int size);

#endif
