/* SPDX-License-Identifier: MIT */
/* The event loop over epoll. */
#include "cmd/xenstored/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

static int epoll = -1;
static bool stopped;

int loop_init(void)
{
    stopped = false;
    if (epoll >= 0) {
        close(epoll);
    }
    epoll = epoll_create1(EPOLL_CLOEXEC);
    return epoll < 0 ? -errno : 0;
}

int loop_add(struct loop_source *s, int fd, uint32_t events)
{
    struct epoll_event e = { .events = events, .data.ptr = s };

    s->fd = fd;
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : -errno;
}

void loop_change(struct loop_source *s, uint32_t events)
{
    struct epoll_event e = { .events = events, .data.ptr = s };
    epoll_ctl(epoll, EPOLL_CTL_MOD, s->fd, &e);
}

void loop_forget(struct loop_source *s)
{
    epoll_ctl(epoll, EPOLL_CTL_DEL, s->fd, NULL);
}

void loop_once(int timeout_ms)
{
    struct epoll_event events[32];
    int n = epoll_wait(epoll, events, 32, timeout_ms);

    for (int i = 0; i < n; i++) {
        struct loop_source *s = events[i].data.ptr;
        s->ready(s, events[i].events);
    }
}

void loop_run(bool (*between)(void))
{
    bool busy = between();

    while (!stopped) {
        loop_once(busy ? 0 : -1);
        busy = between();
    }
}

void loop_stop(void)
{
    stopped = true;
}
