/* SPDX-License-Identifier: MIT */
/*
 * Why something failed, as a person wants to read it: one object filled where the error is born and carried up.
 *
 * A library function that can fail for a user's reason takes `struct err *e` first and returns -E...; the first
 * err_set() wins, callers above add context with err_prefix() and a cure with err_hint(). Libraries never print:
 * cmd/ prints `xl: <text>` once and exits. `e` may be NULL where nobody reads the text.
 */
#ifndef LIB_BASE_ERR_H
#define LIB_BASE_ERR_H

#include <stdbool.h>

struct err {
    int code;          /* 0, or -E... */
    char text[512];    /* what failed and why, without the program's name */
    char hint[256];    /* what to do about it, or empty */
};

/* Records the first failure; returns `code` (negative) so that `return err_set(e, -ENOENT, ...)` reads well. */
int err_set(struct err *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* As err_set(), with ": " and the words of strerror(errno) added; code is -errno. */
int err_errno(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "<prefix>: " before the text recorded so far. */
void err_prefix(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

void err_hint(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

void err_clear(struct err *e);

#endif
