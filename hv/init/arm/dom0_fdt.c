/* SPDX-License-Identifier: MIT */
/*
 * dom0's device tree: the machine's, without what is ours (the other loader's modules, our serial port, the parts of
 * the interrupt controller that only a hypervisor uses, IOMMUs, message interrupts we do not drive), with dom0's memory
 * and CPUs and the node that tells a guest of Xen.
 */
#include <libfdt.h>

#include "hv/arch/arm/cpu/gic.h"
#include "hv/arch/arm/cpu/psci.h"
#include "hv/base/printk.h"
#include "hv/drivers/fdt.h"
#include "hv/init/arm/main.h"
#include "hv/init/arm/passthrough.h"
#include "hv/lib/printf.h"

#define EVTCHN_FLAGS 0xf08 /* level, low, all CPUs */

/* Nodes dom0 does not see. */
static const char *const hidden[] = {
    "arm,gic-v3-its", PASSTHROUGH_IOMMUS, "arm,armv8-pmuv3", "xen,xen",
    "multiboot,module", "xen,multiboot-module", "xen,domain", NULL,
};

static bool is_hidden(const void *fdt, int node)
{
    int length;
    const char *compatible = fdt_getprop(fdt, node, "compatible", &length);
    const char *type;

    for (unsigned int i = 0; compatible != NULL && hidden[i] != NULL; i++) {
        if (fdt_stringlist_contains(compatible, length, hidden[i])) {
            return true;
        }
    }
    if (fdt_getprop(fdt, node, "xen,passthrough", NULL) != NULL) {
        return true;
    }
    type = fdt_getprop(fdt, node, "device_type", &length);
    return type != NULL && length == 7 && memcmp(type, "memory", 7) == 0;
}

/* Devices whose registers share a page with a guest's, which is not mapped for dom0. */
static bool is_cut(const void *fdt, int node)
{
    uint64_t start, size, end, from, to;

    for (unsigned int i = 0; fdt_reg_of(fdt, node, i, &start, &size); i++) {
        if (size != 0 && !add_overflows(start, size, &end) && passthrough_overlaps(start, end, &from, &to)) {
            log_info("dom0: %s is not in its device tree: a guest has a page of its registers\n",
                     fdt_get_name(fdt, node, NULL));
            return true;
        }
    }
    return false;
}

/* In one pass: what follows a node that goes takes its place, behind the same one. */
static int delete_nodes(void *fdt, bool (*goes)(const void *fdt, int node))
{
    int before = -1;
    int node;

    while ((node = fdt_next_node(fdt, before, NULL)) >= 0) {
        if (goes(fdt, node)) {
            int rc = fdt_del_node(fdt, node);

            if (rc != 0) {
                return rc;
            }
        } else {
            before = node;
        }
    }
    return 0;
}

static int delete_copy(void *fdt, int machine_node)
{
    char path[128];
    int node;

    int rc;

    if (machine_node < 0) {
        return 0;
    }
    rc = fdt_get_path(fdt_machine, machine_node, path, sizeof(path));
    if (rc != 0) {
        return rc;
    }
    node = fdt_path_offset(fdt, path);
    return node < 0 ? 0 : fdt_del_node(fdt, node);
}

/* Our serial port, what guests have, and what dom0 could not use beside that. */
static int delete_taken(void *fdt, const struct dom0_tree *t)
{
    int rc = delete_copy(fdt, t->console_node);

    for (unsigned int i = 0; rc == 0 && i < passthrough.node_count; i++) {
        rc = delete_copy(fdt, passthrough.nodes[i].node);
    }
    return rc == 0 && passthrough.range_count > 0 ? delete_nodes(fdt, is_cut) : rc;
}

