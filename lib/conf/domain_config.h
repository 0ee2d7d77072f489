/* SPDX-License-Identifier: MIT */
/*
 * What a domain shall be: the typed meaning of an xl.cfg(5), with defaults filled in.
 *
 * domain_config_read() goes through the settings of a struct conf by a table of all keys of the man page:
 * each is built, or refused with "not built yet" (unless it is set to nothing or off), or, when nobody knows
 * it, warned about by name. Values that only matter to another type of guest are warned about and ignored.
 *
 * Everything inside belongs to the struct; domain_config_free() gives it back. Pure, but for random bytes the
 * caller hands in (for a UUID, for MACs). What needs the host (does the file exist, is the CPU there, is
 * memory left) is for lib/domain.
 */
#ifndef LIB_CONF_DOMAIN_CONFIG_H
#define LIB_CONF_DOMAIN_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/conf/conf.h"
#include "lib/conf/spec.h"

enum domain_type {
    DOMAIN_PV,
    DOMAIN_PVH,
    DOMAIN_HVM, /* read, and refused at the end: not built yet */
};

enum domain_action {
    ACTION_DESTROY,
    ACTION_RESTART,
    ACTION_RENAME_RESTART,
    ACTION_PRESERVE,
    ACTION_COREDUMP_DESTROY,
    ACTION_COREDUMP_RESTART,
    ACTION_SOFT_RESET,
};

#define DOMAIN_NUMBER_UNSET (-1LL) /* of the numbers below that may be left to the host */

struct domain_config {
    char *name;
    enum domain_type type;
    uint8_t uuid[16]; /* given, or made of the random bytes */

    uint64_t memory_kib; /* at start */
    uint64_t maxmem_kib; /* at least memory_kib */

    unsigned int vcpus;    /* online at start */
    unsigned int maxvcpus; /* at least vcpus */
    /* Pinning: one list for all vcpus, or, with cpus_each, one for each of the first cpus_count vcpus. */
    struct cpu_list *cpus, *cpus_soft;
    unsigned int cpus_count, cpus_soft_count;
    bool cpus_each, cpus_soft_each;
    int64_t cpu_weight, cap; /* DOMAIN_NUMBER_UNSET */
    char *pool;

    /* Either kernel or bootloader is set (PV, PVH); both NULL is refused. */
    char *kernel, *ramdisk;
    char *cmdline; /* cmdline=, or root= and extra= joined; NULL when none is given */
    char *bootloader;
    char **bootloader_args; /* NULL-terminated, or NULL */
    unsigned int bootloader_args_count;

    enum domain_action on_poweroff, on_reboot, on_crash, on_watchdog, on_soft_reset;

    /* Limits; DOMAIN_NUMBER_UNSET: xl.conf's or the hypervisor's. */
    int64_t max_grant_frames, max_maptrack_frames, max_grant_version, max_event_channels;

    bool nomigrate;
    bool driver_domain;
    bool suspend_evtchn_compat;
    bool localtime;
    int64_t rtc_timeoffset;    /* seconds */
    int tsc_mode;              /* XEN_DOMCTL tsc mode: 0 default, 1 always emulate, 2 never */
    int64_t shadow_memory_mib; /* 0: as much as the memory needs */
    bool hap, acpi;            /* PVH; default true */
    bool vuart;                /* Arm: an emulated UART (sbsa_uart) */

    struct disk_spec *disks;
    unsigned int disk_count;
    struct vif_spec *vifs;
    unsigned int vif_count;
    struct channel_spec *channels;
    unsigned int channel_count;

    char **warnings; /* whole lines without the program's name, for the user */
    unsigned int warning_count;

    char **files; /* names that the places of devices point at */
    unsigned int file_count;
};

struct domain_config_options {
    const uint8_t *random; /* `random_size` random bytes; 16 for the UUID and 6 for each network */
    size_t random_size;
    bool allow_unbuilt; /* read configurations of things not built yet as well: HVM, pci= ... */
};

#define DOMAIN_CONFIG_RANDOM_SIZE (16 + 6 * 64)

/* Fills *d from c. On error *d is empty. */
int domain_config_read(struct err *e, const struct conf *c, const struct domain_config_options *options,
                       struct domain_config *d);
/* The usual way: the file, the KEY=VALUE arguments after it, random bytes of the system. */
int domain_config_load(struct err *e, const char *path, const char *const overrides[],
                       unsigned int override_count, struct domain_config *d);
/* The same from text that was kept (a guest that restarts); `name` stands in errors. */
int domain_config_from_text(struct err *e, const char *name, const char *text, size_t size,
                            const char *const overrides[], unsigned int override_count,
                            struct domain_config *d);
void domain_config_free(struct domain_config *d);

const char *domain_action_name(enum domain_action action); /* as in xl.cfg: "rename-restart" */
const char *domain_type_name(enum domain_type type);       /* "pv", "pvh", "hvm" */

#endif
