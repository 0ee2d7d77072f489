/* SPDX-License-Identifier: MIT */
/* xl cpupool-list, -create, -destroy, -rename, -cpu-add, -cpu-remove, -migrate: groups of CPUs with a
 * scheduler each. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/sysctl.h"
#include "cmd/xl/cpus.h"
#include "cmd/xl/format.h"
#include "cmd/xl/output.h"
#include "cmd/xl/xl.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/domain.h"
#include "lib/store/xenstore.h"

enum { CPU_BYTES = CPUS_MAX / 8 };

const struct xl_option xl_cpupool_list_options[] = {
    { 'c', "cpus", NULL, "The CPUs of each pool" },
    { 0 },
};

const struct xl_option xl_cpupool_create_options[] = {
    { 'f', "defconfig", "FILE", "Read the pool's name, scheduler and CPUs from this file" },
    { 0 },
};

/* ---- list --------------------------------------------------------------------------------------- */

static void put_pool(struct xl *xl, struct json *j, const struct ctrl_cpupool *pool, const uint8_t *cpus,
                     bool cpu_list)
{
    unsigned int bits = cpus_count(xl), count = 0;
    char name[64];

    xl_pool_name(xl, pool->id, name, sizeof(name));
    for (unsigned int i = 0; i < bits; i++) {
        count += cpus[i / 8] >> (i % 8) & 1;
    }
    if (!j && cpu_list) {
        format_cpupool_cpus(stdout, name, cpus, bits);
    } else if (!j) {
        format_cpupool_row(stdout, name, count, xl_sched_name(pool->sched_id), pool->domain_count);
    } else {
        json_object_begin(j);
        json_field_string(j, "name", name);
        json_field_uint(j, "id", pool->id);
        json_field_string(j, "scheduler", xl_sched_name(pool->sched_id));
        json_field_uint(j, "domains", pool->domain_count);
        json_key(j, "cpus");
        json_array_begin(j);
        for (unsigned int i = 0; i < bits; i++) {
            if (cpus[i / 8] >> (i % 8) & 1) {
                json_uint(j, i);
            }
        }
        json_array_end(j);
        json_object_end(j);
    }
}

int xl_cpupool_list(struct xl *xl, int argc, char **argv)
{
    uint8_t cpus[CPU_BYTES] = { 0 };
    struct json json, *j = NULL;
    struct ctrl_cpupool pool;
    bool cpu_list = false, found = false;
    const char *wanted;
    int letter;

    while ((letter = xl_options(xl, argc, argv)) != -1) {
        cpu_list |= letter == 'c';
    }
    wanted = optind < argc ? argv[optind] : NULL;
    for (uint32_t id = 0; !ctrl_cpupool_info(xl_ctrl(xl), id, &pool, cpus, cpus_count(xl));
         id = pool.id + 1) {
        char name[64];

        xl_pool_name(xl, pool.id, name, sizeof(name));
        if (wanted && strcmp(wanted, name)) {
            continue;
        }
        if (!found && xl->json) {
            j = &json;
            output_begin(j);
            json_array_begin(j);
        } else if (!found) {
            format_cpupool_heading(stdout, cpu_list);
        }
        found = true;
        put_pool(xl, j, &pool, cpus, cpu_list);
    }
    if (j) {
        json_array_end(j);
        output_end(xl, j);
    }
    if (!found) {
        fprintf(stderr, "Pool '%s' does not exist\n", wanted ? wanted : "");
        return 1;
    }
    return 0;
}

/* ---- create ------------------------------------------------------------------------------------- */

struct pool_config {
    char name[256], sched[256], cpus[256];
};

