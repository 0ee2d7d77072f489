/* SPDX-License-Identifier: MIT */
/* Log files of consoles: see log.h. */
#include "cmd/xenconsoled/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/file.h"

static int open_file(struct log *log)
{
    log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    struct stat st;
    if (log->fd < 0 || fstat(log->fd, &st) != 0) {
        return -errno;
    }
    log->size = st.st_size;
    return 0;
}

int log_open(struct log *log, const char *path, const struct log_options *options)
{
    *log = (struct log){ .fd = -1, .options = options };
    if (snprintf(log->path, sizeof(log->path), "%s", path) >= (int)sizeof(log->path)) {
        return -ENAMETOOLONG;
    }
    return open_file(log);
}

void log_close(struct log *log)
{
    if (log->fd >= 0) {
        close(log->fd);
        log->fd = -1;
    }
}

void log_reopen(struct log *log)
{
    if (log->fd >= 0) {
        log_close(log);
        open_file(log);
    }
}

static void rotate(struct log *log)
{
    char from[PATH_MAX + 16];
    char to[PATH_MAX + 16];
    if (log->options->keep == 0) {
        unlink(log->path);
    }
    for (unsigned int n = log->options->keep; n > 0; n--) {
        snprintf(to, sizeof(to), "%s.%u", log->path, n);
        snprintf(from, sizeof(from), n > 1 ? "%s.%u" : "%s", log->path, n - 1);
        rename(from, to);
    }
    log_reopen(log);
}

static void add_time(struct buf *out)
{
    char text[40];
    time_t now = time(NULL);
    struct tm tm;
    localtime_r(&now, &tm);
    strftime(text, sizeof(text), "[%Y-%m-%d %H:%M:%S] ", &tm);
    buf_puts(out, text);
}

static void decorate(struct log *log, struct buf *out, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!log->in_line && log->options->timestamp) {
            add_time(out);
        }
        log->in_line = data[i] != '\n';
        buf_putc(out, log->options->replace_escape && data[i] == '\033' ? '.' : data[i]);
    }
}

void log_write(struct log *log, const char *data, size_t size)
{
    if (log->fd < 0 || size == 0) {
        return;
    }
    struct buf decorated = BUF_INIT;
    if (log->options->timestamp || log->options->replace_escape) {
        decorate(log, &decorated, data, size);
        data = decorated.text;
        size = decorated.length;
    }
    if (log->options->max_size && log->size + size > log->options->max_size && log->size > 0) {
        rotate(log);
    }
    if (log->fd >= 0 && file_write_all(NULL, log->fd, data, size) == 0) {
        log->size += size;
    }
    buf_free(&decorated);
}
