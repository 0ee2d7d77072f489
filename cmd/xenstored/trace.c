/* SPDX-License-Identifier: MIT */
/* Warnings and the trace file. */
#include "cmd/xenstored/trace.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

bool trace_on;
bool trace_quiet;
static bool to_stderr = true;
static FILE *file;
static char file_name[512];

void trace_init(bool foreground)
{
    to_stderr = foreground;
    if (!foreground) {
        openlog("xenstored", LOG_PID, LOG_DAEMON);
    }
}

int trace_open(const char *path)
{
    if (file != NULL) {
        fclose(file);
        file = NULL;
    }
    trace_on = false;
    if (path == NULL) {
        return 0;
    }
    if (path != file_name) {
        snprintf(file_name, sizeof(file_name), "%s", path);
    }
    file = fopen(path, "ae");
    if (file == NULL) {
        return -errno;
    }
    setvbuf(file, NULL, _IOLBF, 0);
    trace_on = true;
    return 0;
}

void trace_reopen(void)
{
    if (file != NULL) {
        trace_open(file_name);
    }
}

void trace_warn(const char *format, ...)
{
    char line[512];
    va_list args;

    if (trace_quiet) {
        return;
    }
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (to_stderr) {
        fprintf(stderr, "xenstored: %s\n", line);
    } else {
        syslog(LOG_WARNING, "%s", line);
    }
    if (file != NULL) {
        fprintf(file, "WARN %s\n", line);
    }
}

void trace_message(const char *what, unsigned int conn, uint32_t type, uint32_t tx, const char *data, size_t size)
{
    struct timespec now;

    if (file == NULL) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    fprintf(file, "%lld.%06ld %s %u type %u tx %u (", (long long)now.tv_sec, now.tv_nsec / 1000, what, conn, type, tx);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = data[i];
        fputc(isprint(c) ? c : c == '\0' ? ' ' : '?', file);
    }
    fputs(")\n", file);
}
