/* SPDX-License-Identifier: MIT */
/*
 * The machine's flattened device tree: finding nodes, their registers and interrupts. Read only, by libfdt; what a
 * caller gets is checked, but a tree whose structure is broken is refused by fdt_machine_init().
 *
 * Nodes are libfdt's offsets; a negative one is an error of its.
 */
#ifndef HV_DRIVERS_FDT_H
#define HV_DRIVERS_FDT_H

#include "hv/lib/types.h"

/* The machine's tree, NULL before fdt_machine_init(). */
extern const void *fdt_machine;

/* 0, or -EINVAL: not a device tree, or one that lies about its size. */
MUST_CHECK int fdt_machine_init(const void *blob, size_t room);
size_t fdt_machine_size(void);

/* The next node (after -1: the first), a negative one behind the last. */
int fdt_next(int after);
/* Negative for the root. */
int fdt_parent(int node);
/* The node /chosen; negative when there is none. */
int fdt_chosen(void);
/* The first node (after `after`, -1 for the first) with one of the compatible strings in a NULL-ended list. */
int fdt_find(int after, const char *const *compatible);
/* The next node with that device_type. */
int fdt_next_of_type(int after, const char *type);
/* The reg of a node below /cpus. */
bool fdt_cpu_id(int node, uint64_t *id);
bool fdt_is(int node, const char *compatible);
/* No status property, or "okay". */
bool fdt_enabled(int node);
/* Address and size number index of the node's reg, as the CPU sees it; false when there is none. */
bool fdt_reg(int node, unsigned int index, uint64_t *address, uint64_t *size);
/* The reg of a boot module's node: an address of the machine whatever bus it seems to be on. */
bool fdt_module_reg(int node, uint64_t *address, uint64_t *size);
/* fdt_reg() of any tree. */
bool fdt_reg_of(const void *fdt, int node, unsigned int index, uint64_t *address, uint64_t *size);
/* A bus address of node's children as the CPU sees it; false when it is not. */
bool fdt_translate(const void *fdt, int bus, uint64_t *address);
/* GIC interrupt id number index of a node; edge: triggered by an edge. False when there is none. */
bool fdt_interrupt(int node, unsigned int index, unsigned int *irq, bool *edge);
/* Three cells of a GIC specifier as its interrupt id, ~0 when they are none. */
unsigned int fdt_gic_irq(const uint32_t *cells);
/* A string or number property; NULL or fallback when missing or malformed. */
const char *fdt_text(int node, const char *name);
uint64_t fdt_number(int node, const char *name, uint64_t fallback);
/* Number made of count cells. */
uint64_t fdt_cells(const uint32_t *cells, unsigned int count);
/* A node by path or alias; negative when there is none. */
int fdt_path(const char *path);

#endif
