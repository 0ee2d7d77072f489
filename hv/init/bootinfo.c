/* SPDX-License-Identifier: MIT */
/*
 * Reads Multiboot information (specifications 0.6.96 and 2.0): see bootinfo.h. Offsets and sizes in it are
 * not trusted beyond "somewhere below 4 GiB": phys() is the one place that turns them into pointers.
 */
#include "hv/init/bootinfo.h"

#include "hv/arch/x86/cpu/paging.h"
#include "hv/arch_cpu.h"
#include "hv/lib/string.h"

struct bootinfo bootinfo;
struct e820_map machine_e820;

#define PHYS_LIMIT 0x100000000ULL

/* Multiboot 1 flags: which fields are there. */
#define MB1_MEMORY      0x0001
#define MB1_CMDLINE     0x0004
#define MB1_MODULES     0x0008
#define MB1_MMAP        0x0040
#define MB1_LOADER      0x0200
#define MB1_FRAMEBUFFER 0x1000

struct mb1_info {
    uint32_t flags;
    uint32_t mem_lower; /* KiB */
    uint32_t mem_upper; /* KiB above 1 MiB */
    uint32_t boot_device;
    uint32_t cmdline;
    uint32_t mods_count;
    uint32_t mods_addr;
    uint32_t syms[4];
    uint32_t mmap_length;
    uint32_t mmap_addr;
    uint32_t drives_length;
    uint32_t drives_addr;
    uint32_t config_table;
    uint32_t boot_loader_name;
    uint32_t apm_table;
    uint32_t vbe[4];
    uint64_t framebuffer_addr;
    uint32_t framebuffer_pitch;
    uint32_t framebuffer_width;
    uint32_t framebuffer_height;
    uint8_t framebuffer_bpp;
    uint8_t framebuffer_type;
    uint8_t colors[6];
} PACKED;
BUILD_ASSERT(offsetof(struct mb1_info, framebuffer_addr) == 88);

struct mb1_module {
    uint32_t start;
    uint32_t end;
    uint32_t string;
    uint32_t reserved;
} PACKED;

/* size does not count itself. */
struct mb1_mmap {
    uint32_t size;
    uint64_t base;
    uint64_t length;
    uint32_t type;
} PACKED;

enum mb2_type {
    MB2_END = 0,
    MB2_CMDLINE = 1,
    MB2_LOADER = 2,
    MB2_MODULE = 3,
    MB2_MEMORY = 4,
    MB2_MMAP = 6,
    MB2_FRAMEBUFFER = 8,
    MB2_EFI32 = 11,
    MB2_EFI64 = 12,
    MB2_RSDP_OLD = 14,
    MB2_RSDP_NEW = 15,
    MB2_EFI_MMAP = 17
};

struct mb2_tag {
    uint32_t type;
    uint32_t size; /* with this header */
};

struct mb2_mmap_entry {
    uint64_t base;
    uint64_t length;
    uint32_t type;
    uint32_t zero;
};

struct framebuffer {
    uint64_t address;
    uint32_t pitch;
    uint32_t width;
    uint32_t height;
    uint8_t bits_per_pixel;
    uint8_t type; /* 1: direct colour, 2: text */
} PACKED;

#define FRAMEBUFFER_RGB  1
#define FRAMEBUFFER_TEXT 2

/* len bytes at a physical address; NULL when they are not all below 4 GiB. */
static const void *phys(uint64_t address, uint64_t len)
{
    if (address >= PHYS_LIMIT || len > PHYS_LIMIT - address) {
        return NULL;
    }
    return (const char *)arch_direct_map(_mfn(address >> PAGE_SHIFT)) + (address & ~PAGE_MASK);
}

/* ---- strings ------------------------------------------------------------------------------- */

/* Copies text (at most len bytes, up to a NUL); cuts what does not fit. */
static void copy_text(char *dst, size_t size, const char *text, size_t len)
{
    size_t n = MIN(strnlen(text, len), size - 1);

    memcpy(dst, text, n);
    dst[n] = '\0';
}

static void copy_phys_text(char *dst, size_t size, uint64_t address)
{
    const char *text = phys(address, 1);

    if (address == 0 || text == NULL) {
        dst[0] = '\0';
        return;
    }
    copy_text(dst, size, text, PHYS_LIMIT - address);
}

/* GRUB 2 leaves the file name out of command lines; all other loaders put it first. */
static bool loader_adds_file_name(void)
{
    const char *grub = strstr(bootinfo.loader, "GRUB ");

    return grub == NULL || grub[5] == '0';
}

