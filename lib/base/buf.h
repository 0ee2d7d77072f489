/* SPDX-License-Identifier: MIT */
/*
 * A string that grows: BUF_INIT, buf_printf() and friends, then b.text, which always ends in a NUL once
 * something was added. When memory runs out the buffer keeps what it has, remembers it (b.failed) and
 * swallows the rest, so that a writer checks once, at the end. buf_free() gives the memory back; buf_take()
 * hands it to the caller.
 */
#ifndef LIB_BASE_BUF_H
#define LIB_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *text;
    size_t length; /* without the NUL */
    size_t room;
    bool failed;
};

#define BUF_INIT                                                                                             \
    {                                                                                                        \
        0                                                                                                    \
    }

void buf_add(struct buf *b, const void *data, size_t size);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_fill(struct buf *b, char c, size_t count);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list args);
/* Takes `size` bytes off the front. */
void buf_drop(struct buf *b, size_t size);
/* Empties it, keeping the memory. */
void buf_reset(struct buf *b);
void buf_free(struct buf *b);
/* The text for the caller to free(), or NULL when it is not whole; the buffer is empty afterwards. */
char *buf_take(struct buf *b);

#endif
