/* SPDX-License-Identifier: MIT */
/*
 * Walking a description "key=value,flag,..." field by field, for the parsers of spec.h.
 *
 *     struct field f;
 *     for (const char *at = text; field_next(&at, &f);) { ... }
 *
 * Blanks around a field are dropped. The text is borrowed.
 */
#ifndef LIB_CONF_FIELD_H
#define LIB_CONF_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct field {
    const char *start; /* the whole field */
    size_t size;
    const char *key; /* NULL when the field has no "=" */
    size_t key_size;
    const char *value; /* after the "=", or the whole field */
    size_t value_size;
};

/* false at the end. *at is NULL after the last field; a text without any field has one empty field. */
bool field_next(const char **at, struct field *f);
bool field_key_is(const struct field *f, const char *key);
/* A field without "=" that reads so. */
bool field_flag_is(const struct field *f, const char *flag);
bool field_value_is(const struct field *f, const char *value);

/* Copies the value to *out; a key given before, or no memory, is an error. An empty value leaves *out NULL.
 */
int field_take(struct err *e, const struct field *f, char **out);
/* The value as a whole number from 0 to max. */
int field_number(struct err *e, const struct field *f, uint64_t max, uint64_t *out);
/* "unknown option" with the field's text. */
int field_unknown(struct err *e, const struct field *f, const char *known);

/* Digits from *at on, which moves behind them; false without a digit or above max. */
bool field_digits(const char **at, const char *end, uint64_t max, uint64_t *out);

#endif
