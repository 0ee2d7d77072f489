/* SPDX-License-Identifier: MIT */
/* xl info, dmesg, debug-keys, set-parameters, getenforce: the host and the hypervisor itself. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "cmd/xl/format.h"
#include "cmd/xl/output.h"
#include "cmd/xl/xl.h"
#include "lib/base/json.h"
#include "lib/ctrl/ctrl.h"

const struct xl_option xl_info_options[] = {
    { 'n', "numa", NULL, "Also the topology of CPUs and memory" },
    { 0 },
};

const struct xl_option xl_dmesg_options[] = {
    { 'c', "clear", NULL, "Clear the messages after they are shown" },
    { 0 },
};

enum { PAGES_PER_MB = (1 << 20) / 4096 };

/* A line of `xl info`, to the table or to JSON; numbers stay numbers there. */
struct info_sink {
    struct json *json;
    const char *wanted; /* only the values of lines whose name begins so; NULL: all, with their names */
};

static void put_text(struct info_sink *s, const char *name, const char *text)
{
    if (s->json) {
        json_field_string(s->json, name, text);
    } else if (!s->wanted) {
        format_info(stdout, name, "%s", text);
    } else if (!strncmp(name, s->wanted, strlen(s->wanted))) {
        puts(text);
    }
}

static void put_number(struct info_sink *s, const char *name, uint64_t value)
{
    if (s->json) {
        json_field_uint(s->json, name, value);
    } else {
        char text[24];

        snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
        put_text(s, name, text);
    }
}

static void put_host(struct xl *xl, struct info_sink *s)
{
    struct utsname u;

    if (uname(&u)) {
        err_errno(&xl->err, "uname");
        xl_die(xl);
    }
    put_text(s, "host", u.nodename);
    put_text(s, "release", u.release);
    put_text(s, "version", u.version);
    put_text(s, "machine", u.machine);
}

static void virt_caps(const struct xen_sysctl_physinfo *p, char *text, size_t size)
{
    static const struct {
        uint32_t bit, with;
        const char *name;
    } caps[] = {
        { XEN_SYSCTL_PHYSCAP_pv, 0, "pv" },
        { XEN_SYSCTL_PHYSCAP_hvm, 0, "hvm" },
        { XEN_SYSCTL_PHYSCAP_directio, XEN_SYSCTL_PHYSCAP_hvm, "hvm_directio" },
        { XEN_SYSCTL_PHYSCAP_directio, XEN_SYSCTL_PHYSCAP_pv, "pv_directio" },
        { XEN_SYSCTL_PHYSCAP_hap, 0, "hap" },
        { XEN_SYSCTL_PHYSCAP_shadow, 0, "shadow" },
        { XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share, 0, "iommu_hap_pt_share" },
        { XEN_SYSCTL_PHYSCAP_vmtrace, 0, "vmtrace" },
        { XEN_SYSCTL_PHYSCAP_vpmu, 0, "vpmu" },
        { XEN_SYSCTL_PHYSCAP_gnttab_v1, 0, "gnttab-v1" },
        { XEN_SYSCTL_PHYSCAP_gnttab_v2, 0, "gnttab-v2" },
    };
    size_t used = 0;

    text[0] = '\0';
    for (unsigned int i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
        if ((p->capabilities & caps[i].bit) && (p->capabilities & caps[i].with) == caps[i].with &&
            used < size) {
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "", caps[i].name);
        }
    }
}

