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
    __attribute__((aligned(4096), section(".arena,\"aw\",@nobits#")));
static bool taken[MEMORY_ARENA_PAGES];
static unsigned long high_pfns_taken;

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

unsigned long memory_take_pfn(void)
{
    return start_info->nr_pages - ++high_pfns_taken;
}
