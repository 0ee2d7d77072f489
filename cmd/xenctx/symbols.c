/* SPDX-License-Identifier: MIT */
/* Symbols from a System.map: lines `ADDRESS TYPE NAME`, kept sorted by address. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/xenctx/xenctx.h"
#include "lib/base/buf.h"
#include "lib/base/file.h"

#define LARGEST_MAP    (64u << 20)
#define FARTHEST       (1u << 20)
#define FIELDS_OF_LINE 3

struct symbol {
    uint64_t address;
    const char *name;
};

struct symbols {
    struct buf text;
    struct symbol *list;
    size_t count;
};

static int compare(const void *a, const void *b)
{
    const struct symbol *x = a;
    const struct symbol *y = b;
    return x->address < y->address ? -1 : x->address > y->address;
}

/* Cuts the text into lines and the lines into fields; other lines are passed over. */
static int parse(struct symbols *s)
{
    size_t room = 0;
    char *save;
    for (char *line = strtok_r(s->text.text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *end;
        uint64_t address = strtoull(line, &end, 16);
        if (end == line || end[0] != ' ' || end[1] == '\0' || end[2] != ' ' || end[3] == '\0') {
            continue;
        }
        if (s->count == room) {
            room = room ? room * 2 : 4096;
            struct symbol *bigger = realloc(s->list, room * sizeof(*bigger));
            if (!bigger) {
                return -ENOMEM;
            }
            s->list = bigger;
        }
        s->list[s->count++] = (struct symbol){ address, end + FIELDS_OF_LINE };
    }
    qsort(s->list, s->count, sizeof(*s->list), compare);
    return 0;
}

int symbols_load(struct err *e, const char *path, struct symbols **symbols)
{
    struct symbols *s = calloc(1, sizeof(*s));
    if (!s) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    int rc = file_load(e, path, LARGEST_MAP, &s->text);
    if (rc == 0) {
        rc = parse(s);
    }
    if (rc < 0) {
        symbols_free(s);
        return err_set(e, rc, "%s: %s", path, strerror(-rc));
    }
    *symbols = s;
    return 0;
}

void symbols_free(struct symbols *symbols)
{
    if (symbols) {
        free(symbols->list);
        buf_free(&symbols->text);
        free(symbols);
    }
}

const char *symbols_find(const struct symbols *symbols, uint64_t address, uint64_t *offset)
{
    size_t low = 0;
    size_t high = symbols ? symbols->count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (symbols->list[middle].address <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0 || address - symbols->list[low - 1].address > FARTHEST) {
        return NULL;
    }
    *offset = address - symbols->list[low - 1].address;
    return symbols->list[low - 1].name;
}
