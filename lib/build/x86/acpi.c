/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables: see acpi.h. Layouts are those of the ACPI specification 6.0, chapter 5; the byte code of the
 * DSDT is that of chapter 20, in the forms with a fixed size:
 *
 *   Scope (\_SB) { Device (Cnnn) { Name (_HID, "ACPI0007") Name (_UID, n) } ... }
 *
 * nnn is the vcpu in hexadecimal. A vcpu's local APIC has twice its number, as the hypervisor has it.
 */
#include "lib/build/x86/acpi.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "hv/lib/acpi_table.h"

#define TABLE_ALIGN 64

#define ADDRESS_LOCAL_APIC 0xfee00000U
#define XAPIC_ID_MAX       254

#define FADT_WBINVD           (1U << 0)
#define FADT_HW_REDUCED       (1U << 20)
#define FADT_ARCH_NO_VGA      (1U << 2)
#define FADT_ARCH_NO_CMOS_RTC (1U << 5)
#define MADT_ENABLED          1
#define MADT_LOCAL_APIC       0
#define MADT_LOCAL_X2APIC     9

struct xsdt {
    struct acpi_table_header h;
    uint64_t fadt, madt;
} __attribute__((packed));

/* What is zero has no name here. */
struct fadt {
    struct acpi_table_header h;
    uint8_t zero0[4];
    uint32_t dsdt;
    uint8_t zero1[65];
    uint16_t boot_arch;
    uint8_t zero2;
    uint32_t flags;
    uint8_t zero3[15];
    uint8_t minor_version;
    uint8_t zero4[8];
    uint64_t x_dsdt;
    uint8_t zero5[120];
} __attribute__((packed));

struct madt {
    struct acpi_table_header h;
    uint32_t local_apic;
    uint32_t flags;
} __attribute__((packed));

struct madt_local_apic {
    uint8_t type, length, uid, id;
    uint32_t flags;
} __attribute__((packed));

struct madt_local_x2apic {
    uint8_t type, length;
    uint16_t reserved;
    uint32_t id, flags, uid;
} __attribute__((packed));

_Static_assert(sizeof(struct fadt) == 268 && offsetof(struct fadt, boot_arch) == 109 &&
                   offsetof(struct fadt, flags) == 112 && offsetof(struct fadt, x_dsdt) == 140, "FADT, revision 5");

/* Byte code of Scope (\_SB) and of a processor; the places that differ follow. */
enum { PACKAGE_LENGTH_SIZE = 3, SCOPE_SIZE = 1 + PACKAGE_LENGTH_SIZE + 5 };
enum { DEVICE_NAME = 3, DEVICE_UID = 28, DEVICE_SIZE = 30 };
static const uint8_t device_code[DEVICE_SIZE] = {
    0x5b, 0x82, 28, 'C', '0', '0', '0',                                                   /* Device (C000) */
    0x08, '_', 'H', 'I', 'D', 0x0d, 'A', 'C', 'P', 'I', '0', '0', '0', '7', 0,             /* Name (_HID, .. */
    0x08, '_', 'U', 'I', 'D', 0x0b, 0, 0,                                                  /* Name (_UID, .. */
};

/* Where the tables lie, from the RSDP on. */
struct places {
    size_t xsdt, fadt, madt, dsdt, end;
};

static bool has_x2apic(unsigned int vcpu)
{
    return 2 * vcpu > XAPIC_ID_MAX;
}

static size_t madt_size(unsigned int vcpus)
{
    size_t size = sizeof(struct madt);

    for (unsigned int i = 0; i < vcpus; i++) {
        size += has_x2apic(i) ? sizeof(struct madt_local_x2apic) : sizeof(struct madt_local_apic);
    }
    return size;
}

static size_t align(size_t at)
{
    return (at + TABLE_ALIGN - 1) & ~(size_t)(TABLE_ALIGN - 1);
}

static struct places lay_out(unsigned int vcpus)
{
    struct places p;

