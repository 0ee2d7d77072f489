/* SPDX-License-Identifier: MIT */
/*
 * Questions about the machine: each sysctl, hypfs and platform_op that answers, with a good answer looked at
 * and with a bad pointer, a number out of range and a buffer that is too small. As a guest: no right to any.
 * What one hypervisor offers and another refuses is tested only for being answered.
 */
#include "abi/hypfs.h"
#include "abi/platform.h"
#include "abi/sysctl.h"
#include "abi/xen.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"

#define UNMAPPED 0x0000200000000000UL

enum { MANY = 64, NO_CPU = 100000, NO_POOL = 1000 };

static struct xen_sysctl op;
static char text[4096];

static long call(unsigned int cmd)
{
    op.cmd = cmd;
    op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hypercall(__HYPERVISOR_sysctl, (unsigned long)&op, 0, 0, 0, 0);
}

static void clear(void)
{
    memset(&op, 0, sizeof(op));
}

static void test_unprivileged(void)
{
    clear();
    for (unsigned int cmd = 0; cmd < 40; cmd++) {
        EXPECT_EQ(call(cmd), -EPERM);
    }
}

/* ---- The machine ---------------------------------------------------------------------------- */

static void test_physinfo(void)
{
    struct xen_sysctl_physinfo *info = &op.u.physinfo;

    clear();
    EXPECT_EQ(call(XEN_SYSCTL_physinfo), 0);
    EXPECT(info->nr_cpus >= 1 && info->max_cpu_id + 1 >= info->nr_cpus);
    EXPECT(info->threads_per_core >= 1 && info->cores_per_socket >= 1);
    EXPECT(info->nr_nodes >= 1 && info->max_node_id + 1 >= info->nr_nodes);
    EXPECT(info->free_pages < info->total_pages && info->cpu_khz > 1000);
    EXPECT(info->capabilities & XEN_SYSCTL_PHYSCAP_pv);
}

static void test_topology(void)
{
    static struct xen_sysctl_cputopo cpus[MANY];
    static struct xen_sysctl_meminfo nodes[MANY];
    static uint32_t distances[MANY * MANY];

    clear();
    EXPECT_EQ(call(XEN_SYSCTL_cputopoinfo), 0); /* without a buffer: how many */
    EXPECT(op.u.cputopoinfo.num_cpus >= 1 && op.u.cputopoinfo.num_cpus <= MANY);
    set_xen_guest_handle(op.u.cputopoinfo.cputopo, cpus);
    EXPECT_EQ(call(XEN_SYSCTL_cputopoinfo), 0);
    EXPECT(cpus[0].core != XEN_INVALID_CORE_ID && cpus[0].node != XEN_INVALID_NODE_ID);
    set_xen_guest_handle(op.u.cputopoinfo.cputopo, (void *)UNMAPPED);
    EXPECT_EQ(call(XEN_SYSCTL_cputopoinfo), -EFAULT);

    clear();
    EXPECT_EQ(call(XEN_SYSCTL_numainfo), 0);
    EXPECT(op.u.numainfo.num_nodes >= 1 && op.u.numainfo.num_nodes <= MANY);
    set_xen_guest_handle(op.u.numainfo.meminfo, nodes);
    set_xen_guest_handle(op.u.numainfo.distance, distances);
    EXPECT_EQ(call(XEN_SYSCTL_numainfo), 0);
    EXPECT(nodes[0].memsize > nodes[0].memfree && nodes[0].memfree > 0);
    EXPECT(distances[0] == 10);
    set_xen_guest_handle(op.u.numainfo.distance, (void *)UNMAPPED);
    EXPECT_EQ(call(XEN_SYSCTL_numainfo), -EFAULT);
    set_xen_guest_handle(op.u.numainfo.meminfo, (void *)UNMAPPED);
    EXPECT_EQ(call(XEN_SYSCTL_numainfo), -EFAULT);

    clear();
    EXPECT_EQ(call(XEN_SYSCTL_pcitopoinfo), -EINVAL);
}

