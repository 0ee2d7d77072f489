/* SPDX-License-Identifier: MIT */
/*
 * Devices of the machine that the device tree gives to guests it describes: what their partial device trees ask for.
 *
 * passthrough_parse() takes each of them before dom0 is built, which gets none of what is here; dom0less.c then maps,
 * routes and describes what is each guest's. Boot only: one CPU, no lock.
 */
#ifndef HV_INIT_ARM_PASSTHROUGH_H
#define HV_INIT_ARM_PASSTHROUGH_H

#include "hv/lib/types.h"

/* compatible of IOMMUs, which we do not use and show nobody. */
#define PASSTHROUGH_IOMMUS "arm,smmu-v3", "arm,mmu-500", "arm,smmu-v2", "arm,mmu-400", "arm,mmu-401", "arm,smmu-v1"

#define PASSTHROUGH_MAX 64 /* of each kind, of all guests */

/* domain: the node of the guest in the machine's tree. */
struct passthrough {
    int console; /* node of our serial port; negative: none */
    unsigned int range_count;
    struct passthrough_range {
        int domain;
        uint64_t host; /* whole pages */
        uint64_t size;
        uint64_t guest;
    } ranges[PASSTHROUGH_MAX];
    unsigned int node_count;
    struct passthrough_node {
        int domain;
        int node;      /* of the machine's tree */
    } nodes[PASSTHROUGH_MAX];
    unsigned int irq_count;
    struct passthrough_irq {
        int domain;
        unsigned int irq;
    } irqs[PASSTHROUGH_MAX];
};

extern struct passthrough passthrough;

/* A guest's partial tree: 0, or -EINVAL with a phrase in why, and nothing of it is the guest's. */
MUST_CHECK int passthrough_parse(int domain, const void *tree, size_t room, char *why, size_t why_size);
/* What was parsed is given up again. */
void passthrough_forget(int domain);
/* Not dom0's: a guest's, or set aside by xen,passthrough. */
bool passthrough_has_node(int node);
/* Sets the bits of a node's interrupts, of GIC_IRQ_MAX. */
void passthrough_note_irqs(int node, unsigned long *irqs);
bool passthrough_has_irq(unsigned int irq);
/* The first part of [start, end) that is a guest's. */
bool passthrough_overlaps(uint64_t start, uint64_t end, uint64_t *from, uint64_t *to);

/* A number for the guest's interrupt controller, as the partial tree has it or free in it. */
uint32_t passthrough_gic_phandle(const void *tree);
/* Copies /passthrough and /aliases into the guest's tree, but for what is ours: 0 or a negative number of libfdt's. */
int passthrough_copy(void *fdt, const void *tree);

#endif
