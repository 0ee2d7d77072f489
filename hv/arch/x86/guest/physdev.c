/* SPDX-License-Identifier: MIT */
/*
 * The physdev_op hypercall: what guests that own devices ask of interrupts, and dom0 of PCI. A table with
 * one row a sub-operation; the wrapper copies the argument in and, where the row says so, back out.
 */
#include "abi/physdev.h"

#include "hv/arch/x86/cpu/ioapic.h"
#include "hv/arch/x86/cpu/irq.h"
#include "hv/arch/x86/guest/guest.h"
#include "hv/arch/x86/guest/pirq.h"
#include "hv/calls/hypercall.h"
#include "hv/core/arch_guest.h"
#include "hv/core/rights.h"
#include "hv/drivers/msi.h"
#include "hv/lib/string.h"
#include "hv/mm/map.h"

#define PCI_MSIX_ENTRIES 2048

union argument {
    struct physdev_eoi eoi;
    struct physdev_pirq_eoi_gmfn eoi_gmfn;
    struct physdev_irq_status_query status;
    struct physdev_set_iopl iopl;
    struct physdev_set_iobitmap iobitmap;
    struct physdev_apic apic;
    struct physdev_irq irq;
    struct physdev_map_pirq map;
    struct physdev_unmap_pirq unmap;
    struct physdev_manage_pci manage;
    struct physdev_restore_msi restore;
    struct physdev_setup_gsi gsi;
    struct physdev_get_free_pirq free_pirq;
    struct physdev_pci_mmcfg_reserved mmcfg;
    struct physdev_pci_device pci;
};

static int do_eoi(struct domain *d, union argument *a)
{
    if (a->eoi.irq >= arch_pirq_count(d)) {
        return -EINVAL;
    }
    arch_pirq_eoi(d, a->eoi.irq);
    return 0;
}

static int do_eoi_gmfn(struct domain *d, union argument *a)
{
    struct frame *f;

    if (d->arch->pirq_eoi != NULL) {
        return -EBUSY;
    }
    f = arch_get_gfn(d, _gfn(a->eoi_gmfn.gmfn), true);
    if (f == NULL) {
        return -EINVAL;
    }
    d->arch->pirq_eoi_mfn = frame_mfn(f);
    d->arch->pirq_eoi = map_frame(frame_mfn(f));
    pirq_fill_eoi_map(d);
    return 0;
}

static int do_eoi_gmfn_v1(struct domain *d, union argument *a)
{
    int rc = do_eoi_gmfn(d, a);

    if (rc == 0) {
        d->arch->pirq_auto_unmask = true;
    }
    return rc;
}

static int do_status_query(struct domain *d, union argument *a)
{
    bool shared;

    if (a->status.irq >= arch_pirq_count(d)) {
        return -EINVAL;
    }
    a->status.flags = pirq_needs_eoi(d, a->status.irq, &shared) ? XENIRQSTAT_needs_eoi : 0;
    a->status.flags |= shared ? XENIRQSTAT_shared : 0;
    return 0;
}

static int do_set_iopl(struct domain *d, union argument *a)
{
    (void)d;
    if (a->iopl.iopl > 3) {
        return -EINVAL;
    }
    current_vcpu()->arch->iopl = a->iopl.iopl;
    return 0;
}

static int do_set_iobitmap(struct domain *d, union argument *a)
{
    (void)d;
    if (a->iobitmap.nr_ports > 65536) {
        return -EINVAL;
    }
    current_vcpu()->arch->iobmp = guest_ptr(a->iobitmap.bitmap);
    current_vcpu()->arch->iobmp_limit = a->iobitmap.nr_ports;
    return 0;
}

static int do_apic_read(struct domain *d, union argument *a)
{
    if (!d->is_hardware) {
        return -EPERM;
    }
    return ioapic_read(a->apic.apic_physbase, a->apic.reg, &a->apic.value);
}

static int do_apic_write(struct domain *d, union argument *a)
{
    (void)a;
    return d->is_hardware ? 0 : -EPERM; /* entries are programmed through setup_gsi and map_pirq */
}

