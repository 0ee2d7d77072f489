/* SPDX-License-Identifier: MIT */
/*
 * Partial device trees (Xen's docs/misc/arm/passthrough.txt and device-tree/booting.txt): below /passthrough a device
 * has xen,reg (host address, size, guest address), xen,path (its node in the machine's tree, whose interrupts it gets
 * under their own numbers) and xen,force-assign-without-iommu, as there is no IOMMU that we use. See passthrough.h.
 *
 * Whoever wrote the tree also chose the hypervisor, but a mistake in it must not become a guest that owns our memory:
 * what is ours, RAM and what another guest has are refused, in a phrase that names the node.
 */
#include "hv/init/arm/passthrough.h"

#include <libfdt.h>

#include "hv/arch/arm/cpu/gic.h"
#include "hv/arch/arm/cpu/machine.h"
#include "hv/drivers/fdt.h"
#include "hv/lib/bitmap.h"
#include "hv/lib/printf.h"
#include "hv/lib/string.h"

#define VERSION_OLDEST 17U
#define ROOM_MAX       0x20000U     /* a partial tree's */
#define SPACE_END      (1ULL << 40)
#define DEPTH_MAX      16
#define PHANDLE_LAST   0xfffffffeU

struct passthrough passthrough = { .console = -1 };

/* What is being read. */
struct reader {
    int domain;
    const void *tree;
    int node;
    char *why;
    size_t why_size;
};

static int refuse(const struct reader *r, const char *reason)
{
    const char *name = r->node < 0 ? NULL : fdt_get_name(r->tree, r->node, NULL);

    (void)format_string(r->why, r->why_size, "%s%s%s", name != NULL ? name : "its partial device tree",
                        name != NULL ? ": " : " ", reason);
    return -EINVAL;
}

/* ---- what is taken ----------------------------------------------------------------------------- */

static bool touches(uint64_t start, uint64_t end, uint64_t other, uint64_t other_size)
{
    uint64_t other_end;

    if (add_overflows(other, other_size, &other_end)) {
        other_end = ~0ULL;
    }
    return other_size != 0 && start < ALIGN_UP(MIN(other_end, SPACE_END), PAGE_SIZE) &&
           ALIGN_DOWN(other, PAGE_SIZE) < end;
}

static bool touches_node(uint64_t start, uint64_t end, int node)
{
    uint64_t at;
    uint64_t size;

    for (unsigned int i = 0; node >= 0 && fdt_reg(node, i, &at, &size); i++) {
        if (touches(start, end, at, size)) {
            return true;
        }
    }
    return false;
}

static const char *const controllers[] = { "arm,gic-v3", "arm,cortex-a15-gic", "arm,gic-400", "arm,gic-v3-its",
                                           "arm,gic-v2m-frame", PASSTHROUGH_IOMMUS, NULL };

static bool is_controller(int node)
{
    for (unsigned int i = 0; controllers[i] != NULL; i++) {
        if (fdt_is(node, controllers[i])) {
            return true;
        }
    }
    return false;
}

static bool touches_ours(uint64_t start, uint64_t end)
{
    int node = -1;

    while ((node = fdt_find(node, controllers)) >= 0) {
        if (touches_node(start, end, node)) {
            return true;
        }
    }
    return touches_node(start, end, gic_machine.node) || touches_node(start, end, passthrough.console);
}

static bool touches_memory(uint64_t start, uint64_t end)
{
    for (unsigned int i = 0; i < machine.ram_count; i++) {
        if (start < machine.ram[i].end && machine.ram[i].start < end) {
            return true;
        }
    }
    for (unsigned int i = 0; i < machine.reserved_count; i++) {
        if (start < machine.reserved[i].end && machine.reserved[i].start < end) {
            return true;
        }
    }
    return false;
}

bool passthrough_overlaps(uint64_t start, uint64_t end, uint64_t *from, uint64_t *to)
{
    bool found = false;

    for (unsigned int i = 0; i < passthrough.range_count; i++) {
        const struct passthrough_range *r = &passthrough.ranges[i];

        if (start < r->host + r->size && r->host < end && (!found || r->host < *from)) {
            *from = r->host;
            *to = r->host + r->size;
            found = true;
        }
    }
    return found;
}

