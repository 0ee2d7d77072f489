/* SPDX-License-Identifier: MIT */
/*
 * xl.cfg: every file of tests/golden/conf is read as type pv by default, with fixed random bytes, and what
 * came of it compared with the .ok beside it. UPDATE_GOLDEN=1 writes the .ok files anew: read the difference
 * before it is committed. The small languages have tables here.
 */
#include "lib/conf/conf.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/file.h"
#include "lib/conf/domain_config.h"
#include "lib/conf/domain_keys.h"
#include "lib/conf/host_config.h"
#include "tests/unit/unit.h"

#define GOLDEN "tests/golden/conf/"

/* ---- golden files ---- */

static void show_text(struct buf *b, const char *key, const char *text)
{
    if (text != NULL) {
        buf_printf(b, "%s %s\n", key, text);
    }
}

static void show_cpus(struct buf *b, const char *key, const struct cpu_list *lists, unsigned int count,
                      bool each)
{
    for (unsigned int i = 0; i < count; i++) {
        uint8_t bitmap[1];
        char text[64];
        static const unsigned int node_of[8] = { 0, 0, 0, 0, 1, 1, 1, 1 };

        EXPECT_EQ(cpu_list_fill(NULL, &lists[i], node_of, 8, bitmap), 0);
        cpu_list_format(bitmap, 8, text, sizeof(text));
        buf_printf(b, each ? "%s vcpu %u: %s\n" : "%s%.0u %s\n", key, i, text);
    }
}

static void show_disk(struct buf *b, const struct disk_spec *d)
{
    char vdev[16];

    disk_vdev_format(d->devid, vdev, sizeof(vdev));
    buf_printf(b, "disk %s %s=%u(%s) %s backend %d%s%s%s%s%s%s\n", d->target != NULL ? d->target : "(none)",
               d->vdev, d->devid, vdev, disk_format_name(d->format), d->backend_type,
               d->readonly ? " ro" : " rw", d->cdrom ? " cdrom" : "",
               d->direct_io_safe ? " direct-io-safe" : "", d->no_discard ? " no-discard" : "",
               d->untrusted ? " untrusted" : "", d->virtio ? " virtio" : "");
    show_text(b, "  script", d->script);
    show_text(b, "  backend", d->backend);
}

static void show_vif(struct buf *b, const struct vif_spec *v)
{
    char mac[18];

    mac_format(v->mac, mac);
    buf_printf(b, "vif %d %s%s%s", v->devid, mac, v->has_mac ? "" : " (random)", v->ioemu ? " ioemu" : "");
    buf_printf(b, " rate %llu/%u mtu %u vlan %u%s\n", (unsigned long long)v->rate_bytes, v->rate_interval,
               v->mtu, v->vlan, v->untrusted ? " untrusted" : "");
    show_text(b, "  bridge", v->bridge);
    show_text(b, "  gatewaydev", v->gatewaydev);
    show_text(b, "  ip", v->ip);
    show_text(b, "  script", v->script);
    show_text(b, "  backend", v->backend);
    show_text(b, "  vifname", v->vifname);
    show_text(b, "  model", v->model);
}

static void show_domain(struct buf *b, const struct domain_config *d)
{
    char uuid[37];

    uuid_format(d->uuid, uuid);
    buf_printf(b, "name %s\ntype %s\nuuid %s\n", d->name, domain_type_name(d->type), uuid);
    buf_printf(b, "memory %llu of %llu KiB, vcpus %u of %u\n", (unsigned long long)d->memory_kib,
               (unsigned long long)d->maxmem_kib, d->vcpus, d->maxvcpus);
    buf_printf(b, "weight %lld cap %lld grant %lld/%lld v%lld evtchn %lld\n", (long long)d->cpu_weight,
               (long long)d->cap, (long long)d->max_grant_frames, (long long)d->max_maptrack_frames,
               (long long)d->max_grant_version, (long long)d->max_event_channels);
    buf_printf(b, "on poweroff %s, reboot %s, crash %s, watchdog %s, soft reset %s\n",
               domain_action_name(d->on_poweroff), domain_action_name(d->on_reboot),
               domain_action_name(d->on_crash), domain_action_name(d->on_watchdog),
               domain_action_name(d->on_soft_reset));
    buf_printf(b, "nomigrate %d driver %d localtime %d offset %lld tsc %d shadow %lld hap %d acpi %d\n",
               d->nomigrate, d->driver_domain, d->localtime, (long long)d->rtc_timeoffset, d->tsc_mode,
               (long long)d->shadow_memory_mib, d->hap, d->acpi);
    show_text(b, "pool", d->pool);
    show_text(b, "kernel", d->kernel);
    show_text(b, "ramdisk", d->ramdisk);
    show_text(b, "cmdline", d->cmdline);
    show_text(b, "bootloader", d->bootloader);
    for (unsigned int i = 0; i < d->bootloader_args_count; i++) {
        show_text(b, "  argument", d->bootloader_args[i]);
    }
    show_cpus(b, "cpus", d->cpus, d->cpus_count, d->cpus_each);
    show_cpus(b, "cpus_soft", d->cpus_soft, d->cpus_soft_count, d->cpus_soft_each);
    for (unsigned int i = 0; i < d->disk_count; i++) {
        show_disk(b, &d->disks[i]);
    }
    for (unsigned int i = 0; i < d->vif_count; i++) {
        show_vif(b, &d->vifs[i]);
    }
    for (unsigned int i = 0; i < d->channel_count; i++) {
        const struct channel_spec *c = &d->channels[i];

        buf_printf(b, "channel %s %s\n", c->name, c->socket ? c->path : "pty");
        show_text(b, "  backend", c->backend);
    }
    for (unsigned int i = 0; i < d->warning_count; i++) {
        show_text(b, "warning", d->warnings[i]);
    }
}

