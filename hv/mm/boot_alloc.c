/* SPDX-License-Identifier: MIT */
/*
 * Free RAM during boot as ascending ranges of whole pages, half open, from which reservations and allocations cut
 * pieces. Boot CPU only, no lock. See boot_alloc.h.
 */
#include "hv/mm/boot_alloc.h"

#include "hv/arch_cpu.h"
#include "hv/base/printk.h"

#define RANGES_MAX  256U
#define LARGE_PAGES 512UL

static struct {
    uint64_t start;
    uint64_t end;
} ranges[RANGES_MAX];
static unsigned int range_count;
static uint64_t address_limit;
static bool finished;

static void range_remove(unsigned int i)
{
    range_count--;
    for (; i < range_count; i++) {
        ranges[i] = ranges[i + 1];
    }
}

static void range_insert(unsigned int i, uint64_t start, uint64_t end)
{
    BUG_ON(range_count == RANGES_MAX);
    for (unsigned int j = range_count; j > i; j--) {
        ranges[j] = ranges[j - 1];
    }
    ranges[i].start = start;
    ranges[i].end = end;
    range_count++;
}

void boot_alloc_init(uint64_t limit)
{
    range_count = 0;
    address_limit = limit;
    finished = false;
}

void boot_alloc_add(uint64_t start, uint64_t end)
{
    start = ALIGN_UP(start, PAGE_SIZE);
    end = ALIGN_DOWN(end, PAGE_SIZE);
    if (start < end) {
        range_insert(range_count, start, end);
    }
}

/* From the last one, so that what is put in its place is not looked at again. */
void boot_alloc_reserve(uint64_t start, uint64_t end)
{
    start = ALIGN_DOWN(start, PAGE_SIZE);
    end = ALIGN_UP(end, PAGE_SIZE);
    for (unsigned int i = range_count; i-- > 0;) {
        uint64_t s = ranges[i].start;
        uint64_t e = ranges[i].end;

        if (end <= s || start >= e) {
            continue;
        }
        range_remove(i);
        if (end < e) {
            range_insert(i, end, e);
        }
        if (start > s) {
            range_insert(i, s, start);
        }
    }
}

mfn_t boot_alloc(unsigned long pages)
{
    uint64_t bytes = pages << PAGE_SHIFT;
    uint64_t align = pages >= LARGE_PAGES ? LARGE_PAGES << PAGE_SHIFT : PAGE_SIZE;

    BUG_ON(finished);
    for (unsigned int i = range_count; i-- > 0;) {
        uint64_t end = MIN(ranges[i].end, address_limit);
        uint64_t start = end < bytes ? 0 : ALIGN_DOWN(end - bytes, align);

        if (end < bytes || start < ranges[i].start) {
            continue;
        }
        boot_alloc_reserve(start, start + bytes);
        for (uint64_t at = start; at < start + bytes; at += PAGE_SIZE) {
            arch_page_clear(arch_direct_map(_mfn(at >> PAGE_SHIFT)));
        }
        return _mfn(start >> PAGE_SHIFT);
    }
    panic("not enough memory to boot: no %lu free pages", pages);
}

void boot_alloc_finish(void (*fn)(mfn_t first, uint64_t count))
{
    finished = true;
    for (unsigned int i = 0; i < range_count; i++) {
        fn(_mfn(ranges[i].start >> PAGE_SHIFT), (ranges[i].end - ranges[i].start) >> PAGE_SHIFT);
    }
}

bool boot_alloc_is_finished(void)
{
    return finished;
}
