/* SPDX-License-Identifier: MIT */
/*
 * What a boot loader leaves: byte 0 chooses Multiboot 1 or 2, the rest lies at physical 64 KiB and
 * is the information structure. Strings end, modules and memory ranges do not wrap, and the map is
 * sorted without overlaps.
 */
#include "hv/init/bootinfo.h"

#include "hv/arch_cpu.h"
#include "hv/lib/string.h"
#include "tests/fuzz/fuzz.h"

#define INFO      0x10000UL
#define BYTES_MAX 0x10000UL

void fuzz_init(void)
{
}

static void expect_map(const struct e820_map *map)
{
    uint64_t end = 0;

    EXPECT(map->count <= E820_MAX);
    for (unsigned int i = 0; i < map->count; i++) {
        EXPECT(map->entries[i].size > 0 && map->entries[i].start >= end);
        end = map->entries[i].start + map->entries[i].size;
        EXPECT(end > map->entries[i].start);
    }
}

void fuzz_one(const uint8_t *data, size_t size)
{
    char *info = arch_direct_map(_mfn(INFO >> PAGE_SHIFT));

    if (size < 2 || size - 1 > BYTES_MAX) {
        return;
    }
    memcpy(info, data + 1, size - 1);
    memset(&bootinfo, 0, sizeof(bootinfo));
    memset(&machine_e820, 0, sizeof(machine_e820));
    if (bootinfo_parse(data[0] & 1 ? BOOTINFO_MAGIC1 : BOOTINFO_MAGIC2, _paddr(INFO)) == 0) {
        EXPECT(bootinfo.multiboot == (data[0] & 1 ? 1 : 2));
        EXPECT(bootinfo.module_count <= BOOTINFO_MODULES_MAX &&
               bootinfo.rsdp_size <= BOOTINFO_RSDP_MAX);
        EXPECT(strnlen(bootinfo.cmdline, sizeof(bootinfo.cmdline)) < sizeof(bootinfo.cmdline));
        EXPECT(strnlen(bootinfo.loader, sizeof(bootinfo.loader)) < sizeof(bootinfo.loader));
        for (unsigned int i = 0; i < bootinfo.module_count; i++) {
            const struct boot_module *m = &bootinfo.modules[i];

            EXPECT(m->start <= m->end &&
                   strnlen(m->string, sizeof(m->string)) < sizeof(m->string));
        }
        expect_map(&machine_e820);
        bootinfo_limit_memory(1ULL << (10 + data[0] % 50));
        expect_map(&machine_e820);
    }
    memset(info, 0, size - 1);
}
