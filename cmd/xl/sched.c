/* SPDX-License-Identifier: MIT */
/* xl sched-credit, sched-credit2: weights and caps of domains, parameters of pools. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/xl/format.h"
#include "cmd/xl/output.h"
#include "cmd/xl/xl.h"
#include "lib/base/json.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/domain.h"
#include "lib/store/xenstore.h"

#define COMMON_OPTIONS                                                                                       \
    { 'd', "domain", "DOMAIN", "The domain to show or change" },                                             \
        { 'w', "weight", "WEIGHT", "Share of the CPUs, 1 to 65535 (256 is usual)" },                         \
        { 'c', "cap", "CAP", "Most CPU time in percent of one CPU; 0 for no limit" },                        \
        { 's', "schedparam", NULL, "The parameters of the pool instead of domains" },                        \
        { 'r', "ratelimit_us", "RLIMIT", "Shortest time between two switches, in us" },                      \
    {                                                                                                        \
        'p', "cpupool", "CPUPOOL", "Only this CPU pool"                                                      \
    }

const struct xl_option xl_sched_credit_options[] = {
    COMMON_OPTIONS,
    { 't', "tslice_ms", "TSLICE", "Time slice in ms" },
    { 'm', "migration_delay_us", "DELAY", "How long a vcpu counts as warm on its CPU, in us" },
    { 0 },
};

const struct xl_option xl_sched_credit2_options[] = {
    COMMON_OPTIONS,
    { 0 },
};

/* What the command line asks for; -1 where it says nothing. */
struct request {
    uint32_t sched;
    const char *domain, *pool;
    long weight, cap, ratelimit, tslice, delay;
    bool pool_parameters;
    struct json *json; /* NULL: lines of text */
};

/* A domain's line, or its object. */
static void put_domain(const struct request *q, const char *name, uint32_t domid, unsigned int weight,
                       unsigned int cap)
{
    if (!q->json) {
        format_sched_row(stdout, name, domid, weight, cap);
        return;
    }
    json_object_begin(q->json);
    json_field_string(q->json, "name", name[0] ? name : NULL);
    json_field_uint(q->json, "domid", domid);
    json_field_uint(q->json, "weight", weight);
    json_field_uint(q->json, "cap", cap);
    json_object_end(q->json);
}

static void parse_request(struct xl *xl, int argc, char **argv, struct request *q)
{
    int letter;

    while ((letter = xl_options(xl, argc, argv)) != -1) {
        switch (letter) {
        case 'd':
            q->domain = optarg;
            break;
        case 'p':
            q->pool = optarg;
            break;
        case 's':
            q->pool_parameters = true;
            break;
        case 'w':
            q->weight = xl_number(xl, "weight", optarg, 1, 65535);
            break;
        case 'c':
            q->cap = xl_number(xl, "cap", optarg, 0, 65535);
            break;
        case 'r':
            q->ratelimit = xl_number(xl, "ratelimit", optarg, 0, 500000);
            break;
        case 't':
            q->tslice = xl_number(xl, "time slice", optarg, 1, 1000);
            break;
        case 'm':
            q->delay = xl_number(xl, "migration delay", optarg, 0, 100000);
            break;
        default:
            break;
        }
    }
}

/* "Specifying pool and domain" and its like: what makes no sense together. */
static const char *contradiction(const struct request *q)
{
    if (q->pool && q->domain) {
        return "Specifying a cpupool is not allowed with other options.";
    }
    if (q->domain && (q->pool_parameters || q->ratelimit >= 0 || q->tslice >= 0 || q->delay >= 0)) {
        return "Specifying a domain with scheduling parameters is not allowed.";
    }
    if (!q->domain && (q->weight >= 0 || q->cap >= 0)) {
        return "Must specify a domain.";
    }
    if (!q->pool_parameters && (q->ratelimit >= 0 || q->tslice >= 0 || q->delay >= 0)) {
        return "Must specify schedparam to set schedule parameters.";
    }
    return NULL;
}

