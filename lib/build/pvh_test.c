/* SPDX-License-Identifier: MIT */
/*
 * What of a PVH guest's building needs no hypervisor: its ACPI tables, byte for byte (iasl reads them without a
 * word) and by their sums and links for other numbers of vcpus; its memory map and start record; what CPUID says
 * of its processors.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/build/x86/acpi.h"
#include "lib/build/x86/cpu_topology.h"
#include "lib/build/x86/pvh_layout.h"
#include "tests/unit/unit.h"

#define BASE 0xfc000000ULL
#define MIB  256ULL /* pages */

/* ---- ACPI ---- */

/* All that is not zero of the tables for two vcpus. */
static const struct {
    uint16_t at;
    uint8_t bytes[16];
} golden[] = {
    { 0x000, { 0x52, 0x53, 0x44, 0x20, 0x50, 0x54, 0x52, 0x20, 0x55, 0x50, 0x72, 0x78, 0x6e, 0x6f, 0x73, 0x02 } },
    { 0x010, { 0x00, 0x00, 0x00, 0x00, 0x24, 0x00, 0x00, 0x00, 0x40, 0x00, 0x00, 0xfc, 0x00, 0x00, 0x00, 0x00 } },
    { 0x020, { 0xa0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00 } },
    { 0x040, { 0x58, 0x53, 0x44, 0x54, 0x34, 0x00, 0x00, 0x00, 0x01, 0x1d, 0x50, 0x72, 0x78, 0x6e, 0x6f, 0x73 } },
    { 0x050, { 0x50, 0x72, 0x6f, 0x78, 0x65, 0x6e, 0x6f, 0x73, 0x01, 0x00, 0x00, 0x00, 0x50, 0x52, 0x58, 0x4e } },
    { 0x060, { 0x01, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0xfc, 0x00, 0x00, 0x00, 0x00, 0xc0, 0x01, 0x00, 0xfc } },
    { 0x080, { 0x46, 0x41, 0x43, 0x50, 0x0c, 0x01, 0x00, 0x00, 0x05, 0x70, 0x50, 0x72, 0x78, 0x6e, 0x6f, 0x73 } },
    { 0x090, { 0x50, 0x72, 0x6f, 0x78, 0x65, 0x6e, 0x6f, 0x73, 0x01, 0x00, 0x00, 0x00, 0x50, 0x52, 0x58, 0x4e } },
    { 0x0a0, { 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0xfc, 0x00, 0x00, 0x00, 0x00 } },
    { 0x0e0, { 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x24, 0x00, 0x00 } },
    { 0x0f0, { 0x01, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00 } },
    { 0x100, { 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0xfc } },
    { 0x1c0, { 0x41, 0x50, 0x49, 0x43, 0x3c, 0x00, 0x00, 0x00, 0x03, 0x7f, 0x50, 0x72, 0x78, 0x6e, 0x6f, 0x73 } },
    { 0x1d0, { 0x50, 0x72, 0x6f, 0x78, 0x65, 0x6e, 0x6f, 0x73, 0x01, 0x00, 0x00, 0x00, 0x50, 0x52, 0x58, 0x4e } },
    { 0x1e0, { 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0xe0, 0xfe, 0x00, 0x00, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00 } },
    { 0x1f0, { 0x01, 0x00, 0x00, 0x00, 0x00, 0x08, 0x01, 0x02, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00 } },
    { 0x200, { 0x44, 0x53, 0x44, 0x54, 0x69, 0x00, 0x00, 0x00, 0x02, 0x51, 0x50, 0x72, 0x78, 0x6e, 0x6f, 0x73 } },
    { 0x210, { 0x50, 0x72, 0x6f, 0x78, 0x65, 0x6e, 0x6f, 0x73, 0x01, 0x00, 0x00, 0x00, 0x50, 0x52, 0x58, 0x4e } },
    { 0x220, { 0x01, 0x00, 0x00, 0x00, 0x10, 0x84, 0x04, 0x00, 0x5c, 0x5f, 0x53, 0x42, 0x5f, 0x5b, 0x82, 0x1c } },
    { 0x230, { 0x43, 0x30, 0x30, 0x30, 0x08, 0x5f, 0x48, 0x49, 0x44, 0x0d, 0x41, 0x43, 0x50, 0x49, 0x30, 0x30 } },
    { 0x240, { 0x30, 0x37, 0x00, 0x08, 0x5f, 0x55, 0x49, 0x44, 0x0b, 0x00, 0x00, 0x5b, 0x82, 0x1c, 0x43, 0x30 } },
    { 0x250, { 0x30, 0x31, 0x08, 0x5f, 0x48, 0x49, 0x44, 0x0d, 0x41, 0x43, 0x50, 0x49, 0x30, 0x30, 0x30, 0x37 } },
    { 0x260, { 0x00, 0x08, 0x5f, 0x55, 0x49, 0x44, 0x0b, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00 } },
};