static void strip(char *text)
{
    const char *p = text;

    while (*p == ' ') {
        p++;
    }
    if (loader_adds_file_name()) {
        while (*p != ' ' && *p != '\0') {
            p++;
        }
        while (*p == ' ') {
            p++;
        }
    }
    memmove(text, p, strlen(p) + 1);
}

/* ---- parts common to both versions --------------------------------------------------------- */

static void add_module(uint64_t start, uint64_t end, const char *text, size_t len)
{
    struct boot_module *m = &bootinfo.modules[bootinfo.module_count];

    if (bootinfo.module_count == BOOTINFO_MODULES_MAX) {
        bootinfo.modules_dropped++;
        return;
    }
    m->start = start;
    m->end = MAX(start, end);
    copy_text(m->string, sizeof(m->string), text, len);
    bootinfo.module_count++;
}

static void add_range(uint64_t base, uint64_t length, uint32_t type)
{
    struct e820_map *map = &machine_e820;

    if (length == 0 || map->count == E820_MAX) {
        return;
    }
    length = MIN(length, ~0ULL - base);
    map->entries[map->count++] = (struct e820_entry){ base, length, type };
}

static void add_basic_memory(uint32_t lower_kb, uint32_t upper_kb)
{
    add_range(0, (uint64_t)lower_kb << 10, E820_RAM);
    add_range(0x100000, (uint64_t)upper_kb << 10, E820_RAM);
}

/* colors: position and size of red, green, blue. */
static void set_framebuffer(const struct framebuffer *f, const uint8_t colors[6])
{
    struct boot_video *v = &bootinfo.video;

    if (f->type != FRAMEBUFFER_RGB) {
        return;
    }
    *v = (struct boot_video){ .kind = BOOT_VIDEO_FRAMEBUFFER, .address = f->address,
                              .pitch = f->pitch, .width = f->width, .height = f->height,
                              .bits_per_pixel = f->bits_per_pixel,
                              .red_position = colors[0], .red_size = colors[1],
                              .green_position = colors[2], .green_size = colors[3],
                              .blue_position = colors[4], .blue_size = colors[5] };
}

/* The BIOS data area says whether the screen shows text, and where the cursor is. */
static void find_text_mode(void)
{
    const uint8_t *bda = phys(0x400, 0x100);
    struct boot_video *v = &bootinfo.video;
    uint16_t columns;

    memcpy(&columns, &bda[0x4a], sizeof(columns));
    if (v->kind != BOOT_VIDEO_NONE || bootinfo.efi || bda[0x49] != 3 || columns != 80) {
        return;
    }
    *v = (struct boot_video){ .kind = BOOT_VIDEO_TEXT, .columns = columns,
                              .rows = bda[0x84] != 0 ? bda[0x84] + 1 : 25,
                              .font_height = bda[0x85] != 0 ? bda[0x85] : 16,
                              .cursor_x = bda[0x50], .cursor_y = bda[0x51] };
}

/* ---- Multiboot 1 --------------------------------------------------------------------------- */

static void mb1_modules(const struct mb1_info *info)
{
    uint32_t count = MIN(info->mods_count, BOOTINFO_MODULES_MAX);

    bootinfo.modules_dropped = info->mods_count - count;
    for (uint32_t i = 0; i < count; i++) {
        const struct mb1_module *m =
            phys(info->mods_addr + (uint64_t)i * sizeof(*m), sizeof(*m));
        const char *text;

        if (m == NULL) {
            return;
        }
        text = m->string != 0 ? phys(m->string, 1) : NULL;
        add_module(m->start, m->end, text != NULL ? text : "",
                   text != NULL ? PHYS_LIMIT - m->string : 0);
    }
}

static void mb1_memory_map(const struct mb1_info *info)
{
    uint64_t at = info->mmap_addr;
    uint64_t end = at + info->mmap_length;

    while (at + sizeof(struct mb1_mmap) <= end) {
        const struct mb1_mmap *e = phys(at, sizeof(*e));

        if (e == NULL || e->size < sizeof(*e) - sizeof(e->size)) {
            return;
        }
        add_range(e->base, e->length, e->type);
        at += e->size + sizeof(e->size);
    }
}

