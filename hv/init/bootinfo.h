/* SPDX-License-Identifier: MIT */
/*
 * What the boot loader handed over (Multiboot 1 or 2), copied out of its memory so that this memory can be
 * reused: command line, modules, memory map, ACPI root pointer, screen.
 *
 * bootinfo_parse() runs before there is an allocator; physical memory below 4 GiB must be reachable
 * through arch_direct_map(). Everything in `bootinfo` is constant afterwards. It also fills machine_e820.
 */
#ifndef HV_INIT_BOOTINFO_H
#define HV_INIT_BOOTINFO_H

#include "hv/arch/x86/cpu/e820.h"
#include "hv/lib/types.h"

#define BOOTINFO_MAGIC1 0x2badb002U
#define BOOTINFO_MAGIC2 0x36d76289U

#define BOOTINFO_CMDLINE_MAX  2048
#define BOOTINFO_MODULES_MAX  8
#define BOOTINFO_RSDP_MAX     64

struct boot_module {
    uint64_t start; /* page aligned by every loader that honours our header */
    uint64_t end;   /* not below start */
    char string[BOOTINFO_CMDLINE_MAX]; /* arguments, without the file name where the loader adds one */
};

enum boot_video_kind { BOOT_VIDEO_NONE, BOOT_VIDEO_TEXT, BOOT_VIDEO_FRAMEBUFFER };

struct boot_video {
    enum boot_video_kind kind;
    /* text: */
    uint16_t columns;
    uint16_t rows;
    uint16_t font_height;
    uint16_t cursor_x;
    uint16_t cursor_y;
    /* framebuffer: */
    uint64_t address;
    uint32_t pitch;
    uint32_t width;
    uint32_t height;
    uint8_t bits_per_pixel;
    uint8_t red_position, red_size;
    uint8_t green_position, green_size;
    uint8_t blue_position, blue_size;
};

struct bootinfo {
    unsigned int multiboot; /* 1 or 2 */
    char loader[64];
    char cmdline[BOOTINFO_CMDLINE_MAX]; /* as given, without the image's file name */
    unsigned int module_count;
    struct boot_module modules[BOOTINFO_MODULES_MAX];
    unsigned int modules_dropped; /* more than we keep */
    uint8_t rsdp[BOOTINFO_RSDP_MAX]; /* Multiboot 2 only: a copy */
    unsigned int rsdp_size;          /* 0: search the BIOS areas */
    bool efi;                        /* started by UEFI firmware */
    uint64_t efi_system_table;       /* of 64-bit firmware, or 0 */
    struct boot_video video;
};

extern struct bootinfo bootinfo;

/* -EINVAL when magic or structure are not Multiboot's. */
MUST_CHECK int bootinfo_parse(uint32_t magic, paddr_t info);

/* Where the copy of the ACPI root pointer is; 0 when the loader gave none (search the BIOS areas then). */
paddr_t bootinfo_rsdp(void);

/* Forgets RAM at and above this address (mem=). */
void bootinfo_limit_memory(uint64_t limit);

/* Sorts the map, resolves overlaps (the most restrictive type wins), joins neighbours. */
void bootinfo_sanitise(struct e820_map *map);

#endif
