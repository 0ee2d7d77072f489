/* SPDX-License-Identifier: MIT */
/* The guest's device tree: see tree.h. */
#include "lib/build/arm/tree.h"

#include <stdio.h>

#include "hv/lib/types.h"
#include "lib/build/fdt_writer.h"

#define GIC_PHANDLE 65000

/* Interrupt specifiers: which kind, number among its kind, how it is triggered and, of a private one, by which CPUs. */
#define PRIVATE        1
#define SHARED         0
#define LEVEL_HIGH     4
#define LEVEL_LOW      8
#define ALL_CPUS       0xf00
#define FIRST_PRIVATE  16
#define FIRST_SHARED   32

static void add_chosen(struct fdt_writer *w, const struct build_config *config, const struct arm_layout *l,
                       uint64_t ramdisk_size)
{
    fdt_node(w, "chosen");
    if (config->cmdline != NULL) {
        fdt_string(w, "bootargs", config->cmdline);
    }
    if (ramdisk_size != 0) {
        fdt_u64(w, "linux,initrd-start", l->ramdisk.first << PAGE_SHIFT);
        fdt_u64(w, "linux,initrd-end", (l->ramdisk.first << PAGE_SHIFT) + ramdisk_size);
    }
    if (config->vuart) {
        fdt_string(w, "stdout-path", "/sbsa-uart");
    }
    fdt_end_node(w);
}

static void add_memory(struct fdt_writer *w, const struct arm_layout *l)
{
    for (unsigned int i = 0; i < ARM_BANKS; i++) {
        const struct pfn_range *bank = &l->banks[i];
        const uint64_t reg[2] = { bank->first << PAGE_SHIFT, (bank->end - bank->first) << PAGE_SHIFT };
        char name[32];

        if (bank->first == bank->end) {
            continue;
        }
        snprintf(name, sizeof(name), "memory@%llx", (unsigned long long)reg[0]);
        fdt_node(w, name);
        fdt_string(w, "device_type", "memory");
        fdt_reg(w, "reg", reg, 2);
        fdt_end_node(w);
    }
}

/* Sixteen to a cluster, as the hypervisor numbers them. */
static void add_cpus(struct fdt_writer *w, unsigned int count)
{
    fdt_node(w, "cpus");
    fdt_u32(w, "#address-cells", 1);
    fdt_u32(w, "#size-cells", 0);
    for (unsigned int i = 0; i < count; i++) {
        unsigned int affinity = (i & 15) | (i >> 4) << 8;
        char name[16];

        snprintf(name, sizeof(name), "cpu@%x", affinity);
        fdt_node(w, name);
        fdt_string(w, "device_type", "cpu");
        fdt_string(w, "compatible", "arm,armv8");
        fdt_string(w, "enable-method", "psci");
        fdt_u32(w, "reg", affinity);
        fdt_end_node(w);
    }
    fdt_end_node(w);
}

static void add_psci(struct fdt_writer *w)
{
    static const char *const names[] = { "arm,psci-1.0", "arm,psci-0.2", "arm,psci" };

    fdt_node(w, "psci");
    fdt_strings(w, "compatible", names, ARRAY_SIZE(names));
    fdt_string(w, "method", "hvc");
    fdt_u32(w, "cpu_off", 0x84000002); /* for drivers older than PSCI 0.2: its own numbers */
    fdt_u32(w, "cpu_on", 0xc4000003);
    fdt_end_node(w);
}

static void add_gic(struct fdt_writer *w, unsigned int version)
{
    static const uint64_t v3[] = { GUEST_GICV3_GICD_BASE, GUEST_GICV3_GICD_SIZE, GUEST_GICV3_GICR0_BASE,
                                   GUEST_GICV3_GICR0_SIZE };
    static const uint64_t v2[] = { GUEST_GICD_BASE, GUEST_GICD_SIZE, GUEST_GICC_BASE, GUEST_GICC_SIZE };
    bool is_v3 = version == XEN_DOMCTL_CONFIG_GIC_V3;
    char name[40];

    snprintf(name, sizeof(name), "interrupt-controller@%llx", (unsigned long long)(is_v3 ? v3[0] : v2[0]));
    fdt_node(w, name);
    fdt_string(w, "compatible", is_v3 ? "arm,gic-v3" : "arm,cortex-a15-gic");
    fdt_u32(w, "#interrupt-cells", 3);
    fdt_u32(w, "#address-cells", 0);
    fdt_empty(w, "interrupt-controller");
    fdt_reg(w, "reg", is_v3 ? v3 : v2, 4);
    fdt_u32(w, "phandle", GIC_PHANDLE);
    fdt_end_node(w);
}