/* Both schedulers keep weight and cap; the calls differ. */
static int get_domain(struct xl *xl, uint32_t sched, uint32_t domid, unsigned int *weight, unsigned int *cap)
{
    struct xen_domctl_sched_credit2 two;
    struct xen_domctl_sched_credit one;
    int rc;

    if (sched == XEN_SCHEDULER_CREDIT2) {
        rc = ctrl_sched_credit2_get(xl_ctrl(xl), (domid_t)domid, &two);
        *weight = rc ? 0 : two.weight;
        *cap = rc ? 0 : two.cap;
    } else {
        rc = ctrl_sched_credit_get(xl_ctrl(xl), (domid_t)domid, &one);
        *weight = rc ? 0 : one.weight;
        *cap = rc ? 0 : one.cap;
    }
    return rc;
}

static int set_domain(struct xl *xl, uint32_t sched, uint32_t domid, unsigned int weight, unsigned int cap)
{
    struct xen_domctl_sched_credit2 two = { .weight = (uint16_t)weight, .cap = (uint16_t)cap };
    struct xen_domctl_sched_credit one = { .weight = (uint16_t)weight, .cap = (uint16_t)cap };

    return sched == XEN_SCHEDULER_CREDIT2 ? ctrl_sched_credit2_set(xl_ctrl(xl), (domid_t)domid, &two)
                                          : ctrl_sched_credit_set(xl_ctrl(xl), (domid_t)domid, &one);
}

static void one_domain(struct xl *xl, const struct request *q)
{
    uint32_t domid = xl_domain(xl, q->domain);
    char name[DOMAIN_NAME_MAX] = "";
    unsigned int weight, cap;
    int rc = get_domain(xl, q->sched, domid, &weight, &cap);

    if (!rc && (q->weight >= 0 || q->cap >= 0)) {
        rc = set_domain(xl, q->sched, domid, q->weight >= 0 ? (unsigned int)q->weight : weight,
                        q->cap >= 0 ? (unsigned int)q->cap : cap);
    } else if (!rc) {
        domain_read_name(NULL, xl_store(xl), domid, name);
        if (!q->json) {
            format_sched_heading(stdout);
        }
        put_domain(q, name, domid, weight, cap);
    }
    if (rc) {
        err_set(&xl->err, rc, "%s scheduler parameters of domain %s: %s", xl_sched_name(q->sched), q->domain,
                strerror(-rc));
        xl_die(xl);
    }
}

/* ---- pools -------------------------------------------------------------------------------------- */

/* The line above a pool's domains, or, in the same breath, its parameters changed. */
static int pool_parameters(struct xl *xl, const struct request *q, const struct ctrl_cpupool *pool,
                           const char *name, bool change)
{
    struct xen_sysctl_credit2_schedule two;
    struct xen_sysctl_credit_schedule one;
    int rc;

    if (pool->sched_id == XEN_SCHEDULER_CREDIT2) {
        rc = ctrl_pool_credit2_get(xl_ctrl(xl), pool->id, &two);
        if (!rc && change) {
            two.ratelimit_us = q->ratelimit >= 0 ? (unsigned int)q->ratelimit : two.ratelimit_us;
            rc = ctrl_pool_credit2_set(xl_ctrl(xl), pool->id, &two);
        } else if (!rc && q->json) {
            json_field_uint(q->json, "ratelimit_us", two.ratelimit_us);
        } else if (!rc) {
            printf("Cpupool %s: ratelimit=%uus\n", name, two.ratelimit_us);
        }
        return rc;
    }
    rc = ctrl_pool_credit_get(xl_ctrl(xl), pool->id, &one);
    if (!rc && change) {
        one.tslice_ms = q->tslice >= 0 ? (uint32_t)q->tslice : one.tslice_ms;
        one.ratelimit_us = q->ratelimit >= 0 ? (uint32_t)q->ratelimit : one.ratelimit_us;
        one.vcpu_migr_delay_us = q->delay >= 0 ? (uint32_t)q->delay : one.vcpu_migr_delay_us;
        rc = ctrl_pool_credit_set(xl_ctrl(xl), pool->id, &one);
    } else if (!rc && q->json) {
        json_field_uint(q->json, "tslice_ms", one.tslice_ms);
        json_field_uint(q->json, "ratelimit_us", one.ratelimit_us);
        json_field_uint(q->json, "migration_delay_us", one.vcpu_migr_delay_us);
    } else if (!rc) {
        printf("Cpupool %s: tslice=%ums ratelimit=%uus migration-delay=%uus\n", name, one.tslice_ms,
               one.ratelimit_us, one.vcpu_migr_delay_us);
    }
    return rc;
}

