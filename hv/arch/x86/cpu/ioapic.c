/* SPDX-License-Identifier: MIT */
/* I/O APIC programming (82093AA data sheet): index at +0, data at +0x10, entries from register 0x10. */
#include "hv/arch/x86/cpu/ioapic.h"

#include "hv/arch/x86/cpu/irq.h"
#include "hv/arch/x86/cpu/smp.h"
#include "hv/arch_cpu.h"
#include "hv/base/lock.h"
#include "hv/base/printk.h"
#include "hv/arch/x86/cpu/acpi.h"

#define RTE_MASKED 0x10000U
#define RTE_LEVEL  0x8000U
#define RTE_LOW    0x2000U
#define ISA_IRQS   16

struct ioapic {
    volatile uint32_t *registers;
    unsigned int gsi_base;
    unsigned int pins;
    uint64_t address;
};
static struct ioapic ioapics[ACPI_MAX_IOAPICS];
static unsigned int ioapic_count;
static unsigned int gsi_count;
static struct spinlock lock = SPINLOCK_INIT(LOCK_APIC);

unsigned int irq_gsi_count(void)
{
    return gsi_count;
}

static uint32_t reg_read(const struct ioapic *a, unsigned int reg)
{
    a->registers[0] = reg;
    return a->registers[4];
}

static void reg_write(const struct ioapic *a, unsigned int reg, uint32_t v)
{
    a->registers[0] = reg;
    a->registers[4] = v;
}

static const struct ioapic *ioapic_of(unsigned int gsi)
{
    for (unsigned int i = 0; i < ioapic_count; i++) {
        if (gsi >= ioapics[i].gsi_base && gsi - ioapics[i].gsi_base < ioapics[i].pins) {
            return &ioapics[i];
        }
    }
    return NULL;
}

/* Rewrites the low word of a GSI's entry: (old & keep) | set. */
static void rte_change(unsigned int gsi, uint32_t keep, uint32_t set)
{
    const struct ioapic *a = ioapic_of(gsi);
    unsigned int reg = 0x10 + 2 * (gsi - a->gsi_base);
    unsigned long flags = spin_lock_irqsave(&lock);

    reg_write(a, reg, (reg_read(a, reg) & keep) | set);
    spin_unlock_irqrestore(&lock, flags);
}

static void mask(unsigned int gsi)
{
    rte_change(gsi, ~RTE_MASKED, RTE_MASKED);
}

static void unmask(unsigned int gsi)
{
    rte_change(gsi, ~RTE_MASKED, 0);
}

static void set_cpu(unsigned int gsi, unsigned int cpu)
{
    const struct ioapic *a = ioapic_of(gsi);
    unsigned long flags = spin_lock_irqsave(&lock);

    reg_write(a, 0x11 + 2 * (gsi - a->gsi_base), smp_apic_id(cpu) << 24);
    spin_unlock_irqrestore(&lock, flags);
}

static void dump_pin(const struct ioapic *a, unsigned int pin)
{
    unsigned long flags = spin_lock_irqsave(&lock);
    uint32_t low = reg_read(a, 0x10 + 2 * pin);
    uint32_t high = reg_read(a, 0x11 + 2 * pin);

    spin_unlock_irqrestore(&lock, flags);
    printk("  pin %u: vector %02x to APIC %u, %s, active %s%s\n", pin, low & 0xff, high >> 24,
           low & RTE_LEVEL ? "level" : "edge", low & RTE_LOW ? "low" : "high",
           low & RTE_MASKED ? ", masked" : "");
}

void ioapic_dump(void)
{
    for (unsigned int i = 0; i < ioapic_count; i++) {
        printk("I/O APIC at %llx, GSIs from %u on\n", (unsigned long long)ioapics[i].address,
               ioapics[i].gsi_base);
        for (unsigned int pin = 0; pin < ioapics[i].pins; pin++) {
            dump_pin(&ioapics[i], pin);
        }
    }
}

static const struct irq_chip chip = { "IO-APIC", mask, unmask, set_cpu };

int ioapic_setup(unsigned int gsi, bool level, bool active_low)
{
    struct irq_desc *d = gsi < IRQ_MAX ? &irq_descs[gsi] : NULL;
    int rc;

    if (ioapic_of(gsi) == NULL || d == NULL) {
        return -EINVAL;
    }
    if (d->fn != NULL) {
        return d->level == level ? 0 : -EBUSY;
    }
    rc = irq_vector_assign(gsi);
    if (rc != 0) {
        return rc;
    }
    d->chip = &chip;
    d->level = level;
    d->masked = true;
    rte_change(gsi, 0, d->vector | RTE_MASKED | (level ? RTE_LEVEL : 0) | (active_low ? RTE_LOW : 0));
    set_cpu(gsi, 0);
    return 0;
}

unsigned int ioapic_isa_gsi(unsigned int isa_irq, bool *level, bool *active_low)
{
    *level = false;
    *active_low = false;
    for (unsigned int i = 0; i < acpi_machine.override_count; i++) {
        const struct acpi_override *o = &acpi_machine.overrides[i];

        if (o->source == isa_irq) {
            *active_low = (o->flags & 3) == 3;
            *level = (o->flags >> 2 & 3) == 3;
            return o->gsi;
        }
    }
    return isa_irq;
}

bool ioapic_describe(unsigned int n, uint64_t *address, unsigned int *gsi_base, unsigned int *pins)
{
    if (n >= ioapic_count) {
        return false;
    }
    *address = ioapics[n].address;
    *gsi_base = ioapics[n].gsi_base;
    *pins = ioapics[n].pins;
    return true;
}

bool ioapic_owns_frame(uint64_t mfn)
{
    for (unsigned int i = 0; i < ioapic_count; i++) {
        if (ioapics[i].address >> PAGE_SHIFT == mfn) {
            return true;
        }
    }
    return false;
}

int ioapic_read(uint64_t address, uint32_t reg, uint32_t *value)
{
    for (unsigned int i = 0; i < ioapic_count; i++) {
        if (ioapics[i].address == address && reg < 0x10 + 2 * ioapics[i].pins) {
            unsigned long flags = spin_lock_irqsave(&lock);

            *value = reg_read(&ioapics[i], reg);
            spin_unlock_irqrestore(&lock, flags);
            return 0;
        }
    }
    return -EINVAL;
}

void ioapic_init(void)
{
    for (unsigned int i = 0; i < acpi_machine.ioapic_count; i++) {
        struct ioapic *a = &ioapics[ioapic_count];

        a->address = acpi_machine.ioapics[i].address;
        a->registers = arch_map_device(_paddr(a->address), PAGE_SIZE);
        if (a->registers == NULL) {
            continue;
        }
        a->gsi_base = acpi_machine.ioapics[i].gsi_base;
        a->pins = (reg_read(a, 1) >> 16 & 0xff) + 1;
        ioapic_count++;
        gsi_count = MAX(gsi_count, a->gsi_base + a->pins);
        for (unsigned int p = 0; p < a->pins; p++) {
            reg_write(a, 0x10 + 2 * p, RTE_MASKED);
        }
    }
    for (unsigned int isa = 0; isa < ISA_IRQS; isa++) {
        bool level, low;
        unsigned int gsi = ioapic_isa_gsi(isa, &level, &low);

        if (isa != 2 && isa != 0) {
            (void)!ioapic_setup(gsi, level, low);
        }
    }
}