static int mb1_parse(uint64_t address)
{
    const struct mb1_info *info = phys(address, sizeof(*info));

    if (info == NULL || address == 0) {
        return -EINVAL;
    }
    bootinfo.multiboot = 1;
    if (info->flags & MB1_LOADER) {
        copy_phys_text(bootinfo.loader, sizeof(bootinfo.loader), info->boot_loader_name);
    }
    if (info->flags & MB1_CMDLINE) {
        copy_phys_text(bootinfo.cmdline, sizeof(bootinfo.cmdline), info->cmdline);
    }
    if (info->flags & MB1_MODULES) {
        mb1_modules(info);
    }
    if (info->flags & MB1_MMAP) {
        mb1_memory_map(info);
    } else if (info->flags & MB1_MEMORY) {
        add_basic_memory(info->mem_lower, info->mem_upper);
    }
    if (info->flags & MB1_FRAMEBUFFER) {
        struct framebuffer f = { info->framebuffer_addr, info->framebuffer_pitch,
                                 info->framebuffer_width, info->framebuffer_height,
                                 info->framebuffer_bpp, info->framebuffer_type };

        set_framebuffer(&f, info->colors);
    }
    return 0;
}

/* ---- Multiboot 2 --------------------------------------------------------------------------- */

static void mb2_memory_map(const uint8_t *body, size_t size)
{
    uint32_t entry_size;

    if (size < 8) {
        return;
    }
    memcpy(&entry_size, body, sizeof(entry_size));
    if (entry_size < sizeof(struct mb2_mmap_entry)) {
        return;
    }
    for (size_t at = 8; at + entry_size <= size; at += entry_size) {
        struct mb2_mmap_entry e;

        memcpy(&e, body + at, sizeof(e));
        add_range(e.base, e.length, e.type);
    }
}

static void mb2_framebuffer(const uint8_t *body, size_t size)
{
    struct framebuffer f;

    /* The fixed part, two bytes of padding, then the colour fields. */
    if (size < sizeof(f) + 2 + 6) {
        return;
    }
    memcpy(&f, body, sizeof(f));
    set_framebuffer(&f, body + sizeof(f) + 2);
}

static void mb2_module(const uint8_t *body, size_t size)
{
    uint32_t range[2];

    if (size < sizeof(range)) {
        return;
    }
    memcpy(range, body, sizeof(range));
    add_module(range[0], range[1], (const char *)body + sizeof(range), size - sizeof(range));
}

static void mb2_rsdp(const uint8_t *body, size_t size)
{
    /* The version 2 structure is longer and better. */
    if (size > bootinfo.rsdp_size) {
        bootinfo.rsdp_size = (unsigned int)MIN(size, sizeof(bootinfo.rsdp));
        memcpy(bootinfo.rsdp, body, bootinfo.rsdp_size);
    }
}

static void mb2_basic_memory(const uint8_t *body, size_t size)
{
    uint32_t kb[2];

    if (size >= sizeof(kb) && machine_e820.count == 0) {
        memcpy(kb, body, sizeof(kb));
        add_basic_memory(kb[0], kb[1]);
    }
}

static void mb2_tag(uint32_t type, const uint8_t *body, size_t size)
{
    switch (type) {
    case MB2_CMDLINE:
        copy_text(bootinfo.cmdline, sizeof(bootinfo.cmdline), (const char *)body, size);
        break;
    case MB2_LOADER:
        copy_text(bootinfo.loader, sizeof(bootinfo.loader), (const char *)body, size);
        break;
    case MB2_MODULE:
        mb2_module(body, size);
        break;
    case MB2_MMAP:
        machine_e820.count = 0; /* better than what MB2_MEMORY gave */
        mb2_memory_map(body, size);
        break;
    case MB2_MEMORY:
        mb2_basic_memory(body, size);
        break;
    case MB2_FRAMEBUFFER:
        mb2_framebuffer(body, size);
        break;
    case MB2_RSDP_OLD:
    case MB2_RSDP_NEW:
        mb2_rsdp(body, size);
        break;
    case MB2_EFI64:
        if (size >= sizeof(bootinfo.efi_system_table)) {
            memcpy(&bootinfo.efi_system_table, body, sizeof(bootinfo.efi_system_table));
        }
        bootinfo.efi = true;
        break;
    case MB2_EFI32:
    case MB2_EFI_MMAP:
        bootinfo.efi = true;
        break;
    default:
        break;
    }
}