TEST(build_acpi_golden)
{
    size_t size = acpi_size(2);
    uint8_t *tables = calloc(1, size + 16), *wanted = calloc(1, size + 16);

    EXPECT_EQ(size, 617);
    for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
        memcpy(wanted + golden[i].at, golden[i].bytes, 16);
    }
    acpi_write(BASE, 2, tables);
    EXPECT_EQ(memcmp(tables, wanted, size + 16), 0);
    free(tables);
    free(wanted);
}

static unsigned int sum(const uint8_t *bytes, size_t size)
{
    unsigned int all = 0;

    for (size_t i = 0; i < size; i++) {
        all += bytes[i];
    }
    return all & 0xff;
}

static uint64_t number(const uint8_t *at, size_t size)
{
    uint64_t n = 0;

    memcpy(&n, at, size);
    return n;
}

/* A table by its address: its length, its sum and its name are right. */
static const uint8_t *table(const uint8_t *tables, size_t size, uint64_t address, const char *name)
{
    const uint8_t *t = tables + (address - BASE);

    EXPECT(address >= BASE && address - BASE + 36 <= size);
    EXPECT_EQ(memcmp(t, name, 4), 0);
    EXPECT(address - BASE + number(t + 4, 4) <= size);
    EXPECT_EQ(sum(t, number(t + 4, 4)), 0);
    return t;
}

/* Each vcpu once, with twice its number, by the entry that can hold it. */
static void check_madt(const uint8_t *madt, unsigned int vcpus)
{
    const uint8_t *at = madt + 44, *end = madt + number(madt + 4, 4);

    for (unsigned int i = 0; i < vcpus; i++) {
        EXPECT(at + at[1] <= end);
        if (i < 128) {
            EXPECT(at[0] == 0 && at[1] == 8 && at[2] == i && at[3] == 2 * i && number(at + 4, 4) == 1);
        } else {
            EXPECT(at[0] == 9 && at[1] == 16);
            EXPECT(number(at + 4, 4) == 2 * i && number(at + 8, 4) == 1 && number(at + 12, 4) == i);
        }
        at += at[1];
    }
    EXPECT(at == end);
}

TEST(build_acpi_links)
{
    static const unsigned int counts[] = { 1, 127, 128, 129, 1000, ACPI_VCPUS_MAX };

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        size_t size = acpi_size(counts[i]);
        uint8_t *t = calloc(1, size);
        const uint8_t *xsdt, *fadt;

        acpi_write(BASE, counts[i], t);
        EXPECT_EQ(memcmp(t, "RSD PTR ", 8), 0);
        EXPECT_EQ(sum(t, 20), 0);
        EXPECT_EQ(sum(t, 36), 0);
        xsdt = table(t, size, number(t + 24, 8), "XSDT");
        fadt = table(t, size, number(xsdt + 36, 8), "FACP");
        EXPECT_EQ(number(fadt + 40, 4), number(fadt + 140, 8));
        table(t, size, number(fadt + 40, 4), "DSDT");
        check_madt(table(t, size, number(xsdt + 44, 8), "APIC"), counts[i]);
        free(t);
    }
}

/* ---- layout and start record ---- */

static const struct kernel_image linux_image = { .start = 0x1000000, .end = 0x2c00001, .entry = 0x1000100 };

static struct pvh_layout make(uint64_t pages, uint64_t ramdisk, const char *cmdline)
{
    struct pvh_layout l;

    EXPECT_EQ(pvh_layout_make(NULL, &linux_image, pages, pages, ramdisk, cmdline, acpi_size(2), &l), 0);
    return l;
}

static void expect_entry(const struct hvm_memmap_table_entry *m, uint64_t addr, uint64_t size, uint32_t type)
{
    EXPECT(m->addr == addr && m->size == size && m->type == type);
}

TEST(build_pvh_map)
{
    struct hvm_memmap_table_entry map[PVH_MAP_ENTRIES];
    struct pvh_layout l = make(128 * MIB, 0, NULL);

    EXPECT_EQ(pvh_layout_map(&l, map), 3);
    expect_entry(&map[0], 0, 128ULL << 20, XEN_HVM_MEMMAP_TYPE_RAM);
    expect_entry(&map[1], 0xfc000000, 4096, XEN_HVM_MEMMAP_TYPE_ACPI);
    expect_entry(&map[2], 0xfeffc000, 0x4000, XEN_HVM_MEMMAP_TYPE_RESERVED);
    EXPECT(l.store == 0xfeffc && l.console == 0xfeffd && l.identity == 0xfeffe);
    l = make(3840 * MIB, 0, NULL);
    EXPECT_EQ(pvh_layout_map(&l, map), 3);
    expect_entry(&map[0], 0, 0xf0000000, XEN_HVM_MEMMAP_TYPE_RAM);
    l = make(3840 * MIB + 1, 0, NULL);
    EXPECT_EQ(pvh_layout_map(&l, map), 4);
    expect_entry(&map[0], 0, 0xf0000000, XEN_HVM_MEMMAP_TYPE_RAM);
    expect_entry(&map[3], 0x100000000, 4096, XEN_HVM_MEMMAP_TYPE_RAM);
    EXPECT_EQ(pvh_layout_make(NULL, &linux_image, 128 * MIB, 128 * MIB, 0, NULL, 0, &l), 0);
    EXPECT_EQ(pvh_layout_map(&l, map), 2);
}

