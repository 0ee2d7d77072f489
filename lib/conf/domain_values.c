/* SPDX-License-Identifier: MIT */
/*
 * Values of xl.cfg(5) that are more than one string or number: UUID, CPU lists, boot arguments, devices. Each
 * function is named in a row of domain_keys.c. What it allocates hangs on the struct domain_config at once.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf/domain_keys.h"
#include "lib/conf/domain_type.h"

#define DEVICES_MAX 256

static int out_of_memory(struct err *e)
{
    return err_set(e, -ENOMEM, "out of memory");
}

int domain_value_error(struct err *e, const struct conf_value *v, const char *key, const struct err *why)
{
    int rc = conf_error(e, why->code, v->place, "%s: %s", key, why->text);

    if (why->hint[0] != '\0') {
        err_hint(e, "%s", why->hint);
    }
    return rc;
}

int domain_warn(struct domain_reader *r, struct conf_place place, const char *format, ...)
{
    char text[512];
    struct err line = { 0 };
    char **warnings;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    conf_error(&line, -EINVAL, place, "%s", text);
    warnings = realloc(r->d->warnings, (r->d->warning_count + 1) * sizeof(*warnings));
    if (warnings == NULL) {
        return out_of_memory(r->e);
    }
    r->d->warnings = warnings;
    warnings[r->d->warning_count] = strdup(line.text);
    return warnings[r->d->warning_count++] == NULL ? out_of_memory(r->e) : 0;
}

/* The values of a list, or the one value as if it were a list of one. */
static const struct conf_value *values_of(const struct conf_value *v, unsigned int *count)
{
    *count = conf_value_is_list(v) ? v->count : 1;
    return conf_value_is_list(v) ? v->items : v;
}

static int need_list(struct domain_reader *r, const char *key, const struct conf_value *v)
{
    if (conf_value_is_list(v) && v->count <= DEVICES_MAX) {
        return 0;
    }
    if (conf_value_is_list(v)) {
        return conf_error(r->e, -E2BIG, v->place, "more than %d of \"%s\"", DEVICES_MAX, key);
    }
    conf_error(r->e, -EINVAL, v->place, "\"%s\" is a list", key);
    err_hint(r->e, "put brackets around it: %s = [ \"%.60s\" ]", key, v->text);
    return -EINVAL;
}

int domain_set_uuid(struct domain_reader *r, const char *key, const struct conf_value *v)
{
    struct err why = { 0 };
    const char *text;
    int rc = conf_value_text(r->e, key, v, &text);

    if (rc == 0 && uuid_parse(&why, text, r->d->uuid) < 0) {
        rc = domain_value_error(r->e, v, key, &why);
    }
    return rc;
}

/* ---- CPUs ---- */

static int set_cpu_lists(struct domain_reader *r, const char *key, const struct conf_value *v,
                         struct cpu_list **lists, unsigned int *list_count, bool *each)
{
    unsigned int count;
    const struct conf_value *values = values_of(v, &count);

    *lists = calloc(count == 0 ? 1 : count, sizeof(**lists));
    if (*lists == NULL) {
        return out_of_memory(r->e);
    }
    *each = conf_value_is_list(v);
    for (unsigned int i = 0; i < count; i++) {
        struct err why = { 0 };
        const char *text;
        int rc = conf_value_text(r->e, key, &values[i], &text);

        if (rc < 0) {
            return rc;
        }
        *list_count = i + 1;
        if (cpu_list_parse(&why, text, &(*lists)[i]) < 0) {
            return domain_value_error(r->e, &values[i], key, &why);
        }
    }
    return 0;
}

int domain_set_cpus(struct domain_reader *r, const char *key, const struct conf_value *v)
{
    return set_cpu_lists(r, key, v, &r->d->cpus, &r->d->cpus_count, &r->d->cpus_each);
}

int domain_set_cpus_soft(struct domain_reader *r, const char *key, const struct conf_value *v)
{
    return set_cpu_lists(r, key, v, &r->d->cpus_soft, &r->d->cpus_soft_count, &r->d->cpus_soft_each);
}

/* ---- booting ---- */

