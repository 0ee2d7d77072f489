/* SPDX-License-Identifier: MIT */
/*
 * Writes a flattened device tree (Devicetree Specification v0.4, chapter 5) from its root to its end, into memory of
 * the caller's:
 *
 *     fdt_begin(&w, room, size);
 *     fdt_node(&w, "");                       the root
 *     fdt_u32(&w, "#address-cells", 2);       properties come before the nodes below
 *     fdt_node(&w, "chosen"); ... fdt_end_node(&w);
 *     fdt_end_node(&w);
 *     length = fdt_finish(&w);                0: there was not enough room
 *
 * Nothing is read from a tree, and nothing can fail but the room, which is asked about once, at the end.
 */
#ifndef LIB_BUILD_FDT_WRITER_H
#define LIB_BUILD_FDT_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FDT_STRINGS_MAX = 1024 };

struct fdt_writer {
    unsigned char *at;
    size_t size, used;
    bool full;
    char strings[FDT_STRINGS_MAX]; /* names of properties, each once */
    size_t strings_used;
};

void fdt_begin(struct fdt_writer *w, void *room, size_t size);
void fdt_node(struct fdt_writer *w, const char *name);
void fdt_end_node(struct fdt_writer *w);
size_t fdt_finish(struct fdt_writer *w);

void fdt_bytes(struct fdt_writer *w, const char *name, const void *value, size_t length);
void fdt_empty(struct fdt_writer *w, const char *name);
void fdt_u32(struct fdt_writer *w, const char *name, uint32_t value);
void fdt_u64(struct fdt_writer *w, const char *name, uint64_t value);
void fdt_string(struct fdt_writer *w, const char *name, const char *value);
/* Strings one behind the other, each with its terminator. */
void fdt_strings(struct fdt_writer *w, const char *name, const char *const *values, unsigned int count);
/* Cells: 32 bits each. */
void fdt_cells(struct fdt_writer *w, const char *name, const uint32_t *cells, unsigned int count);
/* Pairs of start and size, 64 bits each. */
void fdt_reg(struct fdt_writer *w, const char *name, const uint64_t *numbers, unsigned int count);

#endif
