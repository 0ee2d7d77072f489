/* SPDX-License-Identifier: MIT */
/*
 * Making a domain: see create.h. The steps are in domain_create(), each a function that notes what it
 * acquires in the journal; there is no other way back than journal_undo().
 */
#include "lib/domain/create.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "lib/build/build.h"
#include "lib/build/kernel_cache.h"
#include "lib/conf/domain_config.h"
#include "lib/conf/host_config.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/actions.h"
#include "lib/domain/bootloader.h"
#include "lib/domain/config_json.h"
#include "lib/domain/device.h"
#include "lib/domain/disk.h"
#include "lib/domain/domain.h"
#include "lib/domain/hardware.h"
#include "lib/domain/journal.h"
#include "lib/domain/layout.h"
#include "lib/domain/nodes.h"
#include "lib/domain/qemu.h"
#include "lib/domain/saved.h"
#include "lib/store/xenstore.h"

/* Everything a creation has in hand. */
struct creation {
    struct ctrl *c;
    struct xs_handle *s;
    const struct domain_config *config;
    const struct create_options *o;
    struct host_config host;
    struct journal journal;
    uint32_t domid;
    struct xen_domctl_createdomain made;
    struct layout_disk *disks;
    struct disk_backing *backings;
    struct layout_nic *nics;
    struct hardware_text *texts;
    struct build_result built;
    struct build_kernel *kernel;
    struct boot_files files; /* of the boot loader, when booted */
    bool booted;
    const char *kernel_path, *ramdisk_path, *command_line;
};

static int step(struct err *e, const struct creation *k, const char *what)
{
    return k->o->step ? k->o->step(e, what, k->o->context) : 0;
}

/* ---- the domain itself -------------------------------------------------------------------------- */

static int find_pool(struct err *e, struct creation *k, uint32_t *pool)
{
    const char *wanted = k->config->pool;
    unsigned int count = 0;
    char **numbers;
    int rc = -ESRCH;

    *pool = 0;
    if (!wanted) {
        return 0;
    }
    numbers = xs_directory(k->s, XBT_NULL, "/local/pool", &count);
    for (unsigned int i = 0; i < count && rc; i++) {
        char path[64], *name;

        snprintf(path, sizeof(path), "/local/pool/%.20s/name", numbers[i]);
        name = xs_read(k->s, XBT_NULL, path, NULL);
        if (!strcmp(numbers[i], wanted) || (name && !strcmp(name, wanted))) {
            *pool = (uint32_t)strtoul(numbers[i], NULL, 10);
            rc = 0;
        }
        free(name);
    }
    free(numbers);
    return rc ? err_set(e, rc, "there is no CPU pool '%s'", wanted) : 0;
}

static int64_t or_else(int64_t value, int64_t other)
{
    return value != DOMAIN_NUMBER_UNSET ? value : other;
}

/* A hypervisor refuses a version that it does not have: Xen on Arm has only the first. */
static unsigned int best_grant_version(const struct creation *k)
{
    struct xen_sysctl_physinfo p;

    return !ctrl_physinfo(k->c, &p) && !(p.capabilities & XEN_SYSCTL_PHYSCAP_gnttab_v2) ? 1 : 2;
}

static int make_domain(struct err *e, struct creation *k)
{
    const struct domain_config *d = k->config;
    struct xen_domctl_createdomain make = {
        .max_vcpus = d->maxvcpus,
        .max_evtchn_port = (uint32_t)or_else(d->max_event_channels, 1023),
        .max_grant_frames = (int32_t)or_else(d->max_grant_frames, k->host.max_grant_frames),
        .max_maptrack_frames = (int32_t)or_else(d->max_maptrack_frames, k->host.max_maptrack_frames),
    };
    int64_t grants = or_else(d->max_grant_version, k->host.max_grant_version);
    domid_t domid = 0;
    int rc = find_pool(e, k, &make.cpupool_id);

    if (rc) {
        return rc;
    }
    make.grant_opts = XEN_DOMCTL_GRANT_version(grants > 0 ? grants : best_grant_version(k));
    memcpy(make.handle, d->uuid, sizeof(make.handle));
    if (d->type == DOMAIN_PVH) {
        build_pvh_domain(&make, d->hap, d->vuart);
    }
    rc = ctrl_domain_create(k->c, &make, &domid);
    if (rc) {
        err_set(e, rc, "the hypervisor makes no %s domain: %s", domain_type_name(d->type), strerror(-rc));
        if (d->type == DOMAIN_PVH) {
            err_hint(e, "PVH needs hvm and hap in virt_caps of `xl info`");
        }
        return rc;
    }
    k->domid = domid;
    k->made = make;
    journal_domain(&k->journal, domid);
    return 0;
}

