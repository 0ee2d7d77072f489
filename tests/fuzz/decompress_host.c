/* SPDX-License-Identifier: MIT */
/*
 * What the unpacking libraries are given on the host: memory, of which there is little, and which
 * all comes back. In place of decompress_shim.c.
 */
#include "hv/lib/decompress_shim.h"

#include "tests/unit/unit.h"

#include <stdlib.h>

#define BLOCKS_MAX 64
#define BYTES_MAX  (64UL << 20)

static void *blocks[BLOCKS_MAX];
static bool inside;

void decompress_enter(void)
{
    EXPECT(!inside);
    inside = true;
}

void decompress_leave(void)
{
    EXPECT(inside);
    inside = false;
    for (unsigned int i = 0; i < BLOCKS_MAX; i++) {
        free(blocks[i]);
        blocks[i] = NULL;
    }
}

void *decompress_alloc(size_t bytes)
{
    EXPECT(inside);
    for (unsigned int i = 0; i < BLOCKS_MAX && bytes <= BYTES_MAX; i++) {
        if (blocks[i] == NULL) {
            blocks[i] = malloc(bytes);
            return blocks[i];
        }
    }
    return NULL;
}
