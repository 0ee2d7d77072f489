/* SPDX-License-Identifier: MIT */
/*
 * Live update: this process executes another program in its place. Nodes, watches and connections are in the state
 * file; descriptors stay open. It waits for open transactions until a time limit; those that are then still open, if
 * forced, end in EAGAIN, as after a conflict. The answer to the request that asked is given by the new program.
 */
#ifndef CMD_XENSTORED_UPDATE_H
#define CMD_XENSTORED_UPDATE_H

#include <stdbool.h>

#include "cmd/xenstored/conn.h"
#include "lib/base/buf.h"

/* How to be started again: the arguments of main(), and the pid file's descriptor or -1. */
void update_init(char **argv, int pid_fd);
/* The control command; returns 1 when the answer comes later. */
int update_command(struct request *r, const char **args, unsigned int count, struct buf *out);
/* Between requests: hands over when it is time. True: waiting. */
bool update_between(void);
/* In the new program, when all is taken over: answers who asked. */
void update_done(void);

#endif