/* One `key = "value"` of xlcpupool.cfg(5); strings and lists of CPUs are all there is. */
static int parse_line(struct err *e, struct pool_config *p, const char *text, const char *where,
                      unsigned int line)
{
    char key[32], value[256];
    const char *rest;
    size_t used = 0;
    int taken = 0;

    text += strspn(text, " \t");
    if (!*text || *text == '#' || *text == '\n') {
        return 0;
    }
    if (sscanf(text, "%31[a-zA-Z_] %n", key, &taken) != 1 || text[taken] != '=') {
        return err_set(e, -EINVAL, "%s:%u: expected key = value", where, line);
    }
    for (rest = text + taken + 1; *rest && *rest != '\n' && used < sizeof(value) - 1; rest++) {
        if (!strchr(" \t\"'[]", *rest)) {
            value[used++] = *rest;
        }
    }
    value[used] = '\0';
    if (!strcmp(key, "name")) {
        snprintf(p->name, sizeof(p->name), "%s", value);
    } else if (!strcmp(key, "sched")) {
        snprintf(p->sched, sizeof(p->sched), "%s", value);
    } else if (!strcmp(key, "cpus")) {
        snprintf(p->cpus, sizeof(p->cpus), "%s", value);
    } else {
        return err_set(e, -EINVAL, "%s:%u: %s is not built for CPU pools (name, sched and cpus are)", where,
                       line, key);
    }
    return 0;
}

static int parse_file(struct err *e, struct pool_config *p, const char *path)
{
    unsigned int line = 0;
    char text[512];
    FILE *f = fopen(path, "re");
    int rc = 0;

    if (!f) {
        return err_errno(e, "Failed to read config file: %s", path);
    }
    while (!rc && fgets(text, sizeof(text), f)) {
        rc = parse_line(e, p, text, path, ++line);
    }
    fclose(f);
    return rc;
}

static int sched_number(const char *name, uint32_t *sched)
{
    for (uint32_t i = 0; i <= XEN_SCHEDULER_NULL; i++) {
        if (!strcmp(xl_sched_name(i), name)) {
            *sched = i;
            return 0;
        }
    }
    return -EINVAL;
}

static int add_cpus(struct xl *xl, uint32_t pool, const uint8_t *cpus, unsigned int *added)
{
    for (unsigned int i = 0; i < cpus_count(xl); i++) {
        if (cpus[i / 8] >> (i % 8) & 1) {
            int rc = ctrl_cpupool_add_cpu(xl_ctrl(xl), pool, i);

            if (rc) {
                return err_set(&xl->err, rc, "cannot add CPU %u to the pool: %s", i,
                               rc == -EBUSY ? "it is in another one (xl cpupool-cpu-remove frees it)"
                                            : strerror(-rc));
            }
            ++*added;
        }
    }
    return 0;
}

static int name_pool(struct xl *xl, uint32_t pool, const char *name)
{
    char path[48];

    snprintf(path, sizeof(path), "/local/pool/%u/name", pool);
    return xs_write(xl_store(xl), XBT_NULL, path, name, (unsigned int)strlen(name))
               ? 0
               : err_errno(&xl->err, "cannot write %s", path);
}

/* Takes its CPUs out again and removes it. */
static void drop_pool(struct xl *xl, uint32_t pool)
{
    uint8_t cpus[CPU_BYTES] = { 0 };
    struct ctrl_cpupool info;

    if (!ctrl_cpupool_info(xl_ctrl(xl), pool, &info, cpus, cpus_count(xl)) && info.id == pool) {
        for (unsigned int i = 0; i < cpus_count(xl); i++) {
            if (cpus[i / 8] >> (i % 8) & 1) {
                ctrl_cpupool_remove_cpu(xl_ctrl(xl), pool, i);
            }
        }
        ctrl_cpupool_destroy(xl_ctrl(xl), pool);
    }
}

static void read_pool_config(struct xl *xl, int argc, char **argv, struct pool_config *p)
{
    const char *file = NULL;
    int letter;

    while ((letter = xl_options(xl, argc, argv)) != -1) {
        file = letter == 'f' ? optarg : file;
    }
    if (!file && optind < argc && !strchr(argv[optind], '=')) {
        file = argv[optind++];
    }
    printf("Using config file \"%s\"\n", file ? file : "command line");
    if (file && parse_file(&xl->err, p, file)) {
        xl_die(xl);
    }
    for (unsigned int i = 1; optind < argc; i++) {
        if (parse_line(&xl->err, p, argv[optind++], "command line", i)) {
            xl_die(xl);
        }
    }
}