static int set_word(struct domain_reader *r, const char *key, const struct conf_value *v, char **word)
{
    const char *text;
    int rc = conf_value_text(r->e, key, v, &text);

    if (rc == 0 && text[0] != '\0') {
        *word = strdup(text);
        rc = *word == NULL ? out_of_memory(r->e) : 0;
    }
    r->cmdline_place = v->place;
    return rc;
}

int domain_set_root(struct domain_reader *r, const char *key, const struct conf_value *v)
{
    return set_word(r, key, v, &r->root);
}

int domain_set_extra(struct domain_reader *r, const char *key, const struct conf_value *v)
{
    return set_word(r, key, v, &r->extra);
}

static int add_argument(struct domain_reader *r, const char *text, size_t size)
{
    struct domain_config *d = r->d;
    char **args = realloc(d->bootloader_args, (d->bootloader_args_count + 2) * sizeof(*args));

    if (args == NULL) {
        return out_of_memory(r->e);
    }
    d->bootloader_args = args;
    args[d->bootloader_args_count] = strndup(text, size);
    args[d->bootloader_args_count + 1] = NULL;
    return args[d->bootloader_args_count++] == NULL ? out_of_memory(r->e) : 0;
}

/* A list of arguments, or the old form: one string of words. */
int domain_set_bootloader_args(struct domain_reader *r, const char *key, const struct conf_value *v)
{
    unsigned int count;
    const struct conf_value *values = values_of(v, &count);
    int rc = 0;

    for (unsigned int i = 0; rc == 0 && i < count; i++) {
        const char *text;

        rc = conf_value_text(r->e, key, &values[i], &text);
        if (rc == 0 && conf_value_is_list(v)) {
            rc = add_argument(r, text, strlen(text));
        } else if (rc == 0) {
            for (text += strspn(text, " \t"); rc == 0 && *text != '\0'; text += strspn(text, " \t")) {
                size_t size = strcspn(text, " \t");

                rc = add_argument(r, text, size);
                text += size;
            }
        }
    }
    return rc;
}

int domain_set_tsc_mode(struct domain_reader *r, const char *key, const struct conf_value *v)
{
    static const char *const names[] = { "default", "always_emulate", "native", "native_paravirt" };
    int64_t n = -1;
    const char *text;
    int rc = conf_value_text(r->e, key, v, &text);

    for (int i = 0; rc == 0 && i < 4; i++) {
        n = strcmp(text, names[i]) == 0 ? i : n;
    }
    if (rc == 0 && n < 0) {
        rc = conf_value_number(r->e, key, v, &n);
    }
    if (rc == 0 && (n < 0 || n > 2)) {
        rc = conf_error(r->e, -EINVAL, v->place, "\"%s\" is default, always_emulate or native", key);
    }
    r->d->tsc_mode = (int)n;
    return rc;
}

int domain_set_vuart(struct domain_reader *r, const char *key, const struct conf_value *v)
{
    const char *text;
    int rc = conf_value_text(r->e, key, v, &text);

    if (rc < 0 || text[0] == '\0' || strcmp(text, "unknown") == 0) {
        return rc;
    }
    if (strcmp(text, "sbsa_uart") != 0) {
        return conf_error(r->e, -EINVAL, v->place, "\"%s\" is sbsa_uart, not \"%.40s\"", key, text);
    }
    if (!domain_has_vuart && !r->options->allow_unbuilt) {
        return conf_error(r->e, -EOPNOTSUPP, v->place, "\"%s\" is for guests on Arm", key);
    }
    r->d->vuart = true;
    return 0;
}

/* ---- devices ---- */

static int same_device(struct domain_reader *r, const struct conf_value *v, const char *key, const char *name)
{
    return conf_error(r->e, -EEXIST, v->place, "%s: another one is %s already", key, name);
}

