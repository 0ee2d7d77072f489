/* SPDX-License-Identifier: MIT */
/* A guest's console on this terminal: see terminal.h. */
#include "lib/domain/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/store/xenstore.h"

enum { PATH_LENGTH = 96, TTY_SECONDS = 5 };

static void tty_path(char path[PATH_LENGTH], uint32_t domid, unsigned int number, const char *kind)
{
    if (kind && !strcmp(kind, "serial")) {
        snprintf(path, PATH_LENGTH, "/local/domain/%u/serial/%u/tty", domid, number);
    } else if (kind && !strcmp(kind, "vuart")) {
        snprintf(path, PATH_LENGTH, "/local/domain/%u/vuart/%u/tty", domid, number);
    } else if (number) {
        snprintf(path, PATH_LENGTH, "/local/domain/%u/device/console/%u/tty", domid, number);
    } else {
        snprintf(path, PATH_LENGTH, "/local/domain/%u/console/tty", domid);
    }
}

static bool domain_there(struct xs_handle *s, uint32_t domid)
{
    return xs_is_domain_introduced(s, domid);
}

/* The daemon writes the pty's name a moment after the domain is introduced. */
static char *wait_tty(struct err *e, struct xs_handle *s, uint32_t domid, const char *path)
{
    unsigned int count;
    char *tty = NULL;

    if (!xs_watch(s, path, "tty")) {
        err_errno(e, "cannot watch %s", path);
        return NULL;
    }
    for (;;) {
        struct pollfd p = { .fd = xs_fileno(s), .events = POLLIN };
        int ready;

        free(tty);
        tty = xs_read(s, XBT_NULL, path, NULL);
        if (tty && *tty) {
            break;
        }
        ready = poll(&p, 1, TTY_SECONDS * 1000);
        if (ready <= 0) {
            free(tty);
            tty = NULL;
            err_set(e, -ENOENT, "the console of domain %u has no terminal", domid);
            err_hint(e, "is xenconsoled running?");
            break;
        }
        free(xs_read_watch(s, &count));
    }
    xs_unwatch(s, path, "tty");
    return tty;
}

static int open_tty(struct err *e, const char *tty)
{
    struct termios t;
    int fd = open(tty, O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (fd < 0) {
        return err_errno(e, "cannot open %s", tty);
    }
    if (!tcgetattr(fd, &t)) {
        cfmakeraw(&t);
        tcsetattr(fd, TCSANOW, &t);
    }
    return fd;
}

/* From one descriptor to another: 0 when there may be more, 1 at an end. */
static int carry(struct err *e, int from, int to, bool watch_escape)
{
    char bytes[4096];
    ssize_t got = read(from, bytes, sizeof(bytes));
    char *escape;

    if (got <= 0) {
        return got < 0 && (errno == EINTR || errno == EAGAIN) ? 0 : 1;
    }
    escape = watch_escape ? memchr(bytes, TERMINAL_ESCAPE, (size_t)got) : NULL;
    if (escape) {
        got = escape - bytes;
    }
    if (got && file_write_all(e, to, bytes, (size_t)got)) {
        return 1;
    }
    return escape != NULL;
}

enum { LEFT = 1 };

/* The end of the domain shows as the pty's hang-up or as a change of the store that leaves no domain behind.
 */
static int relay(struct err *e, struct xs_handle *s, uint32_t domid, int pty)
{
    struct pollfd p[3] = {
        { .fd = pty, .events = POLLIN },
        { .fd = STDIN_FILENO, .events = POLLIN },
        { .fd = xs_fileno(s), .events = POLLIN },
    };
    unsigned int count;

    for (;;) {
        if (poll(p, 3, -1) < 0 && errno != EINTR) {
            return err_errno(e, "poll");
        }
        if ((p[0].revents & (POLLIN | POLLHUP | POLLERR)) && carry(e, pty, STDOUT_FILENO, false)) {
            return e->code;
        }
        if ((p[1].revents & (POLLIN | POLLHUP)) && carry(e, STDIN_FILENO, pty, isatty(STDIN_FILENO))) {
            if (isatty(STDIN_FILENO)) {
                return e->code ? e->code : LEFT;
            }
            p[1].fd = -1;
        }
        if (p[2].revents & POLLIN) {
            free(xs_read_watch(s, &count));
            if (!domain_there(s, domid)) {
                carry(e, pty, STDOUT_FILENO, false);
                return 0;
            }
        }
    }
}

int terminal_attach(struct err *e, struct xs_handle *s, uint32_t domid, unsigned int number, const char *kind)
{
    bool terminal = isatty(STDIN_FILENO);
    struct termios old, raw;
    char path[PATH_LENGTH];
    struct winsize size;
    int pty, rc;
    char *tty;

    tty_path(path, domid, number, kind);
    tty = wait_tty(e, s, domid, path);
    if (!tty) {
        return e->code ? e->code : -ENOENT;
    }
    pty = open_tty(e, tty);
    free(tty);
    if (pty < 0) {
        return pty;
    }
    if (terminal && !tcgetattr(STDIN_FILENO, &old)) {
        raw = old;
        cfmakeraw(&raw);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size)) {
        ioctl(pty, TIOCSWINSZ, &size);
    }
    xs_watch(s, "@releaseDomain", "gone");
    rc = relay(e, s, domid, pty);
    xs_unwatch(s, "@releaseDomain", "gone");
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSANOW, &old);
    }
    close(pty);
    return rc;
}