static int make_memory(void *fdt, const struct dom0_tree *t)
{
    int root = fdt_path_offset(fdt, "/");
    char name[32];
    int node;
    int rc;

    (void)format_string(name, sizeof(name), "memory@%lx", (unsigned long)t->banks[0].start);
    node = fdt_add_subnode(fdt, root, name);
    if (node < 0) {
        return node;
    }
    rc = fdt_setprop_string(fdt, node, "device_type", "memory");
    for (unsigned int i = 0; rc == 0 && i < t->bank_count; i++) {
        rc = fdt_appendprop_u64(fdt, node, "reg", t->banks[i].start);
        if (rc == 0) {
            rc = fdt_appendprop_u64(fdt, node, "reg", t->banks[i].end - t->banks[i].start);
        }
    }
    return rc;
}

static int make_chosen(void *fdt, const struct dom0_tree *t)
{
    static const char *const dropped[] = { "stdout-path", "xen,xen-bootargs", "xen,dom0-bootargs",
                                           "kaslr-seed", "linux,initrd-start", "linux,initrd-end" };
    int node = fdt_path_offset(fdt, "/chosen");
    int rc;

    if (node < 0) {
        node = fdt_add_subnode(fdt, fdt_path_offset(fdt, "/"), "chosen");
    }
    if (node < 0) {
        return node;
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(dropped); i++) {
        while (fdt_delprop(fdt, node, dropped[i]) == 0) { /* a bad tree has it twice */
        }
    }
    rc = fdt_setprop_string(fdt, node, "bootargs", t->command_line);
    if (rc == 0 && t->initrd_end != 0) {
        rc = fdt_setprop_u64(fdt, node, "linux,initrd-start", t->initrd_start);
        if (rc == 0) {
            rc = fdt_setprop_u64(fdt, node, "linux,initrd-end", t->initrd_end);
        }
    }
    return rc;
}

static uint64_t vcpu_affinity(unsigned int vcpu)
{
    return (vcpu & 15) | (uint64_t)(vcpu >> 4) << 8;
}

/* Of a vcpu that no CPU of the machine lends its node; it takes nobody's name. */
static int add_cpu(void *fdt, unsigned int vcpu)
{
    int parent = fdt_path_offset(fdt, "/cpus");
    int cells = fdt_address_cells(fdt, parent);
    char name[32];
    int node;
    int rc;

    (void)format_string(name, sizeof(name), "vcpu@%lx", (unsigned long)vcpu_affinity(vcpu));
    node = fdt_add_subnode(fdt, parent, name);
    if (node < 0) {
        return node;
    }
    rc = fdt_setprop_string(fdt, node, "device_type", "cpu");
    rc = rc != 0 ? rc : fdt_setprop_string(fdt, node, "compatible", "arm,armv8");
    rc = rc != 0 ? rc : fdt_setprop_string(fdt, node, "enable-method", "psci");
    if (rc != 0) {
        return rc;
    }
    return cells == 2 ? fdt_setprop_u64(fdt, node, "reg", vcpu_affinity(vcpu))
                      : fdt_setprop_u32(fdt, node, "reg", (uint32_t)vcpu_affinity(vcpu));
}

