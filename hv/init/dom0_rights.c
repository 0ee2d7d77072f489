/* SPDX-License-Identifier: MIT */
/*
 * What dom0 may touch: all I/O ports, device memory and interrupts, but for what the hypervisor drives
 * itself. Ports that are kept back read as all ones, except those the emulation stands in for.
 */
#include "hv/arch/x86/cpu/acpi.h"
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch/x86/guest/pv_mmu.h"
#include "hv/core/rights.h"
#include "hv/drivers/ns16550.h"
#include "hv/init/cmdline.h"
#include "hv/init/dom0.h"

#define IRQ_LAST      0xffff
#define MSI_FIRST     0xfee00UL    /* local APICs and the window of message interrupts */
#define MSI_LAST      0xfeeffUL

struct range_kept {
    uint64_t first;
    uint64_t last;
};

static const struct range_kept ports_kept[] = {
    { 0x20, 0x21 },   /* interrupt controllers */
    { 0xa0, 0xa1 },
    { 0x40, 0x43 },   /* timer chip */
    { 0x61, 0x61 },   /* its gate and speaker */
    { 0xcf8, 0xcff }, /* PCI configuration: filtered by the emulation */
};

static int deny_serial(struct domain *d)
{
    for (unsigned int port = 0; port < NS16550_PORTS; port++) {
        unsigned int irq;
        uint16_t io;
        int rc;

        if (!ns16550_claims(port, &io, &irq)) {
            continue;
        }
        rc = rights_deny(d, RIGHT_IOPORT, io, io + 7U);
        if (rc == 0 && irq != 0) {
            rc = rights_deny(d, RIGHT_IRQ, irq, irq);
        }
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int grant_ports(struct domain *d)
{
    int rc = rights_permit(d, RIGHT_IOPORT, 0, 0xffff);

    for (unsigned int i = 0; rc == 0 && i < ARRAY_SIZE(ports_kept); i++) {
        rc = rights_deny(d, RIGHT_IOPORT, ports_kept[i].first, ports_kept[i].last);
    }
    if (rc == 0 && acpi_machine.pm_timer_port != 0) {
        rc = rights_deny(d, RIGHT_IOPORT, acpi_machine.pm_timer_port,
                         acpi_machine.pm_timer_port + 3U);
    }
    for (unsigned int i = 0; rc == 0 && i < cmdline.dom0_denied_count; i++) {
        rc = rights_deny(d, RIGHT_IOPORT, cmdline.dom0_denied[i].first,
                         cmdline.dom0_denied[i].last);
    }
    return rc;
}

static int deny_page(struct domain *d, uint64_t address)
{
    return address == 0 ? 0
                        : rights_deny(d, RIGHT_MEMORY, address >> PAGE_SHIFT,
                                      address >> PAGE_SHIFT);
}

/* The last page the CPU can address. */
static uint64_t phys_page_max(void)
{
    uint32_t a, b, c, d;

    cpuid(0x80000008, 0, &a, &b, &c, &d);
    return (1ULL << ((a & 0xff) - PAGE_SHIFT)) - 1;
}

/* RAM is not device memory: whose it is decides the frame table, not this right. */
static int grant_memory(struct domain *d)
{
    int rc = rights_permit(d, RIGHT_MEMORY, 0, phys_page_max());

    if (rc == 0) {
        rc = rights_deny(d, RIGHT_MEMORY, MSI_FIRST, MSI_LAST);
    }
    if (rc == 0) {
        rc = deny_page(d, acpi_machine.lapic_address);
    }
    if (rc == 0 && acpi_machine.hpet_address != 0) {
        /* Kernels map it without asking whether they may; reading harms nobody. */
        rc = pv_frame_add_read_only_device(acpi_machine.hpet_address >> PAGE_SHIFT,
                                           acpi_machine.hpet_address >> PAGE_SHIFT);
    }
    for (unsigned int i = 0; rc == 0 && i < acpi_machine.ioapic_count; i++) {
        rc = deny_page(d, acpi_machine.ioapics[i].address);
    }
    return rc;
}

int dom0_rights_grant(struct domain *d)
{
    int rc = rights_permit(d, RIGHT_IRQ, 0, IRQ_LAST);

    if (rc == 0) {
        rc = grant_ports(d);
    }
    if (rc == 0) {
        rc = deny_serial(d);
    }
    if (rc == 0) {
        rc = grant_memory(d);
    }
    return rc;
}
