/* SPDX-License-Identifier: MIT */
/*
 * A small printf. Output that does not fit is cut; the buffer always ends in a zero byte.
 */
#include "guest/libguest/print.h"

#include <stdbool.h>
#include <stdint.h>

#include "guest/libguest/console.h"
#include "guest/libguest/string.h"

struct sink {
    char *out;
    size_t size;
    size_t used;
};

struct spec {
    bool zero;
    bool left;
    unsigned int width;
    unsigned int longs;
};

static void put(struct sink *s, char c)
{
    if (s->used + 1 < s->size) {
        s->out[s->used++] = c;
    }
}

static void put_padded(struct sink *s, const struct spec *p, const char *text, size_t n)
{
    size_t pad = p->width > n ? p->width - n : 0;

    for (; !p->left && pad > 0; pad--) {
        put(s, p->zero ? '0' : ' ');
    }
    for (size_t i = 0; i < n; i++) {
        put(s, text[i]);
    }
    for (; pad > 0; pad--) {
        put(s, ' ');
    }
}

static void put_number(struct sink *s, const struct spec *p, uint64_t value, unsigned int base,
                       bool negative)
{
    char digits[24];
    size_t n = sizeof(digits);

    do {
        digits[--n] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    if (negative) {
        digits[--n] = '-';
    }
    put_padded(s, p, digits + n, sizeof(digits) - n);
}

static const char *parse_spec(const char *f, struct spec *p)
{
    for (;; f++) {
        if (*f == '0') {
            p->zero = true;
        } else if (*f == '-') {
            p->left = true;
        } else {
            break;
        }
    }
    for (; *f >= '0' && *f <= '9'; f++) {
        p->width = p->width * 10 + (*f - '0');
    }
    for (; *f == 'l' || *f == 'z'; f++) {
        p->longs++;
    }
    return f;
}

size_t print_format(char *out, size_t size, const char *format, va_list args)
{
    struct sink s = { .out = out, .size = size };

    for (const char *f = format; *f != '\0'; f++) {
        struct spec p = { 0 };
        const char *text;
        int64_t number;
        char c;

        if (*f != '%') {
            put(&s, *f);
            continue;
        }
        f = parse_spec(f + 1, &p);
        switch (*f) {
        case 'd':
        case 'i':
            number = p.longs > 0 ? va_arg(args, long) : va_arg(args, int);
            put_number(&s, &p, number < 0 ? -(uint64_t)number : (uint64_t)number, 10,
                       number < 0);
            break;
        case 'u':
        case 'x':
            put_number(&s, &p,
                       p.longs > 0 ? va_arg(args, unsigned long) : va_arg(args, unsigned int),
                       *f == 'u' ? 10 : 16, false);
            break;
        case 'p':
            put(&s, '0');
            put(&s, 'x');
            put_number(&s, &p, (uintptr_t)va_arg(args, void *), 16, false);
            break;
        case 'c':
            c = (char)va_arg(args, int);
            put_padded(&s, &p, &c, 1);
            break;
        case 's':
            text = va_arg(args, const char *);
            text = text != NULL ? text : "(null)";
            put_padded(&s, &p, text, strlen(text));
            break;
        default:
            put(&s, *f);
            break;
        }
    }
    if (size > 0) {
        out[s.used] = '\0';
    }
    return s.used;
}

size_t print_to(char *out, size_t size, const char *format, ...)
{
    va_list args;
    size_t n;

    va_start(args, format);
    n = print_format(out, size, format, args);
    va_end(args);
    return n;
}

void print(const char *format, ...)
{
    char line[512];
    va_list args;
    size_t n;

    va_start(args, format);
    n = print_format(line, sizeof(line), format, args);
    va_end(args);
    console_write(line, n);
}
