/* SPDX-License-Identifier: MIT */
/* A run of guest pages by number, end excluded: how layouts, windows and extents are told. Private to lib/build. */
#ifndef LIB_BUILD_PFN_RANGE_H
#define LIB_BUILD_PFN_RANGE_H

#include <stdint.h>

struct pfn_range {
    uint64_t first, end;
};

#endif
