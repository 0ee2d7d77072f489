/* SPDX-License-Identifier: MIT */
/*
 * The event loop: descriptors and who is called when they are ready, epoll below. loop_run() calls between() after
 * each round; when that returns true there is work left and the next round does not wait.
 */
#ifndef CMD_XENSTORED_LOOP_H
#define CMD_XENSTORED_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop_source {
    void (*ready)(struct loop_source *s, uint32_t events); /* EPOLLIN... */
    int fd;
};

/* 0 or -E.... */
int loop_init(void);
int loop_add(struct loop_source *s, int fd, uint32_t events);
void loop_change(struct loop_source *s, uint32_t events);
void loop_forget(struct loop_source *s);
void loop_run(bool (*between)(void));
void loop_stop(void);
/* One round that waits at most that long; for tests. */
void loop_once(int timeout_ms);

#endif
