/* SPDX-License-Identifier: MIT */
/*
 * A device tree as an Arm machine's boot loader leaves it, any bytes: memory, reserved memory, boot modules,
 * command lines (hv/init/arm/bootinfo.c), registers and interrupts of every node (hv/drivers/fdt.c), the tree
 * that dom0 gets of it (hv/init/arm/dom0_fdt.c), and the same bytes as a guest's partial tree
 * (hv/init/arm/passthrough.c). Nodes, kinds and parents are those that libfdt finds. What is accepted is in
 * order, and dom0's tree has what dom0 needs and nothing of what it must not see. A tree that says it is larger
 * than it is cannot happen: the hypervisor maps all it may be.
 */
#include <libfdt.h>
#include <stdlib.h>

#include "hv/arch/arm/cpu/gic.h"
#include "hv/arch/arm/cpu/machine.h"
#include "hv/base/printk.h"
#include "hv/drivers/fdt.h"
#include "hv/init/arm/bootinfo.h"
#include "hv/init/arm/main.h"
#include "hv/init/arm/passthrough.h"
#include "tests/fuzz/fuzz.h"

/* Nobody reads the log. */
void printk_at(enum log_level level, bool guest, const char *fmt, ...)
{
    (void)level;
    (void)guest;
    (void)fmt;
}

#define FDT_START   0x48000000UL
#define IMAGE_START 0x40200000UL
#define IMAGE_SIZE  0x40000UL
#define ROOM        0x20000U
#define BANK        0x40000000UL

struct gic_machine gic_machine;

/* The distributor's and our timer's, say. */
bool gic_is_ours(unsigned int irq)
{
    return irq < 32 || irq % 64 == 63;
}

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

/* Order, parents, kinds and places are those that libfdt finds. */
static void expect_walk(void)
{
    static const char *const kinds[] = { "arm,pl011", "arm,gic-v3", "xen,domain", "" };
    int node = -1;
    int other;

    do {
        other = fdt_next_node(fdt_machine, node, NULL);
        node = fdt_next(node);
        EXPECT(other < 0 ? node < 0 : node == other);
        for (unsigned int i = 0; node >= 0 && i < ARRAY_SIZE(kinds); i++) {
            EXPECT(fdt_is(node, kinds[i]) == (fdt_node_check_compatible(fdt_machine, node, kinds[i]) == 0));
        }
        if (node >= 0 && fdt_node_depth(fdt_machine, node) < 16) {
            other = fdt_parent_offset(fdt_machine, node);
            EXPECT(other < 0 ? fdt_parent(node) < 0 : fdt_parent(node) == other);
        }
    } while (node >= 0);
    do {
        other = fdt_node_offset_by_prop_value(fdt_machine, node, "device_type", "cpu", 4);
        node = fdt_next_of_type(node, "cpu");
        EXPECT(other < 0 ? node < 0 : node == other);
    } while (node >= 0);
    EXPECT(fdt_chosen() == fdt_path("/chosen"));
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

/* What a guest gets is whole pages, none of them memory, and nobody has one twice. */
static void expect_ranges_of_guests(void)
{
    for (unsigned int i = 0; i < passthrough.range_count; i++) {
        const struct passthrough_range *r = &passthrough.ranges[i];

        EXPECT(r->size != 0 && ((r->host | r->size | r->guest) & ~PAGE_MASK) == 0);
        EXPECT(r->host + r->size > r->host && r->guest + r->size > r->guest);
        for (unsigned int j = 0; j < machine.ram_count; j++) {
            EXPECT(r->host + r->size <= machine.ram[j].start || r->host >= machine.ram[j].end);
        }
        for (unsigned int j = 0; j < i; j++) {
            const struct passthrough_range *other = &passthrough.ranges[j];

            EXPECT(r->host + r->size <= other->host || r->host >= other->host + other->size);
        }
    }
    for (unsigned int i = 0; i < passthrough.irq_count; i++) {
        EXPECT(passthrough.irqs[i].irq >= GIC_SPI_FIRST && passthrough.irqs[i].irq < gic_machine.irq_count);
        EXPECT(!gic_is_ours(passthrough.irqs[i].irq));
    }
}

static void expect_copy(const void *partial)
{
    size_t size = fdt_totalsize(partial) + 4096;
    void *fdt = malloc(size);
    int node = -1;

    EXPECT(passthrough_gic_phandle(partial) != 0);
    if (fdt_create_empty_tree(fdt, (int)size) == 0 && passthrough_copy(fdt, partial) == 0) {
        EXPECT(fdt_check_full(fdt, size) == 0);
        EXPECT(fdt_path_offset(fdt, "/passthrough") >= 0);
        while ((node = fdt_next_node(fdt, node, NULL)) >= 0) {
            EXPECT(fdt_getprop(fdt, node, "xen,path", NULL) == NULL && fdt_getprop(fdt, node, "xen,reg", NULL) == NULL);
        }
    }
    free(fdt);
}

/* The machine's tree as that of a guest, and of another one, which gets nothing of what the first has. */
static void parse_partial(const void *blob, size_t room)
{
    char why[160] = "";

    passthrough = (struct passthrough){ .console = bootinfo_console("") };
    gic_machine.irq_count = 288;
    if (passthrough_parse(1, blob, room, why, sizeof(why)) != 0) {
        EXPECT(why[0] != '\0' && strlen(why) < sizeof(why));
        EXPECT(passthrough.range_count == 0 && passthrough.node_count == 0 && passthrough.irq_count == 0);
    } else {
        unsigned int count = passthrough.range_count;

        expect_ranges_of_guests();
        expect_copy(blob);
        EXPECT((passthrough_parse(2, blob, room, why, sizeof(why)) == 0) == (count == 0));
        EXPECT(passthrough.range_count == count);
    }
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
            expect_walk();
            ask_all();
            passthrough = (struct passthrough){ .console = -1 };
            make_dom0_tree(data[0]);
            parse_partial(blob, size - 1);
            make_dom0_tree(data[0]); /* without what guests have */
        } else {
            EXPECT(why != NULL);
        }
    }
    free(blob);
}
