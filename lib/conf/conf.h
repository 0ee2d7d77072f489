/* SPDX-License-Identifier: MIT */
/*
 * The grammar of xl.cfg(5), xl.conf(5) and xlcpupool.cfg(5): KEY = VALUE, where a value is a string in single
 * or double quotes, a number, or a list of values, which may be nested. Settings end at a line's end or a
 * semicolon; inside brackets, and after a backslash, lines go on. # starts a comment. `+=` adds to a string
 * or list set before.
 *
 *   conf_parse()     text -> struct conf; a key that is set again replaces what was there
 *   conf_override()  one KEY=VALUE argument of a command line, as if it stood at the file's end; a value may
 * go without quotes there, because the shell takes them away conf_find()      by name; conf_value_number()
 * and friends read what was found
 *
 * Pure: bytes in, structure or error out. Errors name file, line and column. Every value knows where it
 * stands.
 */
#ifndef LIB_CONF_CONF_H
#define LIB_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

#define CONF_DEPTH_MAX 8         /* of nested lists */
#define CONF_SIZE_MAX  (1 << 20) /* bytes of a file */
#define CONF_ITEMS_MAX 65536     /* settings and values in one file */

enum conf_kind {
    CONF_STRING,
    CONF_NUMBER,
    CONF_LIST,
};

/* Where something stands; file is borrowed from the struct conf. */
struct conf_place {
    const char *file;
    unsigned int line, column; /* from 1; 0: nowhere */
};

struct conf_value {
    enum conf_kind kind;
    struct conf_place place;
    char *text;               /* string, or the number as written; NULL for a list */
    struct conf_value *items; /* of a list */
    unsigned int count;
};

struct conf_setting {
    char *key;
    struct conf_place place;
    struct conf_value value;
};

struct conf {
    struct conf_setting *settings; /* in the order of the file, each key once */
    unsigned int count;
    char **files; /* names the places point at */
    unsigned int file_count;
    unsigned int item_count;
};

#define CONF_INIT                                                                                            \
    {                                                                                                        \
        0                                                                                                    \
    }

/* Adds the settings of `text` to c. After an error c holds what was read before it and is to be freed. */
int conf_parse(struct err *e, const char *file, const char *text, size_t size, struct conf *c);
int conf_load(struct err *e, const char *path, struct conf *c);
int conf_override(struct err *e, const char *argument, struct conf *c);
void conf_free(struct conf *c);

/* NULL when it is not set. */
const struct conf_value *conf_find(const struct conf *c, const char *key);

/* A number may stand in quotes. Base as in C: 0x, 0, decimal. -EINVAL and a text that names the place
 * otherwise. */
int conf_value_number(struct err *e, const char *key, const struct conf_value *v, int64_t *number);
/* A string or number as text (borrowed); a list is refused. */
int conf_value_text(struct err *e, const char *key, const struct conf_value *v, const char **text);
bool conf_value_is_list(const struct conf_value *v);

/* "file:line:column: " before the text of an error whose value stands there. Returns code. */
int conf_error(struct err *e, int code, struct conf_place place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