static int limit_memory(struct err *e, struct creation *k)
{
    uint64_t kib = k->config->memory_kib + DOMAIN_SLACK_KB;
    int rc = ctrl_domain_max_mem(k->c, (domid_t)k->domid, kib);

    return rc ? err_set(e, rc, "cannot set the memory limit: %s", strerror(-rc)) : 0;
}

static int set_weight(struct err *e, struct creation *k)
{
    const struct domain_config *d = k->config;
    struct xen_domctl_sched_credit2 two;
    struct xen_domctl_sched_credit one;
    uint32_t sched;
    int rc;

    if ((d->cpu_weight == DOMAIN_NUMBER_UNSET && d->cap == DOMAIN_NUMBER_UNSET) ||
        ctrl_sched_id(k->c, &sched)) {
        return 0;
    }
    if (sched == XEN_SCHEDULER_CREDIT2) {
        rc = ctrl_sched_credit2_get(k->c, (domid_t)k->domid, &two);
        two.weight = (uint16_t)or_else(d->cpu_weight, two.weight);
        two.cap = (uint16_t)or_else(d->cap, two.cap);
        rc = rc ? rc : ctrl_sched_credit2_set(k->c, (domid_t)k->domid, &two);
    } else {
        rc = ctrl_sched_credit_get(k->c, (domid_t)k->domid, &one);
        one.weight = (uint16_t)or_else(d->cpu_weight, one.weight);
        one.cap = (uint16_t)or_else(d->cap, one.cap);
        rc = rc ? rc : ctrl_sched_credit_set(k->c, (domid_t)k->domid, &one);
    }
    return rc ? err_set(e, rc, "the scheduler refuses cpu_weight or cap: %s", strerror(-rc)) : 0;
}

static int set_up_domain(struct err *e, struct creation *k)
{
    int rc = ctrl_domain_max_vcpus(k->c, (domid_t)k->domid, k->config->maxvcpus);

    if (rc) {
        return err_set(e, rc, "the domain cannot have %u vcpus: %s", k->config->maxvcpus, strerror(-rc));
    }
    rc = hardware_pin(e, k->c, k->domid, k->config);
    rc = rc ? rc : set_weight(e, k);
    return rc ? rc : limit_memory(e, k);
}

/* ---- memory and kernel -------------------------------------------------------------------------- */

/* What the guest's disk says it boots, by the boot loader: its files replace kernel=, ramdisk= and the
 * arguments. */
static int run_bootloader(struct err *e, struct creation *k)
{
    const struct domain_config *d = k->config;
    struct bootloader b = {
        .program = d->bootloader,
        .args = (const char *const *)d->bootloader_args,
        .cmdline = d->cmdline,
        .interactive = k->o->interactive,
    };
    int rc;

    for (unsigned int i = 0; i < d->disk_count && !b.disk; i++) {
        b.disk = d->disks[i].cdrom ? NULL : d->disks[i].target;
    }
    if (!b.disk) {
        return err_set(e, -ENOENT, "bootloader = \"%s\" needs a disk to look into", d->bootloader);
    }
    rc = bootloader_run(e, &b, &k->files);
    k->booted = !rc;
    return rc;
}

/* Before the domain: a kernel that cannot be read costs nothing. */
static int open_kernel(struct err *e, struct creation *k)
{
    const struct domain_config *d = k->config;
    enum build_type type = d->type == DOMAIN_PVH ? BUILD_PVH : BUILD_PV;
    int rc = 0;

    if (d->type == DOMAIN_HVM) {
        return err_set(e, -EOPNOTSUPP, "%s guests are not built yet", domain_type_name(d->type));
    }
    if (d->bootloader) {
        rc = run_bootloader(e, k);
    }
    k->kernel_path = k->booted ? k->files.kernel : d->kernel;
    k->ramdisk_path = k->booted ? k->files.ramdisk : d->ramdisk;
    k->command_line = k->booted ? k->files.cmdline : d->cmdline;
    return rc ? rc : build_kernel_open(e, k->kernel_path, KERNEL_CACHE_DIR, type, &k->kernel);
}

