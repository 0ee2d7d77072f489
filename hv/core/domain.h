/* SPDX-License-Identifier: MIT */
/*
 * A domain: what a virtual machine owns. Born by domain_create(), reached by domain_get(),
 * ended by domain_kill(), freed when the last reference goes.
 *
 * Life: created (paused by the controller), running, [shut down], dying, dead, freed.
 *
 * References: domain_get()/domain_put(); the list holds one until domain_kill() is through. A
 * domain that still owns frames holds a reference on itself, so the last page freed may be what
 * frees the domain. The last domain_put() may happen anywhere, with any lock held: what it
 * starts runs later, without locks.
 *
 * Numbers: a domain is found by its number until its last reference has gone, dying or not. The
 * special domains (idle, xen, io) have numbers but are never found.
 */
#ifndef HV_CORE_DOMAIN_H
#define HV_CORE_DOMAIN_H

#include "abi/domctl.h"
#include "abi/xen.h"
#include "hv/base/lock.h"
#include "hv/base/rcu.h"
#include "hv/base/softirq.h"
#include "hv/lib/bitmap.h"
#include "hv/mm/frame.h"

struct arch_domain;
struct console_line;
struct evtchn_domain;
struct evtchn_format;
struct grant_table;
struct p2m;
struct rights;
struct sched_domain;
struct vcpu;

#define DOMAIN_MAX_VCPUS  256
#define DOMID_COUNT       DOMID_FIRST_RESERVED

enum domain_dying { DOMAIN_ALIVE, DOMAIN_DYING, DOMAIN_DEAD };

struct domain {
    /* set once at creation: */
    domid_t id;
    bool is_control;        /* may use the control ABI (dom0, and domains the builder marks) */
    bool is_hardware;       /* owns the machine's devices (dom0) */
    bool is_xenstore;       /* XEN_DOMCTL_CDF_xs_domain */
    bool is_translated;     /* gfn != mfn: a p2m walked by hardware (PVH, HVM, Arm) */
    bool is_hvm;            /* runs under hardware virtualisation */
    unsigned int max_vcpus;
    struct vcpu **vcpu;     /* max_vcpus entries, filled in order by max_vcpus domctl */
    struct shared_info *shared_info;
    mfn_t shared_info_mfn;
    struct xen_domctl_createdomain config;
    struct arch_domain *arch;
    struct p2m *p2m;        /* physical space of a translated domain, else NULL */
    struct evtchn_domain *evtchn;
    const struct evtchn_format *evtchn_format; /* 2-level until the guest asks for FIFO */
    struct grant_table *grants;
    struct rights *rights;
    struct sched_domain *sched;
    struct console_line *console; /* text of an unfinished line, NULL until it writes */

    /* atomic: */
    unsigned int refs;
    unsigned int poller_count;       /* vcpus in SCHEDOP_poll */
    bool is_narrow;                  /* what it shares has 32-bit words, see shared_narrow.h */
    bool crash_pending;              /* domain_crash() was called; crash_work will do it */
    unsigned int pause_count;        /* every vcpu is kept from running while > 0 */
    unsigned int controller_paused;  /* part of pause_count held by pausedomain */

    struct frame_owner memory;       /* has its own lock */

    struct spinlock lock; /* LOCK_DOMAIN */
    /* under lock: */
    uint8_t dying;        /* enum domain_dying; read without lock as a hint */
    bool is_shut_down;    /* all vcpus stopped after SCHEDOP_shutdown */
    bool is_shutting_down;
    unsigned int shutdown_code;
    unsigned int kill_step; /* how far domain_kill() got */
    bool creation_finished; /* first unpause done */
    int64_t time_offset_seconds;
    xen_domain_handle_t handle;
    struct domain *target;  /* a stub domain's guest: extra rights over it */
    uint64_t node_affinity;
    bool debugger_attached;
    bool suspend_evtchn_set;
    evtchn_port_t suspend_evtchn;
    unsigned int vm_assist; /* VMASST_TYPE_* bits */
    unsigned int cpupool;

    struct tasklet crash_work;

    /* under the domain list lock, read under RCU: */
    struct domain *next_in_list; /* ascending id */
    struct domain *next_in_hash;
    struct rcu_head rcu;
};

extern struct domain *domain_hardware;  /* dom0, NULL until built */
extern struct domain *domain_idle;      /* owns the idle vcpus; never in the list */
extern struct domain *domain_xen;       /* owner of frames of ours a control domain may map */
extern struct domain *domain_io;        /* owner of device memory */

/* The most a new domain may ask for, and what it gets when it leaves the choice; set at
 * boot. */
struct domain_limits {
    unsigned int grant_frames;
    unsigned int maptrack_frames;
    unsigned int grant_version;
    bool grant_transitive; /* whether transitive entries may be used */
};
extern struct domain_limits domain_limits;

#define DOMAIN_SHUTDOWN_NONE (~0U) /* shutdown_code before any */

void domain_init(void);
/* id DOMID_INVALID picks a free one. flags of config are checked. *out holds a reference for
 * the list. */
MUST_CHECK int domain_create(domid_t id, const struct xen_domctl_createdomain *config,
                             bool control, struct domain **out);
/* Creates vcpus up to count (domctl max_vcpus). */
MUST_CHECK int domain_create_vcpus(struct domain *d, unsigned int count);
/* One more step towards the end; -ERESTART until all resources are back. */
MUST_CHECK int domain_kill(struct domain *d);

/* A referenced domain by number, or by DOMID_SELF; NULL when there is none (or it is dead). */
struct domain *domain_get(domid_t id);
struct domain *domain_get_or_self(domid_t id);
/* One more reference on one already held or seen under RCU; false when the last one has
 * gone. */
bool domain_get_ref(struct domain *d);
void domain_put(struct domain *d);
/* The first domain with id >= id, referenced; NULL at the end. */
struct domain *domain_get_from(domid_t id);

/* Keeps all vcpus from running; _nosync does not wait until they have stopped. Counts. */
void domain_pause(struct domain *d);
void domain_pause_nosync(struct domain *d);
void domain_unpause(struct domain *d);
MUST_CHECK int domain_pause_by_controller(struct domain *d);
MUST_CHECK int domain_unpause_by_controller(struct domain *d);

void domain_shutdown(struct domain *d, unsigned int reason);
void domain_resume(struct domain *d);
/* Whether the machine restarts when dom0 crashes (the default) or halts (noreboot). */
void domain_set_reboot(bool on);
/* The guest broke a rule it can't be told about: ends it with reason crash. Safe anywhere
 * outside interrupt context; returns, and the guest stops before it runs again. */
void domain_crash(struct domain *d, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Fills the record of getdomaininfo. */
void domain_get_info(struct domain *d, struct xen_domctl_getdomaininfo *info);

#define domain_for_each_vcpu(d, v)                                                             \
    for (unsigned int v##_i = 0; v##_i < (d)->max_vcpus; v##_i++)                              \
        if (((v) = READ_ONCE((d)->vcpu[v##_i])) != NULL)

static inline bool domain_is_dying(const struct domain *d)
{
    return READ_ONCE(d->dying) != DOMAIN_ALIVE;
}

#endif
