/* SPDX-License-Identifier: MIT */
/*
 * xl check: everything that keeps this machine from running a configuration, found without creating anything.
 * Each finding is a line with its cure; exit code 1 when there is one.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/xl/output.h"
#include "cmd/xl/xl.h"
#include "lib/build/build.h"
#include "lib/conf/domain_config.h"
#include "lib/conf/host_config.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/bootloader.h"
#include "lib/domain/bridge.h"
#include "lib/domain/domain.h"
#include "lib/domain/hardware.h"
#include "lib/domain/hotplug.h"
#include "lib/domain/layout.h"
#include "lib/store/xenstore.h"

const struct xl_option xl_check_options[] = {
    { 'f', "defconfig", "FILE", "Check this configuration" },
    { 0 },
};

struct check {
    struct xl *xl;
    const char *file;
    struct json *json;
    unsigned int found;
};

static void __attribute__((format(printf, 3, 4)))
report(struct check *k, const char *cure, const char *format, ...)
{
    char text[600];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    k->found++;
    if (k->json) {
        json_object_begin(k->json);
        json_field_string(k->json, "file", k->file);
        json_field_string(k->json, "problem", text);
        json_field_string(k->json, "cure", cure && *cure ? cure : NULL);
        json_object_end(k->json);
        return;
    }
    /* An error of the file itself begins with its place there. */
    if (!strncmp(text, k->file, strlen(k->file)) && text[strlen(k->file)] == ':') {
        printf("%s\n", text);
    } else {
        printf("%s: %s\n", k->file, text);
    }
    if (cure && *cure) {
        printf("    %s\n", cure);
    }
}

static void check_file(struct check *k, const char *what, const char *path)
{
    if (path && access(path, R_OK)) {
        report(k, "", "%s %s cannot be read: %s", what, path, strerror(errno));
    }
}

/* Whether it is a kernel this type of guest can be started with. */
static void check_kernel(struct check *k, const struct domain_config *d)
{
    enum build_type type = d->type == DOMAIN_PVH ? BUILD_PVH : BUILD_PV;
    struct build_kernel *kernel = NULL;
    struct err why = { 0 };

    if (d->kernel && d->type != DOMAIN_HVM && build_kernel_open(&why, d->kernel, NULL, type, &kernel)) {
        report(k, "", "%s", why.text);
    }
    build_kernel_close(kernel);
}

static void check_bootloader(struct check *k, const char *program)
{
    if (program && !bootloader_exists(program)) {
        report(k, "bootloader = \"pygrub\" is the one that comes with xl",
               "bootloader: there is no program %s here", program);
    }
}

static void check_host(struct check *k, const struct domain_config *d)
{
    struct xen_sysctl_physinfo p;
    uint64_t free_mib;

    if (ctrl_physinfo(xl_ctrl(k->xl), &p)) {
        report(k, "", "the hypervisor does not describe the host");
        return;
    }
    free_mib = (p.free_pages - p.outstanding_pages) / 256;
    if (d->memory_kib / 1024 > free_mib) {
        report(k, "take memory from another domain (xl mem-set Domain-0 ...), or lower memory=",
               "memory: %llu MiB are asked for and %llu MiB are free",
               (unsigned long long)d->memory_kib / 1024, (unsigned long long)free_mib);
    }
    if (d->type == DOMAIN_PVH && !(p.capabilities & XEN_SYSCTL_PHYSCAP_hvm)) {
        report(k, "use type = \"pv\", or enable VT-x or AMD-V in the firmware",
               "type: PVH guests need a CPU with hardware virtualisation, which the hypervisor does not see");
    }
    if (d->type == DOMAIN_PVH && d->hap && (p.capabilities & XEN_SYSCTL_PHYSCAP_hvm) &&
        !(p.capabilities & XEN_SYSCTL_PHYSCAP_hap)) {
        report(k, "a CPU with EPT or nested paging can; hap = 0 where the hypervisor has shadow tables",
               "type: PVH guests need hardware assisted paging, which this machine does not have");
    }
    if (d->type == DOMAIN_PV && !(p.capabilities & XEN_SYSCTL_PHYSCAP_pv)) {
        report(k, "use type = \"pvh\"", "type: this hypervisor runs no PV guests");
    }
    if (d->vcpus > p.nr_cpus) {
        report(k, "lower vcpus=", "vcpus: %u are asked for on %u CPUs", d->vcpus, p.nr_cpus);
    }
}

static void check_name(struct check *k, const struct domain_config *d)
{
    uint32_t domid;

    if (!domain_find(NULL, xl_store(k->xl), d->name, &domid)) {
        report(k, "end that domain, or choose another name=", "name: a domain %s exists: number %u", d->name,
               domid);
    }
}

static void check_driver(struct check *k, const char *driver, const char *module)
{
    char path[96], cure[96];

    snprintf(path, sizeof(path), "/sys/bus/xen-backend/drivers/%s", driver);
    if (access(path, F_OK)) {
        snprintf(cure, sizeof(cure), "modprobe %s", module);
        report(k, cure, "this domain's kernel has no backend driver for %s devices", driver);
    }
}

