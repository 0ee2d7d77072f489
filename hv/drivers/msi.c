/* SPDX-License-Identifier: MIT */
/*
 * MSI (PCI 3.0, 6.8.1) and MSI-X (6.8.2) messages. One record an irq; the MSI-X tables of functions are
 * mapped page by page and kept mapped, since device mappings are not given back.
 */
#include "hv/drivers/msi.h"

#include "hv/arch/x86/cpu/irq.h"
#include "hv/arch/x86/cpu/smp.h"
#include "hv/arch_cpu.h"
#include "hv/base/lock.h"
#include "hv/drivers/pci.h"

#define CAP_MSI  0x05
#define CAP_MSIX 0x11
#define MSI_64BIT 0x80U
#define MSI_MASKABLE 0x100U
#define MSI_ADDRESS 0xfee00000U
#define ENTRY_MASKED 1U
#define PAGES_MAX 128

struct msi {
    bool used;
    bool msix;
    uint16_t bdf;
    uint16_t entry;
    unsigned int cap;
    volatile uint32_t *slot; /* MSI-X table entry: address low, high, data, control */
};

static struct msi msis[IRQ_MAX];
static struct {
    uint64_t page;
    char *va;
} mapped[PAGES_MAX];
static struct spinlock lock = SPINLOCK_INIT(LOCK_PIRQ + 1);

/* The lock is held. */
static volatile uint32_t *map_slot(uint64_t address)
{
    for (unsigned int i = 0; i < PAGES_MAX; i++) {
        if (mapped[i].va == NULL) {
            mapped[i].page = address & PAGE_MASK;
            mapped[i].va = arch_map_device(_paddr(mapped[i].page), PAGE_SIZE);
        }
        if (mapped[i].va == NULL) {
            return NULL;
        }
        if (mapped[i].page == (address & PAGE_MASK)) {
            return (volatile uint32_t *)(mapped[i].va + (address & ~PAGE_MASK));
        }
    }
    return NULL;
}

volatile void *msi_map(uint64_t address)
{
    volatile void *p;

    spin_lock(&lock);
    p = map_slot(address);
    spin_unlock(&lock);
    return p;
}

static void set_mask(unsigned int irq, bool masked)
{
    const struct msi *m = &msis[irq];
    unsigned int control;

    if (m->msix) {
        m->slot[3] = masked ? ENTRY_MASKED : 0;
        return;
    }
    control = pci_read(m->bdf, m->cap + 2, 2);
    if (control & MSI_MASKABLE) {
        pci_write(m->bdf, m->cap + (control & MSI_64BIT ? 16 : 12), 4, masked ? 1 : 0);
    }
}

static void mask(unsigned int irq)
{
    set_mask(irq, true);
}

static void unmask(unsigned int irq)
{
    set_mask(irq, false);
}

static void message_write(unsigned int irq, unsigned int cpu)
{
    const struct msi *m = &msis[irq];
    uint32_t address = MSI_ADDRESS | (smp_apic_id(cpu) & 0xff) << 12;
    uint32_t data = irq_descs[irq].vector;
    unsigned int control;

    if (m->msix) {
        m->slot[0] = address;
        m->slot[1] = 0;
        m->slot[2] = data;
        return;
    }
    control = pci_read(m->bdf, m->cap + 2, 2);
    pci_write(m->bdf, m->cap + 4, 4, address);
    if (control & MSI_64BIT) {
        pci_write(m->bdf, m->cap + 8, 4, 0);
    }
    pci_write(m->bdf, m->cap + (control & MSI_64BIT ? 12 : 8), 2, data);
}

static const struct irq_chip chip = { "MSI", mask, unmask, message_write };

static int find_slot(struct msi *m)
{
    uint32_t table;
    uint64_t bar;

    if (!m->msix) {
        return m->entry == 0 ? 0 : -EINVAL;
    }
    if (m->entry > (pci_read(m->bdf, m->cap + 2, 2) & 0x7ff)) {
        return -EINVAL;
    }
    table = pci_read(m->bdf, m->cap + 4, 4);
    bar = pci_memory_bar(m->bdf, table & 7);
    if (bar == 0) {
        return -ENODEV;
    }
    m->slot = map_slot(bar + (table & ~7U) + m->entry * 16UL);
    return m->slot == NULL ? -ENOMEM : 0;
}

static bool in_use(unsigned int bdf, bool msix, unsigned int entry)
{
    for (unsigned int i = 0; i < IRQ_MAX; i++) {
        if (msis[i].used && msis[i].bdf == bdf && (!msix || !msis[i].msix || msis[i].entry == entry)) {
            return true;
        }
    }
    return false;
}

int msi_setup(unsigned int bdf, bool msix, unsigned int entry)
{
    struct msi m = { .used = true, .msix = msix, .bdf = (uint16_t)bdf, .entry = (uint16_t)entry };
    int irq;

    m.cap = pci_capability(bdf, msix ? CAP_MSIX : CAP_MSI);
    if (m.cap == 0) {
        return -ENODEV;
    }
    spin_lock(&lock);
    irq = in_use(bdf, msix, entry) ? -EEXIST : find_slot(&m);
    if (irq == 0) {
        irq = irq_alloc_msi();
    }
    if (irq >= 0) {
        msis[irq] = m;
        irq_descs[irq].chip = &chip;
        irq_descs[irq].level = false;
        irq_descs[irq].masked = true;
        irq_descs[irq].cpu = 0;
        set_mask((unsigned int)irq, true);
        message_write((unsigned int)irq, 0);
    }
    spin_unlock(&lock);
    return irq;
}

void msi_release(unsigned int irq)
{
    spin_lock(&lock);
    if (msis[irq].used) {
        set_mask(irq, true);
        irq_free_msi(irq);
        msis[irq].used = false;
    }
    spin_unlock(&lock);
}

void msi_restore(unsigned int bdf)
{
    spin_lock(&lock);
    for (unsigned int i = 0; i < IRQ_MAX; i++) {
        if (msis[i].used && msis[i].bdf == bdf) {
            message_write(i, irq_descs[i].cpu);
            set_mask(i, irq_descs[i].masked);
        }
    }
    spin_unlock(&lock);
}
