/* SPDX-License-Identifier: MIT */
/* Menus: see menu.h. Here are the entries and the line-by-line formats; GRUB 2's shell is in grub_script.c.
 */
#include "cmd/pygrub/menu.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LINE_MAX_BYTES 8192

/* ---- entries ---- */

void menu_entry_free(struct menu_entry *entry)
{
    free(entry->title);
    free(entry->index);
    free(entry->id);
    free(entry->kernel);
    free(entry->args);
    for (unsigned int i = 0; i < entry->ramdisk_count; i++) {
        free(entry->ramdisks[i]);
    }
    *entry = (struct menu_entry){ 0 };
}

void menu_free(struct menu *m)
{
    for (unsigned int i = 0; i < m->count; i++) {
        menu_entry_free(&m->entries[i]);
    }
    free(m->wanted);
    *m = (struct menu)MENU_INIT;
}

struct menu_entry *menu_add(struct err *e, struct menu *m)
{
    if (m->count == MENU_ENTRIES_MAX) {
        err_set(e, -E2BIG, "more than %d entries", MENU_ENTRIES_MAX);
        return NULL;
    }
    return &m->entries[m->count++];
}

void menu_settle(struct menu *m)
{
    if (m->count != 0 && m->entries[m->count - 1].kernel == NULL) {
        menu_entry_free(&m->entries[--m->count]);
    }
}

char *menu_path(const char *path)
{
    const char *close = path[0] == '(' ? strchr(path, ')') : NULL;

    path = close != NULL ? close + 1 : path;
    return path[0] == '/' ? strdup(path) : NULL;
}

static bool is(const char *a, const char *b)
{
    return a != NULL && strcmp(a, b) == 0;
}

