/* SPDX-License-Identifier: MIT */
/*
 * Memory before there is page_alloc: boot_alloc_init(), then each range of RAM, then what of it is taken; then
 * pages may be had, zeroed, which are never given back. boot_alloc_finish() hands on what is left. Boot CPU only.
 */
#ifndef HV_MM_BOOT_ALLOC_H
#define HV_MM_BOOT_ALLOC_H

#include "hv/lib/types.h"

/* Pages are taken below this address only: ~0 for no limit. */
void boot_alloc_init(uint64_t limit);
/* RAM: ascending, not overlapping; the whole pages in it. */
void boot_alloc_add(uint64_t start, uint64_t end);
/* The pages of these bytes are not to be had. */
void boot_alloc_reserve(uint64_t start, uint64_t end);
/* From the top down, at a multiple of 2 MiB when they are as many; there is no boot without them. */
mfn_t boot_alloc(unsigned long pages);
/* Calls fn for every range that is neither reserved nor taken; from then on page_alloc() is who is asked. */
void boot_alloc_finish(void (*fn)(mfn_t first, uint64_t count));
bool boot_alloc_is_finished(void);

#endif
