/* SPDX-License-Identifier: MIT */
/*
 * The sysctl hypercall: questions about, and settings of, the machine as a whole. A table with a row for
 * each operation; what all share is in do_sysctl(): copy in, interface version, permission, one at a
 * time, copy back.
 *
 * A row without a handler is known and not offered; its error is in the row. Commands not listed go to
 * arch_sysctl(), whose last word is -ENOSYS.
 *
 * Lock: sysctl_lock (LOCK_DOMAIN_CONTROL); who finds it taken is run again later.
 */
#include "abi/sysctl.h"

#include "hv/base/printk.h"
#include "hv/calls/ctl_bitmap.h"
#include "hv/calls/hypercall.h"
#include "hv/core/arch_guest.h"
#include "hv/core/keyhandler.h"
#include "hv/core/rights.h"
#include "hv/core/sched.h"
#include "hv/lib/string.h"
#include "hv/mm/heap.h"
#include "hv/mm/page_alloc.h"

#define DEBUG_KEYS_MAX 1024U
#define PCI_NODES_STEP 64U

typedef int (*sysctl_fn)(struct xen_sysctl *op);

struct sysctl_row {
    sysctl_fn fn;
    int refusal;
    bool copy_back;
};

/* ---- Console, keys -------------------------------------------------------------------------- */

static int readconsole(struct xen_sysctl *op)
{
    struct xen_sysctl_readconsole *r = &op->u.readconsole;
    bool incremental = r->incremental != 0;
    uint32_t done = 0;
    char *page = heap_alloc_page();
    int rc = 0;

    if (page == NULL) {
        return -ENOMEM;
    }
    while (rc == 0 && done < r->count) {
        size_t n = printk_ring_read(page, MIN(PAGE_SIZE, r->count - done), &r->index, incremental,
                                    r->clear != 0);

        if (n == 0) {
            break;
        }
        rc = copy_to_guest(guest_ptr_at(guest_ptr(r->buffer), done, 1), page, n);
        done += (uint32_t)n;
        incremental = true;
    }
    heap_free_page(page);
    r->count = done;
    return rc;
}

static int debug_keys(struct xen_sysctl *op)
{
    const struct xen_sysctl_debug_keys *k = &op->u.debug_keys;

    for (uint32_t i = 0; i < MIN(k->nr_keys, DEBUG_KEYS_MAX); i++) {
        char key;

        if (copy_from_guest(&key, guest_ptr_at(guest_ptr(k->keys), i, 1), 1) != 0) {
            return -EFAULT;
        }
        keyhandler_press(key);
    }
    return 0;
}

/* ---- The machine ---------------------------------------------------------------------------- */

static unsigned int cpu_count(void)
{
    unsigned int last = 0;
    unsigned int cpu;

    cpumask_for_each(cpu, &arch_cpus_online) {
        last = cpu;
    }
    return last + 1;
}

static int physinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_physinfo *info = &op->u.physinfo;

    memset(info, 0, sizeof(*info));
    info->nr_cpus = bitmap_weight(arch_cpus_online.bits, MAX_CPUS);
    info->max_cpu_id = arch_cpus_possible - 1;
    info->nr_nodes = arch_node_count();
    info->max_node_id = info->nr_nodes - 1;
    info->cpu_khz = arch_clock_cpu_khz();
    info->total_pages = page_alloc_total_count();
    info->free_pages = page_alloc_free_count();
    info->scrub_pages = 0;
    info->outstanding_pages = page_alloc_claimed();
    info->max_mfn = frame_max - 1;
    info->capabilities = XEN_SYSCTL_PHYSCAP_gnttab_v1 | XEN_SYSCTL_PHYSCAP_gnttab_v2;
    arch_physinfo(info);
    return 0;
}

static int getcpuinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_getcpuinfo *g = &op->u.getcpuinfo;
    uint32_t count = MIN(g->max_cpus, cpu_count());

    for (uint32_t cpu = 0; cpu < count; cpu++) {
        struct xen_sysctl_cpuinfo info = { 0 };

        if (cpumask_test(&arch_cpus_online, cpu)) {
            struct vcpu_runstate_info idle;

            vcpu_runstate_get(sched_idle_vcpu[cpu], &idle);
            info.idletime = idle.time[RUNSTATE_running];
        }
        if (copy_to_guest(guest_ptr_at(guest_ptr(g->info), cpu, sizeof(info)), &info,
                          sizeof(info)) != 0) {
            return -EFAULT;
        }
    }
    g->nr_cpus = count;
    return 0;
}