static void check_disks(struct check *k, const struct domain_config *d)
{
    for (unsigned int i = 0; i < d->disk_count; i++) {
        const struct disk_spec *s = &d->disks[i];
        struct layout_disk layout;
        struct hardware_text names;
        struct err why = { 0 };
        struct stat st;

        if (hardware_disk(&why, xl_store(k->xl), s, 0, &layout, &names)) {
            report(k, why.hint, "%s", why.text);
        }
        if (!s->target || s->backend || !hotplug_is_default("vbd", s->script)) {
            continue;
        }
        if (stat(s->target, &st)) {
            report(k, "", "disk %s: %s: %s", s->vdev, s->target, strerror(errno));
        } else if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode)) {
            report(k, "", "disk %s: %s is neither a block device nor a file", s->vdev, s->target);
        } else if (!s->readonly && access(s->target, W_OK)) {
            report(k, "access=ro attaches it read-only", "disk %s: %s may not be written", s->vdev,
                   s->target);
        }
    }
    if (d->disk_count) {
        check_driver(k, "vbd", "xen-blkback");
    }
}

static void check_networks(struct check *k, const struct domain_config *d)
{
    struct host_config host;
    char cure[160];

    if (!d->vif_count || host_config_load(&k->xl->err, NULL, &host)) {
        return;
    }
    for (unsigned int i = 0; i < d->vif_count; i++) {
        const char *bridge = d->vifs[i].bridge ? d->vifs[i].bridge
                             : host.vif_bridge ? host.vif_bridge
                                               : "xenbr0";

        if (!d->vifs[i].backend && hotplug_is_default("vif", d->vifs[i].script) && !bridge_exists(bridge)) {
            snprintf(cure, sizeof(cure), "ip link add %.40s type bridge && ip link set %.40s up", bridge,
                     bridge);
            report(k, cure, "vif %u: there is no bridge %s", i, bridge);
        }
    }
    check_driver(k, "vif", "xen-netback");
    host_config_free(&host);
}

static void check_services(struct check *k)
{
    if (access("/dev/loop-control", F_OK)) {
        report(k, "modprobe loop", "image files as disks need the loop driver");
    }
    if (access("/run/xenconsoled.pid", F_OK) && access("/run/xen/xenconsoled.pid", F_OK)) {
        report(k, "systemctl start xenconsoled",
               "xenconsoled does not seem to run: guests would have no console");
    }
}

static void check_config(struct check *k, const struct domain_config *d)
{
    check_kernel(k, d);
    check_file(k, "ramdisk", d->ramdisk);
    check_bootloader(k, d->bootloader);
    check_host(k, d);
    check_name(k, d);
    check_disks(k, d);
    check_networks(k, d);
    check_services(k);
}

/* One file, with what the command line adds to it. */
static void check_one(struct check *k, const char *file, const char *const *overrides, unsigned int count)
{
    unsigned int before = k->found;
    struct xl *xl = k->xl;
    struct domain_config d;

    k->file = file;
    err_clear(&xl->err);
    if (domain_config_load(&xl->err, file, overrides, count, &d)) {
        report(k, xl->err.hint, "%s", xl->err.text);
        return;
    }
    for (unsigned int i = 0; i < d.warning_count; i++) {
        xl_warn(xl, "xl: warning: %s", d.warnings[i]);
    }
    check_config(k, &d);
    if (k->found == before && !k->json) {
        printf("%s: nothing keeps %s from running here\n", file, d.name);
    }
    domain_config_free(&d);
}

int xl_check(struct xl *xl, int argc, char **argv)
{
    struct check k = { .xl = xl };
    const char **overrides = calloc((size_t)argc + 1, sizeof(*overrides));
    const char **files = calloc((size_t)argc + 1, sizeof(*files));
    unsigned int count = 0, file_count = 0;
    struct json json;
    int letter;

    if (!overrides || !files) {
        err_set(&xl->err, -ENOMEM, "out of memory");
        xl_die(xl);
    }
    while ((letter = xl_options(xl, argc, argv)) != -1) {
        if (letter == 'f') {
            files[file_count++] = optarg;
        }
    }
    for (int i = optind; i < argc; i++) {
        if (strchr(argv[i], '=')) {
            overrides[count++] = argv[i];
        } else {
            files[file_count++] = argv[i];
        }
    }
    if (!file_count) {
        fprintf(stderr, "xl: check: no configuration file is named\n");
        exit(2);
    }
    if (xl->json) {
        k.json = &json;
        output_begin(&json);
        json_array_begin(&json);
    }
    for (unsigned int i = 0; i < file_count; i++) {
        check_one(&k, files[i], overrides, count);
    }
    if (k.json) {
        json_array_end(&json);
        output_end(xl, &json);
    }
    free(overrides);
    free(files);
    return k.found != 0;
}