static void test_cpuinfo(void)
{
    static struct xen_sysctl_cpuinfo cpus[MANY];

    clear();
    op.u.getcpuinfo.max_cpus = MANY;
    set_xen_guest_handle(op.u.getcpuinfo.info, cpus);
    EXPECT_EQ(call(XEN_SYSCTL_getcpuinfo), 0);
    EXPECT(op.u.getcpuinfo.nr_cpus >= 1 && op.u.getcpuinfo.nr_cpus <= MANY);
    op.u.getcpuinfo.max_cpus = MANY;
    set_xen_guest_handle(op.u.getcpuinfo.info, (void *)UNMAPPED);
    EXPECT_EQ(call(XEN_SYSCTL_getcpuinfo), -EFAULT);
}

static void test_availheap(void)
{
    uint64_t all;

    clear();
    op.u.availheap.node = -1;
    EXPECT_EQ(call(XEN_SYSCTL_availheap), 0);
    all = op.u.availheap.avail_bytes;
    EXPECT(all > 0);
    op.u.availheap.node = 0;
    op.u.availheap.max_bitwidth = 24;
    EXPECT_EQ(call(XEN_SYSCTL_availheap), 0);
    EXPECT(op.u.availheap.avail_bytes <= 1UL << 24 && op.u.availheap.avail_bytes < all);
}

static void test_features(void)
{
    static uint32_t words[MANY];
    uint32_t count;

    clear();
    op.u.cpu_featureset.index = XEN_SYSCTL_cpu_featureset_host;
    EXPECT_EQ(call(XEN_SYSCTL_get_cpu_featureset), 0);
    count = op.u.cpu_featureset.nr_features;
    EXPECT(count > 4 && count <= MANY);
    set_xen_guest_handle(op.u.cpu_featureset.features, words);
    EXPECT_EQ(call(XEN_SYSCTL_get_cpu_featureset), 0);
    EXPECT(words[0] & 1); /* an FPU */
    op.u.cpu_featureset.nr_features = 1;
    EXPECT_EQ(call(XEN_SYSCTL_get_cpu_featureset), -ENOBUFS);
    op.u.cpu_featureset.nr_features = count;
    set_xen_guest_handle(op.u.cpu_featureset.features, (void *)UNMAPPED);
    EXPECT_EQ(call(XEN_SYSCTL_get_cpu_featureset), -EFAULT);
    op.u.cpu_featureset.index = 99;
    EXPECT_EQ(call(XEN_SYSCTL_get_cpu_featureset), -EINVAL);
    clear();
    EXPECT_EQ(call(XEN_SYSCTL_get_cpu_levelling_caps), 0);
}

static void test_policies(void)
{
    clear();
    op.u.cpu_policy.index = XEN_SYSCTL_cpu_policy_pv_default;
    EXPECT_EQ(call(XEN_SYSCTL_get_cpu_policy), 0);
    EXPECT(op.u.cpu_policy.nr_leaves > 4 && op.u.cpu_policy.nr_msrs >= 1);
    op.u.cpu_policy.nr_leaves = 1;
    set_xen_guest_handle(op.u.cpu_policy.leaves, (void *)text);
    EXPECT_EQ(call(XEN_SYSCTL_get_cpu_policy), -ENOBUFS);
    op.u.cpu_policy.nr_leaves = 1000;
    set_xen_guest_handle(op.u.cpu_policy.leaves, (void *)UNMAPPED);
    EXPECT_EQ(call(XEN_SYSCTL_get_cpu_policy), -EFAULT);
    clear();
    op.u.cpu_policy.index = 99;
    EXPECT_EQ(call(XEN_SYSCTL_get_cpu_policy), -EINVAL);
}