static int build(struct err *e, struct creation *k)
{
    const struct domain_config *d = k->config;
    struct build_config b = {
        .domid = (domid_t)k->domid,
        .kernel = k->kernel,
        .ramdisk = k->ramdisk_path,
        .cmdline = k->command_line,
        .memory_kib = d->memory_kib,
        .maxmem_kib = d->maxmem_kib,
        .vcpus = d->maxvcpus,
        .claim = k->host.claim_mode,
        .acpi = d->acpi,
        .paging_kib = (uint64_t)d->shadow_memory_mib * 1024,
        .made = &k->made,
        .vuart = d->vuart,
    };
    struct xen_sysctl_physinfo p;
    int rc = d->type == DOMAIN_PVH ? build_pvh(e, k->c, &b, &k->built) : build_pv(e, k->c, &b, &k->built);

    if (rc == -ENOMEM && !ctrl_physinfo(k->c, &p) && d->memory_kib / 4 > p.free_pages - p.outstanding_pages) {
        err_hint(
            e,
            "%llu MiB are asked for and %llu MiB are free: lower memory=, or take some from another domain "
            "(xl mem-set Domain-0 ...)",
            (unsigned long long)d->memory_kib / 1024,
            (unsigned long long)(p.free_pages - p.outstanding_pages) / 256);
    }
    return rc;
}

/* ---- devices ------------------------------------------------------------------------------------ */

static int open_disks(struct err *e, struct creation *k)
{
    for (unsigned int i = 0; i < k->config->disk_count; i++) {
        int rc = hardware_disk(e, k->s, &k->config->disks[i], k->domid, &k->disks[i], &k->texts[i]);

        rc = rc ? rc : disk_open(e, k->c, &k->disks[i], &k->backings[i]);
        if (rc) {
            return rc;
        }
        journal_disk(&k->journal, k->disks[i].devid, &k->backings[i]);
    }
    return 0;
}

static int describe_nics(struct err *e, struct creation *k)
{
    for (unsigned int i = 0; i < k->config->vif_count; i++) {
        int rc = hardware_nic(e, k->s, &k->config->vifs[i], i, &k->host, k->domid, &k->nics[i],
                              &k->texts[k->config->disk_count + i]);

        if (rc) {
            return rc;
        }
    }
    return 0;
}

static int finish_devices(struct err *e, struct creation *k)
{
    bool qemu = false;
    int rc;

    for (unsigned int i = 0; i < k->config->disk_count; i++) {
        qemu |= k->disks[i].qemu_format != NULL;
    }
    rc = qemu ? qemu_start(e, k->domid, k->config->name) : 0;
    for (unsigned int i = 0; i < k->config->disk_count && !rc; i++) {
        rc = device_finish_disk(e, k->s, &k->disks[i]);
    }
    for (unsigned int i = 0; i < k->config->vif_count && !rc; i++) {
        rc = device_finish_nic(e, k->s, &k->nics[i]);
    }
    return rc;
}

/* ---- the store ---------------------------------------------------------------------------------- */

static int write_store(struct err *e, struct creation *k)
{
    const struct domain_config *d = k->config;
    uint8_t online[1024] = { 0 };
    struct timeval now;
    struct nodes n = { .separate = true };
    struct layout_guest g = {
        .domid = k->domid,
        .name = d->name,
        .type = domain_type_name(d->type),
        .vcpus_max = d->maxvcpus,
        .vcpus_online = online,
        .static_max_kb = d->maxmem_kib,
        .target_kb = d->memory_kib,
        .os_type = "linux",
        .kernel = k->kernel_path,
        .ramdisk = k->ramdisk_path,
        .command_line = k->command_line,
        .store_mfn = k->built.store_mfn,
        .console_mfn = k->built.console_mfn,
        .store_port = k->built.store_port,
        .console_port = k->built.console_port,
        .vuart_gfn = k->built.vuart_gfn,
        .vuart_port = k->built.vuart_port,
        .driver_domain = d->driver_domain,
    };
    int rc;

    for (unsigned int i = 0; i < d->vcpus && i < 8 * sizeof(online); i++) {
        online[i / 8] |= (uint8_t)(1 << i % 8);
    }
    gettimeofday(&now, NULL);
    g.start_time = (uint64_t)now.tv_sec * 100 + (uint64_t)now.tv_usec / 10000;
    memcpy(g.uuid, d->uuid, sizeof(g.uuid));
    layout_add_guest(&n, &g);
    for (unsigned int i = 0; i < d->disk_count; i++) {
        layout_add_disk(&n, &k->disks[i]);
    }
    for (unsigned int i = 0; i < d->vif_count; i++) {
        layout_add_nic(&n, &k->nics[i]);
    }
    for (unsigned int i = 0; i < d->channel_count; i++) {
        const struct channel_spec *spec = &d->channels[i];
        struct layout_channel c = { k->domid, i + 1, spec->name, spec->socket ? spec->path : NULL };

        layout_add_channel(&n, &c);
    }
    rc = nodes_apply(e, k->s, &n);
    nodes_free(&n);
    if (!rc && !xs_introduce_domain(k->s, k->domid, (unsigned long)k->built.store_mfn, k->built.store_port)) {
        rc = err_errno(e, "xenstored does not take the domain");
    }
    return rc;
}

