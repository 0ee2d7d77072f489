/* SPDX-License-Identifier: MIT */
/*
 * From settings to struct domain_config: see domain_config.h. The guest's type is read first, because other
 * keys depend on it; then every setting in the order of the file by its row of domain_keys.c; then what
 * follows from several of them is filled in and checked.
 */
#include "lib/conf/domain_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "lib/conf/domain_keys.h"
#include "lib/conf/domain_type.h"

#define MEMORY_DEFAULT_KIB (32 * 1024)

static const char *const action_names[] = { "destroy",   "restart",          "rename-restart",
                                            "preserve",  "coredump-destroy", "coredump-restart",
                                            "soft-reset" };
static const char *const type_names[] = { "pv", "pvh", "hvm" };

const char *domain_action_name(enum domain_action action)
{
    return action_names[action];
}

const char *domain_type_name(enum domain_type type)
{
    return type_names[type];
}

/* ---- the type ---- */

static int read_type(struct domain_reader *r, const struct conf_value *v, enum domain_type *type)
{
    const char *text;
    int rc = conf_value_text(r->e, "type", v, &text);

    if (rc < 0) {
        return rc;
    }
    for (int i = 0; i < 3; i++) {
        if (strcasecmp(text, type_names[i]) == 0) {
            *type = (enum domain_type)i;
            return 0;
        }
    }
    return conf_error(r->e, -EINVAL, v->place, "\"type\" is pv, pvh or hvm, not \"%.40s\"", text);
}

static int read_builder(struct domain_reader *r, const struct conf_value *v, enum domain_type *type)
{
    const char *text;
    int rc = conf_value_text(r->e, "builder", v, &text);

    if (rc < 0) {
        return rc;
    }
    *type = strcmp(text, "hvm") == 0 ? DOMAIN_HVM : DOMAIN_PV;
    if (*type == DOMAIN_PV && strcmp(text, "generic") != 0 && strcmp(text, "linux") != 0) {
        return conf_error(r->e, -EINVAL, v->place, "\"builder\" is generic or hvm, not \"%.40s\"", text);
    }
    return 0;
}

static int choose_type(struct domain_reader *r, const struct conf *c)
{
    const struct conf_value *type = conf_find(c, "type");
    const struct conf_value *builder = conf_find(c, "builder");
    enum domain_type other;
    int rc = 0;

    r->d->type = domain_type_default;
    if (builder != NULL) {
        rc = read_builder(r, builder, &r->d->type);
    }
    other = r->d->type;
    if (rc == 0 && type != NULL) {
        rc = read_type(r, type, &r->d->type);
    }
    if (rc == 0 && type != NULL && builder != NULL && other != r->d->type) {
        rc = conf_error(r->e, -EINVAL, type->place, "\"type\" and \"builder\" say different things");
        err_hint(r->e, "leave \"builder\" out");
    }
    if (rc == 0 && r->d->type == DOMAIN_HVM && !r->options->allow_unbuilt) {
        rc = conf_error(r->e, -EOPNOTSUPP, type != NULL ? type->place : builder->place,
                        "guests of type hvm are not built yet");
        err_hint(r->e, "a kernel with Xen support runs with type = \"pvh\" or \"pv\"");
    }
    return rc;
}

/* ---- settings by their row ---- */

static int read_string(struct domain_reader *r, const struct domain_key *k, const struct conf_value *v,
                       char **out)
{
    const char *text;
    int rc = conf_value_text(r->e, k->name, v, &text);

    if (rc < 0 || text[0] == '\0') {
        return rc;
    }
    *out = strdup(text);
    return *out == NULL ? err_set(r->e, -ENOMEM, "out of memory") : 0;
}

static int read_number(struct domain_reader *r, const struct domain_key *k, const struct conf_value *v,
                       int64_t *number)
{
    int rc = conf_value_number(r->e, k->name, v, number);

    if (rc == 0 && (*number < k->min || *number > k->max)) {
        rc = conf_error(r->e, -ERANGE, v->place, "\"%s\" is a number from %lld to %lld, not %lld", k->name,
                        (long long)k->min, (long long)k->max, (long long)*number);
    }
    return rc;
}

static int read_action(struct domain_reader *r, const struct domain_key *k, const struct conf_value *v,
                       enum domain_action *action)
{
    const char *text;
    int rc = conf_value_text(r->e, k->name, v, &text);