int menu_find(const struct menu *m, const char *name)
{
    char number[16];

    if (name == NULL) {
        int chosen = m->wanted == NULL ? -1 : menu_find(m, m->wanted);

        return chosen >= 0 ? chosen : m->count != 0 ? 0 : -1;
    }
    for (unsigned int i = 0; i < m->count; i++) {
        const struct menu_entry *entry = &m->entries[i];

        if (is(entry->index, name) || is(entry->id, name) || is(entry->title, name)) {
            return (int)i;
        }
    }
    for (unsigned int i = 0; i < m->count; i++) {
        snprintf(number, sizeof(number), "%u", i);
        if (m->entries[i].index == NULL && strcmp(number, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* ---- formats of one command a line ---- */

struct line_reader {
    struct err *e;
    struct menu *m;
    struct menu_entry *entry; /* that is being read, or NULL */
    int rc;
};

/* "key rest" or "key=rest"; the reader takes what it knows. */
typedef void (*line_fn)(struct line_reader *r, const char *key, char *rest);

static void set_text(struct line_reader *r, char **to, const char *text)
{
    free(*to);
    *to = strdup(text);
    if (*to == NULL) {
        r->rc = err_set(r->e, -ENOMEM, "out of memory");
    }
}

static void set_path(char **to, const char *path)
{
    free(*to);
    *to = menu_path(path);
}

static void add_ramdisk(struct menu_entry *entry, const char *path)
{
    char *copy = entry->ramdisk_count == MENU_RAMDISKS_MAX ? NULL : menu_path(path);

    if (copy != NULL) {
        entry->ramdisks[entry->ramdisk_count++] = copy;
    }
}

static void next_entry(struct line_reader *r)
{
    menu_settle(r->m);
    r->entry = menu_add(r->e, r->m);
    r->rc = r->entry == NULL ? -E2BIG : 0;
}

/* Splits off the first word; returns the rest, blanks dropped. */
static char *split(char *text)
{
    char *end = text + strcspn(text, " \t");

    if (*end != '\0') {
        *end++ = '\0';
        end += strspn(end, " \t");
    }
    return end;
}

static void one_line(struct line_reader *r, char *line, line_fn fn)
{
    char *end = line + strlen(line);
    char *key, *rest;

    while (end > line && isspace((unsigned char)end[-1])) {
        *--end = '\0';
    }
    key = line + strspn(line, " \t");
    if (*key == '\0' || *key == '#') {
        return;
    }
    rest = key + strcspn(key, " \t=");
    if (*rest != '\0') {
        *rest++ = '\0';
        rest += strspn(rest, " \t=");
    }
    fn(r, key, rest);
}

static int each_line(struct line_reader *r, const char *text, size_t size, line_fn fn)
{
    char line[LINE_MAX_BYTES];
    const char *end = text + size;

    while (text < end && r->rc == 0) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t length = (size_t)((stop == NULL ? end : stop) - text);

        if (length >= sizeof(line)) {
            return err_set(r->e, -E2BIG, "a line is longer than %zu bytes", sizeof(line) - 1);
        }
        memcpy(line, text, length);
        line[length] = '\0';
        one_line(r, line, fn);
        text += length + 1;
    }
    menu_settle(r->m);
    return r->rc;
}

/* ---- GRUB 0.9x ---- */

static void legacy_line(struct line_reader *r, const char *key, char *rest)
{
    if (strcasecmp(key, "title") == 0) {
        next_entry(r);
        if (r->entry != NULL) {
            set_text(r, &r->entry->title, rest);
        }
    } else if (r->entry == NULL && strcasecmp(key, "default") == 0) {
        set_text(r, &r->m->wanted, rest);
    } else if (r->entry == NULL && strcasecmp(key, "timeout") == 0) {
        r->m->timeout = atoi(rest);
    } else if (r->entry == NULL) {
        return;
    } else if (strcasecmp(key, "kernel") == 0 || strcasecmp(key, "module") == 0) {
        char *args = split(rest);

        /* With a hypervisor as kernel the modules are kernel and ramdisk. */
        if (key[0] == 'm' && r->entry->kernel != NULL && strstr(r->entry->kernel, "xen") == NULL) {
            add_ramdisk(r->entry, rest);
            return;
        }
        set_path(&r->entry->kernel, rest);
        set_text(r, &r->entry->args, args);
    } else if (strcasecmp(key, "initrd") == 0) {
        add_ramdisk(r->entry, rest);
    }
}

int menu_parse_legacy(struct err *e, const char *text, size_t size, struct menu *m)
{
    struct line_reader r = { .e = e, .m = m };

    return each_line(&r, text, size, legacy_line);
}

/* ---- extlinux ---- */

static void append_ramdisks(struct menu_entry *entry, char *list)
{
    char *save;

    for (char *path = strtok_r(list, ",", &save); path != NULL; path = strtok_r(NULL, ",", &save)) {
        add_ramdisk(entry, path);
    }
}

/* initrd=PATH among the arguments is a ramdisk too. */
static void take_initrd_argument(struct line_reader *r, char *args)
{
    char *at = strstr(args, "initrd=");
    char *end;

    if (at == NULL || (at != args && at[-1] != ' ')) {
        return;
    }
    end = split(at);
    append_ramdisks(r->entry, at + strlen("initrd="));
    memmove(at, end, strlen(end) + 1);
}

static void extlinux_line(struct line_reader *r, const char *key, char *rest)
{
    if (strcasecmp(key, "label") == 0) {
        next_entry(r);
        if (r->entry != NULL) {
            set_text(r, &r->entry->id, rest);
            set_text(r, &r->entry->title, rest);
        }
    } else if (r->entry == NULL && (strcasecmp(key, "default") == 0 || strcasecmp(key, "ontimeout") == 0)) {
        set_text(r, &r->m->wanted, rest);
    } else if (r->entry == NULL && strcasecmp(key, "timeout") == 0) {
        r->m->timeout = atoi(rest) / 10;
    } else if (r->entry == NULL) {
        return;
    } else if (strcasecmp(key, "menu") == 0) {
        char *text = split(rest);

        if (strcasecmp(rest, "label") == 0) {
            set_text(r, &r->entry->title, text);
        } else if (strcasecmp(rest, "default") == 0 && r->m->wanted == NULL) {
            set_text(r, &r->m->wanted, r->entry->id);
        }
    } else if (strcasecmp(key, "kernel") == 0 || strcasecmp(key, "linux") == 0) {
        split(rest);
        set_path(&r->entry->kernel, rest);
    } else if (strcasecmp(key, "append") == 0) {
        take_initrd_argument(r, rest);
        set_text(r, &r->entry->args, rest);
    } else if (strcasecmp(key, "initrd") == 0) {
        append_ramdisks(r->entry, rest);
    }
}

int menu_parse_extlinux(struct err *e, const char *text, size_t size, struct menu *m)
{
    struct line_reader r = { .e = e, .m = m };

    return each_line(&r, text, size, extlinux_line);
}

/* ---- Boot Loader Specification ---- */

static void bls_line(struct line_reader *r, const char *key, char *rest)
{
    struct menu_entry *entry = r->entry;

    if (strcmp(key, "title") == 0) {
        set_text(r, &entry->title, rest);
    } else if (strcmp(key, "linux") == 0) {
        set_path(&entry->kernel, rest);
    } else if (strcmp(key, "options") == 0) {
        char *old = entry->args;
        char *both;

        if (asprintf(&both, "%s%s%s", old == NULL ? "" : old, old == NULL ? "" : " ", rest) < 0) {
            r->rc = err_set(r->e, -ENOMEM, "out of memory");
            return;
        }
        free(old);
        entry->args = both;
    } else if (strcmp(key, "initrd") == 0) {
        split(rest);
        add_ramdisk(entry, rest);
    }
}

int menu_parse_bls(struct err *e, const char *name, const char *text, size_t size, struct menu *m)
{
    struct line_reader r = { .e = e, .m = m, .entry = menu_add(e, m) };

    if (r.entry == NULL) {
        return -E2BIG;
    }
    set_text(&r, &r.entry->id, name);
    set_text(&r, &r.entry->title, name);
    return each_line(&r, text, size, bls_line);
}