int domain_set_disks(struct domain_reader *r, const char *key, const struct conf_value *v)
{
    struct domain_config *d = r->d;
    int rc = need_list(r, key, v);

    if (rc < 0) {
        return rc;
    }
    d->disks = calloc(v->count + 1, sizeof(*d->disks));
    for (unsigned int i = 0; d->disks != NULL && i < v->count; i++) {
        struct disk_spec *disk = &d->disks[i];
        struct err why = { 0 };
        const char *text;

        rc = conf_value_text(r->e, key, &v->items[i], &text);
        if (rc < 0) {
            return rc;
        }
        disk->place = v->items[i].place;
        d->disk_count++;
        if (disk_spec_parse(&why, text, disk) < 0) {
            return domain_value_error(r->e, &v->items[i], key, &why);
        }
        for (unsigned int j = 0; j < i; j++) {
            if (d->disks[j].devid == disk->devid) {
                return same_device(r, &v->items[i], key, disk->vdev);
            }
        }
    }
    return d->disks == NULL ? out_of_memory(r->e) : 0;
}

/* Random bytes, each used once. */
static int take_random(struct domain_reader *r, uint8_t *bytes, size_t size)
{
    if (r->options->random_size - r->random_used < size) {
        return err_set(r->e, -E2BIG, "more networks than there are random bytes for");
    }
    memcpy(bytes, r->options->random + r->random_used, size);
    r->random_used += size;
    return 0;
}

static int read_vif(struct domain_reader *r, const char *key, const struct conf_value *v,
                    struct vif_spec *vif)
{
    struct err why = { 0 };
    uint8_t random[6];
    const char *text;
    int rc = conf_value_text(r->e, key, v, &text);

    if (rc == 0) {
        rc = take_random(r, random, sizeof(random));
    }
    if (rc < 0) {
        return rc;
    }
    vif->place = v->place;
    memcpy(vif->mac, random, sizeof(random));
    if (vif_spec_parse(&why, text, vif) < 0) {
        return domain_value_error(r->e, v, key, &why);
    }
    if (!vif->has_mac) {
        mac_random(random, vif->mac);
    }
    if (vif->ioemu && r->d->type != DOMAIN_HVM) {
        return domain_warn(r, v->place, "%s: type=ioemu is for HVM guests; ignored", key);
    }
    return 0;
}

/* The index in the list, when that is free, as xl does. */
static int number_vifs(struct domain_reader *r, const char *key, const struct conf_value *v)
{
    struct domain_config *d = r->d;

    for (unsigned int i = 0; i < d->vif_count; i++) {
        if (d->vifs[i].devid < 0) {
            d->vifs[i].devid = (int)i;
        }
        for (unsigned int j = 0; j < i; j++) {
            if (d->vifs[j].devid == d->vifs[i].devid) {
                char name[32];

                snprintf(name, sizeof(name), "devid %d", d->vifs[i].devid);
                return same_device(r, &v->items[i], key, name);
            }
        }
    }
    return 0;
}

int domain_set_vifs(struct domain_reader *r, const char *key, const struct conf_value *v)
{
    struct domain_config *d = r->d;
    int rc = need_list(r, key, v);

    if (rc < 0) {
        return rc;
    }
    d->vifs = calloc(v->count + 1, sizeof(*d->vifs));
    for (unsigned int i = 0; d->vifs != NULL && i < v->count; i++) {
        d->vif_count++;
        rc = read_vif(r, key, &v->items[i], &d->vifs[i]);
        if (rc < 0) {
            return rc;
        }
    }
    return d->vifs == NULL ? out_of_memory(r->e) : number_vifs(r, key, v);
}

int domain_set_channels(struct domain_reader *r, const char *key, const struct conf_value *v)
{
    struct domain_config *d = r->d;
    int rc = need_list(r, key, v);

    if (rc < 0) {
        return rc;
    }
    d->channels = calloc(v->count + 1, sizeof(*d->channels));
    for (unsigned int i = 0; d->channels != NULL && i < v->count; i++) {
        struct err why = { 0 };
        const char *text;

        rc = conf_value_text(r->e, key, &v->items[i], &text);
        if (rc < 0) {
            return rc;
        }
        d->channels[i].place = v->items[i].place;
        d->channel_count++;
        if (channel_spec_parse(&why, text, &d->channels[i]) < 0) {
            return domain_value_error(r->e, &v->items[i], key, &why);
        }
    }
    return d->channels == NULL ? out_of_memory(r->e) : 0;
}