    if (rc < 0) {
        return rc;
    }
    for (int i = 0; i <= ACTION_SOFT_RESET; i++) {
        const char *a = action_names[i];
        const char *b = text;

        for (; *a != '\0' && (*a == *b || (*a == '-' && *b == '_')); a++, b++) {
        }
        if (*a == '\0' && *b == '\0') {
            *action = (enum domain_action)i;
            return 0;
        }
    }
    conf_error(r->e, -EINVAL, v->place, "\"%.40s\" is no action for \"%s\"", text, k->name);
    err_hint(r->e,
             "destroy, restart, rename-restart, preserve, coredump-destroy, coredump-restart or soft-reset");
    return -EINVAL;
}

/* Set to nothing, or to off: asks for nothing we lack. */
static bool is_off(const struct domain_key *k, const struct conf_value *v)
{
    if (conf_value_is_list(v)) {
        return v->count == 0;
    }
    return v->text[0] == '\0' || strcmp(v->text, "0") == 0 || strcmp(v->text, "default") == 0 ||
           (k->off != NULL && strcmp(v->text, k->off) == 0);
}

static int read_setting(struct domain_reader *r, const struct conf_setting *s, const struct domain_key *k)
{
    const struct conf_value *v = &s->value;
    void *member = (char *)r->d + k->offset;
    int64_t n = 0;
    int rc = 0;

    switch (k->kind) {
    case KEY_STRING:
        return read_string(r, k, v, member);
    case KEY_ACTION:
        return read_action(r, k, v, member);
    case KEY_OTHER:
        return k->set(r, k->name, v);
    case KEY_EARLY:
        return 0;
    case KEY_HVM:
        return r->d->type == DOMAIN_HVM
                   ? 0
                   : domain_warn(r, s->place, "\"%s\" is for HVM guests; ignored", k->name);
    case KEY_UNBUILT:
        if (!r->options->allow_unbuilt && !is_off(k, v)) {
            rc = conf_error(r->e, -EOPNOTSUPP, v->place, "\"%s\" is not built yet", k->name);
        }
        return rc;
    case KEY_BOOL:
        rc = conf_value_number(r->e, k->name, v, &n);
        *(bool *)member = n != 0;
        return rc;
    case KEY_UINT:
        rc = read_number(r, k, v, &n);
        *(unsigned int *)member = (unsigned int)n;
        return rc;
    case KEY_MIB:
        rc = read_number(r, k, v, &n);
        *(uint64_t *)member = rc == 0 ? (uint64_t)n * 1024 : 0;
        return rc;
    case KEY_INT64:
        rc = read_number(r, k, v, &n);
        *(int64_t *)member = n;
        return rc;
    }
    return -EINVAL;
}

static int warn_unknown(struct domain_reader *r, const struct conf_setting *s)
{
    const char *meant = domain_key_meant(s->key);

    if (meant != NULL) {
        return domain_warn(r, s->place, "unknown key \"%.60s\"; ignored (did you mean \"%s\"?)", s->key, meant);
    }
    return domain_warn(r, s->place, "unknown key \"%.60s\"; ignored", s->key);
}

static int read_settings(struct domain_reader *r, const struct conf *c)
{
    int rc = 0;

    for (unsigned int i = 0; rc == 0 && i < c->count; i++) {
        const struct conf_setting *s = &c->settings[i];
        const struct domain_key *k = domain_key_find(s->key);

        rc = k != NULL ? read_setting(r, s, k) : warn_unknown(r, s);
    }
    return rc;
}

/* ---- what follows ---- */

static struct conf_place place_of(const struct conf *c, const char *key)
{
    const struct conf_value *v = conf_find(c, key);

    return v != NULL ? v->place
                     : (struct conf_place){ .file = c->file_count != 0 ? c->files[0] : "configuration" };
}

static int check_name(struct domain_reader *r, const struct conf *c)
{
    const char *name = r->d->name;

    if (name == NULL) {
        conf_error(r->e, -EINVAL, place_of(c, "name"), "the guest has no name");
        err_hint(r->e, "name = \"...\"");
        return -EINVAL;
    }
    for (const char *p = name; *p != '\0'; p++) {
        if (*p == '/' || (unsigned char)*p < ' ' || *p == 0x7f) {
            return conf_error(r->e, -EINVAL, place_of(c, "name"),
                              "a name has no / and no control characters");
        }
    }
    if (name[strspn(name, "0123456789")] == '\0') {
        return domain_warn(r, place_of(c, "name"), "commands take the name %s for a domain id", name);
    }
    return 0;
}

