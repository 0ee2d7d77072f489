/* SPDX-License-Identifier: MIT */
/*
 * Small allocations of the hypervisor: size classes up to half a page, whole pages above. Memory is zeroed.
 * Must not be called with interrupts off or from interrupt handlers.
 */
#ifndef HV_MM_HEAP_H
#define HV_MM_HEAP_H

#include "hv/lib/types.h"

void *heap_alloc(size_t bytes) MUST_CHECK;
void *heap_alloc_array(size_t count, size_t bytes) MUST_CHECK; /* NULL on overflow too */
void *heap_realloc(void *p, size_t bytes) MUST_CHECK;
void heap_free(void *p); /* NULL is fine */
size_t heap_used(void);  /* bytes in live allocations, for leak tests */
void heap_dump(void);    /* debug key H: what is in use, by size */

/* For tests: count more allocations succeed, then all fail; below 0 none fails. */
void heap_fail_after(int count);

/* One zeroed page of the direct map, owned by nobody. */
void *heap_alloc_page(void) MUST_CHECK;
void heap_free_page(void *page);

#endif
