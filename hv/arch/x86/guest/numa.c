/* SPDX-License-Identifier: MIT */
/*
 * See numa.h. A proximity domain is the firmware's 32-bit name of a node; ours is its index in domains[].
 * An SRAT without CPUs or without memory, or whose ranges overlap, is not believed. No locks: boot only.
 */
#include "hv/arch/x86/guest/numa.h"

#include "hv/arch/x86/cpu/acpi.h"
#include "hv/base/printk.h"
#include "hv/core/arch_guest.h"
#include "hv/mm/frame.h"
#include "hv/mm/page_alloc.h"

#define DISTANCE_LOCAL  10U
#define DISTANCE_REMOTE 20U

static uint32_t domains[PAGE_NODES_MAX];
static unsigned int node_count; /* 0: no usable SRAT */
static struct page_node_range ranges[ACPI_MAX_RANGES];
static unsigned int range_count;

static unsigned int node_of(uint32_t domain)
{
    unsigned int node = 0;

    while (node < node_count && domains[node] != domain) {
        node++;
    }
    return node;
}

static bool add_node(uint32_t domain)
{
    if (node_of(domain) < node_count) {
        return true;
    }
    if (node_count == PAGE_NODES_MAX) {
        return false;
    }
    domains[node_count++] = domain;
    return true;
}

static bool overlaps(uint64_t first, uint64_t end)
{
    for (unsigned int i = 0; i < range_count; i++) {
        if (first < ranges[i].end && ranges[i].first < end) {
            return true;
        }
    }
    return false;
}

static bool add_memory(const struct acpi_near_memory *m)
{
    uint64_t first = m->start >> PAGE_SHIFT;
    uint64_t end = MIN((m->start + m->bytes) >> PAGE_SHIFT, frame_max);

    if (m->start + m->bytes < m->start || overlaps(first, end) || !add_node(m->domain)) {
        return false;
    }
    if (first < end) {
        ranges[range_count++] = (struct page_node_range){ first, end, node_of(m->domain) };
    }
    return true;
}

static bool add_all(void)
{
    const struct acpi_machine *m = &acpi_machine;

    for (unsigned int i = 0; i < m->near_cpu_count; i++) {
        if (!add_node(m->near_cpu[i].domain)) {
            return false;
        }
    }
    for (unsigned int i = 0; i < m->near_memory_count; i++) {
        if (!add_memory(&m->near_memory[i])) {
            return false;
        }
    }
    return m->near_cpu_count > 0 && range_count > 0;
}

void numa_init(void)
{
    if (acpi_machine.near_cpu_count + acpi_machine.near_memory_count == 0) {
        return;
    }
    if (!add_all()) {
        log_warning("ACPI: SRAT is not usable: one memory node\n");
        node_count = 0;
        return;
    }
    page_alloc_set_nodes(ranges, range_count);
    log_info("ACPI: %u memory nodes\n", node_count);
}

unsigned int numa_node_of_apic(uint32_t apic_id)
{
    for (unsigned int i = 0; i < acpi_machine.near_cpu_count && node_count > 0; i++) {
        if (acpi_machine.near_cpu[i].apic_id == apic_id) {
            return node_of(acpi_machine.near_cpu[i].domain);
        }
    }
    return 0;
}

unsigned int arch_node_count(void)
{
    return MAX(node_count, 1U);
}

uint64_t arch_node_span(unsigned int node)
{
    uint64_t first = ~0ULL;
    uint64_t end = 0;

    if (node_count == 0) {
        return frame_max;
    }
    for (unsigned int i = 0; i < range_count; i++) {
        if (ranges[i].node == node) {
            first = MIN(first, ranges[i].first);
            end = MAX(end, ranges[i].end);
        }
    }
    return end > first ? end - first : 0;
}

unsigned int arch_node_distance(unsigned int from, unsigned int to)
{
    unsigned int side = acpi_machine.distance_count;

    if (node_count > 0 && domains[from] < side && domains[to] < side) {
        return acpi_machine.distance[domains[from] * side + domains[to]];
    }
    return from == to ? DISTANCE_LOCAL : DISTANCE_REMOTE;
}