static int do_alloc_vector(struct domain *d, union argument *a)
{
    if (!d->is_hardware) {
        return -EPERM;
    }
    if (a->irq.irq >= irq_gsi_count()) {
        return -EINVAL;
    }
    a->irq.vector = irq_descs[a->irq.irq].vector;
    return 0;
}

/* ---- mapping --------------------------------------------------------------------------------- */

static int map_gsi(struct domain *d, struct physdev_map_pirq *m)
{
    unsigned int gsi = (unsigned int)m->index;

    if (m->index < 0 || gsi >= irq_gsi_count()) {
        return -EINVAL;
    }
    if (!rights_has(current_domain(), RIGHT_IRQ, gsi, gsi)) {
        return -EPERM;
    }
    return pirq_map(d, m->pirq, gsi, false);
}

static int map_msi(struct domain *d, struct physdev_map_pirq *m, unsigned int segment)
{
    unsigned int bdf = ((unsigned int)m->bus & 0xff) << 8 | ((unsigned int)m->devfn & 0xff);
    int irq;
    int rc;

    if (segment != 0 || m->entry_nr < 0 || m->entry_nr >= PCI_MSIX_ENTRIES) {
        return -EINVAL;
    }
    if (!current_domain()->is_hardware) {
        return -EPERM;
    }
    irq = msi_setup(bdf, m->table_base != 0, (unsigned int)m->entry_nr);
    if (irq < 0) {
        return irq;
    }
    rc = pirq_map(d, m->pirq, (unsigned int)irq, true);
    if (rc < 0) {
        msi_release((unsigned int)irq);
    }
    return rc;
}

static int map_pirq(struct domain *d, struct physdev_map_pirq *m)
{
    switch (m->type) {
    case MAP_PIRQ_TYPE_GSI:
        return map_gsi(d, m);
    case MAP_PIRQ_TYPE_MSI:
        return map_msi(d, m, 0);
    case MAP_PIRQ_TYPE_MSI_SEG:
        return map_msi(d, m, (unsigned int)m->bus >> 16);
    case MAP_PIRQ_TYPE_MULTI_MSI:
        return -EOPNOTSUPP;
    default:
        return -EINVAL;
    }
}

static int do_map_pirq(struct domain *d, union argument *a)
{
    struct domain *target = domain_get_or_self(a->map.domid);
    int rc;

    if (target == NULL) {
        return -ESRCH;
    }
    rc = target == d || rights_may_control(d, target) ? map_pirq(target, &a->map) : -EPERM;
    domain_put(target);
    if (rc < 0) {
        return rc;
    }
    a->map.pirq = rc;
    return 0;
}

static int do_unmap_pirq(struct domain *d, union argument *a)
{
    struct domain *target = domain_get_or_self(a->unmap.domid);
    int rc;

    if (target == NULL) {
        return -ESRCH;
    }
    rc = target == d || rights_may_control(d, target)
             ? pirq_unmap(target, (unsigned int)a->unmap.pirq)
             : -EPERM;
    domain_put(target);
    return rc;
}

static int do_setup_gsi(struct domain *d, union argument *a)
{
    int rc;

    if (!d->is_hardware) {
        return -EPERM;
    }
    if (a->gsi.gsi < 0) {
        return -EINVAL;
    }
    rc = ioapic_setup((unsigned int)a->gsi.gsi, a->gsi.triggering != 0, a->gsi.polarity != 0);
    return rc == -EBUSY ? -EEXIST : rc;
}

static int do_get_free_pirq(struct domain *d, union argument *a)
{
    int pirq = pirq_free_number(d, a->free_pirq.type != MAP_PIRQ_TYPE_GSI);

    if (pirq < 0) {
        return pirq;
    }
    a->free_pirq.pirq = (uint32_t)pirq;
    return 0;
}

/* ---- PCI ------------------------------------------------------------------------------------- */

static int do_pci_known(struct domain *d, union argument *a)
{
    (void)a;
    return d->is_hardware ? 0 : -EPERM; /* devices are dom0's; nothing to record without an IOMMU */
}

