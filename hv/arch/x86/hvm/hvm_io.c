/* SPDX-License-Identifier: MIT */
/* The tables of ports and device memory, and the first touch of the machine's: see hvm_io.h. */
#include "hv/arch/x86/hvm/hvm_io.h"

#include "hv/arch/x86/cpu/acpi.h"
#include "hv/arch/x86/guest/pv_io.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/arch/x86/hvm/vioapic.h"
#include "hv/arch/x86/hvm/vmsi.h"
#include "hv/core/rights.h"

#define PORT_PCI_DATA      0xcfcU
#define PCI_ADDRESS_ENABLE 0x80000000UL
#define LARGE_ORDER        9U
#define LARGE_PAGES        (1UL << LARGE_ORDER)

static uint64_t all_ones(unsigned int bytes)
{
    return bytes >= 8 ? ~0UL : (1UL << 8 * bytes) - 1;
}

/* ---- Ports ---------------------------------------------------------------------------------- */

struct port_row {
    bool (*claims)(const struct vcpu *v, unsigned int port, unsigned int bytes);
    uint32_t (*read)(struct vcpu *v, unsigned int port, unsigned int bytes);
    void (*write)(struct vcpu *v, unsigned int port, unsigned int bytes, uint32_t value);
};

/* A register of a PCI function, in one piece. */
static bool config_claims(const struct vcpu *v, unsigned int port, unsigned int bytes)
{
    return v->domain->is_hardware && port >= PORT_PCI_DATA && port + bytes <= PORT_PCI_DATA + 4 &&
           (v->domain->arch->pci_cf8 & PCI_ADDRESS_ENABLE);
}

static uint32_t config_read(struct vcpu *v, unsigned int port, unsigned int bytes)
{
    return vmsi_config_read(v->domain, (uint32_t)v->domain->arch->pci_cf8, port & 3, bytes);
}

static void config_write(struct vcpu *v, unsigned int port, unsigned int bytes, uint32_t value)
{
    vmsi_config_write(v->domain, (uint32_t)v->domain->arch->pci_cf8, port & 3, bytes, value);
}

static bool machine_claims(const struct vcpu *v, unsigned int port, unsigned int bytes)
{
    (void)port;
    (void)bytes;
    return v->domain->is_hardware;
}

static const struct port_row port_rows[] = {
    { config_claims, config_read, config_write },
    { machine_claims, pv_io_read, pv_io_write },
};

static const struct port_row *port_row_of(const struct vcpu *v, unsigned int port, unsigned int bytes)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(port_rows); i++) {
        if (port_rows[i].claims(v, port, bytes)) {
            return &port_rows[i];
        }
    }
    return NULL;
}

uint32_t hvm_io_port_read(struct vcpu *v, unsigned int port, unsigned int bytes)
{
    const struct port_row *r = port_row_of(v, port, bytes);

    return r == NULL ? (uint32_t)all_ones(bytes) : r->read(v, port, bytes);
}

void hvm_io_port_write(struct vcpu *v, unsigned int port, unsigned int bytes, uint32_t value)
{
    const struct port_row *r = port_row_of(v, port, bytes);

    if (r != NULL) {
        r->write(v, port, bytes, value);
    }
}

/* ---- Device memory -------------------------------------------------------------------------- */

struct memory_row {
    bool (*claims)(const struct vcpu *v, uint64_t gpa);
    uint64_t (*read)(struct vcpu *v, uint64_t gpa, unsigned int bytes);
    void (*write)(struct vcpu *v, uint64_t gpa, unsigned int bytes, uint64_t value);
};

/* The APIC's registers are read and written as 32 bits. */
static uint64_t lapic_read(struct vcpu *v, uint64_t gpa, unsigned int bytes)
{
    unsigned int offset = (unsigned int)(gpa & ~PAGE_MASK);

    return bytes <= 4 && (offset & 3) + bytes <= 4
               ? vlapic_mmio_read(v, offset & ~3U) >> 8 * (offset & 3)
               : 0;
}

static void lapic_write(struct vcpu *v, uint64_t gpa, unsigned int bytes, uint64_t value)
{
    unsigned int offset = (unsigned int)(gpa & ~PAGE_MASK);

    if (bytes == 4 && (offset & 3) == 0) {
        vlapic_mmio_write(v, offset, (uint32_t)value);
    }
}

static const struct memory_row memory_rows[] = {
    { vlapic_mmio_at, lapic_read, lapic_write },
    { vioapic_at, vioapic_read, vioapic_write },
    { vmsi_at, vmsi_read, vmsi_write },
};

static const struct memory_row *memory_row_of(const struct vcpu *v, uint64_t gpa)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(memory_rows); i++) {
        if (memory_rows[i].claims(v, gpa)) {
            return &memory_rows[i];
        }
    }
    return NULL;
}

uint64_t hvm_io_read(struct vcpu *v, uint64_t gpa, unsigned int bytes)
{
    const struct memory_row *r = memory_row_of(v, gpa);

    return r == NULL ? all_ones(bytes) : r->read(v, gpa, bytes);
}

void hvm_io_write(struct vcpu *v, uint64_t gpa, unsigned int bytes, uint64_t value)
{
    const struct memory_row *r = memory_row_of(v, gpa);

    if (r != NULL) {
        r->write(v, gpa, bytes, value);
    }
}

/* ---- The machine's device memory ------------------------------------------------------------- */

/* Whether these pages are all the domain's to touch, no RAM of anybody, no device of ours, and nothing is there yet. */
static bool may_map(const struct vcpu *v, uint64_t first, uint64_t count)
{
    if (!rights_has(v->domain, RIGHT_MEMORY, first, first + count - 1)) {
        return false;
    }
    for (uint64_t mfn = first; mfn < first + count; mfn++) {
        enum p2m_type type;

        p2m_lookup(v->domain, _gfn(mfn), &type);
        if (type != P2M_NONE || frame_valid(_mfn(mfn)) || memory_row_of(v, mfn << PAGE_SHIFT) != NULL) {
            return false;
        }
    }
    return true;
}

bool hvm_io_map(struct vcpu *v, uint64_t gpa)
{
    uint64_t mfn = gpa >> PAGE_SHIFT;
    uint64_t large = mfn & ~(LARGE_PAGES - 1);
    int rc;

    if (!v->domain->is_hardware || !may_map(v, mfn, 1)) {
        return false;
    }
    if (may_map(v, large, LARGE_PAGES)) {
        rc = p2m_set(v->domain, _gfn(large), _mfn(large), LARGE_ORDER, P2M_DEVICE);
    } else {
        rc = p2m_set(v->domain, _gfn(mfn), _mfn(mfn), 0, P2M_DEVICE);
    }
    return rc == 0 || rc == -EEXIST; /* another vcpu's touch was quicker */
}

int hvm_io_hardware_init(struct domain *d)
{
    int rc = vioapic_init(d);

    if (rc == 0 && acpi_machine.hpet_address != 0) {
        rc = rights_deny(d, RIGHT_MEMORY, acpi_machine.hpet_address >> PAGE_SHIFT,
                         acpi_machine.hpet_address >> PAGE_SHIFT);
    }
    return rc;
}
