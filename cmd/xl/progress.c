/* SPDX-License-Identifier: MIT */
/*
 * A line about what goes on: see progress.h. The work is one long call, so a timer's signal interrupts it to write the
 * line; a thread would do as well, but costs more than many a command, and most are done before the first signal.
 *
 * The handler touches only what it can read at any moment: pointers and a time, which are stored whole, and whether
 * it has run.
 */
#include "cmd/xl/progress.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "cmd/xl/xl.h"

enum { FIRST_MS = 1000, NEXT_MS = 500, LINE_MAX_BYTES = 200 };

static struct {
    bool running;
    const char *volatile what, *volatile step;
    volatile time_t since; /* ms */
    volatile bool written;
} progress;

struct line {
    char text[LINE_MAX_BYTES];
    size_t length;
};

static void add(struct line *l, const char *text)
{
    while (*text && l->length < sizeof(l->text)) {
        l->text[l->length++] = *text++;
    }
}

static void add_number(struct line *l, unsigned int n)
{
    char digits[12] = "";
    char *p = digits + sizeof(digits) - 1;

    do {
        *--p = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    add(l, p);
}

static time_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void put(const struct line *l)
{
    if (write(STDERR_FILENO, l->text, l->length) < 0) {
        return; /* A terminal that is gone ends the command in its own time. */
    }
}

static void on_timer(int signal)
{
    int error = errno;
    struct line l = { .length = 0 };

    (void)signal;
    add(&l, "\r\033[K");
    add(&l, progress.what);
    if (progress.step) {
        add(&l, ": ");
        add(&l, progress.step);
    }
    add(&l, " (");
    add_number(&l, (unsigned int)((now_ms() - progress.since) / 1000));
    add(&l, " s)");
    put(&l);
    progress.written = true;
    errno = error;
}

void progress_begin(const struct xl *xl, const char *what)
{
    const struct itimerval timer = { .it_value.tv_sec = FIRST_MS / 1000, .it_interval.tv_usec = NEXT_MS * 1000 };
    const struct sigaction action = { .sa_handler = on_timer, .sa_flags = SA_RESTART };

    if (progress.running || !(isatty(STDERR_FILENO) || xl->progress)) {
        return;
    }
    if (progress.what != what) {
        progress.what = what;
        progress.since = now_ms();
    }
    progress.step = NULL;
    progress.written = false;
    progress.running = !sigaction(SIGALRM, &action, NULL) && !setitimer(ITIMER_REAL, &timer, NULL);
}

void progress_step(const char *step)
{
    progress.step = step;
}

void progress_end(void)
{
    const struct itimerval off = { .it_value.tv_sec = 0 };
    struct line wipe = { .length = 0 };

    if (!progress.running) {
        return;
    }
    setitimer(ITIMER_REAL, &off, NULL);
    progress.running = false;
    if (progress.written) {
        add(&wipe, "\r\033[K");
        put(&wipe);
    }
}
