/* SPDX-License-Identifier: MIT */
/*
 * Walks RSDP, XSDT or RSDT, and the tables we know (ACPI 6.4, chapter 5.2). Lengths and checksums are
 * checked before a table is believed; a bad one is skipped with a warning.
 */
#include "hv/arch/x86/cpu/acpi.h"

#include "hv/arch_cpu.h"
#include "hv/base/printk.h"
#include "hv/lib/string.h"

#define RSDP_BYTES_V1 20
#define RSDP_BYTES_V2 36
#define TABLE_MAX (1U << 20)
#define MADT_LAPIC 0
#define MADT_IOAPIC 1
#define MADT_OVERRIDE 2
#define MADT_X2APIC 9
#define MADT_ENABLED 1U
#define SRAT_LAPIC 0
#define SRAT_MEMORY 1
#define SRAT_X2APIC 2
#define SRAT_ENABLED 1U
#define SRAT_HOT_PLUGGED 2U
#define FADT_RESET_SUPPORTED (1U << 10)
#define FADT_TMR_EXT (1U << 8)

struct header {
    char signature[4];
    uint32_t length;
    uint8_t revision;
    uint8_t checksum;
    char oem[28 - 2];
} PACKED;
BUILD_ASSERT(sizeof(struct header) == 36);

struct acpi_machine acpi_machine;

static const void *physical(uint64_t address, size_t bytes)
{
    if (address + bytes <= 0x100000000ULL) {
        return (const char *)arch_direct_map(_mfn(address >> PAGE_SHIFT)) + (address & ~PAGE_MASK);
    }
    return arch_map_device(_paddr(address), bytes);
}

static bool checksum_ok(const void *p, size_t bytes)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < bytes; i++) {
        sum = (uint8_t)(sum + ((const uint8_t *)p)[i]);
    }
    return sum == 0;
}

static uint16_t get16(const void *t, unsigned int offset)
{
    uint16_t v;

    memcpy(&v, (const char *)t + offset, sizeof(v));
    return v;
}

static uint32_t get32(const void *t, unsigned int offset)
{
    uint32_t v;

    memcpy(&v, (const char *)t + offset, sizeof(v));
    return v;
}

static uint64_t get64(const void *t, unsigned int offset)
{
    uint64_t v;

    memcpy(&v, (const char *)t + offset, sizeof(v));
    return v;
}

static uint8_t get8(const void *t, unsigned int offset)
{
    return ((const uint8_t *)t)[offset];
}

static void cpu_found(uint32_t apic_id, uint32_t acpi_id, uint32_t flags)
{
    struct acpi_machine *m = &acpi_machine;

    if (!(flags & MADT_ENABLED)) {
        return;
    }
    if (m->cpu_count == MAX_CPUS) {
        log_warning("ACPI: more than %u CPUs, the rest stays off\n", MAX_CPUS);
        return;
    }
    m->apic_id[m->cpu_count] = apic_id;
    m->acpi_id[m->cpu_count] = acpi_id;
    m->cpu_count++;
}

static void madt_entry(const void *e, unsigned int type, unsigned int length)
{
    struct acpi_machine *m = &acpi_machine;

    if (type == MADT_LAPIC && length >= 8) {
        cpu_found(get8(e, 3), get8(e, 2), get32(e, 4));
    } else if (type == MADT_X2APIC && length >= 16) {
        cpu_found(get32(e, 4), get32(e, 12), get32(e, 8));
    } else if (type == MADT_IOAPIC && length >= 12 && m->ioapic_count < ACPI_MAX_IOAPICS) {
        m->ioapics[m->ioapic_count++] =
            (struct acpi_ioapic){ get8(e, 2), get32(e, 4), get32(e, 8) };
    } else if (type == MADT_OVERRIDE && length >= 10 && m->override_count < ACPI_MAX_OVERRIDES) {
        m->overrides[m->override_count++] =
            (struct acpi_override){ get8(e, 3), get32(e, 4), get16(e, 8) };
    }
}

static void madt(const struct header *t)
{
    acpi_machine.lapic_address = get32(t, 36);
    for (uint32_t at = 44; at + 2 <= t->length;) {
        unsigned int length = get8(t, at + 1);

        if (length < 2 || at + length > t->length) {
            log_warning("ACPI: MADT entry at %u is cut\n", at);
            return;
        }
        madt_entry((const char *)t + at, get8(t, at), length);
        at += length;
    }
}

static void fadt(const struct header *t)
{
    struct acpi_machine *m = &acpi_machine;

    if (t->length < 116) {
        return;
    }
    m->sci_irq = get16(t, 46);
    m->pm1a_control = (uint16_t)get32(t, 64);
    m->pm1b_control = (uint16_t)get32(t, 68);
    m->pm_timer_port = (uint16_t)get32(t, 76);
    m->pm_timer_32bit = (get32(t, 112) & FADT_TMR_EXT) != 0;
    if ((get32(t, 112) & FADT_RESET_SUPPORTED) && t->length >= 129) {
        m->reset_space = get8(t, 116);
        m->reset_address = get64(t, 120);
        m->reset_value = get8(t, 128);
    }
}

static void hpet(const struct header *t)
{
    if (t->length >= 52 && get8(t, 40) == 0) {
        acpi_machine.hpet_address = get64(t, 44);
    }
}

static void mcfg(const struct header *t)
{
    struct acpi_machine *m = &acpi_machine;

    for (uint32_t at = 44; at + 16 <= t->length && m->mcfg_count < ACPI_MAX_MCFG; at += 16) {
        m->mcfg[m->mcfg_count++] = (struct acpi_mcfg){ get64(t, at), get16(t, at + 8),
                                                       get8(t, at + 10), get8(t, at + 11) };
    }
}

