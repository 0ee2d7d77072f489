/* SPDX-License-Identifier: MIT */
/* The console client: see client.h. One poll() loop over the user, the terminal, xenstore and signals. */
#include "lib/console/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/store/xenstore.h"

struct session {
    const struct console_client *c;
    struct xs_handle *xs;
    char path[128]; /* of the terminal's name */
    int tty;        /* -1: none */
    int signals;
    bool raw;         /* the user is at a terminal: `saved` is to be restored */
    bool input_ended; /* it was no terminal: output goes on */
    struct termios saved;
    sigset_t old_mask;
    int signal; /* that ends us, or 0 */
};

void console_tty_path(const struct console_client *c, char *path, unsigned int size)
{
    if (c->kind == CONSOLE_VUART) {
        snprintf(path, size, "/local/domain/%u/vuart/%u/tty", c->domid, c->number);
    } else if (c->kind == CONSOLE_SERIAL) {
        snprintf(path, size, "/local/domain/%u/serial/%u/tty", c->domid, c->number);
    } else if (c->number > 0) {
        snprintf(path, size, "/local/domain/%u/device/console/%u/tty", c->domid, c->number);
    } else {
        snprintf(path, size, "/local/domain/%u/console/tty", c->domid);
    }
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void close_tty(struct session *s)
{
    if (s->tty >= 0) {
        close(s->tty);
    }
    s->tty = -1;
}

static bool guest_is_there(struct session *s)
{
    char path[64];
    unsigned int size;
    snprintf(path, sizeof(path), "/local/domain/%u", s->c->domid);
    char *value = xs_read(s->xs, XBT_NULL, path, &size);
    free(value);
    return value != NULL;
}

/* A guest may own the node of an extra console: only pseudo terminals are opened, whatever it holds. */
static bool is_pty_name(const char *name)
{
    const char *prefix = "/dev/pts/";
    size_t length = strlen(prefix);
    return strncmp(name, prefix, length) == 0 && name[length] != '\0' &&
           strspn(name + length, "0123456789") == strlen(name + length);
}

/*
 * Opens the terminal xenstore names. Also when the name is the one that is open: a new daemon may have got
 * the same number, and nothing is lost by opening a living terminal again.
 */
static void look_for_tty(struct session *s)
{
    unsigned int size;
    char *name = xs_read(s->xs, XBT_NULL, s->path, &size);
    close_tty(s);
    if (name && is_pty_name(name)) {
        s->tty = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    }
    struct winsize window;
    if (s->tty >= 0 && ioctl(s->c->out_fd, TIOCGWINSZ, &window) == 0) {
        ioctl(s->tty, TIOCSWINSZ, &window);
    }
    free(name);
}

static bool drain_watches(struct session *s)
{
    bool any = false;
    for (char **event = xs_check_watch(s->xs); event; event = xs_check_watch(s->xs)) {
        any = true;
        free(event);
    }
    return any;
}

/* ---- the local terminal and signals ---------------------------------------------------------------- */

static int take_signals(struct err *e, struct session *s)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGQUIT);
    sigprocmask(SIG_BLOCK, &set, &s->old_mask);
    s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signals < 0 ? err_errno(e, "cannot take signals") : 0;
}

/* What was typed ahead is the guest's: nothing is flushed. */
static void make_raw(struct session *s)
{
    struct termios raw;
    if (tcgetattr(s->c->in_fd, &s->saved) != 0) {
        return;
    }
    raw = s->saved;
    cfmakeraw(&raw);
    s->raw = tcsetattr(s->c->in_fd, TCSANOW, &raw) == 0;
}

static void restore(struct session *s)
{
    if (s->raw) {
        tcsetattr(s->c->in_fd, TCSANOW, &s->saved);
    }
    if (s->signals >= 0) {
        close(s->signals);
    }
    /* Pending since then or told by the descriptor: now it has its usual effect. */
    if (s->signal) {
        raise(s->signal);
    }
    sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
}

/* ---- the loop -------------------------------------------------------------------------------------- */