static void read_golden(struct buf *b, const char *path, bool allow_unbuilt)
{
    uint8_t random[DOMAIN_CONFIG_RANDOM_SIZE];
    struct domain_config_options options = { random, sizeof(random), allow_unbuilt };
    struct domain_config d;
    struct conf c = CONF_INIT;
    struct err e = { 0 };
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < sizeof(random); i++) {
        random[i] = (uint8_t)i;
    }
    EXPECT_EQ(file_load(&e, path, CONF_SIZE_MAX, &text), 0);
    if (conf_parse(&e, strrchr(path, '/') + 1, text.text != NULL ? text.text : "", text.length, &c) == 0 &&
        domain_config_read(&e, &c, &options, &d) == 0) {
        show_domain(b, &d);
        domain_config_free(&d);
    } else {
        EXPECT(e.code < 0);
        buf_printf(b, "error %d: %s\n", -e.code, e.text);
        if (e.hint[0] != '\0') {
            buf_printf(b, "hint: %s\n", e.hint);
        }
    }
    conf_free(&c);
    buf_free(&text);
}

TEST(conf_golden)
{
    glob_t files;

    EXPECT_EQ(glob(GOLDEN "*.cfg", 0, NULL, &files), 0);
    EXPECT(files.gl_pathc > 40);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        struct buf got = BUF_INIT;
        struct buf wanted = BUF_INIT;
        char ok[256];

        snprintf(ok, sizeof(ok), "%.*s.ok", (int)(strlen(files.gl_pathv[i]) - 4), files.gl_pathv[i]);
        read_golden(&got, files.gl_pathv[i], strstr(files.gl_pathv[i], "/wiki-") != NULL);
        if (getenv("UPDATE_GOLDEN") != NULL) {
            EXPECT_EQ(file_save(NULL, ok, got.text, got.length, 0644), 0);
        }
        EXPECT_EQ(file_load(NULL, ok, CONF_SIZE_MAX, &wanted), 0);
        EXPECT_STR(got.text, wanted.text);
        buf_free(&got);
        buf_free(&wanted);
    }
    globfree(&files);
}

/* ---- places ---- */

TEST(conf_devices_know_where_they_stand)
{
    static const char text[] =
        "name = 'a'\nkernel = '/k'\nmemory = 64\ndisk = [ '/a,raw,xvda', '/b,raw,xvdb' ]\nvif = [ '' ]\n";
    struct err e = { 0 };
    struct domain_config d;

    EXPECT_EQ(domain_config_from_text(&e, "a.cfg", text, strlen(text), NULL, 0, &d), 0);
    conf_error(&e, -EINVAL, d.disks[1].place, "disk");
    EXPECT_STR(e.text, "a.cfg:4:25: disk");
    err_clear(&e);
    conf_error(&e, -EINVAL, d.vifs[0].place, "vif");
    EXPECT_STR(e.text, "a.cfg:5:9: vif");
    domain_config_free(&d);
}

/* ---- overrides ---- */