static bool has_guest_range(int domain, uint64_t start, uint64_t end)
{
    for (unsigned int i = 0; i < passthrough.range_count; i++) {
        const struct passthrough_range *r = &passthrough.ranges[i];

        if (r->domain == domain && start < r->guest + r->size && r->guest < end) {
            return true;
        }
    }
    return false;
}

bool passthrough_has_irq(unsigned int irq)
{
    for (unsigned int i = 0; i < passthrough.irq_count; i++) {
        if (passthrough.irqs[i].irq == irq) {
            return true;
        }
    }
    return false;
}

static bool is_given(int node)
{
    for (unsigned int i = 0; i < passthrough.node_count; i++) {
        if (passthrough.nodes[i].node == node) {
            return true;
        }
    }
    return false;
}

/* With all that is below it; the root is nobody's. */
bool passthrough_has_node(int node)
{
    for (; node > 0; node = fdt_parent(node)) {
        if (is_given(node) || fdt_getprop(fdt_machine, node, "xen,passthrough", NULL) != NULL) {
            return true;
        }
    }
    return false;
}

void passthrough_forget(int domain)
{
    struct passthrough *p = &passthrough;

    while (p->range_count > 0 && p->ranges[p->range_count - 1].domain == domain) {
        p->range_count--;
    }
    while (p->node_count > 0 && p->nodes[p->node_count - 1].domain == domain) {
        p->node_count--;
    }
    while (p->irq_count > 0 && p->irqs[p->irq_count - 1].domain == domain) {
        p->irq_count--;
    }
}

/* ---- a device ---------------------------------------------------------------------------------- */

static int add_range(const struct reader *r, uint64_t host, uint64_t size, uint64_t guest)
{
    uint64_t host_end;
    uint64_t guest_end;
    uint64_t from;
    uint64_t to;

    if (((host | size | guest) & ~PAGE_MASK) != 0 || size == 0) {
        return refuse(r, "xen,reg is not in whole pages");
    }
    if (add_overflows(host, size, &host_end) || add_overflows(guest, size, &guest_end) || host_end > SPACE_END ||
        guest_end > SPACE_END) {
        return refuse(r, "xen,reg is beyond the address space");
    }
    if (touches_memory(host, host_end)) {
        return refuse(r, "xen,reg overlaps the machine's memory");
    }
    if (touches_ours(host, host_end)) {
        return refuse(r, "xen,reg overlaps what the hypervisor uses itself");
    }
    if (passthrough_overlaps(host, host_end, &from, &to)) {
        return refuse(r, "xen,reg overlaps what another device here or another guest has");
    }
    if (has_guest_range(r->domain, guest, guest_end)) {
        return refuse(r, "xen,reg has the guest's address of another device here");
    }
    if (passthrough.range_count == PASSTHROUGH_MAX) {
        return refuse(r, "there are too many devices for guests");
    }
    passthrough.ranges[passthrough.range_count++] =
        (struct passthrough_range){ .domain = r->domain, .host = host, .size = size, .guest = guest };
    return 0;
}

/* Cells as in reg, of the same parent. */
static int add_ranges(const struct reader *r, const fdt32_t *reg, int length)
{
    int parent = fdt_parent_offset(r->tree, r->node);
    int address_cells = fdt_address_cells(r->tree, parent);
    int size_cells = fdt_size_cells(r->tree, parent);
    int row = (2 * address_cells + size_cells) * 4;
    int rc = 0;

    if (address_cells < 1 || address_cells > 2 || size_cells < 1 || size_cells > 2 || length <= 0 ||
        length % row != 0) {
        return refuse(r, "xen,reg is not rows of host address, size and guest address");
    }
    for (int at = 0; rc == 0 && at < length; at += row, reg += row / 4) {
        rc = add_range(r, fdt_cells(reg, (unsigned int)address_cells),
                       fdt_cells(reg + address_cells, (unsigned int)size_cells),
                       fdt_cells(reg + address_cells + size_cells, (unsigned int)address_cells));
    }
    return rc;
}

