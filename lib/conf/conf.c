/* SPDX-License-Identifier: MIT */
/*
 * Reading KEY = VALUE: see conf.h. One pass over the bytes by struct reader, which counts lines and columns;
 * parse_value() calls itself for a list in a list, at most CONF_DEPTH_MAX deep. What is allocated hangs on
 * the struct conf from the start, so that an error leaves nothing behind.
 */
#include "lib/conf/conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/file.h"

#define SETTINGS_MAX 4096

struct reader {
    struct err *e;
    struct conf *c;
    const char *at, *end;
    struct conf_place place; /* of `at` */
    bool bare;               /* a command line: strings may go without quotes */
};

int conf_error(struct err *e, int code, struct conf_place place, const char *format, ...)
{
    char text[sizeof(e->text)];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (place.file == NULL) {
        return err_set(e, code, "%s", text);
    }
    if (place.line == 0) {
        return err_set(e, code, "%s: %s", place.file, text);
    }
    return err_set(e, code, "%s:%u:%u: %s", place.file, place.line, place.column, text);
}

static int out_of_memory(struct err *e)
{
    return err_set(e, -ENOMEM, "out of memory");
}

/* ---- bytes ---- */

static int peek(const struct reader *r)
{
    return r->at < r->end ? (unsigned char)*r->at : EOF;
}

static void step(struct reader *r)
{
    if (*r->at++ == '\n') {
        r->place.line++;
        r->place.column = 1;
    } else {
        r->place.column++;
    }
}

/* What stands at the reader, for an error: the word or the one byte. */
static const char *name_of_next(const struct reader *r, char *text, size_t size)
{
    const char *p = r->at;

    if (p == r->end) {
        return "the end of the file";
    }
    if (*p == '\n') {
        return "the end of the line";
    }
    while (p < r->end && (isalnum((unsigned char)*p) || *p == '_' || *p == '.') && p - r->at < 40) {
        p++;
    }
    p += p == r->at;
    if (p - r->at == 1 && !isprint((unsigned char)*r->at)) {
        snprintf(text, size, "byte 0x%02x", (unsigned char)*r->at);
    } else {
        snprintf(text, size, "\"%.*s\"", (int)(p - r->at), r->at);
    }
    return text;
}

/* Skips blanks, comments and joined lines; with `lines` also line ends. */
static void skip_blanks(struct reader *r, bool lines)
{
    for (;;) {
        int c = peek(r);

        if (c == '\\' && r->end - r->at >= 2 && r->at[1] == '\n') {
            step(r);
            step(r);
        } else if (c == '\\' && r->end - r->at >= 3 && r->at[1] == '\r' && r->at[2] == '\n') {
            step(r);
            step(r);
            step(r);
        } else if (c == ' ' || c == '\t' || c == '\r' || (lines && c == '\n')) {
            step(r);
        } else if (c == '#') {
            while (peek(r) != EOF && peek(r) != '\n') {
                step(r);
            }
        } else {
            return;
        }
    }
}

/* ---- memory ---- */

static int count_item(struct reader *r)
{
    if (++r->c->item_count > CONF_ITEMS_MAX) {
        return conf_error(r->e, -E2BIG, r->place, "more than %d values", CONF_ITEMS_MAX);
    }
    return 0;
}

/* Room for one more in an array that doubles; NULL when there is no memory. */
static void *grow(void *array, unsigned int count, size_t size)
{
    if (count != 0 && (count & (count - 1)) != 0) {
        return array;
    }
    return realloc(array, (count == 0 ? 1 : (size_t)count * 2) * size);
}

static void value_free(struct conf_value *v)
{
    for (unsigned int i = 0; i < v->count; i++) {
        value_free(&v->items[i]);
    }
    free(v->items);
    free(v->text);
    *v = (struct conf_value){ 0 };
}

void conf_free(struct conf *c)
{
    for (unsigned int i = 0; i < c->count; i++) {
        free(c->settings[i].key);
        value_free(&c->settings[i].value);
    }
    for (unsigned int i = 0; i < c->file_count; i++) {
        free(c->files[i]);
    }
    free(c->settings);
    free(c->files);
    *c = (struct conf)CONF_INIT;
}

/* A copy of a file's name that lives as long as c. */
static const char *keep_file(struct conf *c, const char *file)
{
    char **files = grow(c->files, c->file_count, sizeof(*files));
    char *copy;

    if (files == NULL) {
        return NULL;
    }
    c->files = files;
    copy = strdup(file);
    if (copy != NULL) {
        files[c->file_count++] = copy;
    }
    return copy;
}

