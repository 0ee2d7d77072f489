/* SPDX-License-Identifier: MIT */
/*
 * Layout of a PVH guest and its start record: see pvh_layout.h. The record is that of the public start_info.h,
 * version 1; it and all it points to lie together, in pages of their own.
 */
#include "lib/build/x86/pvh_layout.h"

#include <string.h>

/* Above it are what the hypervisor emulates, the tables and the pages shared with it. */
#define LOW_END     (0xf0000000ULL >> PAGE_SHIFT)
#define HIGH_START  ((1ULL << 32) >> PAGE_SHIFT)
#define ACPI_FIRST  (0xfc000000ULL >> PAGE_SHIFT)
#define SPECIAL     (0xfeffc000ULL >> PAGE_SHIFT)
#define SPECIAL_END (SPECIAL + 4)

struct start_page {
    struct hvm_start_info info;
    struct hvm_modlist_entry ramdisk;
    struct hvm_memmap_table_entry map[PVH_MAP_ENTRIES];
    char cmdline[];
};

static void place_memory(struct pvh_layout *l, uint64_t pages)
{
    l->low = (struct pfn_range){ 0, MIN(pages, LOW_END) };
    l->high = (struct pfn_range){ HIGH_START, HIGH_START + pages - l->low.end };
}

static int does_not_fit(struct err *e, uint64_t needed, uint64_t usable)
{
    err_set(e, -ENOMEM, "kernel and ramdisk need %llu MiB, the guest has %llu MiB",
            (unsigned long long)(needed >> 8) + 1, (unsigned long long)(usable >> 8));
    err_hint(e, "raise \"memory\"");
    return -ENOMEM;
}

int pvh_layout_make(struct err *e, const struct kernel_image *image, uint64_t pages, uint64_t usable,
                    uint64_t ramdisk_size, const char *cmdline, size_t acpi_size, struct pvh_layout *l)
{
    uint64_t next = DIV_ROUND_UP(image->end, PAGE_SIZE);
    size_t start_size = sizeof(struct start_page) + (cmdline != NULL ? strlen(cmdline) : 0) + 1;

    *l = (struct pvh_layout){ .image = image, .ramdisk_size = ramdisk_size, .cmdline = cmdline };
    place_memory(l, pages);
    l->ramdisk = (struct pfn_range){ next, next + DIV_ROUND_UP(ramdisk_size, PAGE_SIZE) };
    next = l->ramdisk.end;
    l->start = (struct pfn_range){ next, next + DIV_ROUND_UP(start_size, PAGE_SIZE) };
    if (l->start.end > MIN(usable, LOW_END)) {
        return does_not_fit(e, l->start.end, MIN(usable, LOW_END));
    }
    l->acpi = (struct pfn_range){ ACPI_FIRST, ACPI_FIRST + DIV_ROUND_UP(acpi_size, PAGE_SIZE) };
    l->special = (struct pfn_range){ SPECIAL, SPECIAL_END };
    l->store = SPECIAL;
    l->console = SPECIAL + 1;
    l->identity = SPECIAL + 2;
    return 0;
}

static void add_range(struct hvm_memmap_table_entry *map, unsigned int *count, struct pfn_range r, uint32_t type)
{
    if (r.end > r.first) {
        map[(*count)++] = (struct hvm_memmap_table_entry){
            .addr = r.first << PAGE_SHIFT, .size = (r.end - r.first) << PAGE_SHIFT, .type = type
        };
    }
}

unsigned int pvh_layout_map(const struct pvh_layout *l, struct hvm_memmap_table_entry map[PVH_MAP_ENTRIES])
{
    unsigned int count = 0;

    add_range(map, &count, l->low, XEN_HVM_MEMMAP_TYPE_RAM);
    add_range(map, &count, l->acpi, XEN_HVM_MEMMAP_TYPE_ACPI);
    add_range(map, &count, l->special, XEN_HVM_MEMMAP_TYPE_RESERVED);
    add_range(map, &count, l->high, XEN_HVM_MEMMAP_TYPE_RAM);
    return count;
}

void pvh_layout_start(const struct pvh_layout *l, void *out)
{
    uint64_t base = l->start.first << PAGE_SHIFT;
    struct start_page *p = out;

    p->info.magic = XEN_HVM_START_MAGIC_VALUE;
    p->info.version = 1;
    if (l->ramdisk_size != 0) {
        p->info.nr_modules = 1;
        p->info.modlist_paddr = base + offsetof(struct start_page, ramdisk);
        p->ramdisk.paddr = l->ramdisk.first << PAGE_SHIFT;
        p->ramdisk.size = l->ramdisk_size;
    }
    if (l->cmdline != NULL) {
        p->info.cmdline_paddr = base + offsetof(struct start_page, cmdline);
        strcpy(p->cmdline, l->cmdline);
    }
    if (l->acpi.end > l->acpi.first) {
        p->info.rsdp_paddr = l->acpi.first << PAGE_SHIFT;
    }
    p->info.memmap_paddr = base + offsetof(struct start_page, map);
    p->info.memmap_entries = pvh_layout_map(l, p->map);
}
