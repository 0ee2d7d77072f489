/* SPDX-License-Identifier: MIT */
/* The growing string: see buf.h. Room doubles, so adding costs constant work on average. */
#include "lib/base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for `more` bytes and the NUL. */
static bool grow(struct buf *b, size_t more)
{
    if (b->failed || more > SIZE_MAX / 2 - b->length) {
        b->failed = true;
        return false;
    }
    size_t need = b->length + more + 1;
    if (need <= b->room) {
        return true;
    }
    size_t room = b->room ? b->room : 64;
    while (room < need) {
        room *= 2;
    }
    char *text = realloc(b->text, room);
    if (!text) {
        b->failed = true;
        return false;
    }
    b->text = text;
    b->room = room;
    return true;
}

void buf_add(struct buf *b, const void *data, size_t size)
{
    if (!grow(b, size)) {
        return;
    }
    if (size) {
        memcpy(b->text + b->length, data, size);
    }
    b->length += size;
    b->text[b->length] = '\0';
}

void buf_puts(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_fill(struct buf *b, char c, size_t count)
{
    if (grow(b, count)) {
        memset(b->text + b->length, c, count);
        b->length += count;
        b->text[b->length] = '\0';
    }
}

void buf_vprintf(struct buf *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    if (size < 0) {
        b->failed = true;
    } else if (grow(b, size)) {
        vsnprintf(b->text + b->length, (size_t)size + 1, format, again);
        b->length += size;
    }
    va_end(again);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vprintf(b, format, args);
    va_end(args);
}

void buf_drop(struct buf *b, size_t size)
{
    if (size >= b->length) {
        buf_reset(b);
        return;
    }
    b->length -= size;
    memmove(b->text, b->text + size, b->length + 1);
}

void buf_reset(struct buf *b)
{
    b->length = 0;
    b->failed = false;
    if (b->text) {
        b->text[0] = '\0';
    }
}

void buf_free(struct buf *b)
{
    free(b->text);
    *b = (struct buf)BUF_INIT;
}

char *buf_take(struct buf *b)
{
    if (!b->text) {
        buf_puts(b, "");
    }
    char *text = b->text;
    if (b->failed) {
        free(text);
        text = NULL;
    }
    *b = (struct buf)BUF_INIT;
    return text;
}
