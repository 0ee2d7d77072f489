/* SPDX-License-Identifier: MIT */
/* xl vcpu-list, vcpu-pin, vcpu-set. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/xl/cpus.h"
#include "cmd/xl/format.h"
#include "cmd/xl/output.h"
#include "cmd/xl/xl.h"
#include "lib/base/json.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/domain.h"
#include "lib/store/xenstore.h"

enum { CPU_BYTES = CPUS_MAX / 8, TEXT_SIZE = 1024 };

const struct xl_option xl_vcpu_pin_options[] = {
    { 'f', "force", NULL, "Undo a temporary pinning that the guest's kernel asked for" },
    { 0 },
};

const struct xl_option xl_vcpu_set_options[] = {
    { 'i', "ignore-host", NULL, "Allow more virtual CPUs than the host has" },
    { 0 },
};

/* ---- vcpu-list ---------------------------------------------------------------------------------- */

static void put_vcpu_json(struct json *j, const struct format_vcpu *v)
{
    json_object_begin(j);
    json_field_string(j, "name", v->name);
    json_field_uint(j, "domid", v->domid);
    json_field_uint(j, "vcpu", v->vcpu);
    json_field_bool(j, "online", v->online);
    if (v->online) {
        json_field_uint(j, "cpu", v->cpu);
    }
    json_field_bool(j, "running", v->running);
    json_field_bool(j, "blocked", v->blocked);
    json_field_uint(j, "cpu_time_ns", v->cpu_time);
    json_field_string(j, "hard_affinity", v->hard);
    json_field_string(j, "soft_affinity", v->soft);
    json_object_end(j);
}

static void list_vcpu(struct xl *xl, const struct domain_info *d, unsigned int vcpu, struct json *j)
{
    uint8_t hard[CPU_BYTES] = { 0 }, soft[CPU_BYTES] = { 0 };
    char hard_text[TEXT_SIZE], soft_text[TEXT_SIZE];
    struct xen_domctl_getvcpuinfo info;
    unsigned int bits = cpus_count(xl);
    struct format_vcpu row;

    /* A domain may end while it is listed: its rows end then. */
    if (ctrl_vcpu_info(xl_ctrl(xl), (domid_t)d->domid, vcpu, &info) ||
        ctrl_vcpu_affinity_get(xl_ctrl(xl), (domid_t)d->domid, vcpu, hard, soft, bits)) {
        return;
    }
    format_bitmap(hard_text, sizeof(hard_text), hard, bits);
    format_bitmap(soft_text, sizeof(soft_text), soft, bits);
    row = (struct format_vcpu){
        .name = d->name,
        .domid = d->domid,
        .vcpu = vcpu,
        .cpu = info.cpu,
        .online = info.online,
        .blocked = info.blocked,
        .running = info.running,
        .cpu_time = info.cpu_time,
        .hard = hard_text,
        .soft = soft_text,
    };
    if (j) {
        put_vcpu_json(j, &row);
    } else {
        format_vcpu_row(stdout, &row);
    }
}

static void list_domain(struct xl *xl, const struct domain_info *d, struct json *j)
{
    for (unsigned int i = 0; i < d->vcpus_max; i++) {
        list_vcpu(xl, d, i, j);
    }
}

static int list_named(struct xl *xl, int argc, char **argv, struct json *j)
{
    int code = 0;

    for (int i = optind; i < argc; i++) {
        struct domain_info d;
        uint32_t domid;

        if (domain_find(NULL, xl_store(xl), argv[i], &domid) || domain_get(NULL, xl_ctrl(xl), domid, &d)) {
            xl_say_no_domain(argv[i], " (rc=-6)");
            code = 1;
            continue;
        }
        domain_read_name(NULL, xl_store(xl), domid, d.name);
        list_domain(xl, &d, j);
    }
    return code;
}

static void list_all(struct xl *xl, struct json *j)
{
    struct domain_info *list;
    unsigned int count;

    if (domain_list(&xl->err, xl_ctrl(xl), &list, &count) ||
        domain_read_names(&xl->err, xl_store(xl), list, count)) {
        xl_die(xl);
    }
    for (unsigned int i = 0; i < count; i++) {
        list_domain(xl, &list[i], j);
    }
    free(list);
}

