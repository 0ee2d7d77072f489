/* SPDX-License-Identifier: MIT */
/* The loop of the console daemon, its signals and timers, and the hypervisor's own log: see daemon.h. */
#include "cmd/xenconsoled/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <syslog.h>
#include <unistd.h>

#define EVENTS_MAX 64

void daemon_note(const struct daemon *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (d->options->foreground) {
        char text[512];
        vsnprintf(text, sizeof(text), format, args);
        if (d->options->verbose) {
            fprintf(stderr, "xenconsoled: %s\n", text);
        }
    } else {
        vsyslog(LOG_INFO, format, args);
    }
    va_end(args);
}

int daemon_watch_fd(struct daemon *d, int fd, enum source source, uint32_t console, uint32_t events, bool again)
{
    struct epoll_event event = { .events = events, .data.u64 = (uint64_t)source << 32 | console };
    return epoll_ctl(d->epoll, again ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

static uint64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the hypervisor's log -------------------------------------------------------------------------- */

static void copy_hypervisor_log(struct daemon *d)
{
    char text[16384];
    uint32_t size;
    do {
        size = sizeof(text);
        if (ctrl_read_console(d->ctrl, text, &size, false, true, &d->hypervisor_index) < 0) {
            return;
        }
        log_write(&d->hypervisor_log, text, size);
    } while (size > 0);
}

static int open_hypervisor_log(struct err *e, struct daemon *d)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/hypervisor.log", d->options->log_dir);
    int rc = log_open(&d->hypervisor_log, path, &d->options->hypervisor_log);
    if (rc < 0) {
        errno = -rc;
        return err_errno(e, "cannot open %s", path);
    }
    d->hypervisor_port = xenevtchn_bind_virq(d->evtchn, VIRQ_CON_RING);
    if (d->hypervisor_port < 0) {
        return err_errno(e, "cannot bind the hypervisor's console event");
    }
    copy_hypervisor_log(d);
    return 0;
}

/* ---- opening --------------------------------------------------------------------------------------- */

static int open_signals(struct err *e, struct daemon *d)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return d->signals < 0 ? err_errno(e, "cannot take signals") : 0;
}

static int open_devices(struct err *e, struct daemon *d)
{
    int rc = ctrl_open(e, &d->ctrl);
    if (rc < 0) {
        return rc;
    }
    d->evtchn = xenevtchn_open(NULL, 0);
    if (!d->evtchn) {
        return err_errno(e, "cannot open /dev/xen/evtchn");
    }
    int fd = xenevtchn_fd(d->evtchn);
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) {
        return err_errno(e, "/dev/xen/evtchn");
    }
    d->gnttab = xengnttab_open(NULL, 0);
    return 0;
}

int daemon_open(struct err *e, struct daemon *d, const struct options *options)
{
    d->options = options;
    d->signals = d->hypervisor_port = -1;
    d->hypervisor_log.fd = -1;
    d->now = clock_ms();
    d->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (d->epoll < 0) {
        return err_errno(e, "epoll");
    }
    int rc = open_signals(e, d);
    rc = rc < 0 ? rc : open_devices(e, d);
    if (rc == 0 && options->log_hypervisor) {
        rc = open_hypervisor_log(e, d);
    }
    rc = rc < 0 ? rc : domains_open(e, d);
    if (rc == 0 && (daemon_watch_fd(d, xenevtchn_fd(d->evtchn), SOURCE_EVENTS, 0, EPOLLIN, false) < 0 ||
                    daemon_watch_fd(d, d->signals, SOURCE_SIGNALS, 0, EPOLLIN, false) < 0)) {
        rc = err_errno(e, "epoll");
    }
    return rc;
}