static void near_cpu(uint32_t apic_id, uint32_t domain, uint32_t flags)
{
    struct acpi_machine *m = &acpi_machine;

    if ((flags & SRAT_ENABLED) && m->near_cpu_count < MAX_CPUS) {
        m->near_cpu[m->near_cpu_count++] = (struct acpi_near_cpu){ apic_id, domain };
    }
}

/* Room for memory that may be plugged in later is no memory. */
static void near_memory(const void *e)
{
    struct acpi_machine *m = &acpi_machine;

    if ((get32(e, 28) & (SRAT_ENABLED | SRAT_HOT_PLUGGED)) == SRAT_ENABLED &&
        m->near_memory_count < ACPI_MAX_RANGES) {
        m->near_memory[m->near_memory_count++] =
            (struct acpi_near_memory){ get64(e, 8), get64(e, 16), get32(e, 2) };
    }
}

static void srat_entry(const void *e, unsigned int type, unsigned int length)
{
    if (type == SRAT_LAPIC && length >= 16) {
        near_cpu(get8(e, 3), get8(e, 2) | (get32(e, 8) & ~0xffU), get32(e, 4));
    } else if (type == SRAT_X2APIC && length >= 24) {
        near_cpu(get32(e, 8), get32(e, 4), get32(e, 12));
    } else if (type == SRAT_MEMORY && length >= 40) {
        near_memory(e);
    }
}

static void srat(const struct header *t)
{
    for (uint32_t at = 48; at + 2 <= t->length;) {
        unsigned int length = get8(t, at + 1);

        if (length < 2 || at + length > t->length) {
            log_warning("ACPI: SRAT entry at %u is cut\n", at);
            return;
        }
        srat_entry((const char *)t + at, get8(t, at), length);
        at += length;
    }
}

static void slit(const struct header *t)
{
    uint64_t count = t->length >= 44 ? get64(t, 36) : 0;

    if (count == 0 || count > ACPI_MAX_DISTANCES || count * count > t->length - 44) {
        log_warning("ACPI: SLIT is cut or too large\n");
        return;
    }
    memcpy(acpi_machine.distance, (const char *)t + 44, count * count);
    acpi_machine.distance_count = (unsigned int)count;
}

static const struct {
    char signature[5];
    void (*read)(const struct header *t);
} known[] = { { "APIC", madt }, { "FACP", fadt }, { "HPET", hpet },
            { "MCFG", mcfg }, { "SRAT", srat }, { "SLIT", slit } };

static const struct header *table_at(uint64_t address)
{
    const struct header *t = physical(address, sizeof(*t));

    if (t == NULL || t->length < sizeof(*t) || t->length > TABLE_MAX) {
        return NULL;
    }
    t = physical(address, t->length);
    return t != NULL && checksum_ok(t, t->length) ? t : NULL;
}

static void table_read(uint64_t address)
{
    const struct header *t = table_at(address);

    if (t == NULL) {
        log_warning("ACPI: no valid table at %lx\n", (unsigned long)address);
        return;
    }
    if (acpi_machine.table_count < ACPI_MAX_TABLES) {
        struct acpi_table *kept = &acpi_machine.tables[acpi_machine.table_count++];

        memcpy(kept->signature, t->signature, sizeof(kept->signature));
        kept->address = address;
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(known); i++) {
        if (memcmp(t->signature, known[i].signature, 4) == 0) {
            known[i].read(t);
        }
    }
}

static bool rsdp_valid(const char *p)
{
    return memcmp(p, "RSD PTR ", 8) == 0 && checksum_ok(p, RSDP_BYTES_V1);
}

static uint64_t rsdp_search(uint64_t start, uint64_t bytes)
{
    for (uint64_t a = start; a + RSDP_BYTES_V2 <= start + bytes; a += 16) {
        if (rsdp_valid(physical(a, RSDP_BYTES_V2))) {
            return a;
        }
    }
    return 0;
}

static uint64_t rsdp_find(void)
{
    uint64_t ebda = (uint64_t)get16(physical(0x40e, 2), 0) << 4;
    uint64_t found = ebda >= 0x400 && ebda < 0xa0000 ? rsdp_search(ebda, 1024) : 0;

    return found != 0 ? found : rsdp_search(0xe0000, 0x20000);
}

void acpi_init(paddr_t rsdp)
{
    uint64_t at = rsdp.v != 0 ? rsdp.v : rsdp_find();
    const char *p = at == 0 ? NULL : physical(at, RSDP_BYTES_V2);
    const struct header *root = NULL;
    unsigned int width = 4;

    if (p == NULL || !rsdp_valid(p)) {
        log_warning("ACPI: no RSDP\n");
        return;
    }
    acpi_machine.rsdp = at;
    if (p[15] >= 2 && get64(p, 24) != 0) {
        root = table_at(get64(p, 24));
        width = 8;
    }
    if (root == NULL) {
        root = table_at(get32(p, 16));
        width = 4;
    }
    if (root == NULL) {
        log_warning("ACPI: neither XSDT nor RSDT is valid\n");
        return;
    }
    acpi_machine.present = true;
    for (uint32_t o = sizeof(*root); o + width <= root->length; o += width) {
        table_read(width == 8 ? get64(root, o) : get32(root, o));
    }
    log_info("ACPI: %u CPUs, %u I/O APICs\n", acpi_machine.cpu_count, acpi_machine.ioapic_count);
}
