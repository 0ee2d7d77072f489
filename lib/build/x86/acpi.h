/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables of a PVH guest: RSDP, XSDT, FADT (hardware-reduced: no fixed hardware), MADT with the local
 * APIC of each vcpu, DSDT with a processor device for each. Pure: bytes for a physical address.
 *
 * All vcpus are announced as enabled, those that are to be offline at first too: a guest can only bring up later
 * what it has found at boot.
 */
#ifndef LIB_BUILD_X86_ACPI_H
#define LIB_BUILD_X86_ACPI_H

#include <stddef.h>
#include <stdint.h>

#define ACPI_VCPUS_MAX 4096

/* Bytes the tables of so many vcpus take. */
size_t acpi_size(unsigned int vcpus);
/* To `out`, acpi_size() zeroed bytes that the guest will see at physical address `base`; the RSDP is first. */
void acpi_write(uint64_t base, unsigned int vcpus, void *out);

#endif
