/* SPDX-License-Identifier: MIT */
/*
 * A device tree, written once from front to back: see fdt_writer.h. The header and an empty memory reservation block
 * come first, then the structure, which grows, then the strings, which are kept aside until the end.
 */
#include "lib/build/fdt_writer.h"

#include <string.h>

#define MAGIC        0xd00dfeedu
#define VERSION      17
#define COMPATIBLE   16
#define HEADER_SIZE  40
#define RESERVE_SIZE 16 /* the entry that ends the block */
#define BEGIN_NODE   1
#define END_NODE     2
#define PROP         3
#define END          9

static void put_bytes(struct fdt_writer *w, const void *bytes, size_t length)
{
    if (w->full || length > w->size - w->used) {
        w->full = true;
        return;
    }
    memcpy(w->at + w->used, bytes, length);
    w->used += length;
}

static void to_big_endian(unsigned char *to, uint64_t value, unsigned int bytes)
{
    for (unsigned int i = bytes; i-- > 0; value >>= 8) {
        to[i] = (unsigned char)value;
    }
}

static void put_u32(struct fdt_writer *w, uint32_t value)
{
    unsigned char bytes[4];

    to_big_endian(bytes, value, sizeof(bytes));
    put_bytes(w, bytes, sizeof(bytes));
}

static void put_padding(struct fdt_writer *w)
{
    static const char zero[4];

    put_bytes(w, zero, -w->used % 4);
}

void fdt_begin(struct fdt_writer *w, void *room, size_t size)
{
    static const char zero[HEADER_SIZE + RESERVE_SIZE];

    w->at = room;
    w->size = size;
    w->used = 0;
    w->full = false;
    w->strings_used = 0;
    put_bytes(w, zero, sizeof(zero));
}

void fdt_node(struct fdt_writer *w, const char *name)
{
    put_u32(w, BEGIN_NODE);
    put_bytes(w, name, strlen(name) + 1);
    put_padding(w);
}

void fdt_end_node(struct fdt_writer *w)
{
    put_u32(w, END_NODE);
}

/* Where a property's name stands among the strings. */
static uint32_t name_offset(struct fdt_writer *w, const char *name)
{
    size_t length = strlen(name) + 1;
    size_t at = 0;

    while (at < w->strings_used && strcmp(w->strings + at, name) != 0) {
        at += strlen(w->strings + at) + 1;
    }
    if (at == w->strings_used && length > sizeof(w->strings) - at) {
        w->full = true;
        return 0;
    }
    if (at == w->strings_used) {
        memcpy(w->strings + at, name, length);
        w->strings_used += length;
    }
    return (uint32_t)at;
}

static void put_property(struct fdt_writer *w, const char *name, size_t length)
{
    put_u32(w, PROP);
    put_u32(w, (uint32_t)length);
    put_u32(w, name_offset(w, name));
}

void fdt_bytes(struct fdt_writer *w, const char *name, const void *value, size_t length)
{
    put_property(w, name, length);
    put_bytes(w, value, length);
    put_padding(w);
}

void fdt_empty(struct fdt_writer *w, const char *name)
{
    put_property(w, name, 0);
}

void fdt_u32(struct fdt_writer *w, const char *name, uint32_t value)
{
    fdt_cells(w, name, &value, 1);
}

void fdt_u64(struct fdt_writer *w, const char *name, uint64_t value)
{
    fdt_reg(w, name, &value, 1);
}

void fdt_string(struct fdt_writer *w, const char *name, const char *value)
{
    fdt_bytes(w, name, value, strlen(value) + 1);
}

void fdt_strings(struct fdt_writer *w, const char *name, const char *const *values, unsigned int count)
{
    size_t length = 0;

    for (unsigned int i = 0; i < count; i++) {
        length += strlen(values[i]) + 1;
    }
    put_property(w, name, length);
    for (unsigned int i = 0; i < count; i++) {
        put_bytes(w, values[i], strlen(values[i]) + 1);
    }
    put_padding(w);
}

void fdt_cells(struct fdt_writer *w, const char *name, const uint32_t *cells, unsigned int count)
{
    put_property(w, name, count * sizeof(*cells));
    for (unsigned int i = 0; i < count; i++) {
        put_u32(w, cells[i]);
    }
}

void fdt_reg(struct fdt_writer *w, const char *name, const uint64_t *numbers, unsigned int count)
{
    put_property(w, name, count * sizeof(*numbers));
    for (unsigned int i = 0; i < count; i++) {
        put_u32(w, (uint32_t)(numbers[i] >> 32));
        put_u32(w, (uint32_t)numbers[i]);
    }
}

size_t fdt_finish(struct fdt_writer *w)
{
    size_t structure = HEADER_SIZE + RESERVE_SIZE, strings;

    put_u32(w, END);
    strings = w->used;
    put_bytes(w, w->strings, w->strings_used);
    if (w->full) {
        return 0;
    }
    const uint32_t header[HEADER_SIZE / 4] = {
        MAGIC,
        (uint32_t)w->used,
        (uint32_t)structure,
        (uint32_t)strings,
        HEADER_SIZE,
        VERSION,
        COMPATIBLE,
        0, /* the CPU that boots */
        (uint32_t)w->strings_used,
        (uint32_t)(strings - structure),
    };
    for (unsigned int i = 0; i < HEADER_SIZE / 4; i++) {
        to_big_endian(w->at + 4 * i, header[i], 4);
    }
    return w->used;
}
