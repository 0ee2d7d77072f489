/* SPDX-License-Identifier: MIT */
/* Sysctls about the machine: its size, topology, log, free memory, CPUs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ctrl/internal.h"

int ctrl_physinfo(struct ctrl *c, struct xen_sysctl_physinfo *info)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo };
    int rc = ctrl_sysctl(c, &op);
    if (rc == 0) {
        *info = op.u.physinfo;
    }
    return rc;
}

static int read_ids(struct ctrl *c)
{
    struct xen_sysctl_physinfo info;
    int rc = ctrl_physinfo(c, &info);
    if (rc == 0) {
        c->cpu_ids = (int)info.max_cpu_id + 1;
        c->node_ids = (int)info.max_node_id + 1;
    }
    return rc;
}

int ctrl_cpu_ids(struct ctrl *c)
{
    int rc = c->cpu_ids ? 0 : read_ids(c);
    return rc < 0 ? rc : c->cpu_ids;
}

int ctrl_node_ids(struct ctrl *c)
{
    int rc = c->node_ids ? 0 : read_ids(c);
    return rc < 0 ? rc : c->node_ids;
}

int ctrl_sched_id(struct ctrl *c, uint32_t *sched_id)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_sched_id };
    int rc = ctrl_sysctl(c, &op);
    if (rc == 0) {
        *sched_id = op.u.sched_id.sched_id;
    }
    return rc;
}

int ctrl_read_console(struct ctrl *c, char *text, uint32_t *size, bool clear, bool incremental,
                      uint32_t *index)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_readconsole };
    struct bounce b = BOUNCE(text, *size, BOUNCE_OUT);
    int rc = bounce_begin(c, &b);
    if (rc == 0) {
        op.u.readconsole.clear = clear;
        op.u.readconsole.incremental = incremental;
        op.u.readconsole.index = incremental ? *index : 0;
        op.u.readconsole.count = *size;
        set_xen_guest_handle(op.u.readconsole.buffer, b.p);
        rc = ctrl_sysctl(c, &op);
    }
    bounce_end(c, &b, rc);
    if (rc == 0) {
        *size = op.u.readconsole.count < *size ? op.u.readconsole.count : *size;
        if (index) {
            *index = op.u.readconsole.index;
        }
    }
    return rc;
}

int ctrl_debug_keys(struct ctrl *c, const char *keys)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_debug_keys };
    struct bounce b = BOUNCE(keys, strlen(keys), BOUNCE_IN);
    int rc = bounce_begin(c, &b);
    if (rc == 0) {
        set_xen_guest_handle(op.u.debug_keys.keys, b.p);
        op.u.debug_keys.nr_keys = strlen(keys);
        rc = ctrl_sysctl(c, &op);
    }
    bounce_end(c, &b, rc);
    return rc;
}

int ctrl_cpu_topology(struct ctrl *c, struct xen_sysctl_cputopo *topology, unsigned int *count)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_cputopoinfo };
    struct bounce b = BOUNCE(topology, topology ? *count * sizeof(*topology) : 0, BOUNCE_OUT);
    int rc = bounce_begin(c, &b);
    if (rc == 0) {
        op.u.cputopoinfo.num_cpus = topology ? *count : 0;
        set_xen_guest_handle(op.u.cputopoinfo.cputopo, b.p);
        rc = ctrl_sysctl(c, &op);
    }
    bounce_end(c, &b, rc);
    if (rc == 0) {
        *count = op.u.cputopoinfo.num_cpus;
    }
    return rc;
}

int ctrl_numa_info(struct ctrl *c, struct xen_sysctl_meminfo *memory, uint32_t *distance, unsigned int *nodes)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_numainfo };
    size_t room = memory || distance ? *nodes : 0;
    struct bounce m = BOUNCE(memory, room * sizeof(*memory), BOUNCE_OUT);
    struct bounce d = BOUNCE(distance, room * room * sizeof(*distance), BOUNCE_OUT);
    int rc = bounce_begin(c, &m);
    int rc2 = bounce_begin(c, &d);
    rc = rc < 0 ? rc : rc2;
    if (rc == 0) {
        op.u.numainfo.num_nodes = room;
        set_xen_guest_handle(op.u.numainfo.meminfo, m.p);
        set_xen_guest_handle(op.u.numainfo.distance, d.p);
        rc = ctrl_sysctl(c, &op);
    }
    bounce_end(c, &d, rc);
    bounce_end(c, &m, rc);
    if (rc == 0) {
        *nodes = op.u.numainfo.num_nodes;
    }
    return rc;
}

int ctrl_pci_nodes(struct ctrl *c, const struct physdev_pci_device *devices, uint32_t *nodes,
                   unsigned int count)
{
    struct bounce d = BOUNCE(devices, count * sizeof(*devices), BOUNCE_IN);
    struct bounce n = BOUNCE(nodes, count * sizeof(*nodes), BOUNCE_OUT);
    int rc = bounce_begin(c, &d);
    int rc2 = bounce_begin(c, &n);
    rc = rc < 0 ? rc : rc2;
    /* The hypervisor may do only some of them at a time. */
    for (unsigned int done = 0; rc == 0 && done < count;) {
        struct xen_sysctl op = { .cmd = XEN_SYSCTL_pcitopoinfo };
        op.u.pcitopoinfo.num_devs = count - done;
        set_xen_guest_handle(op.u.pcitopoinfo.devs, (struct physdev_pci_device *)d.p + done);
        set_xen_guest_handle(op.u.pcitopoinfo.nodes, (uint32_t *)n.p + done);
        rc = ctrl_sysctl(c, &op);
        if (rc == 0 && op.u.pcitopoinfo.num_devs == 0) {
            rc = -EIO;
        }
        done += op.u.pcitopoinfo.num_devs;
    }
    bounce_end(c, &n, rc);
    bounce_end(c, &d, rc);
    return rc;
}

