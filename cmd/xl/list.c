/* SPDX-License-Identifier: MIT */
/* xl list, vm-list, domid, domname, uptime, claims: who is there. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/xl/format.h"
#include "cmd/xl/output.h"
#include "cmd/xl/xl.h"
#include "lib/base/json.h"
#include "lib/conf/spec.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/domain.h"
#include "lib/domain/saved.h"
#include "lib/store/xenstore.h"

const struct xl_option xl_list_options[] = {
    { 'l', "long", NULL, "Configurations, as JSON" },
    { 'v', "verbose", NULL, "Also UUIDs, reasons of shutdown and security labels" },
    { 'Z', "context", NULL, "Also security labels" },
    { 'c', "cpupool", NULL, "Also CPU pools" },
    { 'n', "numa", NULL, "Also the NUMA nodes a domain's memory prefers" },
    { 0 },
};

const struct xl_option xl_uptime_options[] = {
    { 's', "short", NULL, "In the style of uptime(1)" },
    { 0 },
};

/* All domains, or those named by the arguments; names filled in. Dies when one is not there. */
static struct domain_info *chosen_domains(struct xl *xl, int argc, char **argv, unsigned int *count)
{
    struct domain_info *list;
    int rc = 0;

    if (optind >= argc) {
        rc = domain_list(&xl->err, xl_ctrl(xl), &list, count);
    } else {
        list = calloc((size_t)(argc - optind), sizeof(*list));
        *count = 0;
        for (int i = optind; i < argc && list && !rc; i++) {
            uint32_t domid = xl_domain(xl, argv[i]);

            if (domain_get(&xl->err, xl_ctrl(xl), domid, &list[*count])) {
                xl_no_domain(argv[i]);
            }
            ++*count;
        }
        rc = list ? rc : -ENOMEM;
    }
    if (rc) {
        xl_die(xl);
    }
    /* Without a store there still is a list: names are what is missing. */
    if (domain_read_names(&xl->err, xl_store(xl), list, *count)) {
        xl_complain(xl);
    }
    return list;
}

/* ---- list --------------------------------------------------------------------------------------- */

static void read_nodes(struct xl *xl, uint32_t domid, char *text, size_t size)
{
    uint8_t nodes[32] = { 0 };
    struct xen_sysctl_physinfo host;
    int bits = ctrl_node_ids(xl_ctrl(xl));

    if (bits <= 0 || bits > 256 || ctrl_physinfo(xl_ctrl(xl), &host) ||
        ctrl_domain_node_affinity_get(xl_ctrl(xl), (domid_t)domid, nodes, (unsigned int)bits)) {
        snprintf(text, size, "?");
        return;
    }
    /* "all" means all nodes there are, not all there could be. */
    format_bitmap(text, size, nodes, host.nr_nodes < (unsigned int)bits ? host.nr_nodes : (unsigned int)bits);
}

/* Of a table under way. */
struct table {
    struct xl *xl;
    const struct format_list *o;
    bool begun;
};

static void table_row(void *context, const struct domain_info *d)
{
    char pool[64], nodes[256];
    struct format_list_extra x = { .pool = pool, .nodes = nodes };
    struct table *t = context;

    if (!t->begun) {
        format_list_heading(stdout, t->o);
        t->begun = true;
    }
    if (t->o->pool) {
        xl_pool_name(t->xl, d->cpupool, pool, sizeof(pool));
    }
    if (t->o->nodes) {
        read_nodes(t->xl, d->domid, nodes, sizeof(nodes));
    }
    format_list_row(stdout, t->o, d, &x);
}

static void list_table(struct xl *xl, const struct format_list *o, int argc, char **argv)
{
    struct table t = { xl, o, false };
    struct domain_info *list;
    unsigned int count;

    if (optind >= argc) {
        struct ctrl *c = xl_ctrl(xl);

        if (domain_walk(&xl->err, c, xl_store(xl), table_row, &t)) {
            xl_die(xl);
        }
        if (xl->err.code) {
            xl_complain(xl);
        }
        return;
    }
    list = chosen_domains(xl, argc, argv, &count);
    for (unsigned int i = 0; i < count; i++) {
        table_row(&t, &list[i]);
    }
    free(list);
}

static void list_json(struct json *j, const struct domain_info *list, unsigned int count)
{
    json_array_begin(j);
    for (unsigned int i = 0; i < count; i++) {
        output_domain(j, &list[i]);
    }
    json_array_end(j);
}

/* -l: each domain's saved configuration, as the create or the last hot plug left it. */
static void list_long(struct xl *xl, const struct domain_info *list, unsigned int count)
{
    printf("[\n");
    for (unsigned int i = 0; i < count; i++) {
        char *config = list[i].domid ? saved_read(NULL, list[i].domid, list[i].uuid, SAVED_JSON) : NULL;
        struct output_sched sched = { 0 };

        xl_domain_sched(xl, list[i].domid, &sched);
        printf("    {\n        \"domid\": %u,\n        \"config\": ", list[i].domid);
        output_nested(stdout, config, &list[i], &sched, 8);
        printf("\n    }%s\n", i + 1 < count ? "," : "");
        free(config);
    }
    printf("]\n\n");
}

