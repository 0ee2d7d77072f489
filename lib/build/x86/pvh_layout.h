/* SPDX-License-Identifier: MIT */
/*
 * Where things lie in a PVH guest that starts, and the record it starts with. Pure: no hypercalls, no guest
 * memory.
 *
 *   0 ..         kernel where its file says | ramdisk | start record      memory, to at most LOW_END
 *   0xfc000000   ACPI tables                                               beyond memory=
 *   0xfeffc000   store, console, page table for real mode                  beyond memory=, reserved
 *   4 GiB ..     the rest of the memory
 *
 *   pvh_layout_make()   sizes -> places, or why it does not fit
 *   pvh_layout_map()    places -> the memory map
 *   pvh_layout_start()  the start record with memory map, ramdisk and command line behind it
 */
#ifndef LIB_BUILD_X86_PVH_LAYOUT_H
#define LIB_BUILD_X86_PVH_LAYOUT_H

#include "abi/start_info.h"
#include "hv/lib/kernel_image.h"
#include "lib/base/err.h"
#include "lib/build/x86/pv_layout.h"

#define PVH_MAP_ENTRIES 4

struct pvh_layout {
    const struct kernel_image *image;
    struct pfn_range low, high; /* memory */
    struct pfn_range ramdisk, start, acpi;
    struct pfn_range special; /* the next three */
    uint64_t store, console, identity;
    uint64_t ramdisk_size;
    const char *cmdline; /* or NULL */
};

/* pages: all that the guest may believe to have; usable: those there are at first. acpi_size 0: no tables. */
int pvh_layout_make(struct err *e, const struct kernel_image *image, uint64_t pages, uint64_t usable,
                    uint64_t ramdisk_size, const char *cmdline, size_t acpi_size, struct pvh_layout *l);
/* How many entries there are. */
unsigned int pvh_layout_map(const struct pvh_layout *l, struct hvm_memmap_table_entry map[PVH_MAP_ENTRIES]);
/* To the zeroed pages of l->start. */
void pvh_layout_start(const struct pvh_layout *l, void *out);

#endif
