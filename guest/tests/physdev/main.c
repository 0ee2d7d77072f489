/* SPDX-License-Identifier: MIT */
/*
 * physdev_op: interrupts of the machine set up, mapped, bound, asked about and given back by dom0, the map of
 * those that want an EOI, the I/O APIC's registers, privilege over ports; and each of them with bad pointers
 * and numbers, and by a guest that owns no device.
 */
#include "abi/event_channel.h"
#include "abi/physdev.h"
#include "abi/xen.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/test.h"

#define UNMAPPED 0x0000200000000000UL
#define IOAPIC_ADDRESS 0xfec00000UL

enum { GSI = 12, /* the PS/2 mouse: not the hypervisor's */ NO_IRQ = 100000, IOAPIC_VERSION = 1 };

static void test_pointers(void)
{
    static const int commands[] = {
        PHYSDEVOP_irq_status_query, PHYSDEVOP_set_iopl, PHYSDEVOP_set_iobitmap, PHYSDEVOP_eoi,
        PHYSDEVOP_map_pirq, PHYSDEVOP_unmap_pirq, PHYSDEVOP_setup_gsi, PHYSDEVOP_get_free_pirq,
        PHYSDEVOP_pirq_eoi_gmfn_v1, PHYSDEVOP_pirq_eoi_gmfn_v2, PHYSDEVOP_apic_read,
        PHYSDEVOP_alloc_irq_vector, PHYSDEVOP_restore_msi, PHYSDEVOP_restore_msi_ext,
    };

    for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        long rc = hypercall_physdev_op(commands[i], (void *)UNMAPPED);

        if (rc != -EFAULT) {
            test_fail("operation %d at a bad address answers %ld", commands[i], rc);
        }
        EXPECT_EQ(hypercall_physdev_op(commands[i], (void *)HYPERVISOR_VIRT_START), -EFAULT);
    }
    EXPECT_EQ(hypercall_physdev_op(999, NULL), -ENOSYS);
    EXPECT_EQ(hypercall_physdev_op(-1, NULL), -ENOSYS);
}

static void test_iopl(void)
{
    struct physdev_set_iopl iopl = { .iopl = 4 };
    struct physdev_set_iobitmap bitmap = { .nr_ports = 65537 };

    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), -EINVAL);
    iopl.iopl = 1;
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &bitmap), -EINVAL);
    bitmap.nr_ports = 0;
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &bitmap), 0);
}

static long map_gsi(int gsi, int pirq, int *got)
{
    struct physdev_map_pirq map = {
        .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = gsi, .pirq = pirq
    };
    long rc = hypercall_physdev_op(PHYSDEVOP_map_pirq, &map);

    *got = map.pirq;
    return rc;
}

static long unmap(int pirq)
{
    struct physdev_unmap_pirq op = { .domid = DOMID_SELF, .pirq = pirq };

    return hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &op);
}

static long bind(unsigned int pirq, evtchn_port_t *port)
{
    struct evtchn_bind_pirq op = { .pirq = pirq };
    long rc = hypercall_event_channel_op(EVTCHNOP_bind_pirq, &op);

    *port = op.port;
    return rc;
}

/* Only one of two bindings of an interrupt that is not shared stands; what is bound is not unmapped. */
static void test_interrupt(void)
{
    struct physdev_setup_gsi setup = { .gsi = GSI };
    struct physdev_irq_status_query query;
    struct physdev_eoi eoi;
    evtchn_port_t port;
    evtchn_port_t other;
    int pirq;

    hypercall_physdev_op(PHYSDEVOP_setup_gsi, &setup);
    EXPECT_EQ(map_gsi(GSI, -1, &pirq), 0);
    EXPECT(pirq >= 0);
    query.irq = (uint32_t)pirq;
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_irq_status_query, &query), 0);
    EXPECT_EQ(bind((unsigned int)pirq, &port), 0);
    EXPECT(bind((unsigned int)pirq, &other) < 0);
    eoi.irq = (uint32_t)pirq;
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_eoi, &eoi), 0);
    EXPECT_EQ(events_close(port), 0);
    EXPECT_EQ(unmap(pirq), 0);
    EXPECT(unmap(pirq) < 0);
    EXPECT(bind((unsigned int)pirq, &port) < 0);
    EXPECT(bind(NO_IRQ, &port) < 0);
}

