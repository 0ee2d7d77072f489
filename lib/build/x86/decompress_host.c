/* SPDX-License-Identifier: MIT */
/*
 * What the unpacking code of hv/lib is given in a tool: memory that all comes back at the end. One unpacking
 * at a time in a thread.
 */
#include "hv/lib/decompress_shim.h"

#include <stdlib.h>

#define BYTES_MAX (256UL << 20) /* what a file may make a library ask for at once */

struct block {
    struct block *next;
    max_align_t data[];
};

static _Thread_local struct block *blocks;

void decompress_enter(void)
{
}

void decompress_leave(void)
{
    while (blocks != NULL) {
        struct block *next = blocks->next;

        free(blocks);
        blocks = next;
    }
}

void *decompress_alloc(size_t bytes)
{
    struct block *b = bytes > BYTES_MAX ? NULL : malloc(sizeof(*b) + bytes);

    if (b == NULL) {
        return NULL;
    }
    b->next = blocks;
    blocks = b;
    return b->data;
}
