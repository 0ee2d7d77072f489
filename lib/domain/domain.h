/* SPDX-License-Identifier: MIT */
/*
 * Domains as an administrator sees them: who is there, by what name, in which state; and what one does to
 * them.
 *
 * A domain is found by name through an index of files (names.c), so that nothing walks all guests; domains
 * that another toolstack made are found by walking. All functions fill `struct err` and return 0 or -E...;
 * nothing here prints.
 */
#ifndef LIB_DOMAIN_DOMAIN_H
#define LIB_DOMAIN_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

struct ctrl;
struct xs_handle;

enum { DOMAIN_NAME_MAX = 256, DOMAIN_NONE = 0x7ff0 /* above all numbers of domains */ };

/* What Xen lets a domain have above its target: pages that are no memory of the balloon. */
enum { DOMAIN_SLACK_KB = 1024 };

enum domain_stop {
    DOMAIN_POWEROFF,
    DOMAIN_REBOOT,
    DOMAIN_SUSPEND,
    DOMAIN_CRASH,
    DOMAIN_WATCHDOG,
    DOMAIN_SOFT_RESET
};

struct domain_info {
    uint32_t domid;
    uint8_t uuid[16];
    bool running, blocked, paused, shutdown, dying, never_stop, hvm;
    unsigned int stop_reason; /* enum domain_stop, when shutdown */
    uint64_t cpu_time;        /* ns */
    uint64_t memory_kb, outstanding_kb, max_kb, shared_kb, paged_kb;
    unsigned int vcpus_online, vcpus_max;
    unsigned int cpupool;
    uint32_t label;
    char name[DOMAIN_NAME_MAX]; /* empty: it has none, or names were not asked for */
};

/* All domains in order of their number; *list is the caller's to free. */
int domain_list(struct err *e, struct ctrl *c, struct domain_info **list, unsigned int *count);
int domain_get(struct err *e, struct ctrl *c, uint32_t domid, struct domain_info *info);
/* The same with names, given to row() one after the other: the memory of many is not needed. Without a store names are
 * empty: that is 0 and *e says why. */
int domain_walk(struct err *e, struct ctrl *c, struct xs_handle *s,
                void (*row)(void *context, const struct domain_info *info), void *context);

/* The domains the store knows, with their names and nothing else; *list is the caller's to free. */
int domain_list_store(struct err *e, struct xs_handle *s, struct domain_info **list, unsigned int *count);

/* Fills in the names, in one exchange with the store. */
int domain_read_names(struct err *e, struct xs_handle *s, struct domain_info *list, unsigned int count);
int domain_read_name(struct err *e, struct xs_handle *s, uint32_t domid, char name[DOMAIN_NAME_MAX]);

/* A domain by number or name; a number need not exist (the next call says so), a name must. */
int domain_find(struct err *e, struct xs_handle *s, const char *text, uint32_t *domid);

/* The index of names (names.c): claimed for DOMAIN_NONE before the domain is there, then for its number;
 * -EEXIST. */
int domain_name_claim(struct err *e, struct xs_handle *s, const char *name, uint32_t domid);
void domain_name_release(const char *name);

/* Drops the entry if it is this domain's or a dead process's, not one that another domain has taken since. */
void domain_name_abandon(struct xs_handle *s, const char *name, uint32_t domid, long creator);

/* "poweroff", "reboot", ... as the configuration file and JSON call them. */
const char *domain_stop_name(unsigned int reason);

/* Orders to a guest, through its control nodes. */
int domain_order(struct err *e, struct xs_handle *s, uint32_t domid, const char *order);
int domain_pause(struct err *e, struct ctrl *c, uint32_t domid);
int domain_unpause(struct err *e, struct ctrl *c, uint32_t domid);
int domain_rename(struct err *e, struct ctrl *c, struct xs_handle *s, uint32_t domid, const char *name);
int domain_sysrq(struct err *e, struct xs_handle *s, uint32_t domid, char letter);

/* Ends the domain and takes down all that belongs to it: devices with their scripts, nodes, names, saved
 * files. */
int domain_destroy(struct err *e, struct ctrl *c, struct xs_handle *s, uint32_t domid);

/* What a domain that the hypervisor knows no more has left in dom0; reborn: another has its UUID now. */
int domain_sweep(struct err *e, struct xs_handle *s, uint32_t domid, const uint8_t uuid[16], bool reborn);

/* Memory: the target the balloon driver follows (and Xen's limit with it), and the limit alone. */
int domain_set_memory_target(struct err *e, struct ctrl *c, struct xs_handle *s, uint32_t domid, uint64_t kb);
int domain_set_memory_max(struct err *e, struct ctrl *c, struct xs_handle *s, uint32_t domid, uint64_t kb);
int domain_set_vcpus(struct err *e, struct ctrl *c, struct xs_handle *s, uint32_t domid, unsigned int online);

#endif