/* Of the node or the nearest ancestor that says. */
static bool is_gic_below(int node)
{
    uint64_t phandle = 0;

    while (node >= 0 && phandle == 0) {
        phandle = fdt_number(node, "interrupt-parent", 0);
        node = fdt_parent_offset(fdt_machine, node);
    }
    return phandle != 0 && phandle == fdt_get_phandle(fdt_machine, gic_machine.node);
}

void passthrough_note_irqs(int node, unsigned long *irqs)
{
    unsigned int irq;
    bool edge;

    for (unsigned int i = 0; fdt_interrupt(node, i, &irq, &edge) && is_gic_below(node); i++) {
        bit_set(irqs, irq);
    }
}

static int add_irqs(const struct reader *r, int node)
{
    int length = 0;
    unsigned int irq;
    bool edge;

    if (fdt_getprop(fdt_machine, node, "interrupts-extended", NULL) != NULL) {
        return refuse(r, "xen,path has interrupts-extended, which is not understood");
    }
    (void)fdt_getprop(fdt_machine, node, "interrupts", &length);
    if (length > 0 && (!is_gic_below(node) || length % 12 != 0)) {
        return refuse(r, "the interrupts of xen,path are not the interrupt controller's");
    }
    for (unsigned int i = 0; (int)i < length / 12; i++) {
        if (!fdt_interrupt(node, i, &irq, &edge) || irq < GIC_SPI_FIRST || irq >= gic_machine.irq_count) {
            return refuse(r, "an interrupt of xen,path is not shared, or there is none of its number");
        }
        if (passthrough_has_irq(irq) || gic_is_ours(irq)) {
            return refuse(r, "an interrupt of xen,path is another guest's, another device's here or the hypervisor's");
        }
        if (passthrough.irq_count == PASSTHROUGH_MAX) {
            return refuse(r, "there are too many interrupts for guests");
        }
        passthrough.irqs[passthrough.irq_count++] = (struct passthrough_irq){ .domain = r->domain, .irq = irq };
    }
    return 0;
}

static bool is_at_or_above(int node, int other)
{
    while (other >= 0 && other != node) {
        other = fdt_parent_offset(fdt_machine, other);
    }
    return other == node;
}

/* A device and what is below it; not what describes the machine, and nothing that has what is ours in it. */
static bool may_be_given(int node)
{
    const char *type = fdt_text(node, "device_type");

    return node > 0 && fdt_getprop(fdt_machine, node, "compatible", NULL) != NULL && !is_controller(node) &&
           !is_at_or_above(node, gic_machine.node) && !is_at_or_above(node, passthrough.console) &&
           (type == NULL || (strcmp(type, "cpu") != 0 && strcmp(type, "memory") != 0));
}

static int add_path(const struct reader *r, const char *path)
{
    int node = path[0] == '/' ? fdt_path(path) : -1;

    if (node < 0) {
        return refuse(r, "xen,path is no node of the machine's device tree");
    }
    if (!may_be_given(node)) {
        return refuse(r, "xen,path is the hypervisor's, or no device");
    }
    if (is_given(node)) {
        return refuse(r, "xen,path is another guest's already, or twice here");
    }
    if (passthrough.node_count == PASSTHROUGH_MAX) {
        return refuse(r, "there are too many devices for guests");
    }
    passthrough.nodes[passthrough.node_count++] = (struct passthrough_node){ .domain = r->domain, .node = node };
    return add_irqs(r, node);
}

