/* SPDX-License-Identifier: MIT */
/*
 * A device tree as an Arm machine's boot loader leaves it, any bytes: memory, reserved memory, boot modules, command
 * lines (hv/init/arm/bootinfo.c), registers and interrupts of every node (hv/drivers/fdt.c), and the tree that dom0
 * gets of it (hv/init/arm/dom0_fdt.c). What is accepted is in order, and dom0's tree has what dom0 needs and nothing of
 * what it must not see. A tree that says it is larger than it is cannot happen: the hypervisor maps all it may be.
 */
#include <libfdt.h>
#include <stdlib.h>

#include "hv/arch/arm/cpu/gic.h"
#include "hv/arch/arm/cpu/machine.h"
#include "hv/base/printk.h"
#include "hv/drivers/fdt.h"
#include "hv/init/arm/bootinfo.h"
#include "hv/init/arm/main.h"
#include "tests/fuzz/fuzz.h"

#define FDT_START   0x48000000UL
#define IMAGE_START 0x40200000UL
#define IMAGE_SIZE  0x40000UL
#define ROOM        0x20000U
#define BANK        0x40000000UL

struct gic_machine gic_machine;

void fuzz_init(void)
{
}

/* What is not reached: printf.c reports formats it does not know. */
void bug_at(const char *file, int line, const char *what)
{
    unit_fail(file, line, what, 0, 0);
    abort();
}

static void expect_ranges(const struct machine_range *r, unsigned int count)
{
    EXPECT(count <= MACHINE_RANGES_MAX);
    for (unsigned int i = 0; i < count; i++) {
        EXPECT(r[i].start < r[i].end);
        EXPECT((r[i].start & ~PAGE_MASK) == 0 && (r[i].end & ~PAGE_MASK) == 0);
        EXPECT(i == 0 || r[i - 1].end < r[i].start);
    }
}

static void expect_modules(void)
{
    EXPECT(bootinfo.module_count <= BOOT_MODULES_MAX);
    for (unsigned int i = 0; i < bootinfo.module_count; i++) {
        const struct boot_module *m = &bootinfo.modules[i];
        bool in_ram = false;

        EXPECT(m->start < m->end);
        EXPECT(m->end <= FDT_START || m->start >= FDT_START + fdt_machine_size());
        EXPECT(m->end <= IMAGE_START || m->start >= IMAGE_START + IMAGE_SIZE);
        for (unsigned int j = 0; j < machine.ram_count; j++) {
            in_ram = in_ram || (m->start >= machine.ram[j].start && m->end <= machine.ram[j].end);
        }
        EXPECT(in_ram);
        EXPECT(m->args == NULL || strlen(m->args) < fdt_machine_size());
    }
}

/* Every question that is asked of a node, of every node. */
static void ask_all(void)
{
    static const char *const properties[] = { "status", "device_type", "bootargs", "method", "stdout-path" };
    uint64_t address;
    uint64_t size;
    unsigned int irq;
    bool edge;
    int node = -1;

    while ((node = fdt_next_node(fdt_machine, node, NULL)) >= 0) {
        for (unsigned int i = 0; i < 64 && fdt_reg(node, i, &address, &size); i++) {
        }
        for (unsigned int i = 0; i < 64 && fdt_interrupt(node, i, &irq, &edge); i++) {
            EXPECT(irq >= 16 && irq < GIC_IRQ_MAX);
        }
        for (unsigned int i = 0; i < ARRAY_SIZE(properties); i++) {
            const char *s = fdt_text(node, properties[i]);

            EXPECT(s == NULL || strlen(s) < fdt_machine_size());
        }
        (void)fdt_module_reg(node, &address, &size);
        (void)fdt_cpu_id(node, &size);
        (void)fdt_enabled(node);
        (void)fdt_number(node, "cpus", 1);
        (void)fdt_number(node, "memory", 0);
    }
    (void)bootinfo_console("");
    (void)bootinfo_console("/pl011@9000000");
    (void)bootinfo_console("serial0:115200");
}

static void expect_dom0_tree(const void *tree)
{
    static const char *const never[] = { "multiboot,module", "xen,multiboot-module", "xen,domain", "arm,gic-v3-its",
                                         "arm,smmu-v3" };
    int length;
    const fdt64_t *reg;
    int node;

    EXPECT(fdt_check_full(tree, fdt_totalsize(tree)) == 0);
    for (unsigned int i = 0; i < ARRAY_SIZE(never); i++) {
        EXPECT(fdt_node_offset_by_compatible(tree, -1, never[i]) < 0);
    }
    EXPECT(fdt_node_offset_by_compatible(tree, -1, "xen,xen") == fdt_path_offset(tree, "/hypervisor"));
    node = fdt_node_offset_by_prop_value(tree, -1, "device_type", "memory", 7);
    EXPECT(node >= 0);
    reg = fdt_getprop(tree, node, "reg", &length);
    EXPECT(reg != NULL && length == 16 && fdt64_ld(reg) == BANK);
    EXPECT(fdt_node_offset_by_prop_value(tree, node, "device_type", "memory", 7) < 0);
    node = fdt_path_offset(tree, "/chosen");
    EXPECT(node >= 0 && fdt_getprop(tree, node, "bootargs", NULL) != NULL);
    EXPECT(fdt_getprop(tree, node, "xen,xen-bootargs", NULL) == NULL);
}

static void make_dom0_tree(unsigned int choice)
{
    static const char *const gics[] = { "arm,gic-v3", "arm,gic-400", "arm,cortex-a15-gic", NULL };
    struct dom0_tree t = { .bank_count = 1, .banks = { { BANK, BANK + 0x10000000 } }, .vcpus = 1 + choice % 8,
                           .grant_start = 0x8000000000, .grant_size = 0x1000000, .evtchn_irq = 31,
                           .command_line = bootinfo.dom0_cmdline,
                           .initrd_start = BANK, .initrd_end = choice & 64 ? BANK + 100 : 0 };
    size_t size = fdt_machine_size() + ROOM;
    void *buffer = malloc(size);

    t.console_node = bootinfo_console("");
    gic_machine = (struct gic_machine){ .node = fdt_find(-1, gics), .version = 2 + (choice & 1) };
    if (dom0_fdt_make(buffer, size, &t) >= 0) {
        expect_dom0_tree(buffer);
    }
    free(buffer);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    const char *why = NULL;
    void *blob;

    if (size < 48) {
        return;
    }
    blob = malloc(size - 1);
    memcpy(blob, data + 1, size - 1);
    fdt_machine = NULL;
    machine = (struct machine){ .image_start = IMAGE_START, .image_size = IMAGE_SIZE };
    bootinfo = (struct bootinfo){ 0 };
    if (fdt_check_header(blob) != 0 || fdt_totalsize(blob) <= size - 1) {
        if (bootinfo_parse(blob, FDT_START, &why) == 0) {
            expect_ranges(machine.ram, machine.ram_count);
            expect_ranges(machine.reserved, machine.reserved_count);
            expect_modules();
            ask_all();
            make_dom0_tree(data[0]);
        } else {
            EXPECT(why != NULL);
        }
    }
    free(blob);
}
