/* SPDX-License-Identifier: MIT */
/*
 * A log file that is appended to, may get a time at the start of each line, is opened again on demand
 * (logrotate) and rotates itself when it passes a size: NAME becomes NAME.1, NAME.1 becomes NAME.2, as many
 * as are kept. A full disk loses lines, never the daemon.
 */
#ifndef CMD_XENCONSOLED_LOG_H
#define CMD_XENCONSOLED_LOG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_options {
    bool timestamp;
    bool replace_escape; /* escape characters become dots */
    uint64_t max_size;   /* 0: no limit */
    unsigned int keep;
};

struct log {
    int fd; /* -1: closed */
    char path[PATH_MAX];
    const struct log_options *options;
    uint64_t size;
    bool in_line;
};

/* 0 or -E...; the file is made with mode 0644 as Debian's is. */
int log_open(struct log *log, const char *path, const struct log_options *options);
void log_write(struct log *log, const char *data, size_t size);
void log_reopen(struct log *log);
void log_close(struct log *log);

#endif