static void put_physical(struct xl *xl, struct info_sink *s)
{
    struct ctrl *c = xl_ctrl(xl);
    struct xen_sysctl_physinfo p;
    char text[256];
    int used = 0, rc = ctrl_physinfo(c, &p);
    uint8_t free_cpus[512] = { 0 };
    unsigned int spare = 0;

    if (rc) {
        err_set(&xl->err, rc, "cannot read the host's properties: %s", strerror(-rc));
        xl_die(xl);
    }
    put_number(s, "nr_cpus", p.nr_cpus);
    put_number(s, "max_cpu_id", p.max_cpu_id);
    put_number(s, "nr_nodes", p.nr_nodes);
    put_number(s, "cores_per_socket", p.cores_per_socket);
    put_number(s, "threads_per_core", p.threads_per_core);
    snprintf(text, sizeof(text), "%u.%03u", p.cpu_khz / 1000, p.cpu_khz % 1000);
    put_text(s, "cpu_mhz", text);
    for (unsigned int i = 0; i < sizeof(p.hw_cap) / sizeof(p.hw_cap[0]); i++) {
        used += snprintf(text + used, sizeof(text) - (size_t)used, "%s%08x", i ? ":" : "", p.hw_cap[i]);
    }
    put_text(s, "hw_caps", text);
    virt_caps(&p, text, sizeof(text));
    put_text(s, "virt_caps", text);
    put_number(s, "total_memory", p.total_pages / PAGES_PER_MB);
    put_number(s, "free_memory", (p.free_pages - p.outstanding_pages) / PAGES_PER_MB);
    put_number(s, "sharing_freed_memory", (uint64_t)ctrl_sharing_freed_pages(c) / PAGES_PER_MB);
    put_number(s, "sharing_used_memory", (uint64_t)ctrl_sharing_used_pages(c) / PAGES_PER_MB);
    put_number(s, "outstanding_claims", p.outstanding_pages / PAGES_PER_MB);
    if (!ctrl_cpupool_free_cpus(c, free_cpus, p.max_cpu_id + 1)) {
        for (unsigned int i = 0; i <= p.max_cpu_id; i++) {
            spare += free_cpus[i / 8] >> (i % 8) & 1;
        }
    }
    put_number(s, "free_cpus", spare);
}

static void put_version(struct xl *xl, struct info_sink *s)
{
    struct ctrl *c = xl_ctrl(xl);
    struct ctrl_version v;
    uint32_t sched;
    char text[128];
    int rc = ctrl_version(c, &v);

    if (rc) {
        err_set(&xl->err, rc, "cannot read the hypervisor's version: %s", strerror(-rc));
        xl_die(xl);
    }
    put_number(s, "xen_major", v.major);
    put_number(s, "xen_minor", v.minor);
    put_text(s, "xen_extra", v.extra);
    snprintf(text, sizeof(text), "%u.%u%s", v.major, v.minor, v.extra);
    put_text(s, "xen_version", text);
    put_text(s, "xen_caps", v.capabilities);
    put_text(s, "xen_scheduler", ctrl_sched_id(c, &sched) ? "unknown" : xl_sched_name(sched));
    put_number(s, "xen_pagesize", v.page_size);
    snprintf(text, sizeof(text), "virt_start=0x%llx", (unsigned long long)v.virt_start);
    put_text(s, "platform_params", text);
    put_text(s, "xen_changeset", v.changeset);
    put_text(s, "xen_commandline", v.commandline);
    put_text(s, "cc_compiler", v.compile.compiler);
    put_text(s, "cc_compile_by", v.compile.compile_by);
    put_text(s, "cc_compile_domain", v.compile.compile_domain);
    put_text(s, "cc_compile_date", v.compile.compile_date);
    put_text(s, "build_id", v.build_id);
    put_number(s, "xend_config_format", 4);
}

/* ---- topology ----------------------------------------------------------------------------------- */

static void put_cpus(struct xl *xl, struct info_sink *s)
{
    unsigned int count = 0;
    struct xen_sysctl_cputopo *cpus;

    if (ctrl_cpu_topology(xl_ctrl(xl), NULL, &count) || !(cpus = calloc(count + 1, sizeof(*cpus)))) {
        return;
    }
    ctrl_cpu_topology(xl_ctrl(xl), cpus, &count);
    if (s->json) {
        json_key(s->json, "cpu_topology");
        json_array_begin(s->json);
    } else {
        printf("cpu_topology           :\ncpu:    core    socket     node\n");
    }
    for (unsigned int i = 0; i < count; i++) {
        if (cpus[i].core == XEN_INVALID_CORE_ID) {
            continue;
        }
        if (s->json) {
            json_object_begin(s->json);
            json_field_uint(s->json, "cpu", i);
            json_field_uint(s->json, "core", cpus[i].core);
            json_field_uint(s->json, "socket", cpus[i].socket);
            json_field_uint(s->json, "node", cpus[i].node);
            json_object_end(s->json);
        } else {
            printf("%3u:    %4u     %4u     %4u\n", i, cpus[i].core, cpus[i].socket, cpus[i].node);
        }
    }
    if (s->json) {
        json_array_end(s->json);
    }
    free(cpus);
}

