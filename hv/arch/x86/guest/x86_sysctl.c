/* SPDX-License-Identifier: MIT */
/*
 * Machine-wide control operations that only x86 has, and what x86 adds to the common ones: CPU topology
 * from the APIC identifiers, hardware capability words, CPU policies.
 */
#include "abi/sysctl.h"

#include "hv/arch/x86/cpu/e820.h"
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch/x86/cpu/smp.h"
#include "hv/arch/x86/guest/cpu_policy_calls.h"
#include "hv/arch/x86/guest/numa.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/core/arch_guest.h"

#define FEATURE_WORDS_MAX 32U
#define LEAF_FEATURES     1U
#define LEAF_TOPOLOGY     0xbU
#define TOPOLOGY_SMT      1U
#define TOPOLOGY_CORE     2U

/* How an APIC identifier splits: bits of the thread in its core, and of both in their socket. */
struct apic_id_split {
    unsigned int thread_bits;
    unsigned int socket_shift;
};

static unsigned int bits_for(unsigned int count)
{
    unsigned int bits = 0;

    while (count > 1U << bits) {
        bits++;
    }
    return bits;
}

/* Leaf 0xb tells the shifts; older CPUs tell only how many identifiers a socket has. */
static struct apic_id_split apic_id_split(void)
{
    struct apic_id_split split = { 0, 0 };
    uint32_t a;
    uint32_t b;
    uint32_t c;
    uint32_t d;

    cpuid(0, 0, &a, &b, &c, &d);
    if (a >= LEAF_TOPOLOGY) {
        for (uint32_t level = 0; level < 8; level++) {
            uint32_t kind;

            cpuid(LEAF_TOPOLOGY, level, &a, &b, &c, &d);
            kind = c >> 8 & 0xff;
            if (b == 0 || kind == 0) {
                break;
            }
            if (kind == TOPOLOGY_SMT) {
                split.thread_bits = a & 0x1f;
            }
            split.socket_shift = a & 0x1f;
        }
        if (split.socket_shift != 0) {
            return split;
        }
    }
    cpuid(LEAF_FEATURES, 0, &a, &b, &c, &d);
    if (d & 1U << 28) { /* HTT: EBX[23:16] identifiers in a socket */
        split.socket_shift = bits_for(b >> 16 & 0xff);
    }
    return split;
}

void arch_cpu_topology(unsigned int cpu, uint32_t *core, uint32_t *socket, uint32_t *node)
{
    struct apic_id_split split = apic_id_split();
    uint32_t id = smp_apic_id(cpu);

    *socket = id >> split.socket_shift;
    *core = (id & ((1U << split.socket_shift) - 1)) >> split.thread_bits;
    *node = numa_node_of_apic(id);
}

static uint64_t machine_ram_pages(void)
{
    uint64_t pages = 0;

    for (unsigned int i = 0; i < machine_e820.count; i++) {
        if (machine_e820.entries[i].type == E820_RAM) {
            pages += machine_e820.entries[i].size >> PAGE_SHIFT;
        }
    }
    return pages;
}

/* Threads of CPU 0's core, and cores of its socket, among the CPUs that are online. */
void arch_physinfo(struct xen_sysctl_physinfo *info)
{
    uint32_t words[FEATURE_WORDS_MAX] = { 0 };
    uint32_t core0;
    uint32_t socket0;
    uint32_t node;
    unsigned int threads = 0;
    unsigned int in_socket = 0;
    unsigned int cpu;

    arch_cpu_topology(0, &core0, &socket0, &node);
    cpumask_for_each(cpu, &arch_cpus_online) {
        uint32_t core;
        uint32_t socket;

        arch_cpu_topology(cpu, &core, &socket, &node);
        if (socket == socket0) {
            in_socket++;
            threads += core == core0;
        }
    }
    info->threads_per_core = MAX(threads, 1U);
    info->cores_per_socket = MAX(in_socket / info->threads_per_core, 1U);
    info->capabilities |= XEN_SYSCTL_PHYSCAP_pv;
    if (hvm != NULL) {
        info->capabilities |= XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap;
    }
    info->total_pages = machine_ram_pages(); /* with what boot took for itself */
    (void)cpu_policy_featureset(XEN_SYSCTL_cpu_featureset_host, words, FEATURE_WORDS_MAX);
    for (unsigned int i = 0; i < ARRAY_SIZE(info->hw_cap); i++) {
        info->hw_cap[i] = words[i];
    }
    info->hw_cap[2] &= ~CPU_POLICY_COMMON_1D; /* word 0 has them */
}

static int get_cpu_featureset(struct xen_sysctl_cpu_featureset *f)
{
    uint32_t words[FEATURE_WORDS_MAX] = { 0 };
    unsigned int count = cpu_policy_featureset(f->index, words, FEATURE_WORDS_MAX);
    unsigned int wanted = MIN(f->nr_features, count);

    if (guest_ptr_is_null(guest_ptr(f->features))) {
        f->nr_features = cpu_policy_featureset(XEN_SYSCTL_cpu_featureset_host, words,
                                               FEATURE_WORDS_MAX);
        return 0;
    }
    if (count == 0) {
        return f->index > XEN_SYSCTL_cpu_featureset_hvm_max ? -EINVAL : -EOPNOTSUPP;
    }
    if (copy_to_guest(guest_ptr(f->features), words, wanted * sizeof(words[0])) != 0) {
        return -EFAULT;
    }
    f->nr_features = wanted;
    return wanted < count ? -ENOBUFS : 0;
}

static int get_cpu_policy(struct xen_sysctl_cpu_policy *p)
{
    if (p->_rsvd != 0) {
        return -EINVAL;
    }
    return cpu_policy_copy_system(p->index, guest_ptr(p->leaves), &p->nr_leaves,
                                  guest_ptr(p->msrs), &p->nr_msrs);
}

int arch_sysctl(struct xen_sysctl *op, guest_ptr_t u_op, bool *copy_back)
{
    int rc;

    *copy_back = true;
    switch (op->cmd) {
    case XEN_SYSCTL_psr_cmt_op:
    case XEN_SYSCTL_psr_alloc:
        return -ENODEV;
    case XEN_SYSCTL_get_cpu_levelling_caps:
        op->u.cpu_levelling_caps.caps = 0;
        return 0;
    case XEN_SYSCTL_get_cpu_featureset:
        rc = get_cpu_featureset(&op->u.cpu_featureset);
        break;
    case XEN_SYSCTL_get_cpu_policy:
        rc = get_cpu_policy(&op->u.cpu_policy);
        break;
    default:
        return -ENOSYS;
    }
    /* Too small a buffer: the record says what is needed. */
    if (rc == -ENOBUFS && copy_to_guest(u_op, op, sizeof(*op)) != 0) {
        rc = -EFAULT;
    }
    return rc;
}
