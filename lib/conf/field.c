/* SPDX-License-Identifier: MIT */
/* Descriptions in fields: see field.h. */
#include "lib/conf/field.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void trim(const char **start, size_t *size)
{
    while (*size != 0 && isspace((unsigned char)**start)) {
        (*start)++;
        (*size)--;
    }
    while (*size != 0 && isspace((unsigned char)(*start)[*size - 1])) {
        (*size)--;
    }
}

bool field_next(const char **at, struct field *f)
{
    const char *end, *equals;

    if (*at == NULL) {
        return false;
    }
    end = strchrnul(*at, ',');
    *f = (struct field){ .start = *at, .size = (size_t)(end - *at) };
    *at = *end == '\0' ? NULL : end + 1;
    trim(&f->start, &f->size);
    f->value = f->start;
    f->value_size = f->size;
    equals = memchr(f->start, '=', f->size);
    if (equals != NULL) {
        f->key = f->start;
        f->key_size = (size_t)(equals - f->start);
        f->value = equals + 1;
        f->value_size = f->size - f->key_size - 1;
        trim(&f->key, &f->key_size);
        trim(&f->value, &f->value_size);
    }
    return true;
}

static bool is(const char *text, size_t size, const char *wanted)
{
    return size == strlen(wanted) && memcmp(text, wanted, size) == 0;
}

bool field_key_is(const struct field *f, const char *key)
{
    return f->key != NULL && is(f->key, f->key_size, key);
}

bool field_flag_is(const struct field *f, const char *flag)
{
    return f->key == NULL && is(f->start, f->size, flag);
}

bool field_value_is(const struct field *f, const char *value)
{
    return is(f->value, f->value_size, value);
}

int field_take(struct err *e, const struct field *f, char **out)
{
    if (*out != NULL) {
        return err_set(e, -EINVAL, "\"%.*s\" comes twice", (int)(f->key != NULL ? f->key_size : f->size),
                       f->start);
    }
    if (f->value_size == 0) {
        return 0;
    }
    *out = strndup(f->value, f->value_size);
    return *out == NULL ? err_set(e, -ENOMEM, "out of memory") : 0;
}

bool field_digits(const char **at, const char *end, uint64_t max, uint64_t *out)
{
    const char *p = *at;
    uint64_t n = 0;

    while (p < end && isdigit((unsigned char)*p)) {
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n) ||
            n > max) {
            return false;
        }
        p++;
    }
    if (p == *at) {
        return false;
    }
    *at = p;
    *out = n;
    return true;
}

int field_number(struct err *e, const struct field *f, uint64_t max, uint64_t *out)
{
    const char *at = f->value;
    const char *end = f->value + f->value_size;

    if (!field_digits(&at, end, max, out) || at != end) {
        return err_set(e, -EINVAL, "\"%.*s\" is a number from 0 to %llu, not \"%.*s\"", (int)f->key_size,
                       f->key, (unsigned long long)max, (int)f->value_size, f->value);
    }
    return 0;
}

int field_unknown(struct err *e, const struct field *f, const char *known)
{
    int rc = err_set(e, -EINVAL, "unknown option \"%.*s\"", (int)(f->size > 80 ? 80 : f->size), f->start);

    err_hint(e, "known: %s", known);
    return rc;
}
