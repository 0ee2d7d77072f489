/* SPDX-License-Identifier: MIT */
/*
 * Questions to the machine's device tree, by libfdt. Numbers in it are big-endian cells of 32 bits; how many make
 * an address or a size is the parent's business, and each bus between a node and the root may translate. See fdt.h.
 *
 * libfdt checks all it passes at each step, so that a walk through the tree to look for one node is dear, and boot asks
 * for many. What they look for is noted in one walk, of the first NOTES_MAX nodes; those behind them are walked to.
 */
#include "hv/drivers/fdt.h"

#include <libfdt.h>

#define SPECIFIER_CELLS 3 /* of the GIC: kind, number, flags */
#define PPI_FIRST       16U
#define SPI_FIRST       32U
#define FLAG_EDGE       3U

#define NOTES_MAX       512U

const void *fdt_machine;

/* A node in the order of the tree, and two of its properties: NULL when it has none. */
static struct note {
    int node;
    int parent; /* negative: the root */
    const char *compatible;
    const char *type;
    int compatible_length;
    int type_length;
} notes[NOTES_MAX];
static unsigned int note_count;
static bool all_noted;
static int chosen;

#define DEPTH_MAX 16

/* Where the last search in a tree ended: a node and its ancestors. Boot is one CPU. */
struct place {
    int path[DEPTH_MAX];
    int depth;
};

static struct place machine_place;

/* Of properties of one name the first is libfdt's. */
static void note_properties(struct note *n)
{
    int property;

    fdt_for_each_property_offset (property, fdt_machine, n->node) {
        int length;
        const char *name;
        const char *value = fdt_getprop_by_offset(fdt_machine, property, &name, &length);

        if (value != NULL && n->compatible == NULL && strcmp(name, "compatible") == 0) {
            n->compatible = value;
            n->compatible_length = length;
        } else if (value != NULL && n->type == NULL && strcmp(name, "device_type") == 0) {
            n->type = value;
            n->type_length = length;
        }
    }
}

static void note_all(void)
{
    int path[DEPTH_MAX + 1] = { -1 }; /* the node of each depth, from 1 */
    int depth = 0;
    int node = -1;

    note_count = 0;
    while ((node = fdt_next_node(fdt_machine, node, &depth)) >= 0 && depth <= DEPTH_MAX && note_count < NOTES_MAX &&
           (note_count > 0 ? depth > 1 : node == 0)) { /* one root, and first, is what there should be */
        struct note *n = &notes[note_count++];

        path[depth] = node;
        *n = (struct note){ .node = node, .parent = path[depth - 1] };
        note_properties(n);
    }
    all_noted = node < 0;
}

