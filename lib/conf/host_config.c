/* SPDX-License-Identifier: MIT */
/* xl.conf(5): see host_config.h. A table of keys; what we have no use for is known and ignored in silence. */
#include "lib/conf/host_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_PATH "/etc/xen/xl.conf"

enum host_kind {
    HOST_STRING,
    HOST_BOOL,
    HOST_NUMBER,
    HOST_CPUS,
    HOST_AUTOBALLOON,
    HOST_WORD, /* bool: the value is `word` */
    HOST_IGNORED,
};

#define ROW(name, kind, member)                                                                              \
    {                                                                                                        \
        name, kind, offsetof(struct host_config, member), NULL                                               \
    }

static const struct host_key {
    const char *name;
    enum host_kind kind;
    size_t offset;
    const char *word;
} host_keys[] = {
    ROW("autoballoon", HOST_AUTOBALLOON, autoballoon),
    ROW("run_hotplug_scripts", HOST_BOOL, run_hotplug_scripts),
    ROW("claim_mode", HOST_BOOL, claim_mode),
    ROW("lockfile", HOST_STRING, lockfile),
    ROW("blkdev_start", HOST_STRING, blkdev_start),
    ROW("vif.default.script", HOST_STRING, vif_script),
    ROW("vifscript", HOST_STRING, vif_script),
    ROW("vif.default.bridge", HOST_STRING, vif_bridge),
    ROW("defaultbridge", HOST_STRING, vif_bridge),
    ROW("vif.default.backend", HOST_STRING, vif_backend),
    ROW("vif.default.gatewaydev", HOST_STRING, vif_gatewaydev),
    ROW("max_grant_frames", HOST_NUMBER, max_grant_frames),
    ROW("max_maptrack_frames", HOST_NUMBER, max_maptrack_frames),
    ROW("max_grant_version", HOST_NUMBER, max_grant_version),
    ROW("vm.cpumask", HOST_CPUS, cpumask),
    ROW("vm.hvm.cpumask", HOST_CPUS, hvm_cpumask),
    ROW("vm.pv.cpumask", HOST_CPUS, pv_cpumask),
    { "domid_policy", HOST_WORD, offsetof(struct host_config, domid_random), "random" },
    { "output_format", HOST_WORD, offsetof(struct host_config, output_sxp), "sxp" },
    { "remus.default.netbufscript", HOST_IGNORED, 0, NULL },
    { "colo.default.proxyscript", HOST_IGNORED, 0, NULL },
};

#define HOST_KEY_COUNT (sizeof(host_keys) / sizeof(host_keys[0]))

const char *host_key_at(unsigned int index)
{
    return index < HOST_KEY_COUNT ? host_keys[index].name : NULL;
}

static int out_of_memory(struct err *e)
{
    return err_set(e, -ENOMEM, "out of memory");
}

static int warn(struct err *e, struct host_config *h, struct conf_place place, const char *key)
{
    struct err line = { 0 };
    char **warnings = realloc(h->warnings, (h->warning_count + 1) * sizeof(*warnings));

    if (warnings == NULL) {
        return out_of_memory(e);
    }
    conf_error(&line, -EINVAL, place, "unknown key \"%.60s\"; ignored", key);
    h->warnings = warnings;
    warnings[h->warning_count] = strdup(line.text);
    return warnings[h->warning_count++] == NULL ? out_of_memory(e) : 0;
}

static int set_string(struct err *e, const char *text, char **out)
{
    char *copy = strdup(text);

    if (copy == NULL) {
        return out_of_memory(e);
    }
    free(*out);
    *out = copy;
    return 0;
}

static int set_cpus(struct err *e, const struct conf_value *v, const char *text, char **out)
{
    struct err why = { 0 };
    struct cpu_list list;
    int rc = cpu_list_parse(&why, text, &list);

    cpu_list_free(&list);
    return rc < 0 ? conf_error(e, rc, v->place, "%s", why.text) : set_string(e, text, out);
}

