/* SPDX-License-Identifier: MIT */
/* Reads the EFI system table: see efi.h. Firmware is trusted not to lie, but not to be there. */
#include "hv/arch/x86/cpu/efi.h"

#include "hv/arch_cpu.h"
#include "hv/base/printk.h"
#include "hv/lib/string.h"

#define SYSTEM_TABLE_SIGNATURE 0x5453595320494249ULL /* "IBI SYST" */
#define CONFIG_ENTRIES_MAX     256U

struct table_header {
    uint64_t signature;
    uint32_t revision;
    uint32_t size;
    uint32_t crc32;
    uint32_t reserved;
};

struct system_table {
    struct table_header header;
    uint64_t vendor;
    uint32_t vendor_revision;
    uint32_t padding;
    uint64_t consoles[6];
    uint64_t runtime_services;
    uint64_t boot_services;
    uint64_t config_count;
    uint64_t config;
};
BUILD_ASSERT(sizeof(struct system_table) == 120);

struct efi_firmware efi_firmware;

static void read_physical(void *to, uint64_t address, size_t size)
{
    memcpy(to, arch_map_device(_paddr(address), size), size);
}

static void read_vendor(uint64_t address)
{
    if (address != 0) {
        read_physical(efi_firmware.vendor, address, sizeof(efi_firmware.vendor));
        efi_firmware.vendor[EFI_VENDOR_MAX - 1] = 0;
    }
}

void efi_init(paddr_t system_table)
{
    struct efi_firmware *e = &efi_firmware;
    struct table_header runtime = { .revision = 0 };
    struct system_table t;

    if (system_table.v == 0) {
        return;
    }
    read_physical(&t, system_table.v, sizeof(t));
    if (t.header.signature != SYSTEM_TABLE_SIGNATURE || t.config_count > CONFIG_ENTRIES_MAX) {
        log_warning("EFI: no system table at %#lx\n", (unsigned long)system_table.v);
        return;
    }
    if (t.runtime_services != 0) {
        read_physical(&runtime, t.runtime_services, sizeof(runtime));
    }
    read_vendor(t.vendor);
    e->revision = t.header.revision;
    e->runtime_revision = runtime.revision;
    e->vendor_revision = t.vendor_revision;
    e->config_address = t.config;
    e->config_count = (uint32_t)t.config_count;
    e->present = true;
    log_info("EFI: version %u.%02u, %u configuration tables\n", e->revision >> 16,
             (e->revision & 0xffff) / 10, e->config_count);
}