static void test_power(void)
{
    clear();
    op.u.get_pmstat.cpuid = NO_CPU;
    EXPECT_EQ(call(XEN_SYSCTL_get_pmstat), -EINVAL);
    clear();
    op.u.pm_op.cpuid = NO_CPU;
    EXPECT_EQ(call(XEN_SYSCTL_pm_op), -EINVAL);
    clear();
    op.u.pm_op.cmd = XEN_SYSCTL_pm_op_get_max_cstate;
    EXPECT_EQ(call(XEN_SYSCTL_pm_op), 0);
    clear();
    op.u.cpu_hotplug.cpu = NO_CPU;
    op.u.cpu_hotplug.op = XEN_SYSCTL_CPU_HOTPLUG_OFFLINE;
    EXPECT_EQ(call(XEN_SYSCTL_cpu_hotplug), -EINVAL);
}

/* ---- Scheduler and pools -------------------------------------------------------------------- */

static void test_scheduler(void)
{
    clear();
    EXPECT_EQ(call(XEN_SYSCTL_sched_id), 0);
    EXPECT_EQ(op.u.sched_id.sched_id, XEN_SCHEDULER_CREDIT2);
    clear();
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_getinfo;
    EXPECT_EQ(call(XEN_SYSCTL_scheduler_op), 0);
    EXPECT(op.u.scheduler_op.u.sched_credit2.ratelimit_us > 0);
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_RTDS;
    EXPECT_EQ(call(XEN_SYSCTL_scheduler_op), -EINVAL);
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cpupool_id = NO_POOL;
    EXPECT_EQ(call(XEN_SYSCTL_scheduler_op), -ESRCH);
    op.u.scheduler_op.cpupool_id = 0;
    op.u.scheduler_op.cmd = 99;
    EXPECT_EQ(call(XEN_SYSCTL_scheduler_op), -EINVAL);
}

static long pool(unsigned int what, unsigned int id, unsigned int domid, unsigned int cpu)
{
    clear();
    op.u.cpupool_op.op = what;
    op.u.cpupool_op.cpupool_id = id;
    op.u.cpupool_op.domid = domid;
    op.u.cpupool_op.cpu = cpu;
    return call(XEN_SYSCTL_cpupool_op);
}

static void test_pools(void)
{
    EXPECT_EQ(pool(XEN_SYSCTL_CPUPOOL_OP_INFO, 0, 0, 0), 0);
    EXPECT_EQ(op.u.cpupool_op.n_dom, 1);
    EXPECT_EQ(op.u.cpupool_op.sched_id, XEN_SCHEDULER_CREDIT2);
    EXPECT_EQ(pool(XEN_SYSCTL_CPUPOOL_OP_INFO, 1, 0, 0), -ENOENT);
    EXPECT_EQ(pool(XEN_SYSCTL_CPUPOOL_OP_CREATE, 0, 0, 0), -EEXIST);
    EXPECT_EQ(pool(XEN_SYSCTL_CPUPOOL_OP_DESTROY, 0, 0, 0), -EBUSY);
    EXPECT_EQ(pool(XEN_SYSCTL_CPUPOOL_OP_DESTROY, NO_POOL, 0, 0), -ENOENT);
    EXPECT_EQ(pool(XEN_SYSCTL_CPUPOOL_OP_ADDCPU, 0, 0, NO_CPU), -EINVAL);
    EXPECT_EQ(pool(XEN_SYSCTL_CPUPOOL_OP_RMCPU, 0, 0, NO_CPU), -EINVAL);
    EXPECT_EQ(pool(XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 0, 0, 0), -EPERM);
    EXPECT_EQ(pool(XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 0, 77, 0), -ESRCH);
    EXPECT_EQ(pool(XEN_SYSCTL_CPUPOOL_OP_FREEINFO, 0, 0, 0), 0);
    EXPECT_EQ(pool(99, 0, 0, 0), -ENOSYS);
}

/* ---- Domains and the log -------------------------------------------------------------------- */

