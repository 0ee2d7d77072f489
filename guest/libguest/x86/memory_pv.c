/* SPDX-License-Identifier: MIT */
/*
 * Frame numbers nobody else uses, from the top of the guest's memory down; see guest/libguest/memory.h.
 */
#include "guest/libguest/memory.h"

static unsigned long high_pfns_taken;

unsigned long memory_take_pfn(void)
{
    return start_info->nr_pages - ++high_pfns_taken;
}
