/* SPDX-License-Identifier: MIT */
/*
 * Reading the device tree that the loader gave us: memory, what is reserved in it, boot modules as Xen's device tree
 * booting protocol has them (both spellings), command lines. Nothing in it is trusted but its structure, which
 * fdt_machine_init() has checked. See bootinfo.h.
 */
#include "hv/init/arm/bootinfo.h"

#include <libfdt.h>

#include "hv/arch/arm/cpu/machine.h"
#include "hv/drivers/fdt.h"

#define FDT_SIZE_MAX 0x200000UL

struct bootinfo bootinfo;
struct machine machine;

/* ---- memory ---------------------------------------------------------------------------------- */

/* Keeps the array ascending and without overlaps; false when it is full. */
static bool range_add(struct machine_range *r, unsigned int *count, uint64_t start, uint64_t end)
{
    unsigned int i = 0;

    while (i < *count && r[i].end < start) {
        i++;
    }
    if (i < *count && r[i].start <= end) { /* touches: grow, and swallow those that follow */
        unsigned int last = i;

        r[i].start = MIN(r[i].start, start);
        while (last + 1 < *count && r[last + 1].start <= MAX(end, r[last].end)) {
            last++;
        }
        r[i].end = MAX(end, r[last].end);
        for (unsigned int j = last + 1; j < *count; j++) {
            r[i + j - last] = r[j];
        }
        *count -= last - i;
        return true;
    }
    if (*count == MACHINE_RANGES_MAX) {
        return false;
    }
    for (unsigned int j = *count; j > i; j--) {
        r[j] = r[j - 1];
    }
    r[i] = (struct machine_range){ start, end };
    (*count)++;
    return true;
}

static bool add_memory_node(int node)
{
    uint64_t start;
    uint64_t size;
    uint64_t end;

    for (unsigned int i = 0; fdt_reg(node, i, &start, &size); i++) {
        if (add_overflows(start, size, &end)) {
            return false;
        }
        start = ALIGN_UP(start, PAGE_SIZE);
        end = ALIGN_DOWN(end, PAGE_SIZE);
        if (start < end && !range_add(machine.ram, &machine.ram_count, start, end)) {
            return false;
        }
    }
    return true;
}

static bool add_reserved(uint64_t start, uint64_t size)
{
    uint64_t end;

    if (size == 0) {
        return true;
    }
    return !add_overflows(start, size, &end) && end <= ~0ULL - PAGE_SIZE &&
           range_add(machine.reserved, &machine.reserved_count, ALIGN_DOWN(start, PAGE_SIZE),
                     ALIGN_UP(end, PAGE_SIZE));
}

/* Where CPUs look for an address to go to: nobody's memory before they have gone, whether firmware says so or not. */
static bool reserve_release_addresses(void)
{
    int node = -1;

    while ((node = fdt_next_of_type(node, "cpu")) >= 0) {
        uint64_t at = fdt_number(node, "cpu-release-addr", 0);

        if (at != 0 && !add_reserved(at, sizeof(at))) {
            return false;
        }
    }
    return true;
}

static bool parse_reserved(const void *fdt)
{
    int parent = fdt_path("/reserved-memory");
    uint64_t start;
    uint64_t size;
    int node;

    for (int i = 0; i < fdt_num_mem_rsv(fdt); i++) {
        if (fdt_get_mem_rsv(fdt, i, &start, &size) != 0 || !add_reserved(start, size)) {
            return false;
        }
    }
    if (parent < 0) {
        return true;
    }
    fdt_for_each_subnode (node, fdt, parent) {
        for (unsigned int i = 0; fdt_reg(node, i, &start, &size); i++) {
            if (!add_reserved(start, size)) {
                return false;
            }
        }
    }
    return true;
}

static int parse_memory(const void *fdt, const char **why)
{
    int node = -1;

    while ((node = fdt_next_of_type(node, "memory")) >= 0) {
        /* One that is off is the secure world's. */
        if (fdt_enabled(node) && !add_memory_node(node)) {
            *why = "its memory nodes make no sense, or are too many";
            return -EINVAL;
        }
    }
    if (machine.ram_count == 0) {
        *why = "it describes no memory (ACPI, which may describe it, is not supported)";
        return -EINVAL;
    }
    if (!parse_reserved(fdt) || !reserve_release_addresses()) {
        *why = "its reserved memory makes no sense, or is too much";
        return -EINVAL;
    }
    return 0;
}

/* ---- modules ---------------------------------------------------------------------------------- */

static enum boot_module_kind kind_of(int node)
{
    if (fdt_is(node, "multiboot,kernel") || fdt_is(node, "xen,linux-zimage")) {
        return MODULE_KERNEL;
    }
    if (fdt_is(node, "multiboot,ramdisk") || fdt_is(node, "xen,linux-initrd")) {
        return MODULE_RAMDISK;
    }
    return fdt_is(node, "multiboot,device-tree") ? MODULE_DEVICE_TREE : MODULE_UNKNOWN;
}

/* Modules that say no more than that they are ones: the first is the kernel, the second the ramdisk. */
static enum boot_module_kind kind_by_order(int domain)
{
    if (bootinfo_module(domain, MODULE_KERNEL) == NULL) {
        return MODULE_KERNEL;
    }
    return bootinfo_module(domain, MODULE_RAMDISK) == NULL ? MODULE_RAMDISK : MODULE_UNKNOWN;
}

static bool in_ram(uint64_t start, uint64_t end)
{
    for (unsigned int i = 0; i < machine.ram_count; i++) {
        if (start >= machine.ram[i].start && end <= machine.ram[i].end) {
            return true;
        }
    }
    return false;
}

static bool module_overlaps(const struct boot_module *m, uint64_t start, uint64_t size)
{
    return m->start < start + size && start < m->end;
}

