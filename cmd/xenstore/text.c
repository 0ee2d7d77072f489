/* SPDX-License-Identifier: MIT */
/* Values as text, both ways. */
#include "cmd/xenstore/text.h"

#include <stdbool.h>

void text_escape(struct buf *out, const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = value[i];
        switch (c) {
        case '\n':
            buf_puts(out, "\\n");
            break;
        case '\r':
            buf_puts(out, "\\r");
            break;
        case '\t':
            buf_puts(out, "\\t");
            break;
        case '\\':
            buf_puts(out, "\\\\");
            break;
        default:
            if (c >= ' ' && c <= '~') {
                buf_putc(out, c);
            } else {
                buf_printf(out, c < ' ' ? "\\%03o" : "\\x%02x", c);
            }
        }
    }
}

static int digit(char c, int base)
{
    int n = c >= '0' && c <= '9'   ? c - '0'
            : c >= 'a' && c <= 'f' ? c - 'a' + 10
            : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                   : base;
    return n < base ? n : -1;
}

/* Up to `most` digits at *s; the byte they make. */
static char number(const char **s, int base, int most)
{
    unsigned int n = 0;

    for (int i = 0; i < most && digit(**s, base) >= 0; i++) {
        n = n * base + digit(*(*s)++, base);
    }
    return n;
}

size_t text_plain(char *text)
{
    const char *s = text;
    char *out = text;

    while (*s != '\0') {
        char c = *s++;
        if (c != '\\' || *s == '\0') {
            *out++ = c;
            continue;
        }
        c = *s++;
        if (c == 'n' || c == 'r' || c == 't') {
            *out++ = c == 'n' ? '\n' : c == 'r' ? '\r' : '\t';
        } else if (c == 'x' && digit(*s, 16) >= 0) {
            *out++ = number(&s, 16, 2);
        } else if (digit(c, 8) >= 0) {
            s--;
            *out++ = number(&s, 8, 3);
        } else {
            *out++ = c;
        }
    }
    *out = '\0';
    return out - text;
}