static void test_domains(void)
{
    static struct xen_domctl_getdomaininfo infos[4];

    clear();
    op.u.getdomaininfolist.max_domains = 4;
    set_xen_guest_handle(op.u.getdomaininfolist.buffer, infos);
    EXPECT_EQ(call(XEN_SYSCTL_getdomaininfolist), 0);
    EXPECT_EQ(op.u.getdomaininfolist.num_domains, 1);
    EXPECT_EQ(infos[0].domain, 0);
    op.u.getdomaininfolist.first_domain = 1;
    EXPECT_EQ(call(XEN_SYSCTL_getdomaininfolist), 0);
    EXPECT_EQ(op.u.getdomaininfolist.num_domains, 0);
    op.u.getdomaininfolist.first_domain = 0;
    set_xen_guest_handle(op.u.getdomaininfolist.buffer, (void *)UNMAPPED);
    EXPECT_EQ(call(XEN_SYSCTL_getdomaininfolist), -EFAULT);
}

static long read_log(void *to, unsigned int size)
{
    clear();
    op.u.readconsole.count = size;
    set_xen_guest_handle(op.u.readconsole.buffer, to);
    return call(XEN_SYSCTL_readconsole);
}

static void test_log(void)
{
    EXPECT_EQ(read_log(text, sizeof(text)), 0);
    EXPECT(op.u.readconsole.count > 100 && op.u.readconsole.count <= sizeof(text));
    EXPECT_EQ(read_log((void *)UNMAPPED, 100), -EFAULT);
    EXPECT_EQ(read_log((void *)HYPERVISOR_VIRT_START, 100), -EFAULT);
    clear();
    op.u.debug_keys.nr_keys = 2;
    set_xen_guest_handle(op.u.debug_keys.keys, (void *)UNMAPPED);
    EXPECT_EQ(call(XEN_SYSCTL_debug_keys), -EFAULT);
    set_xen_guest_handle(op.u.debug_keys.keys, (char *)"9");
    op.u.debug_keys.nr_keys = 1;
    EXPECT_EQ(call(XEN_SYSCTL_debug_keys), 0);
}

/* ---- hypfs ---------------------------------------------------------------------------------- */

static long hypfs(unsigned int cmd, const char *path, const void *buf, unsigned long size)
{
    return hypercall(__HYPERVISOR_hypfs_op, cmd, (unsigned long)path, strlen(path) + 1,
                     (unsigned long)buf, size);
}

static void test_hypfs(void)
{
    struct xen_hypfs_direntry *entry = (void *)text;
    const char *changeset = "/buildinfo/changeset";
    const char *level = "/params/guest_loglvl";

    EXPECT_EQ(hypercall(__HYPERVISOR_hypfs_op, XEN_HYPFS_OP_get_version, 0, 0, 0, 0), 1);
    EXPECT_EQ(hypfs(XEN_HYPFS_OP_read, "/", text, sizeof(text)), 0);
    EXPECT_EQ(entry->type, XEN_HYPFS_TYPE_DIR);
    EXPECT_EQ(hypfs(XEN_HYPFS_OP_read, changeset, text, sizeof(text)), 0);
    EXPECT_EQ(entry->type, XEN_HYPFS_TYPE_STRING);
    EXPECT_EQ(hypfs(XEN_HYPFS_OP_read, "/buildinfo/version/major", text, sizeof(text)), 0);
    EXPECT(entry->type == XEN_HYPFS_TYPE_UINT && text[sizeof(*entry)] == 4);
    EXPECT_EQ(hypfs(XEN_HYPFS_OP_read, changeset, text, 2), -EINVAL);
    EXPECT_EQ(hypfs(XEN_HYPFS_OP_read, changeset, text, sizeof(*entry)), -ENOBUFS);
    EXPECT_EQ(hypfs(XEN_HYPFS_OP_read, changeset, (void *)UNMAPPED, 100), -EFAULT);
    EXPECT_EQ(hypfs(XEN_HYPFS_OP_read, "/nothing", text, sizeof(text)), -ENOENT);
    EXPECT_EQ(hypfs(XEN_HYPFS_OP_read, "buildinfo", text, sizeof(text)), -EINVAL);
    EXPECT_EQ(hypercall(__HYPERVISOR_hypfs_op, XEN_HYPFS_OP_read, UNMAPPED, 5, (unsigned long)text, 9),
              -EFAULT);
    EXPECT_EQ(hypercall(__HYPERVISOR_hypfs_op, XEN_HYPFS_OP_read, (unsigned long)"/", 0, 0, 0), -EINVAL);
    EXPECT_EQ(hypfs(XEN_HYPFS_OP_write_contents, changeset, "x", 2), -EACCES);
    EXPECT_EQ(hypfs(XEN_HYPFS_OP_write_contents, level, "all", 4), 0);
    EXPECT(hypfs(XEN_HYPFS_OP_write_contents, level, "bogus", 6) < 0);
    EXPECT(hypfs(XEN_HYPFS_OP_write_contents, level, "all", 3) < 0); /* not terminated */
    EXPECT(hypfs(XEN_HYPFS_OP_write_contents, level, (void *)UNMAPPED, 4) < 0);
    EXPECT(hypfs(XEN_HYPFS_OP_write_contents, level, text, 1UL << 40) < 0);
    EXPECT(hypfs(99, "/", text, sizeof(text)) < 0);
}

