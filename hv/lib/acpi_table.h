/* SPDX-License-Identifier: MIT */
/*
 * What every ACPI table that we write has in common (ACPI 6.4, 5.2.5 root pointer, 5.2.6 table header): for dom0 in the
 * hypervisor, for guests in the toolstack. Pure functions.
 *   acpi_table_finish()      header and checksum, when the rest of the table is there
 *   acpi_table_write_root()  the root pointer, ACPI_ROOT_BYTES
 */
#ifndef HV_LIB_ACPI_TABLE_H
#define HV_LIB_ACPI_TABLE_H

#include "hv/lib/types.h"

#define ACPI_ROOT_BYTES 36U

struct acpi_table_header {
    char signature[4];
    uint32_t length;
    uint8_t revision;
    uint8_t checksum;
    char oem_id[6];
    char oem_table[8];
    uint32_t oem_revision;
    char creator[4];
    uint32_t creator_revision;
} PACKED;
BUILD_ASSERT(sizeof(struct acpi_table_header) == 36);

void acpi_table_finish(struct acpi_table_header *h, const char *signature, uint8_t revision, size_t length);
/* xsdt: the address of that table. What is at to is zero. */
void acpi_table_write_root(void *to, uint64_t xsdt);

#endif
