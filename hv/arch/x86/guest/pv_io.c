/* SPDX-License-Identifier: MIT */
/*
 * Port I/O of PV guests: see pv_io.h. Stand-ins, for domains that own the machine's devices:
 *
 *   0x70/0x71       CMOS: index kept for each domain, so two users of it never mix
 *   0x42 0x43 0x61  channel 2 of the timer chip (speaker), never channel 0
 *   0xcf8 - 0xcff   PCI configuration: address kept for each domain, data through the PCI driver
 *
 * Lock: cmos_lock, a leaf.
 */
#include "hv/arch/x86/guest/pv_io.h"

#include "hv/arch/x86/guest/guest.h"
#include "hv/arch_cpu.h"
#include "hv/base/lock.h"
#include "hv/core/rights.h"
#include "hv/drivers/pci.h"
#include "hv/mm/guest_copy.h"

#define PORT_TIMER_2       0x42
#define PORT_TIMER_MODE    0x43
#define PORT_SPEAKER       0x61
#define PORT_CMOS_INDEX    0x70
#define PORT_CMOS_DATA     0x71
#define PORT_PCI_ADDRESS   0xcf8
#define PORT_PCI_DATA      0xcfc
#define PCI_ADDRESS_ENABLE 0x80000000U
#define TIMER_MODE_CHANNEL 0xc0
#define TIMER_MODE_2       0x80
#define SPEAKER_WRITABLE   0x03

static struct spinlock cmos_lock = SPINLOCK_INIT(LOCK_LEAF);

/* ---- may the instruction be executed --------------------------------------------------------- */

/* A PV kernel counts as level 1 unless it asked for the architecture's own rule. */
bool pv_io_privileged(const struct vcpu *v)
{
    unsigned int level = 3;

    if (v->arch->kernel_mode) {
        level = v->domain->vm_assist & BIT(VMASST_TYPE_architectural_iopl) ? 0 : 1;
    }
    return level <= v->arch->iopl;
}

/* The bitmap is in the kernel's memory, which the user's page tables need not map. */
static bool bitmap_allows(struct vcpu *v, unsigned int port, unsigned int bytes)
{
    bool user = !v->arch->kernel_mode;
    uint8_t bits[2] = { 0xff, 0xff };
    bool ok;

    if (port + bytes > v->arch->iobmp_limit) {
        return false;
    }
    if (user) {
        pv_toggle_mode(v);
    }
    ok = copy_from_guest(bits, guest_ptr_at(v->arch->iobmp, port / 8, 1), sizeof(bits)) == 0;
    if (user) {
        pv_toggle_mode(v);
    }
    return ok && (((bits[0] | bits[1] << 8) >> (port & 7)) & ((1U << bytes) - 1)) == 0;
}

bool pv_io_allowed(struct vcpu *v, unsigned int port, unsigned int bytes)
{
    return port + bytes <= 0x10000 && (pv_io_privileged(v) || bitmap_allows(v, port, bytes));
}

/* ---- what ports do --------------------------------------------------------------------------- */

static uint32_t all_ones(unsigned int bytes)
{
    return bytes == 4 ? ~0U : (1U << (8 * bytes)) - 1;
}

static bool is_cmos(unsigned int port)
{
    return port == PORT_CMOS_INDEX || port == PORT_CMOS_DATA;
}

/* The real ports: within the domain's rights, and not one of the stand-ins that must not mix. */
static bool may_access(const struct domain *d, unsigned int port, unsigned int bytes)
{
    return !is_cmos(port) && !(port == PORT_PCI_ADDRESS && bytes == 4) &&
           rights_has(d, RIGHT_IOPORT, port, port + bytes - 1);
}

static bool may_use_cmos(const struct domain *d)
{
    return rights_has(d, RIGHT_IOPORT, PORT_CMOS_INDEX, PORT_CMOS_DATA);
}

static uint8_t cmos_read(uint8_t index)
{
    uint8_t value;

    spin_lock(&cmos_lock);
    arch_port_out(PORT_CMOS_INDEX, index & 0x7f, 1);
    value = (uint8_t)arch_port_in(PORT_CMOS_DATA, 1);
    spin_unlock(&cmos_lock);
    return value;
}

static void cmos_write(uint8_t index, uint8_t value)
{
    spin_lock(&cmos_lock);
    arch_port_out(PORT_CMOS_INDEX, index & 0x7f, 1);
    arch_port_out(PORT_CMOS_DATA, value, 1);
    spin_unlock(&cmos_lock);
}