static int finish_memory(struct domain_reader *r, const struct conf *c)
{
    struct domain_config *d = r->d;

    if (d->memory_kib == 0 && d->maxmem_kib == 0) {
        d->memory_kib = MEMORY_DEFAULT_KIB;
        d->maxmem_kib = MEMORY_DEFAULT_KIB;
        return domain_warn(r, place_of(c, "memory"), "no \"memory\" is set: the guest gets 32 MiB");
    }
    d->memory_kib = d->memory_kib == 0 ? d->maxmem_kib : d->memory_kib;
    d->maxmem_kib = d->maxmem_kib == 0 ? d->memory_kib : d->maxmem_kib;
    if (d->maxmem_kib < d->memory_kib) {
        return conf_error(r->e, -EINVAL, place_of(c, "maxmem"), "\"maxmem\" is less than \"memory\"");
    }
    return 0;
}

static int finish_vcpus(struct domain_reader *r, const struct conf *c)
{
    struct domain_config *d = r->d;

    d->vcpus = d->vcpus != 0 ? d->vcpus : d->maxvcpus != 0 ? d->maxvcpus : 1;
    d->maxvcpus = d->maxvcpus == 0 ? d->vcpus : d->maxvcpus;
    if (d->maxvcpus < d->vcpus) {
        return conf_error(r->e, -EINVAL, place_of(c, "maxvcpus"), "\"maxvcpus\" is less than \"vcpus\"");
    }
    if (d->cpus_each && d->cpus_count > d->maxvcpus) {
        return domain_warn(r, place_of(c, "cpus"), "\"cpus\" has more entries than the guest has vcpus");
    }
    return 0;
}

static int finish_cmdline(struct domain_reader *r)
{
    struct domain_config *d = r->d;

    if (r->root == NULL && r->extra == NULL) {
        return 0;
    }
    if (d->cmdline != NULL) {
        return domain_warn(r, r->cmdline_place,
                           "\"root\" and \"extra\" are ignored because \"cmdline\" is set");
    }
    if (r->root == NULL) {
        d->cmdline = r->extra;
        r->extra = NULL;
    } else if (asprintf(&d->cmdline, "root=%s%s%s", r->root, r->extra != NULL ? " " : "",
                        r->extra != NULL ? r->extra : "") < 0) {
        d->cmdline = NULL;
        return err_set(r->e, -ENOMEM, "out of memory");
    }
    return 0;
}

static int check_boot(struct domain_reader *r, const struct conf *c)
{
    struct domain_config *d = r->d;

    if (d->type == DOMAIN_HVM || d->kernel != NULL || d->bootloader != NULL ||
        conf_find(c, "firmware") != NULL) {
        return 0;
    }
    conf_error(r->e, -EINVAL, place_of(c, "kernel"), "a guest of type %s needs a kernel or a bootloader",
               type_names[d->type]);
    err_hint(r->e,
             "kernel = \"/boot/vmlinuz...\", or bootloader = \"pygrub\" to take it from the first disk");
    return -EINVAL;
}

static void set_defaults(struct domain_config *d)
{
    *d = (struct domain_config){
        .cpu_weight = DOMAIN_NUMBER_UNSET,
        .cap = DOMAIN_NUMBER_UNSET,
        .on_poweroff = ACTION_DESTROY,
        .on_reboot = ACTION_RESTART,
        .on_crash = ACTION_DESTROY,
        .on_watchdog = ACTION_DESTROY,
        .on_soft_reset = ACTION_SOFT_RESET,
        .max_grant_frames = DOMAIN_NUMBER_UNSET,
        .max_maptrack_frames = DOMAIN_NUMBER_UNSET,
        .max_grant_version = DOMAIN_NUMBER_UNSET,
        .max_event_channels = DOMAIN_NUMBER_UNSET,
        .hap = true,
        .acpi = true,
    };
}

int domain_config_read(struct err *e, const struct conf *c, const struct domain_config_options *options,
                       struct domain_config *d)
{
    struct domain_reader r = { .e = e, .d = d, .options = options };
    int rc;