/* With both a node and address widths in question, the smaller of the two answers. */
static int availheap(struct xen_sysctl *op)
{
    struct xen_sysctl_availheap *a = &op->u.availheap;
    uint64_t pages =
        page_alloc_free_in_zone(a->min_bitwidth, a->max_bitwidth != 0 ? a->max_bitwidth : 64);

    if (a->node >= 0) {
        pages = MIN(pages, page_alloc_free_on_node((unsigned int)a->node));
    }
    a->avail_bytes = pages << PAGE_SHIFT;
    return 0;
}

static int cputopoinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_cputopoinfo *t = &op->u.cputopoinfo;
    unsigned int cpus = cpu_count();
    bool count_only = guest_ptr_is_null(guest_ptr(t->cputopo));

    for (unsigned int cpu = 0; !count_only && cpu < MIN(t->num_cpus, cpus); cpu++) {
        struct xen_sysctl_cputopo one = { XEN_INVALID_CORE_ID, XEN_INVALID_SOCKET_ID,
                                          XEN_INVALID_NODE_ID };

        if (cpumask_test(&arch_cpus_online, cpu)) {
            arch_cpu_topology(cpu, &one.core, &one.socket, &one.node);
        }
        if (copy_to_guest(guest_ptr_at(guest_ptr(t->cputopo), cpu, sizeof(one)), &one,
                          sizeof(one)) != 0) {
            return -EFAULT;
        }
    }
    t->num_cpus = cpus;
    return 0;
}

/* The node's memory, then one row of the distances. */
static int write_node(const struct xen_sysctl_numainfo *n, unsigned int node, unsigned int nodes)
{
    struct xen_sysctl_meminfo mem = {
        .memsize = arch_node_span(node) << PAGE_SHIFT,
        .memfree = page_alloc_free_on_node(node) << PAGE_SHIFT,
    };
    int rc = 0;

    if (!guest_ptr_is_null(guest_ptr(n->meminfo))) {
        rc = copy_to_guest(guest_ptr_at(guest_ptr(n->meminfo), node, sizeof(mem)), &mem,
                           sizeof(mem));
    }
    for (unsigned int to = 0; rc == 0 && to < nodes && !guest_ptr_is_null(guest_ptr(n->distance));
         to++) {
        uint32_t distance = arch_node_distance(node, to);

        rc = copy_to_guest(guest_ptr_at(guest_ptr(n->distance), node * nodes + to,
                                        sizeof(distance)),
                           &distance, sizeof(distance));
    }
    return rc;
}

static int numainfo(struct xen_sysctl *op)
{
    struct xen_sysctl_numainfo *n = &op->u.numainfo;
    unsigned int nodes = arch_node_count();
    bool count_only =
        guest_ptr_is_null(guest_ptr(n->meminfo)) && guest_ptr_is_null(guest_ptr(n->distance));

    for (unsigned int node = 0; !count_only && node < MIN(n->num_nodes, nodes); node++) {
        int rc = write_node(n, node, MIN(n->num_nodes, nodes));

        if (rc != 0) {
            return rc;
        }
    }
    n->num_nodes = nodes;
    return 0;
}

/* Firmware tables that tie devices to nodes are not read: no device's node is known. */
static int pcitopoinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_pcitopoinfo *p = &op->u.pcitopoinfo;
    uint32_t count = MIN(p->num_devs, PCI_NODES_STEP);
    uint32_t node = XEN_INVALID_NODE_ID;

    if (guest_ptr_is_null(guest_ptr(p->devs)) || guest_ptr_is_null(guest_ptr(p->nodes))) {
        return -EINVAL;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (copy_to_guest(guest_ptr_at(guest_ptr(p->nodes), i, sizeof(node)), &node,
                          sizeof(node)) != 0) {
            return -EFAULT;
        }
    }
    p->num_devs = count;
    return 0;
}

/* ---- Domains -------------------------------------------------------------------------------- */