static void add_timer(struct fdt_writer *w, uint32_t frequency)
{
    static const uint32_t interrupts[] = {
        PRIVATE, GUEST_TIMER_PHYS_S_PPI - FIRST_PRIVATE,  ALL_CPUS | LEVEL_LOW,
        PRIVATE, GUEST_TIMER_PHYS_NS_PPI - FIRST_PRIVATE, ALL_CPUS | LEVEL_LOW,
        PRIVATE, GUEST_TIMER_VIRT_PPI - FIRST_PRIVATE,    ALL_CPUS | LEVEL_LOW,
    };

    fdt_node(w, "timer");
    fdt_string(w, "compatible", "arm,armv8-timer");
    fdt_cells(w, "interrupts", interrupts, ARRAY_SIZE(interrupts));
    if (frequency != 0) {
        fdt_u32(w, "clock-frequency", frequency);
    }
    fdt_end_node(w);
}

static void add_hypervisor(struct fdt_writer *w)
{
    static const char *const names[] = { "xen,xen-4.17", "xen,xen" };
    static const uint64_t grants[] = { GUEST_GNTTAB_BASE, GUEST_GNTTAB_SIZE };
    static const uint32_t event[] = { PRIVATE, GUEST_EVTCHN_PPI - FIRST_PRIVATE, ALL_CPUS | LEVEL_LOW };

    fdt_node(w, "hypervisor");
    fdt_strings(w, "compatible", names, ARRAY_SIZE(names));
    fdt_reg(w, "reg", grants, 2);
    fdt_cells(w, "interrupts", event, ARRAY_SIZE(event));
    fdt_end_node(w);
}

static void add_uart(struct fdt_writer *w)
{
    static const uint64_t reg[] = { GUEST_PL011_BASE, GUEST_PL011_SIZE };
    static const uint32_t interrupt[] = { SHARED, GUEST_VPL011_SPI - FIRST_SHARED, LEVEL_HIGH };

    fdt_node(w, "sbsa-uart");
    fdt_string(w, "compatible", "arm,sbsa-uart");
    fdt_reg(w, "reg", reg, 2);
    fdt_cells(w, "interrupts", interrupt, ARRAY_SIZE(interrupt));
    fdt_u32(w, "current-speed", 115200);
    fdt_end_node(w);
}

bool tree_write(const struct build_config *config, const struct arm_layout *l, uint64_t ramdisk_size, void *room)
{
    static const char *const names[] = { "xen,xenvm-4.17", "xen,xenvm" };
    const struct xen_arch_domainconfig *arch = &config->made->arch;
    struct fdt_writer w;

    fdt_begin(&w, room, ARM_TREE_SIZE);
    fdt_node(&w, "");
    fdt_strings(&w, "compatible", names, ARRAY_SIZE(names));
    fdt_string(&w, "model", "XENVM-4.17");
    fdt_u32(&w, "interrupt-parent", GIC_PHANDLE);
    fdt_u32(&w, "#address-cells", 2);
    fdt_u32(&w, "#size-cells", 2);
    add_chosen(&w, config, l, ramdisk_size);
    add_cpus(&w, config->vcpus);
    add_psci(&w);
    add_memory(&w, l);
    add_gic(&w, arch->gic_version);
    add_timer(&w, arch->clock_frequency);
    add_hypervisor(&w);
    if (config->vuart) {
        add_uart(&w);
    }
    fdt_end_node(&w);
    return fdt_finish(&w) != 0;
}
