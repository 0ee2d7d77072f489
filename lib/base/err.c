/* SPDX-License-Identifier: MIT */
/* The error object: see err.h. Texts too long for it are cut, never dropped. */
#include "lib/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void set_text(struct err *e, int code, const char *format, va_list args)
{
    e->code = code;
    vsnprintf(e->text, sizeof(e->text), format, args);
    e->hint[0] = '\0';
}

int err_set(struct err *e, int code, const char *format, ...)
{
    if (e && !e->code) {
        va_list args;
        va_start(args, format);
        set_text(e, code, format, args);
        va_end(args);
    }
    return code;
}

int err_errno(struct err *e, const char *format, ...)
{
    int code = errno ? -errno : -EIO;
    if (e && !e->code) {
        va_list args;
        va_start(args, format);
        set_text(e, code, format, args);
        va_end(args);
        size_t used = strlen(e->text);
        snprintf(e->text + used, sizeof(e->text) - used, ": %s", strerror(-code));
    }
    return code;
}

void err_prefix(struct err *e, const char *format, ...)
{
    if (!e || !e->code) {
        return;
    }
    char text[sizeof(e->text)];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    size_t used = strlen(text);
    snprintf(text + used, sizeof(text) - used, ": %s", e->text);
    memcpy(e->text, text, sizeof(text));
}

void err_hint(struct err *e, const char *format, ...)
{
    if (!e) {
        return;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(e->hint, sizeof(e->hint), format, args);
    va_end(args);
}

void err_clear(struct err *e)
{
    if (e) {
        memset(e, 0, sizeof(*e));
    }
}