TEST(conf_override_goes_last)
{
    static const char text[] = "name = 'a'\nmemory = 64\nkernel = '/k'\n";
    static const char *const overrides[] = { "memory=512",    "name=b c", "vcpus=2;maxvcpus=3",
                                             "extra=\"x y\"", "vif=['']", "on_crash=preserve" };
    struct err e = { 0 };
    struct domain_config d;

    EXPECT_EQ(domain_config_from_text(&e, "a.cfg", text, strlen(text), overrides, 6, &d), 0);
    EXPECT_EQ(d.memory_kib, 512 * 1024);
    EXPECT_STR(d.name, "b c");
    EXPECT_EQ(d.maxvcpus, 3);
    EXPECT_STR(d.cmdline, "x y");
    EXPECT_EQ(d.vif_count, 1);
    EXPECT_EQ(d.vifs[0].mac[2], 0x3e);
    EXPECT_EQ(d.on_crash, ACTION_PRESERVE);
    domain_config_free(&d);
    EXPECT_EQ(domain_config_from_text(&e, "a.cfg", text, strlen(text), (const char *[]){ "memory" }, 1, &d),
              -EINVAL);
    EXPECT_STR(e.text, "command line:1:7: expected = after \"memory\", not the end of the file");
}

TEST(conf_file_that_is_missing)
{
    struct err e = { 0 };
    struct domain_config d;

    EXPECT_EQ(domain_config_load(&e, "/nonexistent/a.cfg", NULL, 0, &d), -ENOENT);
    EXPECT(strstr(e.text, "/nonexistent/a.cfg") != NULL);
}

TEST(conf_table_is_whole)
{
    unsigned int count = 0;

    for (; domain_key_at(count) != NULL; count++) {
        const struct domain_key *k = domain_key_at(count);

        EXPECT(domain_key_find(k->name) == k);
        EXPECT(k->kind != KEY_OTHER || k->set != NULL);
    }
    EXPECT(count >= 156);
}

/* ---- the small languages ---- */

TEST(conf_disk_numbers)
{
    static const struct {
        const char *vdev;
        unsigned int devid;
    } rows[] = {
        { "xvda", 51712 },     { "xvdb", 51728 },       { "xvda1", 51713 },       { "xvdp15", 51967 },
        { "xvdq", 268439552 }, { "xvda16", 268435472 }, { "xvdtq37", 268572709 }, { "hda", 768 },
        { "hdb1", 833 },       { "hdc", 5632 },         { "hdd63", 5759 },        { "sda1", 2049 },
        { "sdp", 2288 },       { "d0", 51712 },         { "d1p2", 51730 },        { "51712", 51712 },
        { "0xca00", 51712 },
    };
    static const char *const wrong[] = { "",       "xvd",     "xvdA", "hde",        "hda64",   "sdq",
                                         "sda16",  "xvda256", "d",    "dp1",        "d1p",     "d1p2x",
                                         "xvda1x", "12x",     "vda",  "xvdaaaaaaa", "d1048576" };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned int devid = 0;
        char name[32];

        EXPECT_EQ(disk_vdev_parse(rows[i].vdev, &devid), 0);
        EXPECT_EQ(devid, rows[i].devid);
        disk_vdev_format(devid, name, sizeof(name));
        EXPECT_EQ(disk_vdev_parse(name, &devid), 0);
        EXPECT_EQ(devid, rows[i].devid);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        unsigned int devid;

        EXPECT_EQ(disk_vdev_parse(wrong[i], &devid), -EINVAL);
    }
}

TEST(conf_rates)
{
    static const struct {
        const char *text;
        uint64_t bytes;
        uint32_t interval;
    } rows[] = { { "1MB/s@20ms", 20000, 20000 },
                 { "10Mb/s", 62500, 50000 },
                 { "250KB/s", 12500, 50000 },
                 { "10MB/s@1s", 10000000, 1000000 },
                 { "8000b/s@100us", 0, 0 },
                 { "1GB/s", 50000000, 50000 },
                 { "10MB", 0, 0 },
                 { "MB/s", 0, 0 },
                 { "0MB/s", 0, 0 },
                 { "1MB/s@", 0, 0 },
                 { "1MB/s@20", 0, 0 },
                 { "1TB/s", 0, 0 },
                 { "4000000000GB/s@4000s", 0, 0 },
                 { "1MB/s@20ms ", 0, 0 } };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t bytes = 0;
        uint32_t interval = 0;
        int rc = vif_rate_parse(NULL, rows[i].text, &bytes, &interval);

        EXPECT_EQ(rc == 0, rows[i].bytes != 0);
        EXPECT_EQ(bytes, rows[i].bytes);
        EXPECT_EQ(interval, rows[i].interval);
    }
}