TEST(build_pvh_start_record)
{
    struct pvh_layout l = make(128 * MIB, 5000, "console=hvc0");
    uint64_t base = 0x2c03000;
    uint8_t page[4096] = { 0 };
    static const uint8_t head[] = {
        0x78, 0xc5, 0x6e, 0x33, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, /* magic, version, flags, modules */
        0x38, 0x30, 0xc0, 2, 0, 0, 0, 0,                            /* the list of modules: base + 0x38 */
        0xb8, 0x30, 0xc0, 2, 0, 0, 0, 0,                            /* the command line: base + 0xb8 */
        0, 0, 0, 0xfc, 0, 0, 0, 0,                                  /* RSDP */
        0x58, 0x30, 0xc0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0,    /* the memory map: base + 0x58 */
        0, 0x10, 0xc0, 2, 0, 0, 0, 0, 0x88, 0x13, 0, 0, 0, 0, 0, 0, /* the ramdisk */
    };

    EXPECT_EQ(l.start.first << 12, base);
    EXPECT_EQ(l.start.end, l.start.first + 1);
    pvh_layout_start(&l, page);
    EXPECT_EQ(memcmp(page, head, sizeof(head)), 0);
    EXPECT_EQ(number(page + 0x58 + 8, 8), 128ULL << 20);
    EXPECT_EQ(page[0x58 + 16], XEN_HVM_MEMMAP_TYPE_RAM);
    EXPECT_STR((char *)page + 0xb8, "console=hvc0");
}

/* Without ramdisk, command line and tables nothing points anywhere. */
TEST(build_pvh_start_record_of_little)
{
    struct hvm_start_info *info;
    uint8_t page[4096] = { 0 };
    struct pvh_layout l;

    EXPECT_EQ(pvh_layout_make(NULL, &linux_image, 128 * MIB, 128 * MIB, 0, NULL, 0, &l), 0);
    pvh_layout_start(&l, page);
    info = (struct hvm_start_info *)page;
    EXPECT(info->nr_modules == 0 && info->modlist_paddr == 0 && info->cmdline_paddr == 0 && info->rsdp_paddr == 0);
    EXPECT_EQ(info->memmap_entries, 2);
}

TEST(build_pvh_that_does_not_fit)
{
    struct err e = { 0 };
    struct pvh_layout l;

    EXPECT_EQ(pvh_layout_make(&e, &linux_image, 44 * MIB, 44 * MIB, 0, NULL, 0, &l), -ENOMEM);
    EXPECT_STR(e.text, "kernel and ramdisk need 45 MiB, the guest has 44 MiB");
    EXPECT_EQ(pvh_layout_make(&e, &linux_image, 45 * MIB, 45 * MIB, 0, NULL, 0, &l), 0);
    EXPECT_EQ(pvh_layout_make(&e, &linux_image, 45 * MIB, 45 * MIB, 2 << 20, NULL, 0, &l), -ENOMEM);
    /* What is to be populated on demand cannot hold the kernel. */
    EXPECT_EQ(pvh_layout_make(&e, &linux_image, 128 * MIB, 44 * MIB, 0, NULL, 0, &l), -ENOMEM);
    /* Nor can what lies above the hole below 4 GiB. */
    EXPECT_EQ(pvh_layout_make(&e, &linux_image, 8192 * MIB, 8192 * MIB, 0xf0000000, NULL, 0, &l), -ENOMEM);
}

/* ---- CPUID ---- */

TEST(build_cpu_topology)
{
    xen_cpuid_leaf_t leaves[] = {
        { .leaf = 0, .a = 13 },
        { .leaf = 1, .b = 0x01040800, .d = 1 },
        { .leaf = 4, .subleaf = 0, .a = 0x04004121, .b = 7 }, /* 2 threads, 2 cores */
        { .leaf = 4, .subleaf = 1, .a = 0xfffff121 },
        { .leaf = 4, .subleaf = 2, .a = 0 },
        { .leaf = 7, .b = 1 },
        { .leaf = 0x80000008, .a = 0x3028, .c = 0x3007 },
    };

    EXPECT_EQ(cpu_topology_leaves(leaves, 7), 4);
    EXPECT(leaves[0].leaf == 1 && leaves[0].b == 0x01080800 && leaves[0].d == (1U | 1U << 28));
    EXPECT(leaves[1].leaf == 4 && leaves[1].a == 0x0c00c121 && leaves[1].b == 7);
    EXPECT(leaves[2].subleaf == 1 && leaves[2].a == 0xfffff121);
    EXPECT(leaves[3].leaf == 0x80000008 && leaves[3].a == 0x3028 && leaves[3].c == 0x400f);
    leaves[0] = (xen_cpuid_leaf_t){ .leaf = 1, .b = 0x00800000 };
    leaves[1] = (xen_cpuid_leaf_t){ .leaf = 0x80000008, .c = 0xf0ff };
    EXPECT_EQ(cpu_topology_leaves(leaves, 2), 2);
    EXPECT_EQ(leaves[0].b, 0x00800000);
    EXPECT_EQ(leaves[1].c, 0xf0ff);
}