    set_defaults(d);
    if (options->random_size < sizeof(d->uuid)) {
        return err_set(e, -EINVAL, "too few random bytes for a UUID");
    }
    memcpy(d->uuid, options->random, sizeof(d->uuid));
    r.random_used = sizeof(d->uuid);
    uuid_random(d->uuid);
    rc = choose_type(&r, c);
    rc = rc < 0 ? rc : read_settings(&r, c);
    rc = rc < 0 ? rc : check_name(&r, c);
    rc = rc < 0 ? rc : finish_memory(&r, c);
    rc = rc < 0 ? rc : finish_vcpus(&r, c);
    rc = rc < 0 ? rc : finish_cmdline(&r);
    rc = rc < 0 ? rc : check_boot(&r, c);
    free(r.root);
    free(r.extra);
    if (rc < 0) {
        domain_config_free(d);
    }
    return rc;
}

/* The places of devices point at the names of files, which so outlive the reading. */
static void take_files(struct domain_config *d, struct conf *c)
{
    d->files = c->files;
    d->file_count = c->file_count;
    c->files = NULL;
    c->file_count = 0;
}

enum { UUID_SIZE = 16 };

static int read_with_overrides(struct err *e, struct conf *c, const char *const overrides[],
                               unsigned int count, struct domain_config *d)
{
    uint8_t random[DOMAIN_CONFIG_RANDOM_SIZE];
    struct domain_config_options options = { .random = random, .random_size = UUID_SIZE };
    int rc = 0;

    for (unsigned int i = 0; rc == 0 && i < count; i++) {
        rc = conf_override(e, overrides[i], c);
    }
    if (conf_find(c, "vif") != NULL) {
        options.random_size = sizeof(random);
    }
    for (size_t got = 0; rc == 0 && got < options.random_size;) {
        ssize_t n = getrandom(random + got, options.random_size - got, 0);

        if (n < 0 && errno != EINTR) {
            rc = err_errno(e, "no random bytes");
        }
        got += n > 0 ? (size_t)n : 0;
    }
    if (rc == 0) {
        rc = domain_config_read(e, c, &options, d);
    }
    if (rc == 0) {
        take_files(d, c);
    }
    return rc;
}

int domain_config_from_text(struct err *e, const char *name, const char *text, size_t size,
                            const char *const overrides[], unsigned int override_count,
                            struct domain_config *d)
{
    struct conf c = CONF_INIT;
    int rc;

    *d = (struct domain_config){ 0 };
    rc = conf_parse(e, name, text, size, &c);
    if (rc == 0) {
        rc = read_with_overrides(e, &c, overrides, override_count, d);
    }
    conf_free(&c);
    return rc;
}

int domain_config_load(struct err *e, const char *path, const char *const overrides[],
                       unsigned int override_count, struct domain_config *d)
{
    struct conf c = CONF_INIT;
    int rc;

    *d = (struct domain_config){ 0 };
    rc = conf_load(e, path, &c);
    if (rc == 0) {
        rc = read_with_overrides(e, &c, overrides, override_count, d);
    }
    conf_free(&c);
    return rc;
}

static void free_cpu_lists(struct cpu_list *lists, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        cpu_list_free(&lists[i]);
    }
    free(lists);
}

static void free_strings(char **strings, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        free(strings[i]);
    }
    free(strings);
}

void domain_config_free(struct domain_config *d)
{
    for (unsigned int i = 0; i < d->disk_count; i++) {
        disk_spec_free(&d->disks[i]);
    }
    for (unsigned int i = 0; i < d->vif_count; i++) {
        vif_spec_free(&d->vifs[i]);
    }
    for (unsigned int i = 0; i < d->channel_count; i++) {
        channel_spec_free(&d->channels[i]);
    }
    free(d->disks);
    free(d->vifs);
    free(d->channels);
    free_cpu_lists(d->cpus, d->cpus_count);
    free_cpu_lists(d->cpus_soft, d->cpus_soft_count);
    free_strings(d->bootloader_args, d->bootloader_args_count);
    free_strings(d->warnings, d->warning_count);
    free_strings(d->files, d->file_count);
    for (unsigned int i = 0; domain_key_at(i) != NULL; i++) {
        if (domain_key_at(i)->kind == KEY_STRING) {
            free(*(char **)((char *)d + domain_key_at(i)->offset));
        }
    }
    *d = (struct domain_config){ 0 };
}