int ctrl_cpu_idle_times(struct ctrl *c, struct xen_sysctl_cpuinfo *info, unsigned int max)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_getcpuinfo };
    struct bounce b = BOUNCE(info, max * sizeof(*info), BOUNCE_OUT);
    int rc = bounce_begin(c, &b);
    if (rc == 0) {
        op.u.getcpuinfo.max_cpus = max;
        set_xen_guest_handle(op.u.getcpuinfo.info, b.p);
        rc = ctrl_sysctl(c, &op);
    }
    bounce_end(c, &b, rc);
    return rc < 0 ? rc : (int)op.u.getcpuinfo.nr_cpus;
}

int ctrl_avail_heap(struct ctrl *c, unsigned int min_bits, unsigned int max_bits, int node, uint64_t *bytes)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_availheap };
    op.u.availheap.min_bitwidth = min_bits;
    op.u.availheap.max_bitwidth = max_bits;
    op.u.availheap.node = node;
    int rc = ctrl_sysctl(c, &op);
    if (rc == 0) {
        *bytes = op.u.availheap.avail_bytes;
    }
    return rc;
}

int ctrl_cpu_online(struct ctrl *c, uint32_t cpu, bool online)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_cpu_hotplug };
    op.u.cpu_hotplug.cpu = cpu;
    op.u.cpu_hotplug.op = online ? XEN_SYSCTL_CPU_HOTPLUG_ONLINE : XEN_SYSCTL_CPU_HOTPLUG_OFFLINE;
    return ctrl_sysctl(c, &op);
}

static long sharing(struct ctrl *c, unsigned int cmd)
{
    long rc = ctrl_memory_op(c, cmd, NULL, 0);
    return rc == -ENOSYS || rc == -EOPNOTSUPP ? 0 : rc;
}

long ctrl_sharing_freed_pages(struct ctrl *c)
{
    return sharing(c, XENMEM_get_sharing_freed_pages);
}

long ctrl_sharing_used_pages(struct ctrl *c)
{
    return sharing(c, XENMEM_get_sharing_shared_pages);
}
