/* SPDX-License-Identifier: MIT */
/*
 * What UEFI firmware left for dom0: copied out of its system table at boot (UEFI 2.10, section 4.3). Runtime
 * services are not called; dom0 finds the ACPI and SMBIOS tables through the configuration table.
 */
#ifndef HV_ARCH_X86_CPU_EFI_H
#define HV_ARCH_X86_CPU_EFI_H

#include "hv/lib/types.h"

#define EFI_VENDOR_MAX 64 /* characters, with the zero */

struct efi_firmware {
    bool present;
    uint32_t revision;         /* of the specification */
    uint32_t runtime_revision; /* of the runtime services table, 0: none */
    uint32_t vendor_revision;
    uint16_t vendor[EFI_VENDOR_MAX]; /* UCS-2 */
    uint64_t config_address;   /* physical */
    uint32_t config_count;
};

extern struct efi_firmware efi_firmware;

/* system_table 0: not started by 64-bit UEFI firmware. One warning when it is none. */
void efi_init(paddr_t system_table);

#endif