/* Negative: go on. */
static int from_user(struct session *s)
{
    char data[512];
    ssize_t got = read(s->c->in_fd, data, sizeof(data));
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
        return -1;
    }
    if (got <= 0) {
        s->input_ended = true;
        return s->raw ? CONSOLE_INPUT_ENDED : -1;
    }
    /* Bytes from a file or a pipe are all meant for the guest. */
    const char *leave = s->raw && s->c->escape >= 0 ? memchr(data, s->c->escape, got) : NULL;
    size_t size = leave ? (size_t)(leave - data) : (size_t)got;
    if (s->tty >= 0) {
        file_write_all(NULL, s->tty, data, size);
    }
    return leave ? CONSOLE_ESCAPED : -1;
}

/*
 * The terminal is gone when the daemon is. Its name may by now be somebody else's terminal, so it is not
 * opened again before xenstore says that the name was written anew.
 */
static void from_guest(struct session *s)
{
    char data[4096];
    ssize_t got = read(s->tty, data, sizeof(data));
    if (got > 0) {
        file_write_all(NULL, s->c->out_fd, data, got);
    } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
        close_tty(s);
    }
}

static int from_signals(struct session *s)
{
    struct signalfd_siginfo info;
    if (read(s->signals, &info, sizeof(info)) == sizeof(info)) {
        s->signal = (int)info.ssi_signo;
        return CONSOLE_ESCAPED;
    }
    return -1;
}

static int turn(struct session *s)
{
    struct pollfd fds[] = {
        { .fd = s->input_ended ? -1 : s->c->in_fd, .events = POLLIN },
        { .fd = s->signals, .events = POLLIN },
        { .fd = xs_fileno(s->xs), .events = POLLIN },
        { .fd = s->tty, .events = POLLIN },
    };
    if (poll(fds, 4, s->tty >= 0 ? -1 : 200) < 0) {
        return -1;
    }
    int end = -1;
    /* Output first: what the guest said last is shown before its end is noticed. */
    if (s->tty >= 0 && fds[3].revents) {
        from_guest(s);
    }
    if (fds[2].revents && drain_watches(s)) {
        look_for_tty(s);
    }
    if (fds[0].revents) {
        end = from_user(s);
    }
    if (end < 0 && fds[1].revents) {
        end = from_signals(s);
    }
    if (end < 0 && s->tty < 0 && !guest_is_there(s)) {
        end = CONSOLE_GUEST_ENDED;
    }
    return end;
}

static int wait_for_tty(struct err *e, struct session *s)
{
    uint64_t until = now_ms() + s->c->wait_ms;
    for (look_for_tty(s); s->tty < 0; look_for_tty(s)) {
        uint64_t now = now_ms();
        if (!guest_is_there(s)) {
            return err_set(e, -ESRCH, "domain %u is not there", s->c->domid);
        }
        if (now >= until) {
            err_set(e, -ETIMEDOUT, "no console: nobody wrote a terminal's name to %s", s->path);
            err_hint(e, "is xenconsoled running?");
            return -ETIMEDOUT;
        }
        struct pollfd fds[] = { { .fd = xs_fileno(s->xs), .events = POLLIN },
                                { .fd = s->signals, .events = POLLIN } };
        poll(fds, 2, until - now < 1000 ? (int)(until - now) : 1000);
        if (fds[1].revents && from_signals(s) >= 0) {
            return err_set(e, -EINTR, "interrupted");
        }
        drain_watches(s);
    }
    return 0;
}

static int converse(struct err *e, struct session *s)
{
    int rc = wait_for_tty(e, s);
    if (rc < 0) {
        return rc;
    }
    make_raw(s);
    if (s->c->notify_fd >= 0) {
        file_write_all(NULL, s->c->notify_fd, "", 1);
    }
    int end;
    do {
        end = turn(s);
    } while (end < 0);
    return end;
}

int console_attach(struct err *e, struct xs_handle *xs, const struct console_client *c)
{
    struct session s = { .c = c, .xs = xs, .tty = -1, .signals = -1 };
    console_tty_path(c, s.path, sizeof(s.path));
    if (!xs_watch(xs, s.path, "tty")) {
        return err_errno(e, "cannot watch %s", s.path);
    }
    int rc = take_signals(e, &s);
    rc = rc < 0 ? rc : converse(e, &s);
    close_tty(&s);
    restore(&s);
    xs_unwatch(xs, s.path, "tty");
    return rc;
}
