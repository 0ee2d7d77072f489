/* SPDX-License-Identifier: MIT */
/*
 * Writes JSON into a buf, one call a value: no tree is built.
 *
 *     struct json j = JSON_INIT(&out, true);      true: indented, one value a line
 *     json_array_begin(&j);
 *     json_object_begin(&j);
 *     json_key(&j, "domid"), json_int(&j, 3);      or json_field_int(&j, "domid", 3)
 *     json_object_end(&j);
 *     json_array_end(&j);
 *
 * Commas, line ends and escapes are done here. Bytes of a string that are not UTF-8 become U+FFFD.
 */
#ifndef LIB_BASE_JSON_H
#define LIB_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"

struct json {
    struct buf *out;
    bool pretty;
    unsigned int depth;
    bool filled;    /* the open object or array has a value */
    bool after_key; /* the next value belongs to the key just written */
};

#define JSON_INIT(buffer, indented)                                                                          \
    {                                                                                                        \
        .out = (buffer), .pretty = (indented)                                                                \
    }

void json_object_begin(struct json *j);
void json_object_end(struct json *j);
void json_array_begin(struct json *j);
void json_array_end(struct json *j);
void json_key(struct json *j, const char *key);
/* s may be NULL: null. */
void json_string(struct json *j, const char *s);
void json_int(struct json *j, int64_t value);
void json_uint(struct json *j, uint64_t value);
/* Not finite: null. */
void json_double(struct json *j, double value, int decimals);
void json_bool(struct json *j, bool value);
void json_null(struct json *j);

void json_field_string(struct json *j, const char *key, const char *s);
void json_field_int(struct json *j, const char *key, int64_t value);
void json_field_uint(struct json *j, const char *key, uint64_t value);
void json_field_bool(struct json *j, const char *key, bool value);

#endif