/* ---- values ---- */

/* Up to `max` digits of a base after a backslash. */
static int parse_code(struct reader *r, int base, int max)
{
    static const char digits[] = "0123456789abcdef";
    int value = 0;
    int count = 0;

    while (count < max && peek(r) != EOF) {
        const char *d = memchr(digits, tolower(peek(r)), (size_t)base);

        if (d == NULL) {
            break;
        }
        value = value * base + (int)(d - digits);
        count++;
        step(r);
    }
    return count == 0 || value == 0 || value > 255 ? -1 : value;
}

static int parse_escape(struct reader *r)
{
    static const char names[] = "abfnrtv\"'\\";
    static const char values[] = "\a\b\f\n\r\t\v\"'\\";
    int c = peek(r);
    const char *p;

    if (c >= '0' && c <= '7') {
        return parse_code(r, 8, 3);
    }
    p = c == EOF ? NULL : memchr(names, c, sizeof(names) - 1);
    if (p == NULL && c != 'x') {
        return -1;
    }
    step(r);
    return c == 'x' ? parse_code(r, 16, 2) : (unsigned char)values[p - names];
}

static int parse_string(struct reader *r, struct conf_value *v)
{
    int quote = peek(r);
    struct buf text = BUF_INIT;
    struct conf_place start = r->place;

    step(r);
    buf_puts(&text, "");
    while (peek(r) != quote) {
        struct conf_place here = r->place;
        int c = peek(r);

        if (c == EOF || c == '\n') {
            buf_free(&text);
            conf_error(r->e, -EINVAL, start, "the string that begins here has no end");
            err_hint(r->e, "close it with %c before the line ends", quote);
            return -EINVAL;
        }
        step(r);
        if (c == '\\') {
            c = parse_escape(r);
        }
        if (c <= 0) {
            buf_free(&text);
            return conf_error(r->e, -EINVAL, here,
                              "a backslash is followed by \\ \" ' a b f n r t v, xHH or an octal number");
        }
        buf_putc(&text, (char)c);
    }
    step(r);
    v->kind = CONF_STRING;
    v->text = text.text == NULL ? strdup("") : buf_take(&text);
    return v->text == NULL ? out_of_memory(r->e) : 0;
}

static int parse_number(struct reader *r, struct conf_value *v)
{
    const char *start = r->at;

    step(r);
    while (isxdigit(peek(r)) || peek(r) == 'x' || peek(r) == 'X') {
        step(r);
    }
    v->kind = CONF_NUMBER;
    v->text = strndup(start, (size_t)(r->at - start));
    return v->text == NULL ? out_of_memory(r->e) : 0;
}

static int parse_value(struct reader *r, struct conf_value *v, unsigned int depth);

static int parse_item(struct reader *r, struct conf_value *list, unsigned int depth)
{
    struct conf_value *items = grow(list->items, list->count, sizeof(*items));

    if (items == NULL) {
        return out_of_memory(r->e);
    }
    list->items = items;
    items[list->count] = (struct conf_value){ 0 };
    return parse_value(r, &items[list->count++], depth);
}

static int parse_list(struct reader *r, struct conf_value *v, unsigned int depth)
{
    struct conf_place start = r->place;
    char text[64];
    int rc;

    if (depth > CONF_DEPTH_MAX) {
        return conf_error(r->e, -EINVAL, start, "lists are nested more than %d deep", CONF_DEPTH_MAX);
    }
    v->kind = CONF_LIST;
    step(r);
    skip_blanks(r, true);
    while (peek(r) != ']') {
        if (peek(r) == EOF) {
            return conf_error(r->e, -EINVAL, start, "the list that begins here has no closing ]");
        }
        rc = parse_item(r, v, depth);
        if (rc < 0) {
            return rc;
        }
        skip_blanks(r, true);
        if (peek(r) == ',') {
            step(r);
            skip_blanks(r, true);
        } else if (peek(r) != ']' && peek(r) != EOF) {
            return conf_error(r->e, -EINVAL, r->place, "expected , or ] in the list, not %s",
                              name_of_next(r, text, sizeof(text)));
        }
    }
    step(r);
    return 0;
}