void daemon_close(struct daemon *d)
{
    domains_close(d);
    log_close(&d->hypervisor_log);
    xenevtchn_close(d->evtchn);
    xengnttab_close(d->gnttab);
    ctrl_close(d->ctrl);
    free(d->by_port);
    if (d->signals >= 0) {
        close(d->signals);
    }
    if (d->epoll >= 0) {
        close(d->epoll);
    }
}

/* ---- the loop -------------------------------------------------------------------------------------- */

static void take_events(struct daemon *d)
{
    /* Bounded, so that a storm leaves room for the terminals. */
    for (int i = 0; i < EVENTS_MAX; i++) {
        int port = xenevtchn_pending(d->evtchn);
        if (port < 0) {
            return;
        }
        if (port == d->hypervisor_port) {
            xenevtchn_unmask(d->evtchn, port);
            copy_hypervisor_log(d);
        } else if ((unsigned int)port < d->port_room && d->by_port[port]) {
            guest_event(d, d->by_port[port]);
        }
    }
}

static void take_signals(struct daemon *d)
{
    struct signalfd_siginfo info;
    while (read(d->signals, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo != SIGHUP) {
            d->stop = true;
            continue;
        }
        log_reopen(&d->hypervisor_log);
        for (domid_t domid = 0; domid < d->next_domid; domid++) {
            if (d->guests[domid]) {
                log_reopen(&d->guests[domid]->log);
            }
        }
    }
}

static void end_period(struct daemon *d)
{
    struct guest *list = d->throttled;
    d->throttled = NULL;
    while (list) {
        struct guest *next = list->next_throttled;
        guest_period_ends(d, list);
        list = next;
    }
}

/* Ended guests go when their last words are read, or time is up. */
static void bury(struct daemon *d)
{
    for (struct guest **p = &d->ended; *p;) {
        struct guest *g = *p;
        if (!guest_is_read(g) && d->now < g->close_at) {
            p = &g->next_ended;
            continue;
        }
        if (guest_is_throttled(g)) {
            /* Off that list first: it ends within a period. */
            p = &g->next_ended;
            continue;
        }
        *p = g->next_ended;
        d->guests[g->domid] = NULL;
        guest_free(d, g);
    }
}

static int next_timeout(const struct daemon *d)
{
    if (d->ended) {
        return 20;
    }
    if (d->throttled) {
        return (int)(PERIOD_MS - d->now % PERIOD_MS);
    }
    return d->xs ? -1 : 100;
}

static struct guest *console_of(struct daemon *d, uint32_t id)
{
    struct guest *g = d->guests[id & 0x7fff];
    while (g && g->number != id >> 16) {
        g = g->extra;
    }
    return g;
}

static void turn(struct daemon *d, const struct epoll_event *event)
{
    struct guest *g = console_of(d, (uint32_t)event->data.u64);
    switch ((enum source)(event->data.u64 >> 32)) {
    case SOURCE_EVENTS:
        take_events(d);
        break;
    case SOURCE_STORE:
        domains_store_ready(d);
        break;
    case SOURCE_SIGNALS:
        take_signals(d);
        break;
    case SOURCE_TERMINAL:
        if (g && g->master >= 0) {
            guest_terminal(d, g, event->events);
        }
        break;
    case SOURCE_LISTENER:
        if (g && g->listener >= 0) {
            extra_accept(d, g);
        }
        break;
    }
}

int daemon_run(struct daemon *d)
{
    struct epoll_event events[EVENTS_MAX];
    while (!d->stop) {
        uint64_t period = d->now / PERIOD_MS;
        int count = epoll_wait(d->epoll, events, EVENTS_MAX, next_timeout(d));
        d->now = clock_ms();
        if (count < 0 && errno != EINTR) {
            return -errno;
        }
        if (d->now / PERIOD_MS != period) {
            end_period(d);
        }
        for (int i = 0; i < count; i++) {
            turn(d, &events[i]);
        }
        bury(d);
        if (!d->xs && d->now >= d->retry_store_at) {
            domains_retry(d);
        }
    }
    return 0;
}
