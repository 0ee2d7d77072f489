/* SPDX-License-Identifier: MIT */
/*
 * Clients on the Unix socket. All of them are the control domain's and privileged; the socket's mode keeps others out.
 */
#ifndef CMD_XENSTORED_SOCKET_H
#define CMD_XENSTORED_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

struct conn;

int socket_listen(struct err *e, const char *path);
/* The listening socket of a predecessor. */
int socket_listen_on(struct err *e, int fd);
int socket_listen_fd(void);
/* A client by its descriptor; NULL: no memory. */
struct conn *socket_client(int fd);
/* Live update: writes records of all clients and lets their descriptors live; or undoes it. */
bool socket_hand_over(void);
void socket_take_back(void);
struct conn *socket_adopt(uint32_t record);
/* Answers all that is complete in what came before a live update. */
void socket_resume(struct conn *c);

#endif