/* The first vcpus CPU nodes stay, with the affinities of dom0's vcpus. */
static int make_cpus(void *fdt, unsigned int vcpus)
{
    int parent = fdt_path_offset(fdt, "/cpus");
    unsigned int kept = 0;
    int node = fdt_first_subnode(fdt, parent);

    while (node >= 0) {
        const char *type = fdt_getprop(fdt, node, "device_type", NULL);
        bool is_cpu = type != NULL && type[0] == 'c' && type[1] == 'p';
        int rc = 0;

        if (is_cpu && kept < vcpus) {
            int length;
            uint64_t id = vcpu_affinity(kept);

            (void)fdt_getprop(fdt, node, "reg", &length);
            rc = length == 8 ? fdt_setprop_u64(fdt, node, "reg", id)
                             : fdt_setprop_u32(fdt, node, "reg", (uint32_t)id);
            if (rc == 0) {
                rc = fdt_setprop_string(fdt, node, "enable-method", "psci");
            }
            while (fdt_delprop(fdt, node, "cpu-release-addr") == 0) { /* a bad tree has it twice */
            }
            kept++;
            node = fdt_next_subnode(fdt, node);
        } else {
            rc = fdt_del_node(fdt, node);
            parent = fdt_path_offset(fdt, "/cpus");
            node = fdt_first_subnode(fdt, parent);
            kept = 0;
        }
        if (rc != 0) {
            return rc;
        }
    }
    for (; kept < vcpus; kept++) {
        int rc = add_cpu(fdt, kept);

        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int make_psci(void *fdt)
{
    static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2\0arm,psci";
    int node = fdt_path_offset(fdt, "/psci");
    int rc;

    if (node >= 0) {
        rc = fdt_del_node(fdt, node);
        if (rc != 0) {
            return rc;
        }
    }
    node = fdt_add_subnode(fdt, fdt_path_offset(fdt, "/"), "psci");
    if (node < 0) {
        return node;
    }
    rc = fdt_setprop(fdt, node, "compatible", compatible, sizeof(compatible));
    rc = rc != 0 ? rc : fdt_setprop_string(fdt, node, "method", "hvc");
    rc = rc != 0 ? rc : fdt_setprop_u32(fdt, node, "cpu_off", PSCI_V01_CPU_OFF);
    return rc != 0 ? rc : fdt_setprop_u32(fdt, node, "cpu_on", PSCI_V01_CPU_ON);
}

static int make_hypervisor(void *fdt, const struct dom0_tree *t)
{
    static const char compatible[] = "xen,xen-4.17\0xen,xen";
    const uint32_t irq[3] = { cpu_to_fdt32(1), cpu_to_fdt32(t->evtchn_irq - 16), cpu_to_fdt32(EVTCHN_FLAGS) };
    int node = fdt_add_subnode(fdt, fdt_path_offset(fdt, "/"), "hypervisor");
    int rc;

    if (node < 0) {
        return node;
    }
    rc = fdt_setprop(fdt, node, "compatible", compatible, sizeof(compatible));
    if (rc == 0) {
        rc = fdt_setprop_u64(fdt, node, "reg", t->grant_start);
    }
    if (rc == 0) {
        rc = fdt_appendprop_u64(fdt, node, "reg", t->grant_size);
    }
    return rc != 0 ? rc : fdt_setprop(fdt, node, "interrupts", irq, sizeof(irq));
}

/* Without the maintenance interrupt and, of a GICv2, the hypervisor's registers. */
static int make_gic(void *fdt)
{
    char path[128];
    int node;
    int length;
    const void *reg;
    char kept[32];

    if (fdt_get_path(fdt_machine, gic_machine.node, path, sizeof(path)) != 0) {
        return 0;
    }
    node = fdt_path_offset(fdt, path);
    if (node < 0) {
        return node;
    }
    (void)fdt_delprop(fdt, node, "interrupts");
    reg = fdt_getprop(fdt, node, "reg", &length);
    if (gic_machine.version != 2 || reg == NULL || length < (int)sizeof(kept)) {
        return 0;
    }
    memcpy(kept, reg, sizeof(kept));
    return fdt_setprop(fdt, node, "reg", kept, sizeof(kept));
}

int dom0_fdt_make(void *buffer, size_t size, const struct dom0_tree *t)
{
    int rc = fdt_open_into(fdt_machine, buffer, (int)size);

    if (rc == 0) {
        rc = delete_nodes(buffer, is_hidden);
    }
    if (rc == 0) {
        rc = delete_taken(buffer, t);
    }
    if (rc == 0) {
        rc = make_memory(buffer, t);
    }
    if (rc == 0) {
        rc = make_chosen(buffer, t);
    }
    if (rc == 0) {
        rc = make_cpus(buffer, t->vcpus);
    }
    if (rc == 0) {
        rc = make_psci(buffer);
    }
    if (rc == 0) {
        rc = make_gic(buffer);
    }
    if (rc == 0) {
        rc = make_hypervisor(buffer, t);
    }
    if (rc == 0) {
        rc = fdt_pack(buffer);
    }
    return rc != 0 ? rc : (int)fdt_totalsize(buffer);
}