/* ---- platform_op ---------------------------------------------------------------------------- */

static struct xen_platform_op platform;

static long call_platform(unsigned int cmd)
{
    platform.cmd = cmd;
    platform.interface_version = XENPF_INTERFACE_VERSION;
    return hypercall(__HYPERVISOR_platform_op, (unsigned long)&platform, 0, 0, 0, 0);
}

static long firmware(unsigned int type, unsigned int index)
{
    memset(&platform, 0, sizeof(platform));
    platform.u.firmware_info.type = type;
    platform.u.firmware_info.index = index;
    return call_platform(XENPF_firmware_info);
}

static void test_platform(void)
{
    memset(&platform, 0, sizeof(platform));
    EXPECT_EQ(call_platform(XENPF_get_cpu_version), 0);
    EXPECT(platform.u.pcpu_version.vendor_id[0] != 0);
    platform.u.pcpu_version.xen_cpuid = 9999;
    call_platform(XENPF_get_cpu_version);
    EXPECT_EQ(platform.u.pcpu_version.vendor_id[0], 0);
    EXPECT_EQ(firmware(99, 0), -EINVAL);
    EXPECT(firmware(XEN_FW_DISK_INFO, 200) < 0);
    EXPECT(firmware(XEN_FW_DISK_MBR_SIGNATURE, 200) < 0);
    EXPECT_EQ(firmware(XEN_FW_KBD_SHIFT_FLAGS, 0), 0);
    EXPECT(firmware(XEN_FW_KBD_SHIFT_FLAGS, 1) < 0);
    memset(&platform, 0, sizeof(platform));
    platform.u.cpu_ol.cpuid = 9999;
    EXPECT_EQ(call_platform(XENPF_cpu_online), -EINVAL);
    EXPECT_EQ(call_platform(XENPF_cpu_offline), -EINVAL);
    platform.u.cpu_ol.cpuid = 0;
    EXPECT(call_platform(XENPF_cpu_offline) < 0); /* the boot CPU stays */
    memset(&platform, 0, sizeof(platform));
    platform.u.core_parking.type = 99;
    EXPECT_EQ(call_platform(XENPF_core_parking), -EINVAL);
    memset(&platform, 0, sizeof(platform));
    platform.u.settime64.mbz = 1;
    EXPECT_EQ(call_platform(XENPF_settime64), -EINVAL);
    memset(&platform, 0, sizeof(platform));
    platform.u.platform_quirk.quirk_id = 99;
    EXPECT_EQ(call_platform(XENPF_platform_quirk), -EINVAL);
}

void test_main(void)
{
    if (!start_is_dom0()) {
        test_unprivileged();
        return;
    }
    test_physinfo();
    test_topology();
    test_cpuinfo();
    test_availheap();
    test_features();
    test_policies();
    test_power();
    test_scheduler();
    test_pools();
    test_domains();
    test_log();
    test_hypfs();
    test_platform();
}
