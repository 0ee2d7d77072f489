/* SPDX-License-Identifier: MIT */
/* A configuration as JSON: see config_json.h. Keys and their order are those that Debian's xl 4.17 writes. */
#include "lib/domain/config_json.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/conf/domain_config.h"

static void field_number(struct json *j, const char *key, int64_t value)
{
    if (value != DOMAIN_NUMBER_UNSET) {
        json_field_int(j, key, value);
    }
}

static void field_text(struct json *j, const char *key, const char *text)
{
    if (text && *text) {
        json_field_string(j, key, text);
    }
}

static void empty_object(struct json *j, const char *key)
{
    json_key(j, key);
    json_object_begin(j);
    json_object_end(j);
}

static void put_creation(struct json *j, const struct domain_config *d)
{
    char uuid[37];

    uuid_format(d->uuid, uuid);
    json_key(j, "c_info");
    json_object_begin(j);
    json_field_string(j, "type", domain_type_name(d->type));
    json_field_string(j, "name", d->name);
    json_field_string(j, "uuid", uuid);
    field_text(j, "pool_name", d->pool);
    json_field_string(j, "run_hotplug_scripts", "True");
    if (d->driver_domain) {
        json_field_string(j, "driver_domain", "True");
    }
    json_object_end(j);
}

static void put_scheduling(struct json *j, const struct domain_config *d)
{
    json_key(j, "sched_params");
    json_object_begin(j);
    field_number(j, "weight", d->cpu_weight);
    field_number(j, "cap", d->cap);
    json_object_end(j);
}

static void put_build(struct json *j, const struct domain_config *d)
{
    char type[16];

    json_key(j, "b_info");
    json_object_begin(j);
    json_field_uint(j, "max_vcpus", d->maxvcpus);
    json_key(j, "avail_vcpus");
    json_array_begin(j);
    for (unsigned int i = 0; i < d->vcpus; i++) {
        json_uint(j, i);
    }
    json_array_end(j);
    json_field_uint(j, "max_memkb", d->maxmem_kib);
    json_field_uint(j, "target_memkb", d->memory_kib);
    put_scheduling(j, d);
    json_field_string(j, "claim_mode", "True");
    field_number(j, "max_grant_frames", d->max_grant_frames);
    field_number(j, "max_maptrack_frames", d->max_maptrack_frames);
    field_text(j, "bootloader", d->bootloader);
    if (d->bootloader_args) {
        json_key(j, "bootloader_args");
        json_array_begin(j);
        for (unsigned int i = 0; i < d->bootloader_args_count; i++) {
            json_string(j, d->bootloader_args[i]);
        }
        json_array_end(j);
    }
    field_text(j, "kernel", d->kernel);
    field_text(j, "cmdline", d->cmdline);
    field_text(j, "ramdisk", d->ramdisk);
    snprintf(type, sizeof(type), "type.%s", domain_type_name(d->type));
    empty_object(j, type);
    json_key(j, "arch_arm");
    json_object_begin(j);
    if (d->vuart) {
        json_field_string(j, "vuart", "sbsa_uart");
    }
    json_object_end(j);
    empty_object(j, "arch_x86");
    json_object_end(j);
}

static void put_disks(struct json *j, const struct domain_config *d)
{
    if (!d->disk_count) {
        return;
    }
    json_key(j, "disks");
    json_array_begin(j);
    for (unsigned int i = 0; i < d->disk_count; i++) {
        const struct disk_spec *k = &d->disks[i];

        json_object_begin(j);
        field_text(j, "backend_domname", k->backend);
        field_text(j, "pdev_path", k->target);
        json_field_string(j, "vdev", k->vdev);
        json_field_string(j, "format", disk_format_name(k->format));
        field_text(j, "script", k->script);
        if (k->cdrom) {
            json_field_int(j, "removable", 1);
            json_field_int(j, "is_cdrom", 1);
        }
        json_field_int(j, "readwrite", !k->readonly && !k->cdrom);
        json_object_end(j);
    }
    json_array_end(j);
}

static void put_nics(struct json *j, const struct domain_config *d)
{
    if (!d->vif_count) {
        return;
    }
    json_key(j, "nics");
    json_array_begin(j);
    for (unsigned int i = 0; i < d->vif_count; i++) {
        const struct vif_spec *v = &d->vifs[i];
        char mac[18];

        json_object_begin(j);
        field_text(j, "backend_domname", v->backend);
        json_field_uint(j, "devid", v->devid >= 0 ? (unsigned int)v->devid : i);
        if (v->has_mac) {
            mac_format(v->mac, mac);
            json_field_string(j, "mac", mac);
        }
        field_text(j, "bridge", v->bridge ? v->bridge : "xenbr0");
        field_text(j, "ip", v->ip);
        field_text(j, "script", v->script);
        field_text(j, "ifname", v->vifname);
        field_text(j, "model", v->model);
        json_field_string(j, "nictype", "vif");
        json_object_end(j);
    }
    json_array_end(j);
}

/* libxl says soft_reset where xl.cfg says soft-reset. */
static void put_action(struct json *j, const char *key, enum domain_action a, enum domain_action usual)
{
    char name[24];

    if (a != usual) {
        snprintf(name, sizeof(name), "%s", domain_action_name(a));
        for (char *p = name; *p; p++) {
            *p = (char)(*p == '-' ? '_' : *p);
        }
        json_field_string(j, key, name);
    }
}

char *config_json(const struct domain_config *d)
{
    struct buf text = BUF_INIT;
    struct json j = JSON_INIT(&text, true);

    json_object_begin(&j);
    put_creation(&j, d);
    put_build(&j, d);
    put_disks(&j, d);
    put_nics(&j, d);
    put_action(&j, "on_poweroff", d->on_poweroff, ACTION_DESTROY);
    put_action(&j, "on_reboot", d->on_reboot, ACTION_DESTROY);
    put_action(&j, "on_watchdog", d->on_watchdog, ACTION_DESTROY);
    put_action(&j, "on_crash", d->on_crash, ACTION_DESTROY);
    put_action(&j, "on_soft_reset", d->on_soft_reset, ACTION_DESTROY);
    json_object_end(&j);
    buf_puts(&text, "\n");
    return buf_take(&text);
}
