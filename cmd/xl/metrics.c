/* SPDX-License-Identifier: MIT */
/* xl metrics: counters of host and domains in the text format of Prometheus, for its node exporter or a small
 * server. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/xl/xl.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/domain.h"
#include "lib/domain/usage.h"
#include "lib/store/xenstore.h"

struct sample {
    struct domain_info *domains;
    struct usage *usage;
    unsigned int count;
};

static void heading(const char *name, const char *type, const char *help)
{
    printf("# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and line end are escaped. */
static void put_label(const char *text)
{
    for (; *text; text++) {
        if (*text == '\n') {
            fputs("\\n", stdout);
        } else {
            printf(*text == '\\' || *text == '"' ? "\\%c" : "%c", *text);
        }
    }
}

static void put_domain(const char *name, const struct domain_info *d, double value)
{
    printf("%s{domid=\"%u\",name=\"", name, d->domid);
    put_label(d->name);
    printf("\"} %.15g\n", value);
}

struct metric {
    const char *name, *type, *help;
    double (*value)(const struct domain_info *d, const struct usage *u);
};

#define VALUE(id, expression)                                                                                \
    static double id(const struct domain_info *d, const struct usage *u)                                     \
    {                                                                                                        \
        (void)d;                                                                                             \
        (void)u;                                                                                             \
        return (double)(expression);                                                                         \
    }
VALUE(cpu_seconds, d->cpu_time / 1e9)
VALUE(memory, d->memory_kb * 1024.0)
VALUE(memory_max, d->max_kb == UINT64_MAX ? 0 : d->max_kb * 1024.0)
VALUE(vcpus, d->vcpus_online)
VALUE(running, !d->paused && !d->shutdown && !d->dying)
VALUE(paused, d->paused)
VALUE(crashed, d->shutdown && d->stop_reason == DOMAIN_CRASH)
VALUE(sent, u->sent)
VALUE(received, u->received)
VALUE(reads, u->reads)
VALUE(writes, u->writes)
VALUE(bytes_read, u->sectors_read * 512.0)
VALUE(bytes_written, u->sectors_written * 512.0)

static const struct metric metrics[] = {
    { "xen_domain_cpu_seconds_total", "counter", "CPU time of all vcpus.", cpu_seconds },
    { "xen_domain_memory_bytes", "gauge", "Memory the domain has.", memory },
    { "xen_domain_memory_max_bytes", "gauge", "Memory the domain may have; 0 without a limit.", memory_max },
    { "xen_domain_vcpus_online", "gauge", "Virtual CPUs online.", vcpus },
    { "xen_domain_running", "gauge", "1 unless paused, shut down or dying.", running },
    { "xen_domain_paused", "gauge", "1 when paused.", paused },
    { "xen_domain_crashed", "gauge", "1 when crashed.", crashed },
    { "xen_domain_network_transmit_bytes_total", "counter", "Bytes the guest sent.", sent },
    { "xen_domain_network_receive_bytes_total", "counter", "Bytes the guest received.", received },
    { "xen_domain_disk_reads_total", "counter", "Read requests.", reads },
    { "xen_domain_disk_writes_total", "counter", "Write requests.", writes },
    { "xen_domain_disk_read_bytes_total", "counter", "Bytes read.", bytes_read },
    { "xen_domain_disk_written_bytes_total", "counter", "Bytes written.", bytes_written },
};

static void put_host(struct xl *xl)
{
    struct xen_sysctl_physinfo p;
    struct ctrl_version v;

    if (ctrl_physinfo(xl_ctrl(xl), &p) || ctrl_version(xl_ctrl(xl), &v)) {
        err_set(&xl->err, -EIO, "cannot read the host's properties");
        xl_die(xl);
    }
    heading("xen_info", "gauge", "The hypervisor.");
    printf("xen_info{version=\"%u.%u", v.major, v.minor);
    put_label(v.extra);
    printf("\"} 1\n");
    heading("xen_cpus", "gauge", "CPUs online.");
    printf("xen_cpus %u\n", p.nr_cpus);
    heading("xen_memory_bytes", "gauge", "Memory of the host.");
    printf("xen_memory_bytes %" PRIu64 "\n", (uint64_t)p.total_pages * 4096);
    heading("xen_memory_free_bytes", "gauge", "Memory no domain has or was promised.");
    printf("xen_memory_free_bytes %" PRIu64 "\n", (uint64_t)(p.free_pages - p.outstanding_pages) * 4096);
}

static void take(struct xl *xl, struct sample *s)
{
    if (domain_list(&xl->err, xl_ctrl(xl), &s->domains, &s->count) ||
        domain_read_names(&xl->err, xl_store(xl), s->domains, s->count)) {
        xl_die(xl);
    }
    s->usage = calloc(s->count + 1, sizeof(*s->usage));
    if (!s->usage) {
        err_set(&xl->err, -ENOMEM, "out of memory");
        xl_die(xl);
    }
    for (unsigned int i = 0; i < s->count; i++) {
        s->usage[i].domid = s->domains[i].domid;
    }
    usage_read(s->usage, s->count);
}

int xl_metrics(struct xl *xl, int argc, char **argv)
{
    struct sample s;

    xl_options(xl, argc, argv);
    take(xl, &s);
    put_host(xl);
    for (unsigned int m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++) {
        heading(metrics[m].name, metrics[m].type, metrics[m].help);
        for (unsigned int i = 0; i < s.count; i++) {
            put_domain(metrics[m].name, &s.domains[i], metrics[m].value(&s.domains[i], &s.usage[i]));
        }
    }
    free(s.domains);
    free(s.usage);
    return 0;
}