/* Not in the direct map: it could not be read. */
static bool is_reserved(const struct boot_module *m)
{
    for (unsigned int i = 0; i < machine.reserved_count; i++) {
        if (module_overlaps(m, machine.reserved[i].start, machine.reserved[i].end - machine.reserved[i].start)) {
            return true;
        }
    }
    return false;
}

/* Guests may share one kernel: the same file is no overlap. */
static bool is_shared(const struct boot_module *m, const struct boot_module *other)
{
    return m->start == other->start && m->end == other->end && m->domain != other->domain;
}

/* Loaders do not look whether they put one thing over another. */
static int check_overlap(const struct boot_module *m, const char **why)
{
    for (unsigned int i = 0; i < bootinfo.module_count; i++) {
        const struct boot_module *other = &bootinfo.modules[i];

        if (!is_shared(m, other) && module_overlaps(m, other->start, other->end - other->start)) {
            *why = "boot modules overlap";
            return -EINVAL;
        }
    }
    if (module_overlaps(m, bootinfo.fdt_start, fdt_machine_size())) {
        *why = "a boot module lies over the device tree";
        return -EINVAL;
    }
    if (module_overlaps(m, machine.image_start, machine.image_size)) {
        *why = "a boot module lies over the hypervisor";
        return -EINVAL;
    }
    return 0;
}

static int add_module(int node, int domain, const char **why)
{
    struct boot_module *m = &bootinfo.modules[bootinfo.module_count];
    uint64_t size;

    if (bootinfo.module_count == BOOT_MODULES_MAX) {
        *why = "it has too many boot modules";
        return -EINVAL;
    }
    m->domain = domain;
    if (!fdt_module_reg(node, &m->start, &size) || size == 0 ||
        add_overflows(m->start, size, &m->end) || !in_ram(m->start, m->end)) {
        *why = "a boot module does not lie in memory";
        return -EINVAL;
    }
    if (is_reserved(m)) {
        *why = "a boot module lies in reserved memory";
        return -EINVAL;
    }
    if (check_overlap(m, why) != 0) {
        return -EINVAL;
    }
    m->kind = kind_of(node);
    if (m->kind == MODULE_UNKNOWN) {
        m->kind = kind_by_order(domain);
    }
    m->node = node;
    m->args = fdt_text(node, "bootargs");
    bootinfo.module_count++;
    return 0;
}

static bool is_module(int node)
{
    return fdt_is(node, "multiboot,module") || fdt_is(node, "xen,multiboot-module");
}

static int parse_modules(const void *fdt, int parent, int domain, const char **why)
{
    int node;
    int rc = 0;

    fdt_for_each_subnode (node, fdt, parent) {
        if (is_module(node)) {
            rc = add_module(node, domain, why);
        } else if (domain == 0 && fdt_is(node, "xen,domain")) {
            int inner;

            fdt_for_each_subnode (inner, fdt, node) {
                if (rc == 0 && is_module(inner)) {
                    rc = add_module(inner, node, why);
                }
            }
        }
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

const struct boot_module *bootinfo_module(int domain, enum boot_module_kind kind)
{
    for (unsigned int i = 0; i < bootinfo.module_count; i++) {
        if (bootinfo.modules[i].domain == domain && bootinfo.modules[i].kind == kind) {
            return &bootinfo.modules[i];
        }
    }
    return NULL;
}

/* ---- command lines ---------------------------------------------------------------------------- */

/* bootargs is ours when dom0 has a line of its own, and dom0's when we have one. */
static void parse_command_lines(int chosen)
{
    const struct boot_module *kernel = bootinfo_module(0, MODULE_KERNEL);
    const char *ours = fdt_text(chosen, "xen,xen-bootargs");
    const char *dom0 = fdt_text(chosen, "xen,dom0-bootargs");
    const char *any = fdt_text(chosen, "bootargs");

    if (dom0 == NULL && kernel != NULL) {
        dom0 = kernel->args;
    }
    if (dom0 == NULL && ours != NULL) {
        dom0 = any;
    }
    if (ours == NULL && (dom0 != NULL || kernel == NULL)) {
        ours = any;
    } else if (ours == NULL) {
        dom0 = any;
    }
    bootinfo.cmdline = ours != NULL ? ours : "";
    bootinfo.dom0_cmdline = dom0 != NULL ? dom0 : "";
}

int bootinfo_console(const char *dtuart)
{
    int chosen = fdt_chosen();
    char path[128];
    size_t n = 0;

    if (dtuart[0] == '\0') {
        dtuart = chosen < 0 ? NULL : fdt_text(chosen, "stdout-path");
    }
    if (dtuart == NULL) {
        return -1;
    }
    while (dtuart[n] != '\0' && dtuart[n] != ':' && n + 1 < sizeof(path)) { /* options follow a colon */
        path[n] = dtuart[n];
        n++;
    }
    path[n] = '\0';
    return fdt_path(path);
}

int bootinfo_parse(const void *fdt, uint64_t fdt_start, const char **why)
{
    int chosen;
    int rc;

    *why = "it is no device tree, or a broken one";
    bootinfo.cmdline = "";
    bootinfo.dom0_cmdline = "";
    rc = fdt_machine_init(fdt, FDT_SIZE_MAX);
    if (rc != 0) {
        return rc;
    }
    rc = parse_memory(fdt, why);
    chosen = fdt_chosen();
    bootinfo.fdt_start = fdt_start;
    if (rc == 0 && chosen >= 0) {
        rc = parse_modules(fdt, chosen, 0, why);
    }
    if (chosen >= 0) { /* for a refusal, too: what to do then is among it */
        parse_command_lines(chosen);
    }
    return rc;
}
