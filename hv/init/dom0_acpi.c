/* SPDX-License-Identifier: MIT */
/*
 * See dom0_acpi.h. (ACPI 6.4, 5.2.5 root pointer, 5.2.8 XSDT, 5.2.12 MADT.)
 *
 * The MADT has a local APIC for each vcpu, and of the machine's the I/O APICs and what says how ISA interrupts reach
 * them. The XSDT has the machine's tables, but for those about what the hypervisor keeps (HPET, DMAR, IVRS), what the
 * vcpus' APICs do not agree with (SRAT, SLIT), and the memory-mapped configuration space (MCFG): functions are
 * reached by ports, where their interrupt messages are seen.
 */
#include "hv/init/dom0_acpi.h"

#include "hv/arch/x86/cpu/acpi.h"
#include "hv/arch/x86/hvm/vlapic.h"
#include "hv/arch_cpu.h"
#include "hv/lib/acpi_table.h"
#include "hv/lib/string.h"

#define MADT_LAPIC    0
#define MADT_IOAPIC   1
#define MADT_OVERRIDE 2
#define ENABLED       1U

/* What is written so far. */
struct output {
    char *at;
    size_t used;
    size_t size;
    uint64_t paddr;
    bool full;
};

static void put(struct output *o, const void *data, size_t bytes)
{
    if (o->full || o->used > o->size || bytes > o->size - o->used) {
        o->full = true;
        return;
    }
    memcpy(o->at + o->used, data, bytes);
    o->used += bytes;
}

/* Starts a table: where it is. end_table() completes its header. */
static size_t begin_table(struct output *o)
{
    static const struct acpi_table_header blank;
    size_t start = o->used = ALIGN_UP(o->used, 16UL);

    put(o, &blank, sizeof(blank));
    return start;
}

/* Its address. */
static uint64_t end_table(struct output *o, size_t start, const char *signature, uint8_t revision)
{
    if (!o->full) {
        acpi_table_finish((struct acpi_table_header *)(o->at + start), signature, revision, o->used - start);
    }
    return o->paddr + start;
}

/* ---- MADT ----------------------------------------------------------------------------------- */

static void put_lapic(struct output *o, unsigned int vcpu)
{
    uint8_t e[8] = { MADT_LAPIC, sizeof(e), (uint8_t)vcpu, (uint8_t)(vcpu * 2), ENABLED, 0, 0, 0 };

    put(o, e, sizeof(e));
}

static void put_ioapic(struct output *o, const struct acpi_ioapic *a)
{
    uint8_t e[12] = { MADT_IOAPIC, sizeof(e), a->id };

    memcpy(e + 4, &a->address, 4);
    memcpy(e + 8, &a->gsi_base, 4);
    put(o, e, sizeof(e));
}

static void put_override(struct output *o, const struct acpi_override *v)
{
    uint8_t e[10] = { MADT_OVERRIDE, sizeof(e), 0, v->source };

    memcpy(e + 4, &v->gsi, 4);
    memcpy(e + 8, &v->flags, 2);
    put(o, e, sizeof(e));
}

static uint64_t put_madt(struct output *o, unsigned int vcpus)
{
    const uint32_t fields[2] = { (uint32_t)VLAPIC_BASE, 0 }; /* and no pair of old interrupt controllers */
    size_t start = begin_table(o);

    put(o, fields, sizeof(fields));
    for (unsigned int i = 0; i < vcpus; i++) {
        put_lapic(o, i);
    }
    for (unsigned int i = 0; i < acpi_machine.ioapic_count; i++) {
        put_ioapic(o, &acpi_machine.ioapics[i]);
    }
    for (unsigned int i = 0; i < acpi_machine.override_count; i++) {
        put_override(o, &acpi_machine.overrides[i]);
    }
    return end_table(o, start, "APIC", 3);
}

/* ---- Root pointer and XSDT -------------------------------------------------------------------- */

static bool is_left_out(const char *signature)
{
    static const char names[][5] = { "APIC", "HPET", "DMAR", "IVRS", "SRAT", "SLIT", "MCFG", "XSDT", "RSDT" };

    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
        if (memcmp(signature, names[i], 4) == 0) {
            return true;
        }
    }
    return false;
}

static uint64_t put_xsdt(struct output *o, uint64_t madt)
{
    size_t start = begin_table(o);

    put(o, &madt, sizeof(madt));
    for (unsigned int i = 0; i < acpi_machine.table_count; i++) {
        const struct acpi_table *t = &acpi_machine.tables[i];

        if (!is_left_out(t->signature)) {
            put(o, &t->address, sizeof(t->address));
        }
    }
    return end_table(o, start, "XSDT", 1);
}

uint64_t dom0_acpi_write(void *to, size_t size, uint64_t paddr, unsigned int vcpus)
{
    struct output o = { .at = to, .used = ACPI_ROOT_BYTES, .size = size, .paddr = paddr };

    if (!acpi_machine.present) {
        return 0;
    }
    memset(to, 0, size);
    acpi_table_write_root(to, put_xsdt(&o, put_madt(&o, vcpus)));
    return o.full ? 0 : paddr;
}
