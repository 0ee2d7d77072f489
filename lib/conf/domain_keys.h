/* SPDX-License-Identifier: MIT */
/* The table of all keys of xl.cfg(5), for domain_config.c and for those who list them. */
#ifndef LIB_CONF_DOMAIN_KEYS_H
#define LIB_CONF_DOMAIN_KEYS_H

#include "lib/conf/domain_config.h"

enum key_kind {
    KEY_STRING,  /* char * at offset */
    KEY_BOOL,    /* bool at offset */
    KEY_INT64,   /* int64_t at offset, min..max */
    KEY_UINT,    /* unsigned int at offset, min..max */
    KEY_MIB,     /* uint64_t in KiB at offset, given in MiB */
    KEY_ACTION,  /* enum domain_action at offset */
    KEY_OTHER,   /* read by `set` */
    KEY_EARLY,   /* read before the others */
    KEY_HVM,     /* means something to HVM guests only */
    KEY_UNBUILT, /* refused unless it is off */
};

/* What reading a configuration needs at hand. */
struct domain_reader {
    struct err *e;
    struct domain_config *d;
    const struct domain_config_options *options;
    size_t random_used;
    char *root, *extra; /* joined at the end */
    struct conf_place cmdline_place;
};

struct domain_key {
    const char *name;
    enum key_kind kind;
    size_t offset;
    int64_t min, max;
    int (*set)(struct domain_reader *r, const char *key, const struct conf_value *v);
    const char *off; /* KEY_UNBUILT: a word that asks for nothing */
};

/* NULL when there is no such key. */
const struct domain_key *domain_key_find(const char *name);
/* The key somebody may have meant by a name that is none, or NULL. */
const char *domain_key_meant(const char *name);
/* The table's rows in the order of the man page; NULL behind the last. */
const struct domain_key *domain_key_at(unsigned int index);

/* Readers of KEY_OTHER rows, in domain_values.c. */
int domain_set_uuid(struct domain_reader *r, const char *key, const struct conf_value *v);
int domain_set_cpus(struct domain_reader *r, const char *key, const struct conf_value *v);
int domain_set_cpus_soft(struct domain_reader *r, const char *key, const struct conf_value *v);
int domain_set_root(struct domain_reader *r, const char *key, const struct conf_value *v);
int domain_set_extra(struct domain_reader *r, const char *key, const struct conf_value *v);
int domain_set_bootloader_args(struct domain_reader *r, const char *key, const struct conf_value *v);
int domain_set_tsc_mode(struct domain_reader *r, const char *key, const struct conf_value *v);
int domain_set_vuart(struct domain_reader *r, const char *key, const struct conf_value *v);
int domain_set_disks(struct domain_reader *r, const char *key, const struct conf_value *v);
int domain_set_vifs(struct domain_reader *r, const char *key, const struct conf_value *v);
int domain_set_channels(struct domain_reader *r, const char *key, const struct conf_value *v);

/* An error of a value, at its place, with the cure that comes with it; returns the error's code. */
int domain_value_error(struct err *e, const struct conf_value *v, const char *key, const struct err *why);
int domain_warn(struct domain_reader *r, struct conf_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
