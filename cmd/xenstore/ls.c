/* SPDX-License-Identifier: MIT */
/*
 * The listing of xenstore-ls. A node that goes away while the tree is read is left out. With permissions the text
 * before them is filled up to column 60 with dots, for the eye.
 */
#include "cmd/xenstore/ls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/xenstore/text.h"
#include "lib/store/xenstore.h"

#define CUT "\\..."
#define PERMS_COLUMN 60
#define AT_ONCE 64

char *ls_perms(struct xs_handle *h, const char *path, const char *between)
{
    struct buf out = BUF_INIT;
    unsigned int count;
    struct xs_permissions *p = xs_get_permissions(h, XBT_NULL, path, &count);

    for (unsigned int i = 0; p != NULL && i < count; i++) {
        buf_printf(&out, "%s%c%u", i > 0 ? between : "", "nrwb"[p[i].perms & 3], p[i].id);
    }
    free(p);
    return buf_take(&out);
}

static void print_node(struct xs_handle *h, const char *path, const char *name, int depth, const char *value,
                       size_t length, const struct ls_options *o)
{
    struct buf line = BUF_INIT;
    struct buf text = BUF_INIT;

    text_escape(&text, value, length);
    if (o->full_path) {
        buf_puts(&line, path);
    } else {
        buf_fill(&line, ' ', depth);
        buf_puts(&line, name);
    }
    size_t room = o->width - strlen(" = \"...\"");
    if (o->width > 0 && line.length > room) {
        line.text[room] = '\0'; /* the name too */
        line.length = room;
    }
    if (o->width > 0 && line.length + text.length > room) {
        int keep = room > line.length ? room - line.length : 0;
        buf_printf(&line, " = \"%.*s" CUT "\"", keep, text.text != NULL ? text.text : "");
    } else {
        buf_printf(&line, " = \"%s\"", text.text != NULL ? text.text : "");
        if (o->perms) {
            int column = o->width > 0 && o->width < PERMS_COLUMN ? o->width : PERMS_COLUMN;
            buf_putc(&line, ' ');
            while (!o->full_path && (int)line.length < column) {
                buf_putc(&line, line.length % 2 != 0 ? '.' : ' ');
            }
        }
    }
    if (o->perms) {
        char *perms = ls_perms(h, path, ",");
        buf_printf(&line, "  (%s)", perms != NULL ? perms : "");
        free(perms);
    }
    puts(line.text != NULL ? line.text : "");
    buf_free(&text);
    buf_free(&line);
}

static char *child_path(const char *path, const char *name)
{
    struct buf b = BUF_INIT;
    buf_printf(&b, "%s%s%s", strcmp(path, "/") == 0 ? "" : path, *path != '\0' ? "/" : "", name);
    return buf_take(&b);
}

static int list(struct xs_handle *h, const char *path, int depth, const struct ls_options *o);

/* Some children of a directory: all values by one batch. */
static void list_some(struct xs_handle *h, const char *path, char **names, unsigned int count, int depth,
                      const struct ls_options *o)
{
    struct store_batch b = STORE_BATCH_INIT;
    char *paths[AT_ONCE];

    for (unsigned int i = 0; i < count; i++) {
        paths[i] = child_path(path, names[i]);
        store_batch_read(&b, XBT_NULL, paths[i]);
    }
    bool ok = store_batch_run(h, &b) == 0;
    for (unsigned int i = 0; i < count; i++) {
        if (ok && store_batch_error(&b, i) == 0) {
            print_node(h, paths[i], names[i], depth, store_batch_text(&b, i), b.list[i].length, o);
            list(h, paths[i], depth + 1, o);
        }
        free(paths[i]);
    }
    store_batch_free(&b);
}

static int list(struct xs_handle *h, const char *path, int depth, const struct ls_options *o)
{
    unsigned int count;
    char **names = xs_directory(h, XBT_NULL, path, &count);

    if (names == NULL) {
        return errno;
    }
    for (unsigned int i = 0; i < count; i += AT_ONCE) {
        list_some(h, path, names + i, count - i < AT_ONCE ? count - i : AT_ONCE, depth, o);
    }
    free(names);
    return 0;
}

int ls_tree(struct xs_handle *h, const char *path, const struct ls_options *options)
{
    return list(h, path, 0, options);
}