/* A node without either is no device of the machine. */
static int add_device(const struct reader *r)
{
    int length;
    int path_length;
    const fdt32_t *reg = fdt_getprop(r->tree, r->node, "xen,reg", &length);
    const char *path = fdt_getprop(r->tree, r->node, "xen,path", &path_length);
    bool is_forced = fdt_getprop(r->tree, r->node, "xen,force-assign-without-iommu", NULL) != NULL;
    int rc;

    if (reg == NULL && path == NULL) {
        return 0;
    }
    if (reg == NULL) {
        return refuse(r, "it has xen,path and no xen,reg");
    }
    if (!is_forced) {
        return refuse(r, "no IOMMU protects the machine from it: it takes xen,force-assign-without-iommu");
    }
    if (path != NULL && (path_length <= 1 || path[path_length - 1] != '\0')) {
        return refuse(r, "xen,path is no text");
    }
    rc = add_ranges(r, reg, length);
    return rc == 0 && path != NULL ? add_path(r, path) : rc;
}

int passthrough_parse(int domain, const void *tree, size_t room, char *why, size_t why_size)
{
    struct reader r = { .domain = domain, .tree = tree, .node = -1, .why = why, .why_size = why_size };
    int top;
    int depth = 0;
    int rc = 0;

    if (room < sizeof(struct fdt_header) || fdt_check_header(tree) != 0 || fdt_version(tree) < VERSION_OLDEST ||
        fdt_totalsize(tree) > MIN(room, ROOM_MAX) || fdt_check_full(tree, fdt_totalsize(tree)) != 0) {
        return refuse(&r, "is none, or a broken one");
    }
    top = fdt_path_offset(tree, "/passthrough");
    if (top < 0) {
        return refuse(&r, "has no node /passthrough");
    }
    for (r.node = top; rc == 0 && r.node >= 0 && depth >= 0; r.node = fdt_next_node(tree, r.node, &depth)) {
        if (r.node != top && depth == 0) {
            break;
        }
        rc = depth >= DEPTH_MAX ? refuse(&r, "it is too deep") : add_device(&r);
    }
    if (rc != 0) {
        passthrough_forget(domain);
    }
    return rc;
}

/* ---- for the guest's tree ---------------------------------------------------------------------- */

uint32_t passthrough_gic_phandle(const void *tree)
{
    int node = fdt_path_offset(tree, "/gic");
    uint32_t phandle = node < 0 ? 0 : fdt_get_phandle(tree, node);
    uint32_t last = 0;

    if (phandle == 0 && fdt_find_max_phandle(tree, &last) == 0 && last < PHANDLE_LAST) {
        phandle = last + 1;
    }
    return phandle;
}

static bool is_for_us(const char *name)
{
    return name[0] == 'x' && name[1] == 'e' && name[2] == 'n' && name[3] == ',';
}

static int copy_properties(void *fdt, int to, const void *tree, int from)
{
    int property;

    fdt_for_each_property_offset (property, tree, from) {
        const char *name;
        int length;
        const void *value = fdt_getprop_by_offset(tree, property, &name, &length);
        int rc;

        if (value == NULL || length < 0) { /* libfdt's check lets lengths pass that wrap */
            return -FDT_ERR_BADSTRUCTURE;
        }
        rc = is_for_us(name) ? 0 : fdt_setprop(fdt, to, name, value, length);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* The node at a path and all below it, as a new node of the root. Siblings come in reverse order. */
static int copy_node(void *fdt, const void *tree, const char *path)
{
    int from = fdt_path_offset(tree, path);
    int to[DEPTH_MAX + 1] = { 0 }; /* the copy's ancestors, which no change below them moves */
    int depth = 0;
    int rc = 0;

    while (rc == 0 && from >= 0) {
        int node = fdt_add_subnode(fdt, to[depth], fdt_get_name(tree, from, NULL));

        if (node < 0) {
            return node;
        }
        to[depth + 1] = node;
        rc = copy_properties(fdt, node, tree, from);
        from = fdt_next_node(tree, from, &depth);
        if (depth <= 0) {
            break;
        }
        if (depth >= DEPTH_MAX) {
            return -FDT_ERR_INTERNAL;
        }
    }
    return rc;
}

int passthrough_copy(void *fdt, const void *tree)
{
    int rc = copy_node(fdt, tree, "/aliases");

    return rc != 0 ? rc : copy_node(fdt, tree, "/passthrough");
}
