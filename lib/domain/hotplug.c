/* SPDX-License-Identifier: MIT */
/* Hot plug scripts: see hotplug.h. */
#include "lib/domain/hotplug.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { OUTPUT_MAX = 256 };

bool hotplug_is_default(const char *kind, const char *script)
{
    const char *name = script ? strrchr(script, '/') : NULL;

    if (!script || !*script) {
        return true;
    }
    name = name ? name + 1 : script;
    return (!strcmp(kind, "vbd") && !strcmp(name, "block")) ||
           (!strcmp(kind, "vif") && !strcmp(name, "vif-bridge"));
}

static void run_child(const struct hotplug *h, int output)
{
    char path[80];
    int null = open("/dev/null", O_RDWR);

    setpgid(0, 0);
    dup2(null, 0);
    dup2(output, 1);
    dup2(output, 2);
    snprintf(path, sizeof(path), "backend/%s/%u/%u", h->kind, h->domid, h->devid);
    setenv("XENBUS_TYPE", h->kind, 1);
    setenv("XENBUS_PATH", path, 1);
    setenv("XENBUS_BASE_PATH", "backend", 1);
    setenv("script", h->script, 1);
    if (h->interface) {
        setenv("vif", h->interface, 1);
        setenv("netdev", h->interface, 1);
        setenv("INTERFACE", h->interface, 1);
    }
    execl(h->script, h->script, h->action, h->interface ? "type_if=vif" : (char *)NULL, (char *)NULL);
    dprintf(2, "%s", strerror(errno));
    _exit(127);
}

static int64_t milliseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* The child's words, up to OUTPUT_MAX, until it closes them or the time is over: false then. */
static bool collect(int fd, char text[OUTPUT_MAX])
{
    int64_t end = milliseconds() + HOTPLUG_SECONDS * 1000;
    size_t used = 0;

    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int64_t left = end - milliseconds();
        char more[512];
        int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
        ssize_t got;

        if (ready == 0) {
            return false;
        }
        if (ready < 0) { /* a signal */
            continue;
        }
        got = read(fd, more, sizeof(more));
        if (got <= 0) {
            text[used] = '\0';
            return true;
        }
        for (ssize_t i = 0; i < got && used < OUTPUT_MAX - 1; i++) {
            text[used++] = more[i] == '\n' ? ' ' : more[i];
        }
    }
}

int hotplug_run(struct err *e, const struct hotplug *h)
{
    char text[OUTPUT_MAX] = "";
    int fds[2], status = 0;
    bool ended;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC)) {
        return err_errno(e, "pipe");
    }
    pid = fork();
    if (pid < 0) {
        close(fds[0]);
        close(fds[1]);
        return err_errno(e, "fork");
    }
    if (pid == 0) {
        run_child(h, fds[1]);
    }
    setpgid(pid, pid);
    close(fds[1]);
    ended = collect(fds[0], text);
    if (!ended) {
        kill(-pid, SIGKILL);
    }
    close(fds[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!ended) {
        return err_set(e, -ETIMEDOUT, "%s %s did not end within %d seconds", h->script, h->action,
                       HOTPLUG_SECONDS);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        return err_set(e, -EIO, "%s %s failed with %d: %s", h->script, h->action, WEXITSTATUS(status), text);
    }
    return 0;
}
