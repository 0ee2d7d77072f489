/* SPDX-License-Identifier: MIT */
/*
 * The page arena; see memory.h.
 */
#include "guest/libguest/memory.h"

#include <stdbool.h>
#include <stddef.h>

#include "guest/libguest/string.h"
#include "guest/libguest/test.h"

static char arena[MEMORY_ARENA_PAGES][4096]
    __attribute__((aligned(4096), section(MEMORY_ARENA)));
static bool taken[MEMORY_ARENA_PAGES];

void *memory_alloc(void)
{
    for (unsigned int i = 0; i < MEMORY_ARENA_PAGES; i++) {
        if (!taken[i]) {
            taken[i] = true;
            memset(arena[i], 0, MEMORY_PAGE);
            return arena[i];
        }
    }
    test_broken("the page arena is empty");
}

void memory_free(void *page)
{
    taken[((char *)page - arena[0]) / MEMORY_PAGE] = false;
}