static int set_autoballoon(struct err *e, const struct conf_value *v, const char *text, enum autoballoon *out)
{
    if (strcmp(text, "auto") == 0) {
        *out = AUTOBALLOON_AUTO;
    } else if (strcmp(text, "on") == 0 || strcmp(text, "1") == 0) {
        *out = AUTOBALLOON_ON;
    } else if (strcmp(text, "off") == 0 || strcmp(text, "0") == 0) {
        *out = AUTOBALLOON_OFF;
    } else {
        return conf_error(e, -EINVAL, v->place, "\"autoballoon\" is on, off or auto, not \"%.40s\"", text);
    }
    return 0;
}

static int read_host_setting(struct err *e, struct host_config *h, const struct host_key *k,
                             const struct conf_value *v)
{
    void *member = (char *)h + k->offset;
    const char *text = NULL;
    int64_t n = 0;
    int rc = conf_value_text(e, k->name, v, &text);

    if (rc == 0 && (k->kind == HOST_BOOL || k->kind == HOST_NUMBER)) {
        rc = conf_value_number(e, k->name, v, &n);
    }
    if (rc < 0) {
        return rc;
    }
    switch (k->kind) {
    case HOST_STRING:
        return set_string(e, text, member);
    case HOST_CPUS:
        return set_cpus(e, v, text, member);
    case HOST_AUTOBALLOON:
        return set_autoballoon(e, v, text, member);
    case HOST_BOOL:
        *(bool *)member = n != 0;
        return 0;
    case HOST_WORD:
        *(bool *)member = strcmp(text, k->word) == 0;
        return 0;
    case HOST_NUMBER:
        if (n < 0 || n > UINT32_MAX) {
            return conf_error(e, -ERANGE, v->place, "\"%s\" is out of range", k->name);
        }
        *(int64_t *)member = n;
        return 0;
    case HOST_IGNORED:
        return 0;
    }
    return -EINVAL;
}

static int set_host_defaults(struct err *e, struct host_config *h)
{
    *h = (struct host_config){
        .run_hotplug_scripts = true,
        .claim_mode = true,
        .max_grant_frames = -1,
        .max_maptrack_frames = -1,
        .max_grant_version = -1,
        .lockfile = strdup("/var/lock/xl"),
        .blkdev_start = strdup("xvda"),
        .vif_script = strdup("vif-bridge"),
        .vif_bridge = strdup("xenbr0"),
    };
    return h->lockfile && h->blkdev_start && h->vif_script && h->vif_bridge ? 0 : out_of_memory(e);
}

int host_config_read(struct err *e, const struct conf *c, struct host_config *h)
{
    int rc = set_host_defaults(e, h);

    for (unsigned int i = 0; rc == 0 && i < c->count; i++) {
        const struct conf_setting *s = &c->settings[i];
        size_t row = 0;

        while (row < HOST_KEY_COUNT && strcmp(host_keys[row].name, s->key) != 0) {
            row++;
        }
        rc = row < HOST_KEY_COUNT ? read_host_setting(e, h, &host_keys[row], &s->value)
                                  : warn(e, h, s->place, s->key);
    }
    if (rc < 0) {
        host_config_free(h);
    }
    return rc;
}

int host_config_load(struct err *e, const char *path, struct host_config *h)
{
    struct conf c = CONF_INIT;
    int rc;

    path = path != NULL ? path : DEFAULT_PATH;
    *h = (struct host_config){ 0 };
    rc = conf_load(e, path, &c);
    if (rc == -ENOENT) {
        err_clear(e); /* it need not be there */
        rc = 0;
    }
    if (rc == 0) {
        rc = host_config_read(e, &c, h);
    }
    conf_free(&c);
    return rc;
}

void host_config_free(struct host_config *h)
{
    for (size_t i = 0; i < HOST_KEY_COUNT; i++) {
        if (host_keys[i].kind == HOST_STRING || host_keys[i].kind == HOST_CPUS) {
            char **text = (char **)((char *)h + host_keys[i].offset);

            free(*text);
            *text = NULL;
        }
    }
    for (unsigned int i = 0; i < h->warning_count; i++) {
        free(h->warnings[i]);
    }
    free(h->warnings);
    *h = (struct host_config){ 0 };
}
