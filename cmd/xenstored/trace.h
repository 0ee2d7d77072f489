/* SPDX-License-Identifier: MIT */
/*
 * What the daemon tells: warnings to syslog (or stderr while in the foreground), and, when asked for by -T or
 * `xenstore-control logfile` and `log on`, a line for every request, answer and event.
 */
#ifndef CMD_XENSTORED_TRACE_H
#define CMD_XENSTORED_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern bool trace_on;
extern bool trace_quiet; /* no warnings: for fuzzing */

void trace_init(bool foreground);
/* Opens (append) another trace file; NULL closes. -E... */
int trace_open(const char *path);
/* The file again under its name, after a rotation. */
void trace_reopen(void);
void trace_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void trace_message(const char *what, unsigned int conn, uint32_t type, uint32_t tx, const char *data, size_t size);

#endif
