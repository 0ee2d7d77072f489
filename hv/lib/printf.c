/* SPDX-License-Identifier: MIT */
/*
 * Formatting: see printf.h. One pass over the format; every byte goes through emit(), which
 * counts all and stores what fits.
 */
#include "hv/lib/printf.h"

#include "hv/lib/string.h"

struct output {
    char *buf;
    size_t size;
    size_t length;
};

struct spec {
    bool left;
    bool zero;
    bool alternate;
    char sign; /* printed before numbers that are not negative; 0 for none */
    unsigned int width;
    int precision; /* -1: not given */
    int size;      /* -2 char, -1 short, 0 int, 1 long, 2 long long */
};

static printf_pointer_fn pointer_formats[26];

void printf_set_pointer_format(char letter, printf_pointer_fn fn)
{
    if (letter >= 'a' && letter <= 'z') {
        pointer_formats[letter - 'a'] = fn;
    }
}

static void emit(struct output *out, char c)
{
    if (out->length + 1 < out->size) {
        out->buf[out->length] = c;
    }
    out->length++;
}

static void emit_fill(struct output *out, char c, size_t count)
{
    while (count-- > 0) {
        emit(out, c);
    }
}

static void emit_text(struct output *out, const struct spec *spec, const char *s, size_t n)
{
    size_t fill = spec->width > n ? spec->width - n : 0;

    if (!spec->left) {
        emit_fill(out, ' ', fill);
    }
    for (size_t i = 0; i < n; i++) {
        emit(out, s[i]);
    }
    if (spec->left) {
        emit_fill(out, ' ', fill);
    }
}

static void emit_number(struct output *out, const struct spec *spec, uint64_t value,
                        unsigned int base, bool upper, char sign)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[24];
    size_t n = 0;
    size_t zeros = 0;
    size_t prefix = (sign != 0) + (spec->alternate && base == 16 && value != 0 ? 2 : 0);
    bool hex_prefix = spec->alternate && base == 16 && value != 0;
    size_t total;

    for (; value != 0; value /= base) {
        text[n++] = digits[value % base];
    }
    if (spec->precision < 0) {
        if (n == 0) {
            text[n++] = '0';
        }
        if (spec->zero && !spec->left && spec->width > n + prefix) {
            zeros = spec->width - n - prefix;
        }
    } else if ((size_t)spec->precision > n) {
        zeros = (size_t)spec->precision - n;
    }
    total = prefix + zeros + n;
    if (!spec->left && spec->width > total) {
        emit_fill(out, ' ', spec->width - total);
    }
    if (sign != 0) {
        emit(out, sign);
    }
    if (hex_prefix) {
        emit(out, '0');
        emit(out, upper ? 'X' : 'x');
    }
    emit_fill(out, '0', zeros);
    while (n > 0) {
        emit(out, text[--n]);
    }
    if (spec->left && spec->width > total) {
        emit_fill(out, ' ', spec->width - total);
    }
}

static const char *parse_flags(struct spec *spec, const char *fmt)
{
    for (;; fmt++) {
        switch (*fmt) {
        case '-':
            spec->left = true;
            break;
        case '0':
            spec->zero = true;
            break;
        case '#':
            spec->alternate = true;
            break;
        case '+':
        case ' ':
            spec->sign = *fmt;
            break;
        default:
            return fmt;
        }
    }
}

static const char *parse_size(struct spec *spec, const char *fmt)
{
    for (;; fmt++) {
        switch (*fmt) {
        case 'l':
            spec->size++;
            break;
        case 'h':
            spec->size--;
            break;
        case 'z':
        case 't':
            spec->size = sizeof(size_t) == sizeof(long) ? 1 : 0;
            break;
        case 'j':
            spec->size = 2;
            break;
        default:
            return fmt;
        }
    }
}

/* Names what p points to when the letter after %p has a function; returns how many letters it
 * used. */
