/* SPDX-License-Identifier: MIT */
/* The JSON writer: see json.h. */
#include "lib/base/json.h"

#include <inttypes.h>
#include <math.h>

static void line(struct json *j)
{
    if (j->pretty) {
        buf_putc(j->out, '\n');
        buf_fill(j->out, ' ', j->depth * 4);
    }
}

/* Whatever stands between the previous value and this one. */
static void separate(struct json *j)
{
    if (j->after_key) {
        j->after_key = false;
        return;
    }
    if (j->filled) {
        buf_putc(j->out, ',');
    }
    if (j->depth > 0) {
        line(j);
    }
    j->filled = true;
}

static void begin(struct json *j, char bracket)
{
    separate(j);
    buf_putc(j->out, bracket);
    j->depth++;
    j->filled = false;
}

static void end(struct json *j, char bracket)
{
    j->depth--;
    if (j->filled) {
        line(j);
    }
    buf_putc(j->out, bracket);
    j->filled = true;
}

void json_object_begin(struct json *j)
{
    begin(j, '{');
}

void json_object_end(struct json *j)
{
    end(j, '}');
}

void json_array_begin(struct json *j)
{
    begin(j, '[');
}

void json_array_end(struct json *j)
{
    end(j, ']');
}

/* Length of the UTF-8 character at s, or 0 when it is not one (overlong, surrogate, cut off). */
static int utf8_length(const unsigned char *s)
{
    static const struct {
        unsigned char mask, lead;
        int length;
        uint32_t least;
    } kinds[] = { { 0xe0, 0xc0, 2, 0x80 }, { 0xf0, 0xe0, 3, 0x800 }, { 0xf8, 0xf0, 4, 0x10000 } };
    if (s[0] < 0x80) {
        return 1;
    }
    for (unsigned int k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        if ((s[0] & kinds[k].mask) != kinds[k].lead) {
            continue;
        }
        uint32_t c = s[0] & ~kinds[k].mask;
        for (int i = 1; i < kinds[k].length; i++) {
            if ((s[i] & 0xc0) != 0x80) {
                return 0;
            }
            c = c << 6 | (s[i] & 0x3f);
        }
        bool good = c >= kinds[k].least && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
        return good ? kinds[k].length : 0;
    }
    return 0;
}

static void escape(struct buf *b, const unsigned char *s, int length)
{
    switch (*s) {
    case '"':
        buf_puts(b, "\\\"");
        return;
    case '\\':
        buf_puts(b, "\\\\");
        return;
    case '\n':
        buf_puts(b, "\\n");
        return;
    case '\r':
        buf_puts(b, "\\r");
        return;
    case '\t':
        buf_puts(b, "\\t");
        return;
    default:
        break;
    }
    if (*s < 0x20 || *s == 0x7f) {
        buf_printf(b, "\\u%04x", *s);
    } else {
        buf_add(b, s, length);
    }
}

static void quote(struct buf *b, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    buf_putc(b, '"');
    while (*s) {
        int length = utf8_length(s);
        if (length == 0) {
            buf_puts(b, "\\ufffd");
            s++;
        } else {
            escape(b, s, length);
            s += length;
        }
    }
    buf_putc(b, '"');
}

void json_key(struct json *j, const char *key)
{
    separate(j);
    quote(j->out, key);
    buf_puts(j->out, j->pretty ? ": " : ":");
    j->after_key = true;
}

void json_string(struct json *j, const char *s)
{
    if (!s) {
        json_null(j);
        return;
    }
    separate(j);
    quote(j->out, s);
}

void json_int(struct json *j, int64_t value)
{
    separate(j);
    buf_printf(j->out, "%" PRId64, value);
}

void json_uint(struct json *j, uint64_t value)
{
    separate(j);
    buf_printf(j->out, "%" PRIu64, value);
}

void json_double(struct json *j, double value, int decimals)
{
    if (!isfinite(value)) {
        json_null(j);
        return;
    }
    separate(j);
    buf_printf(j->out, "%.*f", decimals, value);
}

void json_bool(struct json *j, bool value)
{
    separate(j);
    buf_puts(j->out, value ? "true" : "false");
}

void json_null(struct json *j)
{
    separate(j);
    buf_puts(j->out, "null");
}

void json_field_string(struct json *j, const char *key, const char *s)
{
    json_key(j, key);
    json_string(j, s);
}

void json_field_int(struct json *j, const char *key, int64_t value)
{
    json_key(j, key);
    json_int(j, value);
}

void json_field_uint(struct json *j, const char *key, uint64_t value)
{
    json_key(j, key);
    json_uint(j, value);
}

void json_field_bool(struct json *j, const char *key, bool value)
{
    json_key(j, key);
    json_bool(j, value);
}
