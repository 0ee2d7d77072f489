/* SPDX-License-Identifier: MIT */
/* xl console, vncviewer: a domain's console on this terminal, or its screen in a viewer. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/xl/xl.h"
#include "lib/console/client.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/device.h"
#include "lib/domain/domain.h"
#include "lib/store/xenstore.h"

const struct xl_option xl_console_options[] = {
    { 't', NULL, "pv|serial|vuart", "Kind of console" },
    { 'n', NULL, "NUM", "Number of the console, from 0" },
    { 0 },
};

const struct xl_option xl_vncviewer_options[] = {
    { XL_OPTION_LONG, "autopass", NULL, "Give the viewer the password on its input" },
    { XL_OPTION_LONG + 1, "vncviewer-autopass", NULL, "The same" },
    { 0 },
};

static bool parse_kind(const char *text, enum console_kind *kind)
{
    static const char *const names[] = { "pv", "serial", "vuart" };

    for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!strcmp(names[i], text)) {
            *kind = (enum console_kind)i;
            return true;
        }
    }
    return false;
}

int xl_console(struct xl *xl, int argc, char **argv)
{
    struct console_client k = CONSOLE_CLIENT_INIT;
    struct domain_info d;
    int letter;

    while ((letter = xl_options(xl, argc, argv)) != -1) {
        if (letter == 't' && !parse_kind(optarg, &k.kind)) {
            fprintf(stderr, "console type supported are: pv, serial, vuart\n");
            return 1;
        }
        if (letter == 'n') {
            k.number = (unsigned int)xl_number(xl, "console", optarg, 0, 255);
        }
    }
    k.domid = xl_domain(xl, argv[optind]);
    if (domain_get(&xl->err, xl_ctrl(xl), k.domid, &d) || console_attach(&xl->err, xl_store(xl), &k) < 0) {
        xl_die(xl);
    }
    return 0;
}

int xl_vncviewer(struct xl *xl, int argc, char **argv)
{
    char path[64], port[64], *listen, *display, *password = NULL;
    bool give_password = false;
    uint32_t domid;
    int fds[2], letter;

    while ((letter = xl_options(xl, argc, argv)) != -1) {
        give_password |= letter >= XL_OPTION_LONG;
    }
    domid = xl_domain(xl, argv[optind]);
    snprintf(path, sizeof(path), "/local/domain/%u/console", domid);
    display = device_read(xl_store(xl), path, "vnc-port");
    listen = device_read(xl_store(xl), path, "vnc-listen");
    password = give_password ? device_read(xl_store(xl), path, "vnc-pass") : NULL;
    if (!display) {
        err_set(&xl->err, -ENOENT, "domain %u has no VNC screen", domid);
        xl_die(xl);
    }
    snprintf(port, sizeof(port), "%.40s:%d", listen && *listen ? listen : "localhost", atoi(display) - 5900);
    if (password && !pipe(fds) && write(fds[1], password, strlen(password)) >= 0) {
        dup2(fds[0], STDIN_FILENO);
        close(fds[1]);
    }
    execlp("vncviewer", "vncviewer", port, password ? "-autopass" : (char *)NULL, (char *)NULL);
    err_errno(&xl->err, "cannot start vncviewer");
    xl_die(xl);
}
