/* SPDX-License-Identifier: MIT */
/* Live update by exec. */
#include "cmd/xenstored/update.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "cmd/xenstored/ops.h"
#include "cmd/xenstored/out.h"
#include "cmd/xenstored/socket.h"
#include "cmd/xenstored/trace.h"

static char **main_argv;
static int pid_fd = -1;
static char program[512];
static char arguments[512];

static struct {
    bool waiting, force;
    time_t until;
    struct request asked; /* head only */
    uint32_t conn_id;
} pending;

void update_init(char **argv, int fd)
{
    main_argv = argv;
    pid_fd = fd;
}

static time_t seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static struct conn *asker(uint32_t id)
{
    struct conn *c = conn_list;
    while (c != NULL && c->id != id) {
        c = c->next;
    }
    return c;
}

static void answer(uint32_t conn_id, uint32_t req_id, const char *text)
{
    struct request r = { .conn = asker(conn_id), .head = { .type = XS_CONTROL, .req_id = req_id } };
    if (r.conn != NULL) {
        out_reply(&r, XS_CONTROL, text, strlen(text) + 1);
    }
}

static int start(struct request *r, const char **args, unsigned int count)
{
    uint32_t limit = 60;

    pending.force = false;
    for (unsigned int i = 1; i < count; i++) {
        if (strcmp(args[i], "-F") == 0) {
            pending.force = true;
        } else if (strcmp(args[i], "-t") != 0 || i + 1 == count || !ops_number(args[++i], 3600, &limit)) {
            return -EINVAL;
        }
    }
    if (pending.waiting) {
        return -EBUSY;
    }
    pending.waiting = true;
    pending.until = seconds() + limit;
    pending.asked = *r;
    pending.conn_id = r->conn->id;
    return 1;
}

int update_command(struct request *r, const char **args, unsigned int count, struct buf *out)
{
    if (count == 0) {
        return -EINVAL;
    }
    if (strcmp(args[0], "-s") == 0) {
        return start(r, args, count);
    }
    if (strcmp(args[0], "-a") == 0) {
        pending.waiting = false;
        program[0] = arguments[0] = '\0';
        return 0;
    }
    if (count == 2 && strcmp(args[0], "-f") == 0) {
        if (access(args[1], X_OK) != 0) {
            return -errno;
        }
        snprintf(program, sizeof(program), "%s", args[1]);
        return 0;
    }
    if (count == 2 && strcmp(args[0], "-c") == 0) {
        snprintf(arguments, sizeof(arguments), "%s", args[1]);
        return 0;
    }
    return -EINVAL;
}

static unsigned int open_transactions(void)
{
    unsigned int n = 0;
    for (const struct conn *c = conn_list; c != NULL; c = c->next) {
        n += c->tx_count;
    }
    return n;
}

/* Our arguments, then those given with -c. */
static char **new_argv(void)
{
    static char *argv[64];
    unsigned int n = 0;

    while (main_argv[n] != NULL && n < 32) {
        argv[n] = main_argv[n];
        n++;
    }
    for (char *word = strtok(arguments, " "); word != NULL && n < 63; word = strtok(NULL, " ")) {
        argv[n++] = word;
    }
    argv[n] = NULL;
    return argv;
}

static void keep_descriptor(int fd, bool keep)
{
    if (fd >= 0) {
        fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC);
    }
}

static void hand_over(void)
{
    struct arena_head *h = arena_head();

    h->listen_fd = socket_listen_fd() + 1;
    h->pid_fd = pid_fd + 1;
    h->update_conn = pending.conn_id;
    h->update_request = pending.asked.head.req_id;
    keep_descriptor(socket_listen_fd(), true);
    keep_descriptor(pid_fd, true);
    if (socket_hand_over()) {
        h->update = getpid();
        setenv("XENSTORED_UPDATED", "1", 1);
        execv(program[0] != '\0' ? program : "/proc/self/exe", new_argv());
        trace_warn("live update: cannot execute %s: %s", program, strerror(errno));
        h->update = 0;
    }
    socket_take_back();
    keep_descriptor(socket_listen_fd(), false);
    keep_descriptor(pid_fd, false);
    answer(pending.conn_id, pending.asked.head.req_id, "live update failed, see the log");
}

bool update_between(void)
{
    if (!pending.waiting) {
        return false;
    }
    bool late = seconds() >= pending.until;
    if (open_transactions() > 0 && !late) {
        usleep(1000);
        return true;
    }
    pending.waiting = false;
    if (open_transactions() > 0 && !pending.force) {
        answer(pending.conn_id, pending.asked.head.req_id, "transactions are still open");
        return false;
    }
    hand_over();
    return false;
}

void update_done(void)
{
    struct arena_head *h = arena_head();

    h->update = 0;
    answer(h->update_conn, h->update_request, "OK");
    for (struct conn *c = conn_list; c != NULL; c = c->next) {
        if (c->ring == NULL) {
            socket_resume(c);
        }
    }
    socket_take_back();
}