static int save(struct err *e, struct creation *k)
{
    const struct domain_config *d = k->config;
    char *json = config_json(d);
    int rc = json ? saved_write(e, k->domid, d->uuid, SAVED_JSON, json)
                  : err_set(e, -ENOMEM, "out of memory");

    free(json);
    if (!rc && k->o->text) {
        struct actions a = { d->on_poweroff, d->on_reboot, d->on_crash, d->on_watchdog, d->on_soft_reset };
        char actions[256];

        actions_format(&a, actions, sizeof(actions));
        rc = saved_write(e, k->domid, d->uuid, SAVED_TEXT, k->o->text);
        rc = rc ? rc : saved_write(e, k->domid, d->uuid, SAVED_ACTIONS, actions);
    }
    return rc;
}

/* ---- all of it ---------------------------------------------------------------------------------- */

static int name_done(struct err *e, struct creation *k)
{
    return domain_name_claim(e, k->s, k->config->name, k->domid);
}

static int start(struct err *e, struct creation *k)
{
    return k->o->paused ? 0 : domain_unpause(e, k->c, k->domid);
}

static int run_steps(struct err *e, struct creation *k)
{
    static const struct {
        const char *what;
        int (*run)(struct err *e, struct creation *k);
    } steps[] = {
        { "kernel", open_kernel },
        { "domain", make_domain },
        { "settings", set_up_domain },
        { "disks", open_disks },
        { "networks", describe_nics },
        { "memory", build },
        { "store", write_store },
        { "devices", finish_devices },
        { "files", save },
        { "name", name_done },
        { "start", start },
    };
    int rc = 0;

    for (unsigned int i = 0; i < sizeof(steps) / sizeof(steps[0]) && !rc; i++) {
        rc = step(e, k, steps[i].what);
        rc = rc ? rc : steps[i].run(e, k);
    }
    return rc ? rc : step(e, k, "end");
}

static int allocate(struct err *e, struct creation *k)
{
    const struct domain_config *d = k->config;

    k->disks = calloc(d->disk_count + 1, sizeof(*k->disks));
    k->backings = calloc(d->disk_count + 1, sizeof(*k->backings));
    k->nics = calloc(d->vif_count + 1, sizeof(*k->nics));
    k->texts = calloc(d->disk_count + d->vif_count + 1, sizeof(*k->texts));
    if (!k->disks || !k->backings || !k->nics || !k->texts) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    return 0;
}

static void release(struct creation *k)
{
    build_kernel_close(k->kernel);
    if (k->booted) {
        bootloader_free(&k->files);
    }
    free(k->disks);
    free(k->backings);
    free(k->nics);
    free(k->texts);
    host_config_free(&k->host);
}

int domain_create(struct err *e, struct ctrl *c, struct xs_handle *s, const struct domain_config *config,
                  const struct create_options *o, uint32_t *domid)
{
    struct creation k = { .c = c, .s = s, .config = config, .o = o, .domid = DOMAIN_NONE };
    int rc = host_config_load(e, NULL, &k.host);

    if (rc) {
        return rc;
    }
    journal_recover(c, s);
    rc = allocate(e, &k);
    rc = rc ? rc : journal_begin(e, &k.journal, config->name, config->uuid);
    if (rc) {
        release(&k);
        return rc;
    }
    rc = domain_name_claim(e, s, config->name, DOMAIN_NONE);
    rc = rc ? rc : run_steps(e, &k);
    if (rc) {
        journal_undo(&k.journal, c, s);
    } else {
        journal_end(&k.journal);
        *domid = k.domid;
    }
    release(&k);
    return rc;
}
