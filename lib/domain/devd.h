/* SPDX-License-Identifier: MIT */
/*
 * The work of a driver domain: devices whose backend is in this domain are set up when a toolstack elsewhere
 * has written their nodes, and taken down when they close.
 */
#ifndef LIB_DOMAIN_DEVD_H
#define LIB_DOMAIN_DEVD_H

#include "lib/base/err.h"

/* Until SIGTERM. ready_fd: as file_daemon_ready(), or -1. */
int devd_run(struct err *e, int ready_fd);

#endif