static void test_refused(void)
{
    struct physdev_setup_gsi setup = { .gsi = NO_IRQ };
    struct physdev_map_pirq map = { .domid = DOMID_SELF, .type = 99, .pirq = -1 };
    struct physdev_get_free_pirq free_pirq = { .type = MAP_PIRQ_TYPE_MSI };
    int pirq;

    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_setup_gsi, &setup), -EINVAL);
    setup.gsi = -1;
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_setup_gsi, &setup), -EINVAL);
    EXPECT(map_gsi(NO_IRQ, -1, &pirq) < 0);
    EXPECT(map_gsi(-1, -1, &pirq) < 0);
    EXPECT(map_gsi(GSI, NO_IRQ, &pirq) < 0);
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), -EINVAL);
    map.type = MAP_PIRQ_TYPE_MSI; /* bus 255 has no device */
    map.bus = 0xff;
    EXPECT(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map) < 0);
    map.type = MAP_PIRQ_TYPE_GSI;
    map.domid = 77;
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), -ESRCH);
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_get_free_pirq, &free_pirq), 0);
    EXPECT(free_pirq.pirq < NO_IRQ);
}

static void test_io_apic(void)
{
    struct physdev_apic apic = { .apic_physbase = IOAPIC_ADDRESS, .reg = IOAPIC_VERSION };

    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_apic_read, &apic), 0);
    EXPECT((apic.value >> 16 & 0xff) >= 15); /* its highest entry */
    apic.apic_physbase = 0x1000;
    EXPECT(hypercall_physdev_op(PHYSDEVOP_apic_read, &apic) < 0);
}

static void test_eoi_map(void)
{
    unsigned long *page = memory_alloc();
    struct physdev_pirq_eoi_gmfn op = { .gmfn = ~0UL >> 12 };

    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v2, &op), -EINVAL);
    op.gmfn = memory_mfn(page);
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v2, &op), 0);
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v2, &op), -EBUSY);
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v1, &op), -EBUSY);
}

static void test_unprivileged(void)
{
    struct physdev_setup_gsi setup = { .gsi = GSI };
    struct physdev_apic apic = { .apic_physbase = IOAPIC_ADDRESS, .reg = IOAPIC_VERSION };
    struct physdev_irq irq = { .irq = GSI };
    struct physdev_manage_pci pci = { .bus = 0, .devfn = 0 };
    struct physdev_restore_msi restore = { .bus = 0, .devfn = 0 };
    evtchn_port_t port;
    int pirq;

    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_setup_gsi, &setup), -EPERM);
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_apic_read, &apic), -EPERM);
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_apic_write, &apic), -EPERM);
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_alloc_irq_vector, &irq), -EPERM);
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_manage_pci_add, &pci), -EPERM);
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_restore_msi, &restore), -EPERM);
    EXPECT(map_gsi(GSI, -1, &pirq) < 0);
    EXPECT(bind(GSI, &port) < 0);
    EXPECT(unmap(GSI) < 0);
}

/* The call as it was before it had a number of its own for each operation. */
static void test_old_form(void)
{
    struct physdev_op op = { .cmd = PHYSDEVOP_set_iopl, .u.set_iopl.iopl = 4 };

    EXPECT_EQ(hypercall(__HYPERVISOR_physdev_op_compat, (unsigned long)&op, 0, 0, 0, 0), -EINVAL);
    op.u.set_iopl.iopl = 1;
    EXPECT_EQ(hypercall(__HYPERVISOR_physdev_op_compat, (unsigned long)&op, 0, 0, 0, 0), 0);
    op.cmd = 99;
    EXPECT_EQ(hypercall(__HYPERVISOR_physdev_op_compat, (unsigned long)&op, 0, 0, 0, 0), -ENOSYS);
    EXPECT_EQ(hypercall(__HYPERVISOR_physdev_op_compat, UNMAPPED, 0, 0, 0, 0), -EFAULT);
}

void test_main(void)
{
    test_pointers();
    test_iopl();
    test_old_form();
    if (!start_is_dom0()) {
        test_unprivileged();
        return;
    }
    test_interrupt();
    test_refused();
    test_io_apic();
    test_eoi_map();
}
