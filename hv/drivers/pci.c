/* SPDX-License-Identifier: MIT */
/* Configuration mechanism 1 (PCI 3.0, 3.2.2.3): one lock around the address and data ports. */
#include "hv/drivers/pci.h"

#include "hv/arch_cpu.h"
#include "hv/base/lock.h"

#define PORT_ADDRESS 0xcf8
#define PORT_DATA    0xcfc
#define ENABLE       0x80000000U
#define REG_STATUS   0x06
#define REG_BAR0     0x10
#define REG_CAPS     0x34
#define STATUS_CAPS  0x10U
#define CAPS_MAX     48 /* as many as fit: a list that is longer is a loop */

static struct spinlock lock = SPINLOCK_INIT(LOCK_LEAF);

uint32_t pci_cf8_read(uint32_t cf8, unsigned int offset, unsigned int bytes)
{
    unsigned long flags = spin_lock_irqsave(&lock);
    uint32_t v;

    arch_port_out(PORT_ADDRESS, cf8, 4);
    v = arch_port_in((uint16_t)(PORT_DATA + offset), bytes);
    spin_unlock_irqrestore(&lock, flags);
    return v;
}

void pci_cf8_write(uint32_t cf8, unsigned int offset, unsigned int bytes, uint32_t value)
{
    unsigned long flags = spin_lock_irqsave(&lock);

    arch_port_out(PORT_ADDRESS, cf8, 4);
    arch_port_out((uint16_t)(PORT_DATA + offset), value, bytes);
    spin_unlock_irqrestore(&lock, flags);
}

static uint32_t address_of(unsigned int bdf, unsigned int reg)
{
    return ENABLE | bdf << 8 | (reg & 0xfc);
}

uint32_t pci_read(unsigned int bdf, unsigned int reg, unsigned int bytes)
{
    return pci_cf8_read(address_of(bdf, reg), reg & 3, bytes);
}

void pci_write(unsigned int bdf, unsigned int reg, unsigned int bytes, uint32_t value)
{
    pci_cf8_write(address_of(bdf, reg), reg & 3, bytes, value);
}

unsigned int pci_capability(unsigned int bdf, unsigned int id)
{
    unsigned int at;

    if (!(pci_read(bdf, REG_STATUS, 2) & STATUS_CAPS)) {
        return 0;
    }
    at = pci_read(bdf, REG_CAPS, 1) & 0xfc;
    for (unsigned int i = 0; i < CAPS_MAX && at >= 0x40; i++) {
        if (pci_read(bdf, at, 1) == id) {
            return at;
        }
        at = pci_read(bdf, at + 1, 1) & 0xfc;
    }
    return 0;
}

uint64_t pci_memory_bar(unsigned int bdf, unsigned int n)
{
    uint32_t low = pci_read(bdf, REG_BAR0 + 4 * n, 4);

    if (n > 5 || (low & 1)) {
        return 0;
    }
    if ((low & 6) == 4 && n < 5) {
        return (uint64_t)pci_read(bdf, REG_BAR0 + 4 * n + 4, 4) << 32 | (low & ~0xfU);
    }
    return low & ~0xfU;
}