static int mb2_parse(uint64_t address)
{
    const uint32_t *total = phys(address, 8);
    uint64_t end;
    uint64_t at = address + 8;

    if (total == NULL || address == 0 || (address & 7) != 0) {
        return -EINVAL;
    }
    bootinfo.multiboot = 2;
    end = address + *total;
    while (at + sizeof(struct mb2_tag) <= end) {
        const struct mb2_tag *tag = phys(at, sizeof(*tag));

        if (tag == NULL || tag->type == MB2_END) {
            return 0;
        }
        if (tag->size < sizeof(*tag) || tag->size > end - at || phys(at, tag->size) == NULL) {
            return -EINVAL;
        }
        mb2_tag(tag->type, (const uint8_t *)(tag + 1), tag->size - sizeof(*tag));
        at += ALIGN_UP((uint64_t)tag->size, 8);
    }
    return 0;
}

int bootinfo_parse(uint32_t magic, paddr_t info)
{
    int rc;

    memset(&bootinfo, 0, sizeof(bootinfo));
    machine_e820.count = 0;
    switch (magic) {
    case BOOTINFO_MAGIC1:
        rc = mb1_parse(info.v);
        break;
    case BOOTINFO_MAGIC2:
        rc = mb2_parse(info.v);
        break;
    default:
        rc = -EINVAL;
        break;
    }
    if (rc != 0) {
        return rc;
    }
    /* Only now is the loader's name known for sure. */
    strip(bootinfo.cmdline);
    for (unsigned int i = 0; i < bootinfo.module_count; i++) {
        strip(bootinfo.modules[i].string);
    }
    bootinfo_sanitise(&machine_e820);
    find_text_mode();
    return 0;
}

paddr_t bootinfo_rsdp(void)
{
    /* 20: a version 1 structure */
    return bootinfo.rsdp_size >= 20 ? paging_virt_to_phys(bootinfo.rsdp) : _paddr(0);
}

/* ---- the memory map ------------------------------------------------------------------------ */

static void sort_points(uint64_t *points, unsigned int count)
{
    for (unsigned int i = 1; i < count; i++) {
        uint64_t p = points[i];
        unsigned int j = i;

        for (; j > 0 && points[j - 1] > p; j--) {
            points[j] = points[j - 1];
        }
        points[j] = p;
    }
}

/* How strongly a type forbids use as RAM; unknown types forbid most. */
static unsigned int restriction(uint32_t type)
{
    return type >= E820_RAM && type <= E820_UNUSABLE ? type : E820_UNUSABLE + 1;
}

/* The type that [start, next point) has: the most restrictive of all that cover it; 0 for none. */
static uint32_t type_at(const struct e820_map *map, uint64_t start)
{
    uint32_t type = 0;

    for (unsigned int i = 0; i < map->count; i++) {
        const struct e820_entry *e = &map->entries[i];

        if (start >= e->start && start - e->start < e->size &&
            (type == 0 || restriction(e->type) > restriction(type))) {
            type = e->type != 0 ? e->type : E820_RESERVED;
        }
    }
    return type;
}

void bootinfo_sanitise(struct e820_map *map)
{
    static uint64_t points[2 * E820_MAX];
    static struct e820_map out;
    unsigned int count = 0;

    for (unsigned int i = 0; i < map->count; i++) {
        points[count++] = map->entries[i].start;
        points[count++] = map->entries[i].start + map->entries[i].size;
    }
    sort_points(points, count);
    out.count = 0;
    for (unsigned int i = 0; i + 1 < count; i++) {
        uint64_t start = points[i];
        uint64_t size = points[i + 1] - start;
        uint32_t type = size != 0 ? type_at(map, start) : 0;
        struct e820_entry *last = out.count > 0 ? &out.entries[out.count - 1] : NULL;

        if (type == 0) {
            continue;
        }
        if (last != NULL && last->type == type && last->start + last->size == start) {
            last->size += size;
        } else if (out.count < E820_MAX) {
            out.entries[out.count++] = (struct e820_entry){ start, size, type };
        }
    }
    memcpy(map, &out, sizeof(*map));
}

void bootinfo_limit_memory(uint64_t limit)
{
    struct e820_map *map = &machine_e820;
    unsigned int kept = 0;

    for (unsigned int i = 0; i < map->count; i++) {
        struct e820_entry e = map->entries[i];

        if (e.type == E820_RAM && e.start + e.size > limit) {
            if (e.start >= limit) {
                continue;
            }
            e.size = limit - e.start;
        }
        map->entries[kept++] = e;
    }
    map->count = kept;
}
