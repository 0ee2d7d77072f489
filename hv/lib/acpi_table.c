/* SPDX-License-Identifier: MIT */
/* See acpi_table.h. The root pointer has two checksums: of its first 20 bytes, which is all that ACPI 1 knew, and of
 * all. */
#include "hv/lib/acpi_table.h"

#include "hv/lib/string.h"

#define OEM_ID    "Prxnos"
#define OEM_TABLE "Proxenos"
#define CREATOR   "PRXN"
#define ROOT_OLD_BYTES 20

struct root {
    char signature[8];
    uint8_t checksum;
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
    uint8_t extended_checksum;
    uint8_t reserved[3];
} PACKED;
BUILD_ASSERT(sizeof(struct root) == ACPI_ROOT_BYTES);

/* What makes all bytes sum up to 0. */
static uint8_t checksum(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint8_t sum = 0;

    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    return (uint8_t)-sum;
}

void acpi_table_finish(struct acpi_table_header *h, const char *signature, uint8_t revision, size_t length)
{
    memcpy(h->signature, signature, sizeof(h->signature));
    h->length = (uint32_t)length;
    h->revision = revision;
    h->checksum = 0;
    memcpy(h->oem_id, OEM_ID, sizeof(h->oem_id));
    memcpy(h->oem_table, OEM_TABLE, sizeof(h->oem_table));
    h->oem_revision = 1;
    memcpy(h->creator, CREATOR, sizeof(h->creator));
    h->creator_revision = 1;
    h->checksum = checksum(h, length);
}

void acpi_table_write_root(void *to, uint64_t xsdt)
{
    struct root *r = to;

    memcpy(r->signature, "RSD PTR ", sizeof(r->signature));
    memcpy(r->oem_id, OEM_ID, sizeof(r->oem_id));
    r->revision = 2;
    r->length = sizeof(*r);
    r->xsdt = xsdt;
    r->checksum = checksum(r, ROOT_OLD_BYTES);
    r->extended_checksum = checksum(r, sizeof(*r));
}