    p.xsdt = align(ACPI_ROOT_BYTES);
    p.fadt = align(p.xsdt + sizeof(struct xsdt));
    p.madt = align(p.fadt + sizeof(struct fadt));
    p.dsdt = align(p.madt + madt_size(vcpus));
    p.end = p.dsdt + sizeof(struct acpi_table_header) + SCOPE_SIZE + (size_t)vcpus * DEVICE_SIZE;
    return p;
}

size_t acpi_size(unsigned int vcpus)
{
    return lay_out(vcpus).end;
}

static void write_madt(struct madt *m, unsigned int vcpus)
{
    uint8_t *at = (uint8_t *)(m + 1);

    m->local_apic = ADDRESS_LOCAL_APIC;
    for (unsigned int i = 0; i < vcpus; i++) {
        struct madt_local_apic narrow = { MADT_LOCAL_APIC, sizeof(narrow), (uint8_t)i, (uint8_t)(2 * i), MADT_ENABLED };
        struct madt_local_x2apic wide = { MADT_LOCAL_X2APIC, sizeof(wide), 0, 2 * i, MADT_ENABLED, i };
        size_t size = has_x2apic(i) ? sizeof(wide) : sizeof(narrow);

        memcpy(at, has_x2apic(i) ? (void *)&wide : (void *)&narrow, size);
        at += size;
    }
    acpi_table_finish(&m->h, "APIC", 3, madt_size(vcpus));
}

static void write_dsdt(struct acpi_table_header *h, unsigned int vcpus)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t size = SCOPE_SIZE - 1 + (size_t)vcpus * DEVICE_SIZE; /* of the package: all but its operator */
    uint8_t *at = (uint8_t *)(h + 1);

    at[0] = 0x10;
    at[1] = (uint8_t)(0x80 | (size & 0xf));
    at[2] = (uint8_t)(size >> 4);
    at[3] = (uint8_t)(size >> 12);
    memcpy(at + 4, "\\_SB_", 5);
    at += SCOPE_SIZE;
    for (unsigned int i = 0; i < vcpus; i++, at += DEVICE_SIZE) {
        memcpy(at, device_code, DEVICE_SIZE);
        at[DEVICE_NAME + 1] = (uint8_t)digits[i >> 8 & 15];
        at[DEVICE_NAME + 2] = (uint8_t)digits[i >> 4 & 15];
        at[DEVICE_NAME + 3] = (uint8_t)digits[i & 15];
        at[DEVICE_UID] = (uint8_t)i;
        at[DEVICE_UID + 1] = (uint8_t)(i >> 8);
    }
    acpi_table_finish(h, "DSDT", 2, (size_t)(at - (uint8_t *)h));
}

void acpi_write(uint64_t base, unsigned int vcpus, void *out)
{
    struct places p = lay_out(vcpus);
    char *bytes = out;
    struct xsdt *xsdt = (struct xsdt *)(bytes + p.xsdt);
    struct fadt *fadt = (struct fadt *)(bytes + p.fadt);

    acpi_table_write_root(out, base + p.xsdt);
    xsdt->fadt = base + p.fadt;
    xsdt->madt = base + p.madt;
    acpi_table_finish(&xsdt->h, "XSDT", 1, sizeof(*xsdt));
    fadt->dsdt = (uint32_t)(base + p.dsdt);
    fadt->x_dsdt = base + p.dsdt;
    fadt->boot_arch = FADT_ARCH_NO_VGA | FADT_ARCH_NO_CMOS_RTC;
    fadt->flags = FADT_WBINVD | FADT_HW_REDUCED;
    fadt->minor_version = 1;
    acpi_table_finish(&fadt->h, "FACP", 5, sizeof(*fadt));
    write_madt((struct madt *)(bytes + p.madt), vcpus);
    write_dsdt((struct acpi_table_header *)(bytes + p.dsdt), vcpus);
}