static void pool_domains(struct xl *xl, const struct request *q, uint32_t pool,
                         const struct domain_info *list, unsigned int count)
{
    if (q->json) {
        json_key(q->json, "domains");
        json_array_begin(q->json);
    } else {
        format_sched_heading(stdout);
    }
    for (unsigned int i = 0; i < count; i++) {
        unsigned int weight, cap;

        if (list[i].cpupool == pool && !get_domain(xl, q->sched, list[i].domid, &weight, &cap)) {
            put_domain(q, list[i].name, list[i].domid, weight, cap);
        }
    }
    if (q->json) {
        json_array_end(q->json);
    }
}

static void all_pools(struct xl *xl, const struct request *q)
{
    bool change = q->ratelimit >= 0 || q->tslice >= 0 || q->delay >= 0;
    uint32_t wanted = q->pool ? xl_pool(xl, q->pool) : 0;
    struct ctrl_cpupool pool = { 0 };
    struct domain_info *list;
    unsigned int count;

    if (domain_list(&xl->err, xl_ctrl(xl), &list, &count) ||
        domain_read_names(&xl->err, xl_store(xl), list, count)) {
        xl_die(xl);
    }
    for (uint32_t id = 0; !ctrl_cpupool_info(xl_ctrl(xl), id, &pool, NULL, 0); id = pool.id + 1) {
        char name[64];
        int rc;

        /* -s alone means the first pool, as does a change without a pool. */
        if (pool.sched_id != q->sched || ((q->pool || q->pool_parameters) && pool.id != wanted)) {
            continue;
        }
        xl_pool_name(xl, pool.id, name, sizeof(name));
        if (q->json) {
            json_object_begin(q->json);
            json_field_string(q->json, "cpupool", name);
            json_field_string(q->json, "scheduler", xl_sched_name(pool.sched_id));
        }
        rc = pool_parameters(xl, q, &pool, name, change);
        if (rc) {
            err_set(&xl->err, rc, "parameters of pool %s: %s", name, strerror(-rc));
            err_hint(&xl->err, "the rate limit is 100 to 500000 us");
            xl_die(xl);
        }
        if (!q->pool_parameters) {
            pool_domains(xl, q, pool.id, list, count);
        }
        if (q->json) {
            json_object_end(q->json);
        }
    }
    free(list);
}

static int scheduler(struct xl *xl, int argc, char **argv, uint32_t sched)
{
    struct request q = {
        .sched = sched, .weight = -1, .cap = -1, .ratelimit = -1, .tslice = -1, .delay = -1
    };
    struct json json;
    const char *wrong;

    parse_request(xl, argc, argv, &q);
    wrong = contradiction(&q);
    if (wrong) {
        fprintf(stderr, "%s\n", wrong);
        return 1;
    }
    if (xl->json && q.weight < 0 && q.cap < 0 && q.ratelimit < 0 && q.tslice < 0 && q.delay < 0) {
        output_begin(&json);
        json_array_begin(&json);
        q.json = &json;
    }
    if (q.domain) {
        one_domain(xl, &q);
    } else {
        all_pools(xl, &q);
    }
    if (q.json) {
        json_array_end(&json);
        output_end(xl, &json);
    }
    return 0;
}

int xl_sched_credit(struct xl *xl, int argc, char **argv)
{
    return scheduler(xl, argc, argv, XEN_SCHEDULER_CREDIT);
}

int xl_sched_credit2(struct xl *xl, int argc, char **argv)
{
    return scheduler(xl, argc, argv, XEN_SCHEDULER_CREDIT2);
}