int xl_list(struct xl *xl, int argc, char **argv)
{
    struct format_list o = { 0 };
    struct domain_info *list;
    unsigned int count;
    bool whole = false;
    int letter;

    while ((letter = xl_options(xl, argc, argv)) != -1) {
        whole |= letter == 'l';
        o.verbose |= letter == 'v';
        o.label |= letter == 'Z';
        o.pool |= letter == 'c';
        o.nodes |= letter == 'n';
    }
    if (!whole && !xl->json) {
        list_table(xl, &o, argc, argv);
        return 0;
    }
    list = chosen_domains(xl, argc, argv, &count);
    if (whole) {
        list_long(xl, list, count);
    } else {
        struct json j;

        output_begin(&j);
        list_json(&j, list, count);
        output_end(xl, &j);
    }
    free(list);
    return 0;
}

int xl_vm_list(struct xl *xl, int argc, char **argv)
{
    struct domain_info *list;
    unsigned int count;

    xl_options(xl, argc, argv);
    list = chosen_domains(xl, argc, argv, &count);
    if (xl->json) {
        struct json j;

        output_begin(&j);
        list_json(&j, list, count);
        output_end(xl, &j);
    } else {
        printf("UUID                                  ID    name\n");
        for (unsigned int i = 0; i < count; i++) {
            char uuid[37];

            uuid_format(list[i].uuid, uuid);
            printf("%s  %u    %-30s\n", uuid, list[i].domid, list[i].name);
        }
    }
    free(list);
    return 0;
}

int xl_claims(struct xl *xl, int argc, char **argv)
{
    struct domain_info *list;
    unsigned int count;

    xl_options(xl, argc, argv);
    list = chosen_domains(xl, 0, argv, &count);
    if (xl->json) {
        struct json j;

        output_begin(&j);
        list_json(&j, list, count);
        output_end(xl, &j);
    } else {
        format_claims_heading(stdout);
        for (unsigned int i = 0; i < count; i++) {
            format_claims_row(stdout, &list[i]);
        }
    }
    free(list);
    return 0;
}

/* ---- names and numbers -------------------------------------------------------------------------- */

int xl_domid(struct xl *xl, int argc, char **argv)
{
    uint32_t domid;

    xl_options(xl, argc, argv);
    if (domain_find(&xl->err, xl_store(xl), argv[optind], &domid)) {
        fprintf(stderr, "Can't get domid of domain name '%s', maybe this domain does not exist.\n",
                argv[optind]);
        return 1;
    }
    printf(xl->json ? "{\"domid\": %u}\n" : "%u\n", domid);
    return 0;
}

int xl_domname(struct xl *xl, int argc, char **argv)
{
    char name[DOMAIN_NAME_MAX];
    char *end;
    unsigned long domid;

    xl_options(xl, argc, argv);
    domid = strtoul(argv[optind], &end, 10);
    if (*end || end == argv[optind]) {
        fprintf(stderr, "Invalid domain id.\n");
        return 1;
    }
    if (domid >= DOMAIN_NONE || domain_read_name(&xl->err, xl_store(xl), (uint32_t)domid, name)) {
        fprintf(stderr, "Can't get domain name of domain id '%s', maybe this domain does not exist.\n",
                argv[optind]);
        return 1;
    }
    if (xl->json) {
        struct json j;

        output_begin(&j);
        json_object_begin(&j);
        json_field_string(&j, "name", name);
        json_object_end(&j);
        output_end(xl, &j);
    } else {
        puts(name);
    }
    return 0;
}

/* ---- uptime ------------------------------------------------------------------------------------- */

/* Of dom0 the kernel's own; of a guest the time since its creation that the store keeps; 0 when it has none.
 */
static uint64_t uptime_seconds(struct xl *xl, const struct domain_info *d)
{
    char path[80], uuid[37];
    struct timespec up;
    double start;
    char *text;

    if (!d->domid) {
        clock_gettime(CLOCK_BOOTTIME, &up);
        return (uint64_t)up.tv_sec;
    }
    uuid_format(d->uuid, uuid);
    snprintf(path, sizeof(path), "/vm/%s/start_time", uuid);
    text = xs_read(xl_store(xl), XBT_NULL, path, NULL);
    start = text ? strtod(text, NULL) : 0;
    free(text);
    return start > 0 && start <= (double)time(NULL) ? (uint64_t)((double)time(NULL) - start) : 0;
}

static void uptime_short(const struct domain_info *d, uint64_t seconds)
{
    char now[16], text[64];
    time_t t = time(NULL);
    struct tm tm;

    strftime(now, sizeof(now), "%H:%M:%S", localtime_r(&t, &tm));
    format_uptime_short(text, sizeof(text), seconds);
    printf(" %s up %s, %s (%u)\n", now, text, d->name, d->domid);
}

int xl_uptime(struct xl *xl, int argc, char **argv)
{
    struct domain_info *list;
    unsigned int count;
    bool brief = false;
    struct json j;
    int letter;

    while ((letter = xl_options(xl, argc, argv)) != -1) {
        brief |= letter == 's';
    }
    list = chosen_domains(xl, argc, argv, &count);
    if (xl->json) {
        output_begin(&j);
        json_array_begin(&j);
    } else if (!brief) {
        format_uptime_heading(stdout);
    }
    for (unsigned int i = 0; i < count; i++) {
        uint64_t seconds = uptime_seconds(xl, &list[i]);

        if (xl->json) {
            json_object_begin(&j);
            json_field_uint(&j, "domid", list[i].domid);
            json_field_string(&j, "name", list[i].name);
            json_field_uint(&j, "seconds", seconds);
            json_object_end(&j);
        } else if (brief) {
            uptime_short(&list[i], seconds);
        } else {
            format_uptime_row(stdout, list[i].name, list[i].domid, seconds);
        }
    }
    if (xl->json) {
        json_array_end(&j);
        output_end(xl, &j);
    }
    free(list);
    return 0;
}