static int parse_value(struct reader *r, struct conf_value *v, unsigned int depth)
{
    char text[64];
    int c = peek(r);
    int rc = count_item(r);

    v->place = r->place;
    if (rc < 0) {
        return rc;
    }
    if (c == '"' || c == '\'') {
        return parse_string(r, v);
    }
    if (c == '[') {
        return parse_list(r, v, depth + 1);
    }
    if (isdigit(c) || c == '-') {
        return parse_number(r, v);
    }
    conf_error(r->e, -EINVAL, r->place, "expected \"a string\", a number or a [list], not %s",
               name_of_next(r, text, sizeof(text)));
    if (isalpha(c) || c == '/') {
        err_hint(r->e, "put it in quotes");
    }
    return -EINVAL;
}

/* On a command line, what does not look like a value of the grammar is a string up to the end. */
static int parse_bare(struct reader *r, struct conf_value *v)
{
    const char *p = r->at;
    int c = peek(r);

    if (c == '"' || c == '\'' || c == '[') {
        return parse_value(r, v, 0);
    }
    while (p < r->end && (isxdigit((unsigned char)*p) || *p == 'x' || *p == '-')) {
        p++;
    }
    if ((p == r->end || *p == ';') && (isdigit(c) || c == '-')) {
        return parse_value(r, v, 0);
    }
    v->place = r->place;
    v->kind = CONF_STRING;
    v->text = strndup(r->at, (size_t)(r->end - r->at));
    r->at = r->end;
    return v->text == NULL ? out_of_memory(r->e) : 0;
}

/* ---- settings ---- */

static int add_string(struct reader *r, struct conf_value *old, struct conf_value *v)
{
    size_t size = strlen(old->text) + strlen(v->text) + 1;
    char *text = realloc(old->text, size);

    if (text == NULL) {
        return out_of_memory(r->e);
    }
    strcat(text, v->text);
    old->text = text;
    old->place = v->place;
    return 0;
}

static int add_list(struct reader *r, struct conf_value *old, struct conf_value *v)
{
    for (unsigned int i = 0; i < v->count; i++) {
        struct conf_value *items = grow(old->items, old->count, sizeof(*items));

        if (items == NULL) {
            return out_of_memory(r->e);
        }
        old->items = items;
        items[old->count++] = v->items[i];
        v->items[i] = (struct conf_value){ 0 };
    }
    return 0;
}

static struct conf_setting *setting_find(const struct conf *c, const char *key)
{
    for (unsigned int i = 0; i < c->count; i++) {
        if (strcmp(c->settings[i].key, key) == 0) {
            return &c->settings[i];
        }
    }
    return NULL;
}

/* Takes key and *v over, whatever happens. */
static int store_setting(struct reader *r, char *key, struct conf_place place, bool add, struct conf_value *v)
{
    struct conf_setting *s = setting_find(r->c, key);
    int rc = 0;

    if (s == NULL && r->c->count == SETTINGS_MAX) {
        rc = conf_error(r->e, -E2BIG, place, "more than %d settings", SETTINGS_MAX);
    } else if (s == NULL) {
        struct conf_setting *settings = grow(r->c->settings, r->c->count, sizeof(*settings));

        if (settings != NULL) {
            r->c->settings = settings;
            settings[r->c->count++] = (struct conf_setting){ key, place, *v };
            return 0;
        }
        rc = out_of_memory(r->e);
    } else if (!add) {
        value_free(&s->value);
        s->value = *v;
        s->place = place;
        *v = (struct conf_value){ 0 };
    } else if (s->value.kind == CONF_LIST && v->kind == CONF_LIST) {
        rc = add_list(r, &s->value, v);
    } else if (s->value.kind != CONF_LIST && v->kind != CONF_LIST) {
        rc = add_string(r, &s->value, v);
    } else {
        rc = conf_error(r->e, -EINVAL, v->place, "+= adds a string to a string or a list to a list");
    }
    value_free(v);
    free(key);
    return rc;
}

static int parse_key(struct reader *r, char **key)
{
    const char *start = r->at;
    char text[64];

    while (isalnum(peek(r)) || peek(r) == '_' || peek(r) == '.') {
        step(r);
    }
    if (r->at == start || isdigit((unsigned char)*start)) {
        r->at = start;
        return conf_error(r->e, -EINVAL, r->place, "expected KEY = VALUE, not %s",
                          name_of_next(r, text, sizeof(text)));
    }
    *key = strndup(start, (size_t)(r->at - start));
    return *key == NULL ? out_of_memory(r->e) : 0;
}

