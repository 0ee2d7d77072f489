/* SPDX-License-Identifier: MIT */
/*
 * The control calls: domctl, sysctl, platform_op, physdev and others with a wrong interface
 * version, unknown operation, missing domain, bad pointer or without the right to call them. As
 * dom0 a few good answers too.
 */
#include "abi/domctl.h"
#include "abi/physdev.h"
#include "abi/platform.h"
#include "abi/sysctl.h"
#include "abi/xen.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/test.h"

#define UNMAPPED 0x0000200000000000UL

enum { NO_DOM = 77 };

static struct xen_domctl domctl;
static struct xen_sysctl sysctl;
static struct xen_platform_op platform;

static long call_domctl(unsigned int cmd, unsigned int dom)
{
    domctl.cmd = cmd;
    domctl.domain = dom;
    domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return hypercall(__HYPERVISOR_domctl, (unsigned long)&domctl, 0, 0, 0, 0);
}

static long call_sysctl(unsigned int cmd)
{
    sysctl.cmd = cmd;
    sysctl.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hypercall(__HYPERVISOR_sysctl, (unsigned long)&sysctl, 0, 0, 0, 0);
}

static long call_platform(unsigned int cmd)
{
    platform.cmd = cmd;
    platform.interface_version = XENPF_INTERFACE_VERSION;
    return hypercall(__HYPERVISOR_platform_op, (unsigned long)&platform, 0, 0, 0, 0);
}

static void test_unprivileged(void)
{
    struct physdev_map_pirq map = { .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI };
    struct physdev_setup_gsi gsi = { .gsi = 4 };

    EXPECT(call_domctl(XEN_DOMCTL_getdomaininfo, 0) < 0);
    EXPECT(call_domctl(XEN_DOMCTL_createdomain, 0) < 0);
    EXPECT(call_domctl(XEN_DOMCTL_destroydomain, 0) < 0);
    EXPECT(call_domctl(XEN_DOMCTL_pausedomain, 0) < 0);
    EXPECT_EQ(call_sysctl(XEN_SYSCTL_physinfo), -EPERM);
    EXPECT_EQ(call_sysctl(XEN_SYSCTL_debug_keys), -EPERM);
    EXPECT_EQ(call_platform(XENPF_settime64), -EPERM);
    EXPECT_EQ(call_platform(XENPF_firmware_info), -EPERM);
    EXPECT(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map) < 0);
    EXPECT(hypercall_physdev_op(PHYSDEVOP_setup_gsi, &gsi) < 0);
}

static void test_domctl(void)
{
    EXPECT_EQ(call_domctl(XEN_DOMCTL_getdomaininfo, 0), 0);
    EXPECT_EQ(domctl.u.getdomaininfo.domain, 0);
    EXPECT(domctl.u.getdomaininfo.tot_pages >= start_info->nr_pages);
    EXPECT_EQ(domctl.u.getdomaininfo.max_vcpu_id + 1 >= 1, 1);
    EXPECT(domctl.u.getdomaininfo.flags & XEN_DOMINF_running);
    EXPECT_EQ(call_domctl(XEN_DOMCTL_getdomaininfo, NO_DOM), -ESRCH);
    EXPECT_EQ(call_domctl(XEN_DOMCTL_pausedomain, NO_DOM), -ESRCH);
    EXPECT_EQ(call_domctl(XEN_DOMCTL_destroydomain, NO_DOM), -ESRCH);
    EXPECT_EQ(call_domctl(XEN_DOMCTL_max_mem, NO_DOM), -ESRCH);
    EXPECT_EQ(call_domctl(XEN_DOMCTL_getvcpuinfo, NO_DOM), -ESRCH);
    EXPECT_EQ(call_domctl(XEN_DOMCTL_pausedomain, 0), -EINVAL); /* nobody pauses himself */
    EXPECT_EQ(call_domctl(XEN_DOMCTL_destroydomain, 0), -EINVAL);
    EXPECT_EQ(call_domctl(9999, 0), -ENOSYS);
    domctl.u.vcpucontext.vcpu = 500;
    EXPECT(call_domctl(XEN_DOMCTL_getvcpucontext, 0) < 0);
    domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION - 1;
    EXPECT_EQ(hypercall(__HYPERVISOR_domctl, (unsigned long)&domctl, 0, 0, 0, 0), -EACCES);
    EXPECT_EQ(hypercall(__HYPERVISOR_domctl, UNMAPPED, 0, 0, 0, 0), -EFAULT);
    EXPECT_EQ(hypercall(__HYPERVISOR_domctl, HYPERVISOR_VIRT_START, 0, 0, 0, 0), -EFAULT);
}

/*
 * A domain is born, has a vcpu and memory, and ends; twice with the same id, so that nothing is
 * left.
 */
