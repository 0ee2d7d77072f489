/* SPDX-License-Identifier: MIT */
/* A line about what goes on: see progress.h. A thread of its own writes it, since the work is one long call. */
#include "cmd/xl/progress.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cmd/xl/xl.h"

enum { FIRST_MS = 1000, NEXT_MS = 500 };

static struct {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under lock: */
    bool running, stop;
    const char *what, *step;
} progress = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static void add_ms(struct timespec *t, long ms)
{
    t->tv_nsec += ms % 1000 * 1000000;
    t->tv_sec += ms / 1000 + t->tv_nsec / 1000000000;
    t->tv_nsec %= 1000000000;
}

static void *run(void *unused)
{
    struct timespec begin, next;
    bool written = false;

    (void)unused;
    clock_gettime(CLOCK_REALTIME, &begin);
    next = begin;
    add_ms(&next, FIRST_MS);
    pthread_mutex_lock(&progress.lock);
    while (!progress.stop) {
        if (pthread_cond_timedwait(&progress.changed, &progress.lock, &next) && !progress.stop) {
            dprintf(STDERR_FILENO, "\r\033[K%s%s%s (%ld s)", progress.what, progress.step ? ": " : "",
                    progress.step ? progress.step : "", (long)(next.tv_sec - begin.tv_sec));
            written = true;
            add_ms(&next, NEXT_MS);
        }
    }
    pthread_mutex_unlock(&progress.lock);
    if (written) {
        dprintf(STDERR_FILENO, "\r\033[K");
    }
    return NULL;
}

void progress_begin(const struct xl *xl, const char *what)
{
    if (progress.running || !(isatty(STDERR_FILENO) || xl->progress)) {
        return;
    }
    progress.what = what;
    progress.step = NULL;
    progress.stop = false;
    progress.running = !pthread_create(&progress.thread, NULL, run, NULL);
}

void progress_step(const char *step)
{
    pthread_mutex_lock(&progress.lock);
    progress.step = step;
    pthread_mutex_unlock(&progress.lock);
}

void progress_end(void)
{
    if (!progress.running) {
        return;
    }
    pthread_mutex_lock(&progress.lock);
    progress.stop = true;
    pthread_cond_signal(&progress.changed);
    pthread_mutex_unlock(&progress.lock);
    pthread_join(progress.thread, NULL);
    progress.running = false;
}