static int getdomaininfolist(struct xen_sysctl *op)
{
    struct xen_sysctl_getdomaininfolist *l = &op->u.getdomaininfolist;
    unsigned int next = l->first_domain;
    uint32_t count = 0;
    struct domain *d;
    int rc = 0;

    while (rc == 0 && count < l->max_domains && next < DOMID_FIRST_RESERVED &&
           (d = domain_get_from((domid_t)next)) != NULL) {
        struct xen_domctl_getdomaininfo info = { 0 };

        domain_get_info(d, &info);
        next = d->id + 1U;
        domain_put(d);
        rc = copy_to_guest(guest_ptr_at(guest_ptr(l->buffer), count, sizeof(info)), &info,
                           sizeof(info));
        count++;
    }
    l->num_domains = count;
    return rc;
}

/* ---- Scheduling and CPU pools --------------------------------------------------------------- */

static int sched_id(struct xen_sysctl *op)
{
    op->u.sched_id.sched_id = sched_policy()->id;
    return 0;
}

static int scheduler_op(struct xen_sysctl *op)
{
    return sched_adjust_global(&op->u.scheduler_op);
}

static uint32_t domain_count(void)
{
    unsigned int next = 0;
    uint32_t count = 0;
    struct domain *d;

    while (next < DOMID_FIRST_RESERVED && (d = domain_get_from((domid_t)next)) != NULL) {
        next = d->id + 1U;
        count++;
        domain_put(d);
    }
    return count;
}

/* Moving is to where the domain is already. */
static int pool_move(domid_t domid)
{
    struct domain *d = domain_get(domid);
    bool self = d == current_domain();

    if (d == NULL) {
        return -ESRCH;
    }
    domain_put(d);
    return self ? -EPERM : 0;
}

/* The CPU of an operation, which may be any. */
static bool pool_cpu_valid(const struct xen_sysctl_cpupool_op *p)
{
    return p->cpu == XEN_SYSCTL_CPUPOOL_PAR_ANY ||
           (p->cpu < MAX_CPUS && cpumask_test(&arch_cpus_online, p->cpu));
}

/* There is one pool, 0, that has all CPUs and all domains; INFO asks for the next pool from an id on. */
static int cpupool_op(struct xen_sysctl *op)
{
    struct xen_sysctl_cpupool_op *p = &op->u.cpupool_op;
    struct cpumask none = { { 0 } };
    bool exists = p->cpupool_id == 0;

    switch (p->op) {
    case XEN_SYSCTL_CPUPOOL_OP_INFO:
        if (!exists) {
            return -ENOENT;
        }
        p->sched_id = sched_policy()->id;
        p->n_dom = domain_count();
        return ctl_bitmap_write(&p->cpumap, arch_cpus_online.bits, arch_cpus_possible);
    case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
        return ctl_bitmap_write(&p->cpumap, none.bits, arch_cpus_possible);
    case XEN_SYSCTL_CPUPOOL_OP_CREATE:
        return exists ? -EEXIST : -EOPNOTSUPP;
    case XEN_SYSCTL_CPUPOOL_OP_DESTROY:
        return exists ? -EBUSY : -ENOENT;
    case XEN_SYSCTL_CPUPOOL_OP_RMCPU:
        return !exists ? -ENOENT : pool_cpu_valid(p) ? -EBUSY : -EINVAL;
    case XEN_SYSCTL_CPUPOOL_OP_ADDCPU:
        return !exists ? -ENOENT : pool_cpu_valid(p) ? -ENODEV : -EINVAL;
    case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
        return exists ? pool_move(p->domid) : -ENOENT;
    default:
        return -ENOSYS;
    }
}

/* ---- Power ---------------------------------------------------------------------------------- */

/* No C or P states are driven, and nobody is told any. */
static int get_pmstat(struct xen_sysctl *op)
{
    uint32_t cpu = op->u.get_pmstat.cpuid;

    return cpu < MAX_CPUS && cpumask_test(&arch_cpus_online, cpu) ? -ENODEV : -EINVAL;
}

/* Idle CPUs halt (C1) and go no deeper, so any limit but C0 is kept. */
static uint32_t max_cstate = XEN_SYSCTL_CX_UNLIMITED;