int xl_cpupool_create(struct xl *xl, int argc, char **argv)
{
    struct pool_config p = { "", "", "" };
    uint8_t cpus[CPU_BYTES] = { 0 };
    uint32_t sched = XEN_SCHEDULER_CREDIT2, pool = XEN_SYSCTL_CPUPOOL_PAR_ANY;
    unsigned int added = 0;
    int rc;

    read_pool_config(xl, argc, argv, &p);
    ctrl_sched_id(xl_ctrl(xl), &sched);
    if (!p.name[0]) {
        err_set(&xl->err, -EINVAL, "the pool has no name");
        xl_die(xl);
    }
    if (p.sched[0] && sched_number(p.sched, &sched)) {
        err_set(&xl->err, -EINVAL, "there is no scheduler '%s'", p.sched);
        xl_die(xl);
    }
    if (p.cpus[0] && cpus_parse(xl, p.cpus, cpus, cpus_count(xl))) {
        xl_die(xl);
    }
    if (xl->dry_run) {
        printf("cpupool name:   %s\nscheduler:      %s\n", p.name, xl_sched_name(sched));
        return 0;
    }
    rc = ctrl_cpupool_create(xl_ctrl(xl), sched, &pool);
    if (rc) {
        err_set(&xl->err, rc, "cannot create a pool with scheduler %s: %s", xl_sched_name(sched),
                strerror(-rc));
        xl_die(xl);
    }
    if (name_pool(xl, pool, p.name) || add_cpus(xl, pool, cpus, &added)) {
        drop_pool(xl, pool);
        xl_die(xl);
    }
    printf("cpupool name:   %s\nscheduler:      %s\nnumber of cpus: %u\n", p.name, xl_sched_name(sched),
           added);
    return 0;
}

/* ---- the others --------------------------------------------------------------------------------- */

int xl_cpupool_destroy(struct xl *xl, int argc, char **argv)
{
    struct ctrl_cpupool info;
    char path[48];
    uint32_t pool;

    xl_options(xl, argc, argv);
    pool = xl_pool(xl, argv[optind]);
    if (!pool || ctrl_cpupool_info(xl_ctrl(xl), pool, &info, NULL, 0) || info.id != pool ||
        info.domain_count) {
        fprintf(stderr, "Can't destroy cpupool '%s'\n", argv[optind]);
        return 1;
    }
    drop_pool(xl, pool);
    snprintf(path, sizeof(path), "/local/pool/%u", pool);
    xs_rm(xl_store(xl), XBT_NULL, path);
    return 0;
}

int xl_cpupool_rename(struct xl *xl, int argc, char **argv)
{
    xl_options(xl, argc, argv);
    if (name_pool(xl, xl_pool(xl, argv[optind]), argv[optind + 1])) {
        xl_die(xl);
    }
    return 0;
}

static int each_cpu(struct xl *xl, int argc, char **argv, int (*change)(struct ctrl *, uint32_t, uint32_t),
                    const char *what)
{
    uint8_t cpus[CPU_BYTES] = { 0 };
    uint32_t pool;
    int code = 0;

    xl_options(xl, argc, argv);
    pool = xl_pool(xl, argv[optind]);
    if (cpus_parse(xl, argv[optind + 1], cpus, cpus_count(xl))) {
        xl_die(xl);
    }
    for (unsigned int i = 0; i < cpus_count(xl); i++) {
        if (cpus[i / 8] >> (i % 8) & 1) {
            int rc = change(xl_ctrl(xl), pool, i);

            if (rc) {
                fprintf(stderr, "xl: cannot %s CPU %u: %s\n", what, i, strerror(-rc));
                code = 1;
            }
        }
    }
    return code;
}

int xl_cpupool_cpu_add(struct xl *xl, int argc, char **argv)
{
    return each_cpu(xl, argc, argv, ctrl_cpupool_add_cpu, "add");
}

int xl_cpupool_cpu_remove(struct xl *xl, int argc, char **argv)
{
    return each_cpu(xl, argc, argv, ctrl_cpupool_remove_cpu, "remove");
}

int xl_cpupool_migrate(struct xl *xl, int argc, char **argv)
{
    uint32_t domid, pool;
    int rc;

    xl_options(xl, argc, argv);
    domid = xl_domain(xl, argv[optind]);
    pool = xl_pool(xl, argv[optind + 1]);
    rc = ctrl_cpupool_move_domain(xl_ctrl(xl), pool, (domid_t)domid);
    if (rc) {
        err_set(&xl->err, rc, "cannot move domain %u to pool %s: %s", domid, argv[optind + 1], strerror(-rc));
        xl_die(xl);
    }
    return 0;
}