static unsigned int emit_pointer(struct output *out, struct spec *spec, char letter,
                                 const void *p)
{
    printf_pointer_fn fn = letter >= 'a' && letter <= 'z' ? pointer_formats[letter - 'a']
                                                          : NULL;
    bool known = letter == 'd' || letter == 'v' || letter == 's';
    char name[80];

    if (known && fn != NULL && p != NULL) {
        int n = fn(name, sizeof(name), p);

        emit_text(out, spec, name, n < 0 ? 0 : MIN((size_t)n, sizeof(name) - 1));
        return 1;
    }
    if (known && p == NULL) {
        emit_text(out, spec, "(null)", 6);
        return 1;
    }
    spec->precision = 2 * (int)sizeof(void *);
    emit_number(out, spec, (uintptr_t)p, 16, false, 0);
    return known ? 1 : 0;
}

static const char *convert(struct output *out, struct spec *spec, const char *fmt,
                           va_list *args)
{
    unsigned int base = 10;
    uint64_t value;
    char c;
    const char *s;

    switch (*fmt) {
    case 'c':
        c = (char)va_arg(*args, int);
        emit_text(out, spec, &c, 1);
        return fmt + 1;
    case 's':
        s = va_arg(*args, const char *);
        s = s != NULL ? s : "(null)";
        emit_text(out, spec, s, strnlen(s, (size_t)(unsigned int)spec->precision));
        return fmt + 1;
    case 'p':
        return fmt + 1 + emit_pointer(out, spec, fmt[1], va_arg(*args, const void *));
    case '%':
        emit(out, '%');
        return fmt + 1;
    case 'd':
    case 'i': {
        int64_t number = spec->size >= 2   ? va_arg(*args, long long)
                         : spec->size == 1 ? va_arg(*args, long)
                                           : va_arg(*args, int);

        number = spec->size == -1 ? (short)number : number;
        number = spec->size <= -2 ? (signed char)number : number;
        emit_number(out, spec, number < 0 ? 0 - (uint64_t)number : (uint64_t)number, 10, false,
                    number < 0 ? '-' : spec->sign);
        return fmt + 1;
    }
    case 'x':
    case 'X':
        base = 16;
        break;
    case 'o':
        base = 8;
        break;
    case 'u':
        break;
    default: /* not a conversion: show it as it stands */
        emit(out, '%');
        return fmt;
    }
    value = spec->size >= 2   ? va_arg(*args, unsigned long long)
            : spec->size == 1 ? va_arg(*args, unsigned long)
                              : va_arg(*args, unsigned int);
    value = spec->size == -1 ? (unsigned short)value : value;
    value = spec->size <= -2 ? (unsigned char)value : value;
    emit_number(out, spec, value, base, *fmt == 'X', 0);
    return fmt + 1;
}

static const char *parse_count(const char *fmt, int *count, va_list *args)
{
    if (*fmt == '*') {
        *count = va_arg(*args, int);
        return fmt + 1;
    }
    for (*count = 0; *fmt >= '0' && *fmt <= '9'; fmt++) {
        *count = *count < 10000 ? *count * 10 + (*fmt - '0') : *count;
    }
    return fmt;
}

int format_string_va(char *buf, size_t size, const char *fmt, va_list caller_args)
{
    struct output out = { .buf = buf, .size = size };
    va_list args;

    va_copy(args, caller_args);
    while (*fmt != '\0') {
        struct spec spec = { .precision = -1 };
        int count;

        if (*fmt != '%') {
            emit(&out, *fmt++);
            continue;
        }
        fmt = parse_flags(&spec, fmt + 1);
        fmt = parse_count(fmt, &count, &args);
        spec.left |= count < 0;
        spec.width = (unsigned int)(count < 0 ? -(long)count : count);
        if (*fmt == '.') {
            fmt = parse_count(fmt + 1, &spec.precision, &args);
        }
        fmt = parse_size(&spec, fmt);
        fmt = convert(&out, &spec, fmt, &args);
    }
    va_end(args);
    if (size > 0) {
        buf[MIN(out.length, size - 1)] = '\0';
    }
    return (int)out.length;
}

int format_string(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = format_string_va(buf, size, fmt, args);
    va_end(args);
    return n;
}
