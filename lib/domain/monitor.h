/* SPDX-License-Identifier: MIT */
/*
 * One process that watches all guests of this host: it carries out on_poweroff, on_reboot, on_crash,
 * on_watchdog and on_soft_reset, clears up after guests that vanished and after creates that were killed. Its
 * state is what /var/lib/xen and the store say, so it may be killed and started again at any time.
 */
#ifndef LIB_DOMAIN_MONITOR_H
#define LIB_DOMAIN_MONITOR_H

#include <stdbool.h>

#include "lib/base/err.h"

struct ctrl;
struct xs_handle;

#define MONITOR_LOCK "/run/xen/xl-monitor.lock"

/* Runs until it is told to stop (SIGTERM); -EBUSY when another one runs. ready_fd: as file_daemon_ready(), or
 * -1. */
int monitor_run(struct err *e, int ready_fd);

/* Is one running? */
bool monitor_running(void);

/* Starts one in the background with the program that runs now, unless one runs. */
int monitor_start(struct err *e);

#endif
