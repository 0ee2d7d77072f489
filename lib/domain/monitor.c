/* SPDX-License-Identifier: MIT */
/* The process that watches all guests: see monitor.h. A guest's stop is handled by a child, so a slow one
 * delays none. */
#include "lib/domain/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/actions.h"
#include "lib/domain/core.h"
#include "lib/domain/domain.h"
#include "lib/domain/journal.h"
#include "lib/domain/restart.h"
#include "lib/domain/saved.h"
#include "lib/store/xenstore.h"

enum { RETRY_MS = 300 };

/* A stop that was seen: its child is at work, or it is to be left as it is. */
struct seen {
    uint32_t domid;
    uint8_t uuid[16];
};

struct monitor {
    struct ctrl *c;
    struct xs_handle *s;
    struct seen *seen;
    unsigned int seen_count;
    int journals; /* inotify */
    int lock;
};

static volatile sig_atomic_t stop;

static void on_stop(int number)
{
    (void)number;
    stop = 1;
}

static void on_child(int number)
{
    (void)number;
}

/* ---- what happens to one guest, in a child ------------------------------------------------------ */

static void __attribute__((format(printf, 2, 3))) say(const char *name, const char *format, ...)
{
    char path[DOMAIN_NAME_MAX + 32];
    va_list args;
    FILE *f;

    mkdir("/var/log/xen", 0755);
    snprintf(path, sizeof(path), "/var/log/xen/xl-%s.log", name);
    f = fopen(path, "ae");
    if (f) {
        va_start(args, format);
        vfprintf(f, format, args);
        va_end(args);
        fputc('\n', f);
        fclose(f);
    }
}

static void dump(struct err *e, struct ctrl *c, const struct domain_info *d)
{
    char path[DOMAIN_NAME_MAX + 64], stamp[32];
    time_t now = time(NULL);
    struct tm tm;

    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", localtime_r(&now, &tm));
    file_make_dirs(NULL, "/var/lib/xen/dump", 0700);
    snprintf(path, sizeof(path), "/var/lib/xen/dump/%s-%s", d->name, stamp);
    say(d->name, "dumping core to %s", path);
    if (core_dump(e, c, d->domid, path)) {
        say(d->name, "%s", e->text);
        err_clear(e);
    }
}

static int carry_out(struct err *e, struct monitor *m, const struct domain_info *d, enum domain_action a)
{
    uint32_t domid;

    if (a == ACTION_COREDUMP_DESTROY || a == ACTION_COREDUMP_RESTART) {
        dump(e, m->c, d);
    }
    switch (a) {
    case ACTION_PRESERVE:
        return 0;
    case ACTION_RESTART:
    case ACTION_COREDUMP_RESTART:
        say(d->name, "Domain %u needs to be cleaned up: destroying the domain", d->domid);
        return domain_restart(e, m->c, m->s, d, false, &domid);
    case ACTION_RENAME_RESTART:
        return domain_restart(e, m->c, m->s, d, true, &domid);
    case ACTION_SOFT_RESET:
        say(d->name, "soft reset is not built: restarting domain %u", d->domid);
        return domain_restart(e, m->c, m->s, d, false, &domid);
    default:
        say(d->name, "Domain %u needs to be cleaned up: destroying the domain", d->domid);
        return domain_destroy(e, m->c, m->s, d->domid);
    }
}

static void child(struct monitor *m, struct domain_info *d, enum domain_action a)
{
    struct err e = { 0 };

    /* The parent's connections are not ours to speak on, and its lock ends with it. */
    close(m->lock);
    while (!(m->s = xs_open(STORE_OPEN_LASTING))) {
        sleep(1);
    }
    if (ctrl_open(&e, &m->c)) {
        _exit(1);
    }
    domain_read_name(NULL, m->s, d->domid, d->name);
    say(d->name, "Domain %u has shut down, reason code %u 0x%x", d->domid, d->stop_reason, d->stop_reason);
    say(d->name, "Action for shutdown reason code %u is %s", d->stop_reason, domain_action_name(a));
    if (carry_out(&e, m, d, a)) {
        say(d->name, "failed: %s", e.text);
    }
    say(d->name, a == ACTION_RESTART || a == ACTION_COREDUMP_RESTART || a == ACTION_RENAME_RESTART
                     ? "Done. Rebooting now"
                     : "Done. Exiting now");
    _exit(e.code != 0);
}

/* ---- looking ------------------------------------------------------------------------------------ */

static bool was_seen(const struct monitor *m, const struct domain_info *d)
{
    for (unsigned int i = 0; i < m->seen_count; i++) {
        if (m->seen[i].domid == d->domid && !memcmp(m->seen[i].uuid, d->uuid, 16)) {
            return true;
        }
    }
    return false;
}

static void remember(struct monitor *m, const struct domain_info *d)
{
    struct seen *more = realloc(m->seen, (m->seen_count + 1) * sizeof(*more));

    if (more) {
        m->seen = more;
        more[m->seen_count] = (struct seen){ .domid = d->domid };
        memcpy(more[m->seen_count++].uuid, d->uuid, 16);
    }
}

/* Forgets those that are gone, so that the list stays as short as there are stopped guests. */
static void forget_gone(struct monitor *m, const struct domain_info *list, unsigned int count)
{
    for (unsigned int i = 0; i < m->seen_count; i++) {
        bool there = false;

        for (unsigned int k = 0; k < count; k++) {
            there |= list[k].domid == m->seen[i].domid && !memcmp(list[k].uuid, m->seen[i].uuid, 16);
        }
        if (!there) {
            m->seen[i--] = m->seen[--m->seen_count];
        }
    }
}

