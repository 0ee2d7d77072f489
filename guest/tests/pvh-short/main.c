/* SPDX-License-Identifier: MIT */
/*
 * A guest that touches more of the memory it has on demand than there is. It ends at that. None of its other pages is
 * left zero: a hypervisor may take those instead.
 */
#include "guest/libguest/console.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/test.h"

enum { PAGES = 512, IMAGE_END = 4096 };

static void touch(unsigned long from, unsigned long to)
{
    for (unsigned long pfn = from; pfn < to; pfn++) {
        *(volatile uint64_t *)start_map_own_mfn(pfn) = pfn;
    }
}

void test_main(void)
{
    for (unsigned int i = 0; i < MEMORY_ARENA_PAGES; i++) {
        *(volatile uint64_t *)memory_alloc() = 1;
    }
    touch(IMAGE_END, start_info->nr_pages - PAGES);
    console_drain();
    touch(start_info->nr_pages - PAGES, start_info->nr_pages);
    test_skip("all of the memory was there");
}