static void test_life(void)
{
    for (unsigned int round = 0; round < 2; round++) {
        domctl = (struct xen_domctl){ 0 };
        domctl.u.createdomain.max_vcpus = 1;
        domctl.u.createdomain.max_evtchn_port = 63;
        domctl.u.createdomain.max_grant_frames = 4;
        domctl.u.createdomain.max_maptrack_frames = 4;
        domctl.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
        EXPECT_EQ(call_domctl(XEN_DOMCTL_createdomain, NO_DOM), 0);
        EXPECT_EQ(domctl.domain, NO_DOM);
        EXPECT_EQ(call_domctl(XEN_DOMCTL_createdomain, NO_DOM), -EEXIST);
        domctl.u.max_mem.max_memkb = 4096;
        EXPECT_EQ(call_domctl(XEN_DOMCTL_max_mem, NO_DOM), 0);
        EXPECT_EQ(call_domctl(XEN_DOMCTL_getdomaininfo, NO_DOM), 0);
        EXPECT_EQ(domctl.u.getdomaininfo.domain, NO_DOM);
        /* Tools walk all domains this way: an id that is not there gives the next one. */
        EXPECT_EQ(call_domctl(XEN_DOMCTL_getdomaininfo, NO_DOM - 20), 0);
        EXPECT_EQ(domctl.domain, NO_DOM);
        EXPECT_EQ(domctl.u.getdomaininfo.domain, NO_DOM);
        EXPECT_EQ(call_domctl(XEN_DOMCTL_destroydomain, NO_DOM), 0);
        for (unsigned int i = 0;
             i < 1000 && call_domctl(XEN_DOMCTL_getdomaininfo, NO_DOM) == 0 &&
             domctl.domain == NO_DOM;
             i++) {
            hypercall(__HYPERVISOR_sched_op, 0, 0, 0, 0, 0);
        }
        EXPECT_EQ(call_domctl(XEN_DOMCTL_pausedomain, NO_DOM), -ESRCH);
    }
}

static void test_create_refused(void)
{
    domctl = (struct xen_domctl){ 0 };
    domctl.u.createdomain.max_vcpus = 0;
    EXPECT(call_domctl(XEN_DOMCTL_createdomain, NO_DOM) < 0);
    domctl.u.createdomain.max_vcpus = ~0U;
    EXPECT(call_domctl(XEN_DOMCTL_createdomain, NO_DOM) < 0);
    domctl.u.createdomain.max_vcpus = 1;
    domctl.u.createdomain.flags = ~0U;
    EXPECT(call_domctl(XEN_DOMCTL_createdomain, NO_DOM) < 0);
    EXPECT_EQ(call_domctl(XEN_DOMCTL_pausedomain, NO_DOM), -ESRCH);
}

static void test_sysctl(void)
{
    EXPECT_EQ(call_sysctl(XEN_SYSCTL_physinfo), 0);
    EXPECT(sysctl.u.physinfo.nr_cpus >= 1 && sysctl.u.physinfo.total_pages > 1024);
    EXPECT_EQ(call_sysctl(9999), -ENOSYS);
    sysctl.interface_version = 1;
    EXPECT_EQ(hypercall(__HYPERVISOR_sysctl, (unsigned long)&sysctl, 0, 0, 0, 0), -EACCES);
    EXPECT_EQ(hypercall(__HYPERVISOR_sysctl, UNMAPPED, 0, 0, 0, 0), -EFAULT);
    sysctl.u.getdomaininfolist.first_domain = 0;
    sysctl.u.getdomaininfolist.max_domains = 10;
    set_xen_guest_handle(sysctl.u.getdomaininfolist.buffer, (void *)UNMAPPED);
    EXPECT_EQ(call_sysctl(XEN_SYSCTL_getdomaininfolist), -EFAULT);
}

static void test_platform(void)
{
    EXPECT_EQ(call_platform(9999), -ENOSYS);
    platform.interface_version = 1;
    EXPECT_EQ(hypercall(__HYPERVISOR_platform_op, (unsigned long)&platform, 0, 0, 0, 0),
              -EACCES);
    EXPECT_EQ(hypercall(__HYPERVISOR_platform_op, UNMAPPED, 0, 0, 0, 0), -EFAULT);
    platform.u.pcpu_info.xen_cpuid = 0;
    EXPECT_EQ(call_platform(XENPF_get_cpuinfo), 0);
    EXPECT(platform.u.pcpu_info.flags & XEN_PCPU_FLAGS_ONLINE);
    platform.u.pcpu_info.xen_cpuid = 100000;
    call_platform(XENPF_get_cpuinfo);
}

static void test_physdev(void)
{
    struct physdev_map_pirq map = { .domid = NO_DOM, .type = MAP_PIRQ_TYPE_GSI };
    struct physdev_unmap_pirq unmap = { .domid = DOMID_SELF, .pirq = 100000 };
    struct physdev_irq_status_query query = { .irq = 100000 };
    struct physdev_eoi eoi = { .irq = 100000 };

    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), -ESRCH);
    map = (struct physdev_map_pirq){
        .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = 100000, .pirq = -1
    };
    EXPECT(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map) < 0);
    map = (struct physdev_map_pirq){ .domid = DOMID_SELF, .type = 99, .pirq = -1 };
    EXPECT(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map) < 0);
    EXPECT(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap) < 0);
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_irq_status_query, &query), -EINVAL);
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_eoi, &eoi), -EINVAL);
}

void test_main(void)
{
    if (!start_is_dom0()) {
        test_unprivileged();
        return;
    }
    test_domctl();
    test_create_refused();
    test_life();
    test_sysctl();
    test_platform();
    test_physdev();
}