static void put_nodes(struct xl *xl, struct info_sink *s)
{
    struct xen_sysctl_meminfo memory[64];
    uint32_t distance[64 * 64];
    unsigned int nodes = 64;
    const uint64_t mb = 1 << 20;

    if (ctrl_numa_info(xl_ctrl(xl), memory, distance, &nodes)) {
        return;
    }
    if (s->json) {
        json_key(s->json, "numa_info");
        json_array_begin(s->json);
    } else {
        printf("device topology        :\ndevice           node\nNo device topology data available\n");
        printf("numa_info              :\nnode:    memsize    memfree    distances\n");
    }
    for (unsigned int i = 0; i < nodes; i++) {
        if (memory[i].memsize == XEN_INVALID_MEM_SZ) {
            continue;
        }
        if (s->json) {
            json_object_begin(s->json);
            json_field_uint(s->json, "node", i);
            json_field_uint(s->json, "memsize_mb", memory[i].memsize / mb);
            json_field_uint(s->json, "memfree_mb", memory[i].memfree / mb);
            json_object_end(s->json);
            continue;
        }
        printf("%4u:    %6llu     %6llu      %u", i, (unsigned long long)(memory[i].memsize / mb),
               (unsigned long long)(memory[i].memfree / mb), distance[i * nodes]);
        for (unsigned int k = 1; k < nodes; k++) {
            printf(",%u", distance[i * nodes + k]);
        }
        putchar('\n');
    }
    if (s->json) {
        json_array_end(s->json);
    }
}

int xl_info(struct xl *xl, int argc, char **argv)
{
    struct info_sink sink = { 0 };
    bool numa = false;
    struct json j;
    int letter;

    while ((letter = xl_options(xl, argc, argv)) != -1) {
        numa |= letter == 'n';
    }
    sink.wanted = numa ? NULL : argv[optind];
    if (xl->json) {
        output_begin(&j);
        json_object_begin(&j);
        sink.json = &j;
    }
    put_host(xl, &sink);
    put_physical(xl, &sink);
    if (numa) {
        put_cpus(xl, &sink);
        put_nodes(xl, &sink);
    }
    put_version(xl, &sink);
    if (xl->json) {
        json_object_end(&j);
        output_end(xl, &j);
    }
    return 0;
}

/* ---- messages, keys, parameters ----------------------------------------------------------------- */

int xl_dmesg(struct xl *xl, int argc, char **argv)
{
    enum { SIZE = 32768 };
    char *text = malloc(SIZE);
    uint32_t size, index = 0;
    bool clear = false;
    int letter, rc;

    while ((letter = xl_options(xl, argc, argv)) != -1) {
        clear |= letter == 'c';
    }
    do {
        size = SIZE;
        rc = text ? ctrl_read_console(xl_ctrl(xl), text, &size, clear, true, &index) : -ENOMEM;
        if (rc) {
            err_set(&xl->err, rc, "cannot read the hypervisor's messages: %s", strerror(-rc));
            xl_die(xl);
        }
        fwrite(text, 1, size, stdout);
    } while (size);
    free(text);
    return 0;
}

int xl_debug_keys(struct xl *xl, int argc, char **argv)
{
    int rc;

    xl_options(xl, argc, argv);
    rc = ctrl_debug_keys(xl_ctrl(xl), argv[optind]);
    if (rc) {
        err_set(&xl->err, rc, "cannot send debug keys: %s: %s", argv[optind], strerror(-rc));
        xl_die(xl);
    }
    return 0;
}

/* "a=1 b no-c": each as the command line of the hypervisor would take it. */
int xl_set_parameters(struct xl *xl, int argc, char **argv)
{
    char *next, *list;

    xl_options(xl, argc, argv);
    list = strdup(argv[optind]);
    for (char *p = strtok_r(list, " ", &next); p; p = strtok_r(NULL, " ", &next)) {
        char *value = strchr(p, '=');
        const char *name = p;
        int rc;

        if (value) {
            *value++ = '\0';
        } else if (!strncmp(p, "no-", 3)) {
            name = p + 3;
        }
        rc = ctrl_set_parameter(xl_ctrl(xl), name, value ? value : name == p ? "true" : "false");
        if (rc) {
            err_set(&xl->err, rc, "cannot set parameters: %s: %s", argv[optind],
                    rc == -ENOENT ? "no such run-time parameter" : strerror(-rc));
            xl_die(xl);
        }
    }
    free(list);
    return 0;
}

/* The security module is not built: said in the words and with the code that scripts know. */
int xl_getenforce(struct xl *xl, int argc, char **argv)
{
    xl_options(xl, argc, argv);
    puts(xl->json ? "{\"flask\": false}" : "Flask XSM Disabled");
    return 255;
}
