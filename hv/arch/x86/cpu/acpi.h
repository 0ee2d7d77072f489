/* SPDX-License-Identifier: MIT */
/*
 * The static ACPI tables: what the machine has. Everything is copied out at acpi_init(); nothing is
 * interpreted later, and no AML ever (dom0 does that).
 */
#ifndef HV_ARCH_X86_CPU_ACPI_H
#define HV_ARCH_X86_CPU_ACPI_H

#include "hv/lib/bitmap.h"
#include "hv/lib/types.h"

#define ACPI_MAX_IOAPICS   16
#define ACPI_MAX_OVERRIDES 32
#define ACPI_MAX_MCFG      8
#define ACPI_MAX_RANGES    128
#define ACPI_MAX_DISTANCES 64
#define ACPI_MAX_TABLES    64

struct acpi_ioapic {
    uint8_t id;
    uint32_t address;
    uint32_t gsi_base;
};

struct acpi_override { /* ISA interrupt that is not GSI n, edge, high */
    uint8_t source;
    uint32_t gsi;
    uint16_t flags; /* bits 0..1 polarity (3: low), bits 2..3 trigger (3: level) */
};

struct acpi_mcfg {
    uint64_t address;
    uint16_t segment;
    uint8_t bus_first;
    uint8_t bus_last;
};

/* What is near what, by the firmware's number of a node (proximity domain). */
struct acpi_near_cpu {
    uint32_t apic_id;
    uint32_t domain;
};

struct acpi_near_memory {
    uint64_t start;
    uint64_t bytes;
    uint32_t domain;
};

struct acpi_table {
    char signature[4];
    uint64_t address;
};

struct acpi_machine {
    bool present;
    unsigned int table_count; /* valid ones that the root names */
    struct acpi_table tables[ACPI_MAX_TABLES];
    unsigned int cpu_count;
    uint32_t apic_id[MAX_CPUS]; /* enabled CPUs in table order */
    uint32_t acpi_id[MAX_CPUS];
    uint32_t lapic_address;
    unsigned int ioapic_count;
    struct acpi_ioapic ioapics[ACPI_MAX_IOAPICS];
    unsigned int override_count;
    struct acpi_override overrides[ACPI_MAX_OVERRIDES];
    unsigned int mcfg_count;
    struct acpi_mcfg mcfg[ACPI_MAX_MCFG];
    unsigned int near_cpu_count; /* of the SRAT; enabled entries only */
    struct acpi_near_cpu near_cpu[MAX_CPUS];
    unsigned int near_memory_count;
    struct acpi_near_memory near_memory[ACPI_MAX_RANGES];
    unsigned int distance_count; /* of the SLIT; a square of so many domains a side */
    uint8_t distance[ACPI_MAX_DISTANCES * ACPI_MAX_DISTANCES];
    uint64_t hpet_address; /* 0: none */
    uint16_t pm_timer_port; /* 0: none */
    bool pm_timer_32bit;
    uint16_t pm1a_control;
    uint16_t pm1b_control;
    uint16_t sci_irq;
    uint64_t reset_address; /* 0: none */
    uint8_t reset_space;    /* 0 memory, 1 I/O, 2 PCI config */
    uint8_t reset_value;
    uint64_t rsdp;
};
extern struct acpi_machine acpi_machine;

void acpi_init(paddr_t rsdp);

#endif
