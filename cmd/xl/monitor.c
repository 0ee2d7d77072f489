/* SPDX-License-Identifier: MIT */
/* xl monitor: starts the one process that watches all guests; lib/domain/monitor.h says what it does. xl
 * devd. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/xl/xl.h"
#include "lib/base/file.h"
#include "lib/domain/devd.h"
#include "lib/domain/monitor.h"

const struct xl_option xl_monitor_options[] = {
    { 'F', NULL, NULL, "Stay in the foreground" },
    { 'k', "kill", NULL, "End the one that runs" },
    { 's', "status", NULL, "Say whether one runs; exit code 1 if not" },
    { 0 },
};

static int kill_monitor(struct xl *xl)
{
    FILE *f = fopen(MONITOR_LOCK, "re");
    int pid = 0;

    if (!monitor_running() || !f || fscanf(f, "%d", &pid) != 1 || kill(pid, SIGTERM)) {
        err_set(&xl->err, -ESRCH, "no xl monitor runs");
        xl_die(xl);
    }
    fclose(f);
    return 0;
}

int xl_monitor(struct xl *xl, int argc, char **argv)
{
    bool foreground = false, end = false, status = false;
    int letter, rc, ready = -1;

    while ((letter = xl_options(xl, argc, argv)) != -1) {
        foreground |= letter == 'F';
        end |= letter == 'k';
        status |= letter == 's';
    }
    if (end) {
        return kill_monitor(xl);
    }
    if (status) {
        bool running = monitor_running();

        if (xl->json) {
            printf("{\"running\": %s}\n", running ? "true" : "false");
        } else {
            puts(running ? "running" : "not running");
        }
        return !running;
    }
    rc = foreground ? 0 : file_daemon_fork(&xl->err, &ready);
    rc = rc ? rc : monitor_run(&xl->err, ready);
    if (rc) {
        xl_die(xl);
    }
    return 0;
}

const struct xl_option xl_devd_options[] = {
    { 'F', NULL, NULL, "Stay in the foreground" },
    { 'p', "pidfile", "FILE", "Write the process's number there" },
    { 0 },
};

int xl_devd(struct xl *xl, int argc, char **argv)
{
    const char *pid_path = NULL;
    bool foreground = false;
    int letter, rc, ready = -1, pid_fd = -1;

    while ((letter = xl_options(xl, argc, argv)) != -1) {
        foreground |= letter == 'F';
        pid_path = letter == 'p' ? optarg : pid_path;
    }
    if (pid_path && (pid_fd = file_pid_take(&xl->err, pid_path)) < 0) {
        xl_die(xl);
    }
    rc = foreground ? 0 : file_daemon_fork(&xl->err, &ready);
    rc = rc ? rc : pid_path ? file_pid_write(&xl->err, pid_fd, pid_path) : 0;
    rc = rc ? rc : devd_run(&xl->err, ready);
    if (rc) {
        xl_die(xl);
    }
    return 0;
}