static const struct note *note_of(int node)
{
    unsigned int low = 0;
    unsigned int high = note_count;

    while (low < high) {
        unsigned int middle = (low + high) / 2;

        if (notes[middle].node == node) {
            return &notes[middle];
        }
        if (notes[middle].node < node) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* Before version 16 names were whole paths, and libfdt's check stumbles over one that is none. */
#define VERSION_OLDEST 17U

int fdt_machine_init(const void *blob, size_t room)
{
    if (fdt_check_header(blob) != 0 || fdt_version(blob) < VERSION_OLDEST || fdt_totalsize(blob) > room ||
        fdt_check_full(blob, fdt_totalsize(blob)) != 0) {
        return -EINVAL;
    }
    fdt_machine = blob;
    machine_place = (struct place){ 0 };
    note_all();
    chosen = fdt_path("/chosen");
    return 0;
}

int fdt_chosen(void)
{
    return chosen;
}

size_t fdt_machine_size(void)
{
    return fdt_totalsize(fdt_machine);
}

int fdt_next(int after)
{
    const struct note *n = note_of(after);
    size_t i = n != NULL ? (size_t)(n - notes) + 1 : 0;

    if ((after < 0 || n != NULL) && i < note_count) {
        return notes[i].node;
    }
    return all_noted ? -FDT_ERR_NOTFOUND : fdt_next_node(fdt_machine, after, NULL);
}

int fdt_find(int after, const char *const *compatible)
{
    int node = after;

    while ((node = fdt_next(node)) >= 0) {
        for (unsigned int i = 0; compatible[i] != NULL; i++) {
            if (fdt_is(node, compatible[i])) {
                return node;
            }
        }
    }
    return node;
}

static const char *type_of(int node, int *length)
{
    const struct note *n = note_of(node);

    if (n == NULL) {
        return fdt_getprop(fdt_machine, node, "device_type", length);
    }
    *length = n->type_length;
    return n->type;
}

int fdt_next_of_type(int after, const char *type)
{
    int size = (int)strlen(type) + 1;
    int node = after;

    while ((node = fdt_next(node)) >= 0) {
        int length;
        const char *own = type_of(node, &length);

        if (own != NULL && length == size && memcmp(own, type, (size_t)size) == 0) {
            break;
        }
    }
    return node;
}

bool fdt_cpu_id(int node, uint64_t *id)
{
    int length;
    const fdt32_t *reg = fdt_getprop(fdt_machine, node, "reg", &length);

    if (reg == NULL || (length != 4 && length != 8)) {
        return false;
    }
    *id = fdt_cells(reg, (unsigned int)length / 4);
    return true;
}

bool fdt_is(int node, const char *compatible)
{
    const struct note *n = note_of(node);

    if (n == NULL) {
        return fdt_node_check_compatible(fdt_machine, node, compatible) == 0;
    }
    return n->compatible != NULL && fdt_stringlist_contains(n->compatible, n->compatible_length, compatible) != 0;
}

bool fdt_enabled(int node)
{
    const char *status = fdt_text(node, "status");

    return status == NULL || status[0] == 'o';
}

uint64_t fdt_cells(const uint32_t *cells, unsigned int count)
{
    uint64_t value = 0;

    for (unsigned int i = 0; i < count; i++) {
        value = value << 32 | fdt32_to_cpu(cells[i]);
    }
    return value;
}

/* Forward from a place; libfdt's own way is three passes from the start. */
static int parent_from(const void *fdt, struct place *at, int wanted)
{
    int node = at->path[at->depth];

    while (node >= 0 && node < wanted) {
        node = fdt_next_node(fdt, node, &at->depth);
        if (node < 0 || at->depth < 0 || at->depth >= DEPTH_MAX) {
            *at = (struct place){ 0 };
            return -FDT_ERR_NOTFOUND;
        }
        at->path[at->depth] = node;
    }
    return node == wanted && at->depth > 0 ? at->path[at->depth - 1] : -FDT_ERR_NOTFOUND;
}

static int parent_of(const void *fdt, int wanted)
{
    struct place start = { 0 };
    const struct note *n;

    if (fdt != fdt_machine) { /* it may have changed */
        return parent_from(fdt, &start, wanted);
    }
    n = note_of(wanted);
    if (n != NULL) {
        return n->parent;
    }
    for (int i = machine_place.depth; i > 0; i--) {
        if (machine_place.path[i] == wanted) {
            return machine_place.path[i - 1];
        }
    }
    if (machine_place.path[machine_place.depth] > wanted) {
        machine_place = start;
    }
    return parent_from(fdt, &machine_place, wanted);
}

int fdt_parent(int node)
{
    return parent_of(fdt_machine, node);
}

/* One entry of a bus's ranges is child address, our address, size. */
static bool translate_step(const void *fdt, int bus, int parent, uint64_t *address)
{
    int child_cells = fdt_address_cells(fdt, bus);
    int parent_cells = fdt_address_cells(fdt, parent);
    int size_cells = fdt_size_cells(fdt, bus);
    int length;
    const fdt32_t *ranges = fdt_getprop(fdt, bus, "ranges", &length);
    int row = (child_cells + parent_cells + size_cells) * 4;

    if (ranges == NULL || child_cells < 1 || parent_cells < 1 || size_cells < 1) {
        return false;
    }
    if (length == 0) {
        return true;
    }
    for (int at = 0; at + row <= length; at += row) {
        const fdt32_t *r = ranges + at / 4;
        /* Of three cells the first is PCI's address space. */
        int skip = child_cells > 2 ? child_cells - 2 : 0;
        uint64_t from = fdt_cells(r + skip, (unsigned int)(child_cells - skip));
        uint64_t to = fdt_cells(r + child_cells, (unsigned int)parent_cells);
        uint64_t size = fdt_cells(r + child_cells + parent_cells, (unsigned int)size_cells);

        if (*address >= from && *address - from < size) {
            *address = to + (*address - from);
            return true;
        }
    }
    return false;
}

bool fdt_translate(const void *fdt, int bus, uint64_t *address)
{
    int parent;

    while ((parent = parent_of(fdt, bus)) >= 0) {
        if (!translate_step(fdt, bus, parent, address)) {
            return false;
        }
        bus = parent;
    }
    return true;
}

/* Cells of addresses (or sizes) in reg: of the nearest ancestor that says, as loaders write module nodes. */
static unsigned int inherited_cells(int node, const char *name)
{
    uint64_t cells = 2;

    while ((node = parent_of(fdt_machine, node)) >= 0) {
        cells = fdt_number(node, name, 0);
        if (cells != 0) {
            break;
        }
    }
    return cells == 1 ? 1 : 2;
}

bool fdt_module_reg(int node, uint64_t *address, uint64_t *size)
{
    unsigned int address_cells = inherited_cells(node, "#address-cells");
    unsigned int size_cells = inherited_cells(node, "#size-cells");
    int length;
    const fdt32_t *reg = fdt_getprop(fdt_machine, node, "reg", &length);

    if (reg == NULL || length < (int)(address_cells + size_cells) * 4) {
        return false;
    }
    *address = fdt_cells(reg, address_cells);
    *size = fdt_cells(reg + address_cells, size_cells);
    return true;
}

bool fdt_reg_of(const void *fdt, int node, unsigned int index, uint64_t *address, uint64_t *size)
{
    int parent = parent_of(fdt, node);
    int address_cells = fdt_address_cells(fdt, parent);
    int size_cells = fdt_size_cells(fdt, parent);
    int row = (address_cells + size_cells) * 4;
    int length;
    const fdt32_t *reg = fdt_getprop(fdt, node, "reg", &length);

    if (parent < 0 || reg == NULL || address_cells < 1 || address_cells > 2 || size_cells < 0 ||
        size_cells > 2 || (int)(index + 1) * row > length) {
        return false;
    }
    reg += (int)index * row / 4;
    *address = fdt_cells(reg, (unsigned int)address_cells);
    *size = fdt_cells(reg + address_cells, (unsigned int)size_cells);
    return fdt_translate(fdt, parent, address);
}

bool fdt_reg(int node, unsigned int index, uint64_t *address, uint64_t *size)
{
    return fdt_reg_of(fdt_machine, node, index, address, size);
}

unsigned int fdt_gic_irq(const uint32_t *cells)
{
    uint32_t kind = fdt32_to_cpu(cells[0]);
    uint32_t number = fdt32_to_cpu(cells[1]);

    if (kind == 0 && number < 988) {
        return number + SPI_FIRST;
    }
    return kind == 1 && number < 16 ? number + PPI_FIRST : ~0U;
}

bool fdt_interrupt(int node, unsigned int index, unsigned int *irq, bool *edge)
{
    int length;
    const fdt32_t *cells = fdt_getprop(fdt_machine, node, "interrupts", &length);

    if (cells == NULL || (int)(index + 1) * SPECIFIER_CELLS * 4 > length) {
        return false;
    }
    cells += index * SPECIFIER_CELLS;
    *irq = fdt_gic_irq(cells);
    *edge = (fdt32_to_cpu(cells[2]) & FLAG_EDGE) != 0;
    return *irq != ~0U;
}

const char *fdt_text(int node, const char *name)
{
    int length;
    const char *s = fdt_getprop(fdt_machine, node, name, &length);

    return s != NULL && length > 0 && s[length - 1] == '\0' ? s : NULL;
}

uint64_t fdt_number(int node, const char *name, uint64_t fallback)
{
    int length;
    const fdt32_t *cells = fdt_getprop(fdt_machine, node, name, &length);

    if (cells == NULL || (length != 4 && length != 8)) {
        return fallback;
    }
    return fdt_cells(cells, (unsigned int)length / 4);
}

int fdt_path(const char *path)
{
    return fdt_path_offset(fdt_machine, path);
}
