/* SPDX-License-Identifier: MIT */
/*
 * Memory before there is an allocator: the machine's RAM as ascending ranges, of which reservations cut pieces and
 * boot_alloc() takes from the top. Boot CPU only. See paging.h.
 */
#include "hv/arch/arm/cpu/machine.h"
#include "hv/arch/arm/cpu/paging.h"
#include "hv/arch_cpu.h"
#include "hv/base/printk.h"
#include "hv/lib/string.h"

#define RANGES_MAX  128
#define LARGE_PAGES 512UL

extern const char image_begin[], image_end[];

static struct machine_range ranges[RANGES_MAX];
static unsigned int range_count;
bool boot_alloc_done;

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
    ranges[i] = (struct machine_range){ start, end };
    range_count++;
}

void boot_alloc_reserve(uint64_t start, uint64_t end)
{
    start = ALIGN_DOWN(start, PAGE_SIZE);
    end = ALIGN_UP(end, PAGE_SIZE);
    for (unsigned int i = range_count; i-- > 0;) {
        struct machine_range r = ranges[i];

        if (end <= r.start || start >= r.end) {
            continue;
        }
        range_remove(i);
        if (end < r.end) {
            range_insert(i, end, r.end);
        }
        if (start > r.start) {
            range_insert(i, r.start, start);
        }
    }
}

void boot_alloc_init(void)
{
    for (unsigned int i = 0; i < machine.ram_count; i++) {
        range_insert(range_count, machine.ram[i].start, machine.ram[i].end);
    }
    for (unsigned int i = 0; i < machine.reserved_count; i++) {
        boot_alloc_reserve(machine.reserved[i].start, machine.reserved[i].end);
    }
    boot_alloc_reserve(machine.image_start,
                       machine.image_start + (uint64_t)(image_end - image_begin));
}

mfn_t boot_alloc(unsigned long pages)
{
    uint64_t bytes = pages << PAGE_SHIFT;
    uint64_t align = pages >= LARGE_PAGES ? LARGE_PAGES << PAGE_SHIFT : PAGE_SIZE;

    BUG_ON(boot_alloc_done);
    for (unsigned int i = range_count; i-- > 0;) {
        uint64_t end = ranges[i].end;
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
    boot_alloc_done = true;
    for (unsigned int i = 0; i < range_count; i++) {
        fn(_mfn(ranges[i].start >> PAGE_SHIFT),
           (ranges[i].end - ranges[i].start) >> PAGE_SHIFT);
    }
}