static bool is_pci_data(unsigned int port)
{
    return port >= PORT_PCI_DATA && port < PORT_PCI_DATA + 4;
}

static bool may_use_pci(const struct domain *d)
{
    return d->is_hardware && (d->arch->pci_cf8 & PCI_ADDRESS_ENABLE);
}

/* One piece of an access that starts at port: how many bytes it takes. */
static uint32_t read_piece(struct vcpu *v, unsigned int port, unsigned int bytes,
                           unsigned int *taken)
{
    struct domain *d = v->domain;
    unsigned int offset = port & 3;
    unsigned int n;

    *taken = 1;
    if (d->is_hardware && (port == PORT_TIMER_2 || port == PORT_SPEAKER)) {
        return arch_port_in((uint16_t)port, 1);
    }
    if (port == PORT_CMOS_INDEX) {
        return d->arch->cmos_index;
    }
    if (port == PORT_CMOS_DATA) {
        return may_use_cmos(d) ? cmos_read(d->arch->cmos_index) : 0xff;
    }
    if (port == PORT_PCI_ADDRESS && bytes == 4) {
        *taken = 4;
        return (uint32_t)d->arch->pci_cf8;
    }
    if (is_pci_data(port)) {
        n = MIN(bytes, 4 - offset);
        *taken = n == 3 ? 2 : n;
        return may_use_pci(d) ? pci_cf8_read((uint32_t)d->arch->pci_cf8, offset, *taken)
                              : all_ones(*taken);
    }
    return 0xff;
}

uint32_t pv_io_read(struct vcpu *v, unsigned int port, unsigned int bytes)
{
    unsigned int shift = 0;
    uint32_t value = 0;

    if (may_access(v->domain, port, bytes)) {
        return arch_port_in((uint16_t)port, bytes);
    }
    while (bytes > 0) {
        unsigned int taken;
        uint32_t piece = read_piece(v, port, bytes, &taken);

        value |= piece << shift;
        shift += 8 * taken;
        port += taken;
        bytes -= taken;
    }
    return value;
}

static void timer_write(unsigned int port, uint8_t value)
{
    switch (port) {
    case PORT_TIMER_2:
        arch_port_out(PORT_TIMER_2, value, 1);
        break;
    case PORT_TIMER_MODE:
        if ((value & TIMER_MODE_CHANNEL) == TIMER_MODE_2) {
            arch_port_out(PORT_TIMER_MODE, value, 1);
        }
        break;
    default:
        arch_port_out(PORT_SPEAKER,
                      (arch_port_in(PORT_SPEAKER, 1) & ~(uint32_t)SPEAKER_WRITABLE) |
                          (value & SPEAKER_WRITABLE),
                      1);
        break;
    }
}

static unsigned int write_piece(struct vcpu *v, unsigned int port, unsigned int bytes,
                                uint32_t value)
{
    struct domain *d = v->domain;
    unsigned int offset = port & 3;

    if (d->is_hardware &&
        (port == PORT_TIMER_2 || port == PORT_TIMER_MODE || port == PORT_SPEAKER)) {
        timer_write(port, (uint8_t)value);
    } else if (port == PORT_CMOS_INDEX) {
        d->arch->cmos_index = (uint8_t)value;
    } else if (port == PORT_CMOS_DATA) {
        if (may_use_cmos(d)) {
            cmos_write(d->arch->cmos_index, (uint8_t)value);
        }
    } else if (port == PORT_PCI_ADDRESS && bytes == 4) {
        d->arch->pci_cf8 = value;
        return 4;
    } else if (is_pci_data(port)) {
        unsigned int n = MIN(bytes, 4 - offset);

        n = n == 3 ? 2 : n;
        if (may_use_pci(d)) {
            pci_cf8_write((uint32_t)d->arch->pci_cf8, offset, n, value & all_ones(n));
        }
        return n;
    }
    return 1;
}

void pv_io_write(struct vcpu *v, unsigned int port, unsigned int bytes, uint32_t value)
{
    if (may_access(v->domain, port, bytes)) {
        arch_port_out((uint16_t)port, value, bytes);
        return;
    }
    while (bytes > 0) {
        unsigned int taken = write_piece(v, port, bytes, value);

        value = taken == 4 ? 0 : value >> (8 * taken);
        port += taken;
        bytes -= taken;
    }
}
