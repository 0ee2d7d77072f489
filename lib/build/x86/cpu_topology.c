/* SPDX-License-Identifier: MIT */
/*
 * CPUID's topology: see cpu_topology.h. A logical processor count of 128 or more cannot double, and leaf 4 holds
 * counts less one in fields of 6 and 12 bits.
 */
#include "lib/build/x86/cpu_topology.h"

#include <cpuid.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LEAVES_MAX 256

#define LEAF1_COUNT      0x00ff0000U
#define LEAF1_COUNT_TOP  0x00800000U
#define LEAF1_HTT        (1U << 28)
#define LEAF4_TYPE       0x1fU
#define LEAF4_THREADS    14
#define LEAF4_CORES      26
#define LEAF8_NC         0xffU
#define LEAF8_ID_SIZE    0xf000U
#define LEAF8_ID_ONE     0x1000U

static void double_leaf1(xen_cpuid_leaf_t *l)
{
    uint32_t count = l->b & LEAF1_COUNT;

    l->d |= LEAF1_HTT;
    if (count < LEAF1_COUNT_TOP) {
        l->b = (l->b & ~LEAF1_COUNT) | count << 1;
    }
}

/* A count less one in a field: the doubled count less one, or the most there is room for. */
static uint32_t double_field(uint32_t word, unsigned int shift, uint32_t max)
{
    uint32_t value = word >> shift & max;
    uint32_t doubled = value * 2 + 1;

    return (word & ~(max << shift)) | (doubled < max ? doubled : max) << shift;
}

/* False for a leaf that says nothing of this. */
static bool double_leaf(xen_cpuid_leaf_t *l)
{
    switch (l->leaf) {
    case 1:
        double_leaf1(l);
        return true;
    case 4:
        if ((l->a & LEAF4_TYPE) == 0) {
            return false;
        }
        l->a = double_field(l->a, LEAF4_THREADS, 0xfff);
        l->a = double_field(l->a, LEAF4_CORES, 0x3f);
        return true;
    case 0x80000008:
        if ((l->c & LEAF8_ID_SIZE) != 0 && (l->c & LEAF8_ID_SIZE) != LEAF8_ID_SIZE) {
            l->c += LEAF8_ID_ONE;
        }
        l->c = double_field(l->c, 0, LEAF8_NC);
        return true;
    default:
        return false;
    }
}

uint32_t cpu_topology_leaves(xen_cpuid_leaf_t *leaves, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (double_leaf(&leaves[i])) {
            leaves[kept++] = leaves[i];
        }
    }
    return kept;
}

int cpu_topology_set(struct err *e, struct ctrl *c, domid_t domid, unsigned int vcpus)
{
    uint32_t count = LEAVES_MAX, msrs = 0, bad[3];
    xen_cpuid_leaf_t *leaves;
    int rc;

    if (vcpus == 1) {
        return 0;
    }
    leaves = calloc(count, sizeof(*leaves));
    if (leaves == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    rc = ctrl_domain_cpu_policy_get(c, domid, leaves, &count, NULL, &msrs);
    if (rc == 0) {
        rc = ctrl_domain_cpu_policy_set(c, domid, leaves, cpu_topology_leaves(leaves, count), NULL, 0, bad);
    }
    free(leaves);
    return rc < 0 ? err_set(e, rc, "cannot tell the guest of its vcpus: %s", strerror(-rc)) : 0;
}

bool cpu_has_vmx(void)
{
    uint32_t a, b = 0, c, d;

    /* The first letters of AuthenticAMD and HygonGenuine. */
    return __get_cpuid(0, &a, &b, &c, &d) != 0 && b != 0x68747541U && b != 0x6f677948U;
}