static int parse_equals(struct reader *r, const char *key, bool *add)
{
    char text[64];

    skip_blanks(r, false);
    *add = peek(r) == '+' && r->end - r->at >= 2 && r->at[1] == '=';
    if (*add) {
        step(r);
    }
    if (peek(r) != '=') {
        return conf_error(r->e, -EINVAL, r->place, "expected = after \"%s\", not %s", key,
                          name_of_next(r, text, sizeof(text)));
    }
    step(r);
    skip_blanks(r, false);
    return 0;
}

static int parse_setting(struct reader *r)
{
    struct conf_place place = r->place;
    struct conf_value v = { 0 };
    char *key = NULL;
    bool add = false;
    int rc = parse_key(r, &key);

    if (rc == 0) {
        rc = parse_equals(r, key, &add);
    }
    if (rc == 0) {
        rc = r->bare ? parse_bare(r, &v) : parse_value(r, &v, 0);
    }
    if (rc < 0) {
        value_free(&v);
        free(key);
        return rc;
    }
    return store_setting(r, key, place, add, &v);
}

static int parse_separator(struct reader *r)
{
    char text[64];
    int c;

    skip_blanks(r, false);
    c = peek(r);
    if (c == ';' || c == '\n') {
        step(r);
        return 0;
    }
    if (c == EOF) {
        return 0;
    }
    return conf_error(r->e, -EINVAL, r->place, "expected the line's end or ; after the value, not %s",
                      name_of_next(r, text, sizeof(text)));
}

static int parse_text(struct err *e, const char *file, const char *text, size_t size, bool bare,
                      struct conf *c)
{
    struct reader r = { .e = e, .c = c, .at = text, .end = text + size, .bare = bare };
    int rc = 0;

    r.place = (struct conf_place){ keep_file(c, file), 1, 1 };
    if (r.place.file == NULL) {
        return out_of_memory(e);
    }
    if (size > CONF_SIZE_MAX) {
        return err_set(e, -EFBIG, "%s: larger than %d KiB", file, CONF_SIZE_MAX / 1024);
    }
    for (;;) {
        skip_blanks(&r, true);
        if (peek(&r) == ';') {
            step(&r);
            continue;
        }
        if (peek(&r) == EOF) {
            return 0;
        }
        rc = parse_setting(&r);
        if (rc == 0) {
            rc = parse_separator(&r);
        }
        if (rc < 0) {
            return rc;
        }
    }
}

int conf_parse(struct err *e, const char *file, const char *text, size_t size, struct conf *c)
{
    return parse_text(e, file, text, size, false, c);
}

int conf_override(struct err *e, const char *argument, struct conf *c)
{
    return parse_text(e, "command line", argument, strlen(argument), true, c);
}

int conf_load(struct err *e, const char *path, struct conf *c)
{
    struct buf text = BUF_INIT;
    int rc = file_load(e, path, CONF_SIZE_MAX, &text);

    if (rc == 0) {
        rc = conf_parse(e, path, text.text == NULL ? "" : text.text, text.length, c);
    }
    buf_free(&text);
    return rc;
}

/* ---- what was read ---- */

const struct conf_value *conf_find(const struct conf *c, const char *key)
{
    const struct conf_setting *s = setting_find(c, key);

    return s == NULL ? NULL : &s->value;
}

bool conf_value_is_list(const struct conf_value *v)
{
    return v->kind == CONF_LIST;
}

int conf_value_text(struct err *e, const char *key, const struct conf_value *v, const char **text)
{
    if (v->kind == CONF_LIST) {
        return conf_error(e, -EINVAL, v->place, "\"%s\" is one string, not a list", key);
    }
    *text = v->text;
    return 0;
}

int conf_value_number(struct err *e, const char *key, const struct conf_value *v, int64_t *number)
{
    char *end;
    long long n;

    if (v->kind == CONF_LIST) {
        return conf_error(e, -EINVAL, v->place, "\"%s\" is a number, not a list", key);
    }
    errno = 0;
    n = strtoll(v->text, &end, 0);
    if (end == v->text || *end != '\0' || isspace((unsigned char)v->text[0])) {
        return conf_error(e, -EINVAL, v->place, "\"%s\" is a number, not \"%.40s\"", key, v->text);
    }
    if (errno != 0) {
        return conf_error(e, -ERANGE, v->place, "\"%s\": %.40s is too large a number", key, v->text);
    }
    *number = n;
    return 0;
}