static int do_restore_msi(struct domain *d, union argument *a)
{
    if (!d->is_hardware) {
        return -EPERM;
    }
    msi_restore((unsigned int)a->restore.bus << 8 | a->restore.devfn);
    return 0;
}

static int do_restore_msi_ext(struct domain *d, union argument *a)
{
    if (!d->is_hardware) {
        return -EPERM;
    }
    if (a->pci.seg != 0) {
        return -ENODEV;
    }
    msi_restore((unsigned int)a->pci.bus << 8 | a->pci.devfn);
    return 0;
}

static const struct {
    int (*fn)(struct domain *d, union argument *a);
    uint8_t size;
    bool copy_back;
} rows[] = {
    [PHYSDEVOP_IRQ_UNMASK_NOTIFY] = { do_pci_known, 0, false },
    [PHYSDEVOP_irq_status_query] = { do_status_query, sizeof(struct physdev_irq_status_query), true },
    [PHYSDEVOP_set_iopl] = { do_set_iopl, sizeof(struct physdev_set_iopl), false },
    [PHYSDEVOP_set_iobitmap] = { do_set_iobitmap, sizeof(struct physdev_set_iobitmap), false },
    [PHYSDEVOP_apic_read] = { do_apic_read, sizeof(struct physdev_apic), true },
    [PHYSDEVOP_apic_write] = { do_apic_write, sizeof(struct physdev_apic), false },
    [PHYSDEVOP_alloc_irq_vector] = { do_alloc_vector, sizeof(struct physdev_irq), true },
    [PHYSDEVOP_eoi] = { do_eoi, sizeof(struct physdev_eoi), false },
    [PHYSDEVOP_map_pirq] = { do_map_pirq, sizeof(struct physdev_map_pirq), true },
    [PHYSDEVOP_unmap_pirq] = { do_unmap_pirq, sizeof(struct physdev_unmap_pirq), false },
    [PHYSDEVOP_manage_pci_add] = { do_pci_known, 0, false },
    [PHYSDEVOP_manage_pci_remove] = { do_pci_known, 0, false },
    [PHYSDEVOP_pirq_eoi_gmfn_v1] = { do_eoi_gmfn_v1, sizeof(struct physdev_pirq_eoi_gmfn), false },
    [PHYSDEVOP_restore_msi] = { do_restore_msi, sizeof(struct physdev_restore_msi), false },
    [PHYSDEVOP_manage_pci_add_ext] = { do_pci_known, 0, false },
    [PHYSDEVOP_setup_gsi] = { do_setup_gsi, sizeof(struct physdev_setup_gsi), false },
    [PHYSDEVOP_get_free_pirq] = { do_get_free_pirq, sizeof(struct physdev_get_free_pirq), true },
    [PHYSDEVOP_pci_mmcfg_reserved] = { do_pci_known, 0, false },
    [PHYSDEVOP_pci_device_add] = { do_pci_known, 0, false },
    [PHYSDEVOP_pci_device_remove] = { do_pci_known, 0, false },
    [PHYSDEVOP_restore_msi_ext] = { do_restore_msi_ext, sizeof(struct physdev_pci_device), false },
    [PHYSDEVOP_pirq_eoi_gmfn_v2] = { do_eoi_gmfn, sizeof(struct physdev_pirq_eoi_gmfn), false },
    [PHYSDEVOP_prepare_msix] = { do_pci_known, 0, false },
    [PHYSDEVOP_release_msix] = { do_pci_known, 0, false },
};

long arch_physdev_op(unsigned int cmd, guest_ptr_t arg)
{
    union argument a;
    long rc;

    if (cmd >= ARRAY_SIZE(rows) || rows[cmd].fn == NULL) {
        return -ENOSYS;
    }
    memset(&a, 0, sizeof(a));
    if (copy_from_guest(&a, arg, rows[cmd].size) != 0) {
        return -EFAULT;
    }
    rc = rows[cmd].fn(current_domain(), &a);
    if (rows[cmd].copy_back && rc == 0 && copy_to_guest(arg, &a, rows[cmd].size) != 0) {
        return -EFAULT;
    }
    return rc;
}