int xl_vcpu_list(struct xl *xl, int argc, char **argv)
{
    struct json json, *j = NULL;
    int code = 0;

    xl_options(xl, argc, argv);
    if (xl->json) {
        j = &json;
        output_begin(j);
        json_array_begin(j);
    } else {
        format_vcpu_heading(stdout);
    }
    if (optind < argc) {
        code = list_named(xl, argc, argv, j);
    } else {
        list_all(xl, j);
    }
    if (j) {
        json_array_end(j);
        output_end(xl, j);
    }
    return code;
}

/* ---- vcpu-pin ----------------------------------------------------------------------------------- */

/* NULL for '-', which leaves an affinity as it is. */
static uint8_t *parse_cpus(struct xl *xl, const char *text, uint8_t *bytes)
{
    if (!strcmp(text, "-")) {
        return NULL;
    }
    if (cpus_parse(xl, text, bytes, cpus_count(xl))) {
        xl_die(xl);
    }
    return bytes;
}

static void pin(struct xl *xl, uint32_t domid, unsigned int vcpu, const uint8_t *hard, const uint8_t *soft,
                bool force)
{
    uint8_t hard_now[CPU_BYTES], soft_now[CPU_BYTES];
    unsigned int bits = cpus_count(xl);
    int rc;

    memcpy(hard_now, hard ? hard : hard_now, hard ? sizeof(hard_now) : 0);
    memcpy(soft_now, soft ? soft : soft_now, soft ? sizeof(soft_now) : 0);
    rc = ctrl_vcpu_affinity_set(xl_ctrl(xl), (domid_t)domid, vcpu, hard ? hard_now : NULL,
                                soft ? soft_now : NULL, bits, force);
    if (rc) {
        err_set(&xl->err, rc, "Could not set affinity for vcpu `%u'.", vcpu);
        err_hint(&xl->err, "%s",
                 rc == -EINVAL ? "no such vcpu, or none of the CPUs is in the domain's CPU pool"
                               : strerror(-rc));
        xl_die(xl);
    }
}

int xl_vcpu_pin(struct xl *xl, int argc, char **argv)
{
    uint8_t hard_bytes[CPU_BYTES] = { 0 }, soft_bytes[CPU_BYTES] = { 0 }, *hard, *soft;
    struct domain_info d;
    bool force = false;
    uint32_t domid;
    int letter;

    while ((letter = xl_options(xl, argc, argv)) != -1) {
        force |= letter == 'f';
    }
    domid = xl_domain(xl, argv[optind]);
    hard = parse_cpus(xl, argv[optind + 2], hard_bytes);
    soft = optind + 3 < argc ? parse_cpus(xl, argv[optind + 3], soft_bytes) : NULL;
    if (xl->dry_run) {
        printf("cpumap: %s\n", argv[optind + 2]);
        return 0;
    }
    if (strcmp(argv[optind + 1], "all")) {
        pin(xl, domid, (unsigned int)xl_number(xl, "vcpu", argv[optind + 1], 0, 8191), hard, soft, force);
        return 0;
    }
    if (domain_get(&xl->err, xl_ctrl(xl), domid, &d)) {
        xl_die(xl);
    }
    for (unsigned int i = 0; i < d.vcpus_max; i++) {
        pin(xl, domid, i, hard, soft, force);
    }
    return 0;
}

/* ---- vcpu-set ----------------------------------------------------------------------------------- */

int xl_vcpu_set(struct xl *xl, int argc, char **argv)
{
    struct xen_sysctl_physinfo host;
    bool ignore_host = false;
    unsigned int online;
    uint32_t domid;
    int letter;

    while ((letter = xl_options(xl, argc, argv)) != -1) {
        ignore_host |= letter == 'i';
    }
    domid = xl_domain(xl, argv[optind]);
    online = (unsigned int)xl_number(xl, "count", argv[optind + 1], 0, 8192);
    if (!ignore_host && !ctrl_physinfo(xl_ctrl(xl), &host) && online > host.nr_cpus) {
        fprintf(stderr,
                "You are overcommmitting! You have %u physical CPUs and want %u vCPUs! Aborting, use "
                "--ignore-host to continue\n",
                host.nr_cpus, online);
        return 1;
    }
    if (domain_set_vcpus(&xl->err, xl_ctrl(xl), xl_store(xl), domid, online)) {
        xl_die(xl);
    }
    return 0;
}
