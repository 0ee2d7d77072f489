/* SPDX-License-Identifier: MIT */
/*
 * What the scheduling framework (sched.c) and its policies (sched_credit.c, sched_null.c) share.
 *
 * A vcpu is in exactly one of these conditions, always decided under the lock of v->processor:
 *   running    v->is_running: it is a CPU's current vcpu, or that CPU is still saving its state
 *   queued     sched->queued: its state is saved and it waits in the policy's queue of v->processor
 *   parked     sched->parked: as queued, but held back by its domain's cap
 *   asleep     none of these
 * Only a vcpu whose state is saved is ever queued, so whoever takes one from a queue may run it at once.
 * v->processor changes only while the vcpu is not running, under the lock of the old processor.
 */
#ifndef HV_CORE_SCHED_PRIVATE_H
#define HV_CORE_SCHED_PRIVATE_H

#include "hv/base/percpu.h"
#include "hv/base/timer.h"
#include "hv/core/sched.h"
#include "hv/lib/list.h"

#define SCHED_WATCHDOGS 2
#define NS_PER_MS       1000000ULL
#define NS_PER_US       1000ULL

/* sched_credit.c: a vcpu's place in the fair order. Under the lock of v->processor. */
struct credit_vcpu {
    uint64_t vtime;            /* ns it has run, scaled by 256 / weight */
    struct credit_vcpu *child; /* pairing heap ordered by vtime */
    struct credit_vcpu *next;
    struct credit_vcpu *prev;
    struct list link;          /* in credit_queue.list, in no order */
    unsigned int clock_cpu;    /* the queue whose floor vtime was last compared with */
    bool slept;
    bool yielded;
    struct vcpu *vcpu;
};

struct credit_queue {
    struct credit_vcpu *root;
    struct list list;
    uint64_t floor;            /* no queued or running vcpu is meant to lag far behind this; never falls */
    uint64_t charged_at;       /* up to when the running vcpu's time is in its vtime */
    unsigned int rotor;        /* next CPU to compare loads with */
};

/* sched_null.c: the CPU a vcpu owns, or a place in the line of those without. Under null_lock. */
struct null_vcpu {
    struct list link;
    unsigned int cpu;
    bool has_cpu;
    struct vcpu *vcpu;
};

struct sched_vcpu {
    /* under the lock of v->processor: */
    bool queued;
    bool parked;
    bool overridden;           /* SCHEDOP_pin_override is in force; saved_hard is what it replaced */
    struct cpumask hard;
    struct cpumask soft;
    struct cpumask saved_hard;
    unsigned int last_cpu;     /* where it last ran: its state and its timers may still be there */
    struct credit_vcpu credit;
    struct null_vcpu null;
};

struct sched_domain {
    /* sched_credit.c; written under bucket_lock, weight and cap read without: */
    unsigned int weight;
    unsigned int cap;          /* percent of one CPU, 0 for no limit */
    struct spinlock bucket_lock;
    int64_t tokens;            /* ns it may still run under its cap; negative when overdrawn */
    uint64_t refilled_at;
    uint64_t capped_since;     /* what was used before does not count */
    struct timer unpark;

    /* under domain->lock: */
    struct timer watchdog[SCHED_WATCHDOGS];
    bool watchdog_used[SCHED_WATCHDOGS];
};

struct sched_cpu {
    struct spinlock lock;      /* LOCK_SCHED; all below under it unless said otherwise */
    struct vcpu *current;      /* chosen last */
    uint64_t current_since;
    struct timer slice;
    uint64_t slice_end;        /* ~0 for none */
    uint64_t slice_timer;      /* when the timer looks whether it has come: no later; ~0: it is not set */
    unsigned int waiting;      /* queued vcpus; read without the lock as a hint */
    struct credit_queue credit;
    struct vcpu *null_owner;   /* under null_lock */
};

PERCPU_DECLARE(struct sched_cpu, sched_cpu);

/* CPUs whose current vcpu is the idle one and that nobody has picked yet (atomic). */
extern struct cpumask sched_idle_cpus;
/* CPUs with waiting vcpus (atomic, a hint). */
extern struct cpumask sched_busy_cpus;

extern const struct sched_ops sched_credit_ops;
extern const struct sched_ops sched_null_ops;

static inline struct sched_cpu *sched_cpu_of(unsigned int cpu)
{
    return &per_cpu(sched_cpu, cpu);
}

/* Where v may run now. */
struct cpumask sched_allowed_cpus(const struct vcpu *v);
/* The same, and which of these it is meant to prefer: all when it is none in particular. False: it may nowhere. */
bool sched_allowed_and_liked(const struct vcpu *v, struct cpumask *allowed, struct cpumask *liked);
bool sched_none_idle(void);
/* Claims an idle CPU of the mask, near first if possible; MAX_CPUS when there is none. */
unsigned int sched_claim_idle(const struct cpumask *mask, unsigned int near);
/* The run-queue lock of v->processor, with interrupts off; returns the flags to restore. */
unsigned long sched_lock_vcpu(struct vcpu *v);
void sched_unlock_vcpu(struct vcpu *v, unsigned long flags);
/* Makes the CPU's slice end no later than deadline. Its lock is held. */
void sched_shorten_slice(unsigned int cpu, uint64_t deadline);

#endif
