/* SPDX-License-Identifier: MIT */
/* What several commands print in the same way: see output.h. */
#include "cmd/xl/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/sysctl.h"
#include "cmd/xl/format.h"
#include "cmd/xl/xl.h"
#include "lib/conf/spec.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/domain.h"
#include "lib/store/xenstore.h"

/* One document a run. */
static struct buf document;

void output_begin(struct json *j)
{
    buf_reset(&document);
    *j = (struct json)JSON_INIT(&document, true);
}

void output_end(struct xl *xl, struct json *j)
{
    if (document.failed) {
        err_set(&xl->err, -ENOMEM, "out of memory");
        xl_die(xl);
    }
    puts(document.text ? document.text : "");
}

void output_domain(struct json *j, const struct domain_info *d)
{
    char uuid[37], state[7];

    uuid_format(d->uuid, uuid);
    format_state(d, state);
    json_object_begin(j);
    json_field_uint(j, "domid", d->domid);
    json_field_string(j, "name", d->name[0] ? d->name : NULL);
    json_field_string(j, "uuid", uuid);
    json_field_string(j, "state", state);
    json_field_bool(j, "running", d->running);
    json_field_bool(j, "blocked", d->blocked);
    json_field_bool(j, "paused", d->paused);
    json_field_bool(j, "shutdown", d->shutdown);
    json_field_bool(j, "dying", d->dying);
    if (d->shutdown) {
        json_field_string(j, "shutdown_reason", domain_stop_name(d->stop_reason));
    }
    json_field_bool(j, "hvm", d->hvm);
    json_field_uint(j, "memory_kb", d->memory_kb);
    json_field_uint(j, "outstanding_kb", d->outstanding_kb);
    json_field_uint(j, "max_memory_kb", d->max_kb);
    json_field_uint(j, "vcpus_online", d->vcpus_online);
    json_field_uint(j, "vcpus_max", d->vcpus_max);
    json_field_uint(j, "cpu_time_ns", d->cpu_time);
    json_field_uint(j, "cpupool", d->cpupool);
    json_object_end(j);
}

void xl_domain_sched(struct xl *xl, uint32_t domid, struct output_sched *s)
{
    struct xen_domctl_sched_credit2 two;
    struct xen_domctl_sched_credit one;
    uint32_t sched;

    if (ctrl_sched_id(xl_ctrl(xl), &sched)) {
        return;
    }
    if (sched == XEN_SCHEDULER_CREDIT2 && !ctrl_sched_credit2_get(xl_ctrl(xl), (domid_t)domid, &two)) {
        *s = (struct output_sched){ xl_sched_name(sched), two.weight, two.cap };
    } else if (sched == XEN_SCHEDULER_CREDIT && !ctrl_sched_credit_get(xl_ctrl(xl), (domid_t)domid, &one)) {
        *s = (struct output_sched){ xl_sched_name(sched), one.weight, one.cap };
    }
}

static void put_indented(FILE *f, unsigned int indent, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        fputc(text[i], f);
        if (text[i] == '\n' && i + 1 < length && text[i + 1] != '\n') {
            fprintf(f, "%*s", (int)indent, "");
        }
    }
}

static void put_sched(FILE *f, const struct output_sched *s, unsigned int indent)
{
    const int in = (int)indent + 8;

    fprintf(
        f, "\"sched_params\": {\n%*s    \"sched\": \"%s\",\n%*s    \"weight\": %u,\n%*s    \"cap\": %u\n%*s}",
        in, "", s->sched, in, "", s->weight, in, "", s->cap, in, "");
}

static void minimal_config(FILE *f, const struct domain_info *d, const struct output_sched *s,
                           unsigned int indent)
{
    char text[DOMAIN_NAME_MAX + 256];

    snprintf(text, sizeof(text),
             "{\n    \"c_info\": {\n        \"type\": \"%s\",\n        \"name\": \"%s\"\n    },\n"
             "    \"b_info\": {\n        \"max_memkb\": %llu,\n        \"target_memkb\": %llu",
             d->hvm ? "hvm" : "pv", d->name, (unsigned long long)d->max_kb, (unsigned long long)d->memory_kb);
    put_indented(f, indent, text, strlen(text));
    if (s->sched) {
        fprintf(f, ",\n%*s", (int)indent + 8, "");
        put_sched(f, s, indent);
    }
    fprintf(f, "\n%*s    }\n%*s}", (int)indent, "", (int)indent, "");
}

void output_nested(FILE *f, const char *config, const struct domain_info *d, const struct output_sched *sched,
                   unsigned int indent)
{
    static const char key[] = "\"sched_params\": {";
    size_t length = config ? strlen(config) : 0;
    const char *params, *end;

    while (length && (config[length - 1] == '\n' || config[length - 1] == ' ')) {
        length--;
    }
    if (!length) {
        minimal_config(f, d, sched, indent);
        return;
    }
    params = sched->sched ? strstr(config, key) : NULL;
    end = params ? params + strlen(key) + strspn(params + strlen(key), " \n") : NULL;
    if (!end || *end != '}') {
        put_indented(f, indent, config, length);
        return;
    }
    put_indented(f, indent, config, (size_t)(params - config));
    put_sched(f, sched, indent);
    put_indented(f, indent, end + 1, length - (size_t)(end + 1 - config));
}

const char *xl_sched_name(uint32_t sched)
{
    switch (sched) {
    case XEN_SCHEDULER_CREDIT:
        return "credit";
    case XEN_SCHEDULER_CREDIT2:
        return "credit2";
    case XEN_SCHEDULER_ARINC653:
        return "arinc653";
    case XEN_SCHEDULER_RTDS:
        return "rtds";
    case XEN_SCHEDULER_NULL:
        return "null";
    default:
        return "unknown";
    }
}

void xl_pool_name(struct xl *xl, uint32_t pool, char *text, size_t size)
{
    char path[48], *name;

    snprintf(path, sizeof(path), "/local/pool/%u/name", pool);
    name = xs_read(xl_store(xl), XBT_NULL, path, NULL);
    if (name) {
        snprintf(text, size, "%s", name);
    } else {
        snprintf(text, size, "Pool-%u", pool);
    }
    free(name);
}

uint32_t xl_pool(struct xl *xl, const char *text)
{
    struct ctrl_cpupool pool;
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    for (uint32_t id = 0; !ctrl_cpupool_info(xl_ctrl(xl), id, &pool, NULL, 0); id = pool.id + 1) {
        char name[64];

        xl_pool_name(xl, pool.id, name, sizeof(name));
        if (!strcmp(name, text) || (*text && !*end && number == pool.id)) {
            return pool.id;
        }
    }
    fflush(stdout);
    fprintf(stderr, "unknown cpupool '%s'\n", text);
    exit(1);
}

void xl_say_no_domain(const char *text, const char *code)
{
    fflush(stdout);
    fprintf(stderr, "%s is an invalid domain identifier%s\n    'xl list' shows the domains there are\n", text, code);
}

void xl_no_domain(const char *text)
{
    xl_say_no_domain(text, " (rc=-6)");
    exit(1);
}