static int pm_op(struct xen_sysctl *op)
{
    struct xen_sysctl_pm_op *p = &op->u.pm_op;

    if (p->cpuid >= MAX_CPUS || !cpumask_test(&arch_cpus_online, p->cpuid)) {
        return -EINVAL;
    }
    if ((p->cmd & PM_PARA_CATEGORY_MASK) == CPUFREQ_PARA) {
        return -ENODEV;
    }
    if (p->cmd == XEN_SYSCTL_pm_op_get_max_cstate) {
        p->u.get_max_cstate = max_cstate;
        return 0;
    }
    if (p->cmd == XEN_SYSCTL_pm_op_set_max_cstate && p->u.set_max_cstate > 0) {
        max_cstate = p->u.set_max_cstate;
        return 0;
    }
    return -EOPNOTSUPP;
}

/* CPUs stay as they came up at boot. */
static int cpu_hotplug(struct xen_sysctl *op)
{
    return op->u.cpu_hotplug.cpu < arch_cpus_possible ? -EOPNOTSUPP : -EINVAL;
}

/* ---- Dispatch ------------------------------------------------------------------------------- */

static const struct sysctl_row rows[] = {
    [XEN_SYSCTL_readconsole] = { readconsole, 0, true },
    [XEN_SYSCTL_tbuf_op] = { NULL, -ENOSYS, false },
    [XEN_SYSCTL_physinfo] = { physinfo, 0, true },
    [XEN_SYSCTL_sched_id] = { sched_id, 0, true },
    [XEN_SYSCTL_getdomaininfolist] = { getdomaininfolist, 0, true },
    [XEN_SYSCTL_debug_keys] = { debug_keys, 0, false },
    [XEN_SYSCTL_getcpuinfo] = { getcpuinfo, 0, true },
    [XEN_SYSCTL_availheap] = { availheap, 0, true },
    [XEN_SYSCTL_get_pmstat] = { get_pmstat, 0, true },
    [XEN_SYSCTL_cpu_hotplug] = { cpu_hotplug, 0, false },
    [XEN_SYSCTL_pm_op] = { pm_op, 0, true },
    [XEN_SYSCTL_page_offline_op] = { NULL, -EOPNOTSUPP, false },
    [XEN_SYSCTL_cputopoinfo] = { cputopoinfo, 0, true },
    [XEN_SYSCTL_numainfo] = { numainfo, 0, true },
    [XEN_SYSCTL_cpupool_op] = { cpupool_op, 0, true },
    [XEN_SYSCTL_scheduler_op] = { scheduler_op, 0, true },
    [XEN_SYSCTL_coverage_op] = { NULL, -EOPNOTSUPP, false },
    [XEN_SYSCTL_pcitopoinfo] = { pcitopoinfo, 0, true },
    [XEN_SYSCTL_livepatch_op] = { NULL, -ENOSYS, false },
};

static struct spinlock sysctl_lock = SPINLOCK_INIT(LOCK_DOMAIN_CONTROL);

static int run(struct xen_sysctl *op, guest_ptr_t u_op, bool *copy_back)
{
    const struct sysctl_row *row = op->cmd < ARRAY_SIZE(rows) ? &rows[op->cmd] : NULL;

    if (row != NULL && row->fn != NULL) {
        *copy_back = row->copy_back;
        return row->fn(op);
    }
    *copy_back = false;
    if (row != NULL && row->refusal != 0) {
        return row->refusal;
    }
    return arch_sysctl(op, u_op, copy_back);
}

long do_sysctl(guest_ptr_t u_op)
{
    struct xen_sysctl op;
    bool copy_back;
    int rc;

    if (copy_from_guest(&op, u_op, sizeof(op)) != 0) {
        return -EFAULT;
    }
    if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION) {
        return -EACCES;
    }
    if (!rights_is_control(current_domain())) {
        return -EPERM;
    }
    if (!spin_trylock(&sysctl_lock)) {
        return hypercall_continue(__HYPERVISOR_sysctl, 1, (unsigned long)u_op.va);
    }
    rc = run(&op, u_op, &copy_back);
    spin_unlock(&sysctl_lock);
    if (rc >= 0 && copy_back && copy_to_guest(u_op, &op, sizeof(op)) != 0) {
        rc = -EFAULT;
    }
    return rc;
}