TEST(conf_cpu_lists)
{
    static const unsigned int node_of[12] = { 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2 };
    static const struct {
        const char *text, *wanted;
    } rows[] = { { "all", "all" },
                 { "0-3,5,^1", "0,2-3,5" },
                 { "all,^7", "0-6,8-11" },
                 { "11", "11" },
                 { "nodes:0-2,^node:1", "0-3,8-11" },
                 { "1,node:1,^6", "1,4-5,7" },
                 { "all,^nodes:0-1", "8-11" },
                 { " 3 , 1 ", "1,3" },
                 { "0-1,", "0-1" },
                 { "node:all", "all" } };
    static const char *const wrong[] = { "", "a", "1-", "-1", "3-1", "1--2", "^", "node:", "1,,2", "99999" };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cpu_list list;
        uint8_t bitmap[2];
        char text[64];

        EXPECT_EQ(cpu_list_parse(NULL, rows[i].text, &list), 0);
        EXPECT_EQ(cpu_list_fill(NULL, &list, node_of, 12, bitmap), 0);
        cpu_list_format(bitmap, 12, text, sizeof(text));
        EXPECT_STR(text, rows[i].wanted);
        cpu_list_free(&list);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct cpu_list list;

        EXPECT_EQ(cpu_list_parse(NULL, wrong[i], &list), -EINVAL);
        cpu_list_free(&list);
    }
}

TEST(conf_cpu_lists_on_a_machine)
{
    struct err e = { 0 };
    struct cpu_list list;
    uint8_t bitmap[1];

    EXPECT_EQ(cpu_list_parse(&e, "4-9", &list), 0);
    EXPECT_EQ(cpu_list_fill(&e, &list, NULL, 4, bitmap), -EINVAL);
    EXPECT_STR(e.text, "this machine has no CPU 4");
    cpu_list_free(&list);
    err_clear(&e);
    EXPECT_EQ(cpu_list_parse(&e, "^1", &list), 0);
    EXPECT_EQ(cpu_list_fill(&e, &list, NULL, 4, bitmap), -EINVAL);
    EXPECT_STR(e.hint, "to leave some out begin with all: all,^0");
    cpu_list_free(&list);
}

TEST(conf_uuid)
{
    static const char text[] = "550e8400-e29b-41d4-a716-446655440000";
    uint8_t uuid[16];
    char again[37];

    EXPECT_EQ(uuid_parse(NULL, text, uuid), 0);
    uuid_format(uuid, again);
    EXPECT_STR(again, text);
    EXPECT_EQ(uuid_parse(NULL, "550E8400E29B41D4A716446655440000", uuid), 0);
    uuid_format(uuid, again);
    EXPECT_STR(again, text);
    EXPECT_EQ(uuid_parse(NULL, "550e8400-e29b-41d4-a716-44665544000", uuid), -EINVAL);
    EXPECT_EQ(uuid_parse(NULL, "550e8400-e29b-41d4-a716-4466554400000", uuid), -EINVAL);
    EXPECT_EQ(uuid_parse(NULL, "550e8400e29b-41d4-a716-446655440000", uuid), -EINVAL);
}

/* ---- xl.conf ---- */

TEST(conf_host)
{
    static const char text[] =
        "autoballoon=\"off\"\nvif.default.bridge = 'br0'\nclaim_mode=0 # no\nmax_grant_frames=64\n"
        "vm.cpumask='0-3'\noutput_format=\"sxp\"\nnonsense=1\n";
    struct err e = { 0 };
    struct conf c = CONF_INIT;
    struct host_config h;

    EXPECT_EQ(conf_parse(&e, "xl.conf", text, strlen(text), &c), 0);
    EXPECT_EQ(host_config_read(&e, &c, &h), 0);
    EXPECT_EQ(h.autoballoon, AUTOBALLOON_OFF);
    EXPECT_STR(h.vif_bridge, "br0");
    EXPECT_STR(h.vif_script, "vif-bridge");
    EXPECT(!h.claim_mode && h.output_sxp && h.run_hotplug_scripts);
    EXPECT_EQ(h.max_grant_frames, 64);
    EXPECT_EQ(h.max_maptrack_frames, -1);
    EXPECT_STR(h.cpumask, "0-3");
    EXPECT_EQ(h.warning_count, 1);
    EXPECT_STR(h.warnings[0], "xl.conf:7:1: unknown key \"nonsense\"; ignored");
    host_config_free(&h);
    conf_free(&c);
    EXPECT_EQ(host_config_load(&e, "/nonexistent/xl.conf", &h), 0);
    EXPECT_STR(h.lockfile, "/var/lock/xl");
    host_config_free(&h);
}