static void handle_stop(struct monitor *m, struct domain_info *d)
{
    struct actions a;
    char *text;
    pid_t pid;

    if (!d->shutdown || d->dying || d->stop_reason == DOMAIN_SUSPEND || was_seen(m, d)) {
        return;
    }
    /* Without the file it is another toolstack's guest, or one whose creator asked that nobody waits for it.
     */
    text = saved_read(NULL, d->domid, d->uuid, SAVED_ACTIONS);
    if (!text) {
        return;
    }
    if (actions_parse(text, &a)) {
        pid = fork();
        if (pid == 0) {
            child(m, d, actions_for(&a, d->stop_reason));
        }
        if (pid > 0) {
            remember(m, d);
        }
    }
    free(text);
}

static int look(struct err *e, struct monitor *m)
{
    struct domain_info *list;
    unsigned int count;
    int rc = domain_list(e, m->c, &list, &count);

    if (rc) {
        return rc;
    }
    for (unsigned int i = 0; i < count; i++) {
        if (list[i].domid) {
            handle_stop(m, &list[i]);
        }
    }
    forget_gone(m, list, count);
    free(list);
    return 0;
}

/* ---- the loop ----------------------------------------------------------------------------------- */

static int take_lock(struct err *e)
{
    int fd;

    file_make_dirs(NULL, "/run/xen", 0755);
    fd = open(MONITOR_LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_errno(e, "cannot open " MONITOR_LOCK);
    }
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        close(fd);
        return err_set(e, -EBUSY, "another xl monitor runs");
    }
    if (!ftruncate(fd, 0)) {
        dprintf(fd, "%d\n", (int)getpid());
    }
    return fd;
}

bool monitor_running(void)
{
    int fd = open(MONITOR_LOCK, O_RDWR | O_CLOEXEC);
    bool busy = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB);

    if (fd >= 0) {
        close(fd);
    }
    return busy;
}

static int open_all(struct err *e, struct monitor *m)
{
    int rc = ctrl_open(e, &m->c);

    if (rc) {
        return rc;
    }
    m->s = xs_open(STORE_OPEN_LASTING);
    if (!m->s || !xs_watch(m->s, "@releaseDomain", "stop")) {
        return err_errno(e, "cannot watch the store");
    }
    file_make_dirs(NULL, JOURNAL_FOLDER, 0700);
    m->journals = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (m->journals < 0 || inotify_add_watch(m->journals, JOURNAL_FOLDER, IN_CLOSE_WRITE) < 0) {
        return err_errno(e, "cannot watch " JOURNAL_FOLDER);
    }
    return 0;
}

static void drain(int fd)
{
    char events[4096];

    while (read(fd, events, sizeof(events)) > 0) {
    }
}

/* The store's daemon was restarted: its watches are ours to set again. */
static void reconnect(struct monitor *m)
{
    xs_close(m->s);
    while (!stop) {
        m->s = xs_open(STORE_OPEN_LASTING);
        if (m->s && xs_watch(m->s, "@releaseDomain", "stop")) {
            return;
        }
        if (m->s) {
            xs_close(m->s);
        }
        sleep(1);
    }
}

static int loop(struct err *e, struct monitor *m)
{
    unsigned int number, unfinished = 1;
    int rc = 0;

    while (!stop && !rc) {
        struct pollfd p[2] = {
            { .fd = xs_fileno(m->s), .events = POLLIN },
            { .fd = m->journals, .events = POLLIN },
        };

        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        if (poll(p, 2, unfinished ? RETRY_MS : -1) < 0) {
            continue;
        }
        if (p[0].revents) {
            char **event = xs_read_watch(m->s, &number);

            if (!event) {
                reconnect(m);
            }
            free(event);
            rc = look(e, m);
        }
        if (p[1].revents || unfinished) {
            drain(m->journals);
            unfinished = journal_recover(m->c, m->s);
        }
    }
    return rc;
}

int monitor_run(struct err *e, int ready_fd)
{
    struct monitor m = { .journals = -1, .lock = take_lock(e) };
    struct sigaction term = { .sa_handler = on_stop },
                     chld = { .sa_handler = on_child, .sa_flags = SA_NOCLDSTOP };
    int rc;

    if (m.lock < 0) {
        return m.lock;
    }
    sigaction(SIGTERM, &term, NULL);
    sigaction(SIGINT, &term, NULL);
    sigaction(SIGCHLD, &chld, NULL);
    rc = open_all(e, &m);
    if (!rc) {
        journal_recover(m.c, m.s);
        rc = look(e, &m);
    }
    if (!rc) {
        if (ready_fd >= 0) {
            file_daemon_ready(ready_fd);
        }
        rc = loop(e, &m);
    }
    close(m.lock);
    return rc;
}

int monitor_start(struct err *e)
{
    char self[4096] = "";
    int status;
    pid_t pid;

    if (monitor_running()) {
        return 0;
    }
    /* By its path, so that it goes by its name in lists of processes. */
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0) {
        return err_errno(e, "cannot find this program's file");
    }
    pid = fork();
    if (pid < 0) {
        return err_errno(e, "fork");
    }
    if (pid == 0) {
        execl(self, "xl", "monitor", (char *)NULL);
        _exit(127);
    }
    /* Its parent ends when it watches. Losing a race against another create is as good. */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (status && !monitor_running()) {
        return err_set(e, -ECHILD, "xl monitor did not start");
    }
    return 0;
}
