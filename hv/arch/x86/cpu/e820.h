/* SPDX-License-Identifier: MIT */
/*
 * The machine's memory map: what the firmware said, sorted and without overlaps after bootinfo_parse().
 * Set once at boot; entries are byte ranges and need not be whole pages.
 */
#ifndef HV_ARCH_X86_CPU_E820_H
#define HV_ARCH_X86_CPU_E820_H

#include "hv/lib/types.h"

#define E820_RAM      1
#define E820_RESERVED 2
#define E820_ACPI     3
#define E820_NVS      4
#define E820_UNUSABLE 5

#define E820_MAX 128

struct e820_entry {
    uint64_t start;
    uint64_t size;
    uint32_t type;
};

struct e820_map {
    unsigned int count;
    struct e820_entry entries[E820_MAX];
};

extern struct e820_map machine_e820;

#endif
