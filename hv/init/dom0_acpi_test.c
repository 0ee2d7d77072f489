/* SPDX-License-Identifier: MIT */
/* The ACPI tables of a PVH dom0: sums, the vcpus' APICs, which tables are left out, and too little room. */
#include "hv/init/dom0_acpi.h"

#include "hv/arch/x86/cpu/acpi.h"
#include "hv/lib/string.h"
#include "tests/unit/unit.h"

#define PLACE 0x7fd94000UL

struct acpi_machine acpi_machine;

static unsigned char out[8192];

static unsigned int sum(const unsigned char *p, unsigned int bytes)
{
    unsigned int s = 0;

    for (unsigned int i = 0; i < bytes; i++) {
        s += p[i];
    }
    return s & 0xff;
}

static uint64_t number(const unsigned char *p, unsigned int bytes)
{
    uint64_t n = 0;

    memcpy(&n, p, bytes);
    return n;
}

static void make_machine(void)
{
    static const char names[][5] = { "FACP", "APIC", "HPET", "MCFG", "WAET", "SRAT" };

    memset(&acpi_machine, 0, sizeof(acpi_machine));
    acpi_machine.present = true;
    acpi_machine.ioapic_count = 1;
    acpi_machine.ioapics[0] = (struct acpi_ioapic){ .id = 7, .address = 0xfec00000U };
    acpi_machine.override_count = 1;
    acpi_machine.overrides[0] = (struct acpi_override){ .source = 9, .gsi = 9, .flags = 0xd };
    acpi_machine.table_count = ARRAY_SIZE(names);
    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
        memcpy(acpi_machine.tables[i].signature, names[i], 4);
        acpi_machine.tables[i].address = 0x7ffe0000UL + i;
    }
}

/* The table at an address, which must be one of ours and right. */
static const unsigned char *table(uint64_t address, const char *signature)
{
    const unsigned char *t = out + (address - PLACE);

    EXPECT(address > PLACE && address < PLACE + sizeof(out));
    EXPECT(memcmp(t, signature, 4) == 0);
    EXPECT_EQ(sum(t, (unsigned int)number(t + 4, 4)), 0);
    return t;
}

TEST(dom0_acpi_tables)
{
    const unsigned char *xsdt;
    const unsigned char *madt;

    make_machine();
    EXPECT_EQ(dom0_acpi_write(out, sizeof(out), PLACE, 3), PLACE);
    EXPECT(memcmp(out, "RSD PTR ", 8) == 0);
    EXPECT_EQ(sum(out, 20), 0);
    EXPECT_EQ(sum(out, 36), 0);
    xsdt = table(number(out + 24, 8), "XSDT");
    EXPECT_EQ(number(xsdt + 4, 4), 36 + 3 * 8); /* our MADT, FACP, WAET */
    EXPECT_EQ(number(xsdt + 44, 8), 0x7ffe0000UL);
    EXPECT_EQ(number(xsdt + 52, 8), 0x7ffe0004UL);
    madt = table(number(xsdt + 36, 8), "APIC");
    EXPECT_EQ(number(madt + 4, 4), 44 + 3 * 8 + 12 + 10);
    for (unsigned int i = 0; i < 3; i++) {
        EXPECT_EQ(number(madt + 44 + 8 * i, 4), (uint64_t)(0x0800 | i << 16 | i << 25));
        EXPECT_EQ(number(madt + 48 + 8 * i, 4), 1);
    }
    EXPECT_EQ(number(madt + 68, 8), 0xfec0000000070c01UL);
    EXPECT_EQ(number(madt + 80, 8), 0x0000000909000a02UL);
}

TEST(dom0_acpi_refused)
{
    make_machine();
    for (unsigned int size = 36; size < 240; size++) {
        memset(out, 0xa5, sizeof(out));
        EXPECT(dom0_acpi_write(out, size, PLACE, 3) == (size < 48 + 90 + 6 + 60 ? 0 : PLACE));
        EXPECT_EQ(out[size], 0xa5);
    }
    acpi_machine.present = false;
    EXPECT_EQ(dom0_acpi_write(out, sizeof(out), PLACE, 3), 0);
}
