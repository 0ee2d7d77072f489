/* SPDX-License-Identifier: MIT */
/* Lists of the host's CPUs: see cpus.h. */
#include "cmd/xl/cpus.h"

#include <errno.h>
#include <stdlib.h>

#include "cmd/xl/xl.h"
#include "lib/conf/spec.h"
#include "lib/ctrl/ctrl.h"

unsigned int cpus_count(struct xl *xl)
{
    int bits = ctrl_cpu_ids(xl_ctrl(xl));

    if (bits <= 0 || bits > CPUS_MAX) {
        err_set(&xl->err, bits < 0 ? bits : -E2BIG, "cannot count the host's CPUs");
        xl_die(xl);
    }
    return (unsigned int)bits;
}

/* Which node each CPU is in: `node:` and `nodes:` in a list need it. */
static unsigned int *read_nodes(struct xl *xl, unsigned int bits)
{
    struct xen_sysctl_cputopo *topology = calloc(bits, sizeof(*topology));
    unsigned int *nodes = calloc(bits, sizeof(*nodes)), count = bits;

    if (topology && nodes && !ctrl_cpu_topology(xl_ctrl(xl), topology, &count)) {
        for (unsigned int i = 0; i < count && i < bits; i++) {
            nodes[i] = topology[i].node;
        }
    }
    free(topology);
    return nodes;
}

int cpus_parse(struct xl *xl, const char *text, uint8_t *bytes, unsigned int bits)
{
    unsigned int *nodes = read_nodes(xl, bits);
    struct cpu_list list = { 0 };
    int rc = cpu_list_parse(&xl->err, text, &list);

    rc = rc ? rc : cpu_list_fill(&xl->err, &list, nodes, bits, bytes);
    cpu_list_free(&list);
    free(nodes);
    return rc;
}
