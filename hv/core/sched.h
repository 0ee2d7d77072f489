/* SPDX-License-Identifier: MIT */
/*
 * Scheduling: which vcpu each CPU runs. The framework (sched.c) owns the switch, the run states, affinity
 * and the wake/sleep protocol; a policy (sched_ops) owns the queues and the choice.
 *
 * Locks: each CPU has a run-queue lock (LOCK_SCHED), taken with interrupts off; a policy's hooks are
 * called with the lock of v->processor (or of the CPU named) held.
 */
#ifndef HV_CORE_SCHED_H
#define HV_CORE_SCHED_H

#include "abi/domctl.h"
#include "abi/sysctl.h"
#include "hv/core/vcpu.h"

struct sched_choice {
    struct vcpu *next;  /* the idle vcpu of the CPU when nobody wants to run */
    uint64_t slice_ns;  /* run at most this long; ~0 for no limit */
    bool migrated;      /* next was taken from another CPU */
};

struct sched_ops {
    const char *name;     /* as `xl info` shows it */
    const char *option;   /* sched= value */
    unsigned int id;      /* XEN_SCHEDULER_* */
    int (*vcpu_init)(struct vcpu *v);
    void (*vcpu_exit)(struct vcpu *v);
    int (*domain_init)(struct domain *d);
    void (*domain_exit)(struct domain *d);
    void (*wake)(struct vcpu *v);
    void (*sleep)(struct vcpu *v);
    void (*yield)(struct vcpu *v);
    unsigned int (*pick_cpu)(struct vcpu *v);
    struct sched_choice (*choose)(unsigned int cpu, uint64_t now);
    void (*switched_out)(struct vcpu *v); /* its state is saved; may be queued elsewhere now */
    int (*adjust)(struct domain *d, struct xen_domctl_scheduler_op *op);
    int (*adjust_global)(struct xen_sysctl_scheduler_op *op);
    void (*dump)(unsigned int cpu);
};

void sched_init(const char *policy); /* boot; NULL for the default */
MUST_CHECK int sched_init_cpu(unsigned int cpu); /* creates the idle vcpu of a CPU that comes up */
const struct sched_ops *sched_policy(void);
extern struct vcpu *sched_idle_vcpu[MAX_CPUS];

MUST_CHECK int sched_domain_init(struct domain *d);
void sched_domain_exit(struct domain *d);
MUST_CHECK int sched_vcpu_init(struct vcpu *v); /* picks its first CPU */
void sched_vcpu_exit(struct vcpu *v);

/* The vcpu may have become runnable (or must stop): look again. */
void sched_wake(struct vcpu *v);
void sched_sleep_nosync(struct vcpu *v);
void sched_sleep_sync(struct vcpu *v); /* returns when no CPU runs it */
void sched_yield(void);
/* SCHEDOP_poll of the current vcpu: 0 (woken, timed out, or a port was pending) or -error. The timeout is
 * a time of arch_clock_now(), 0 for none. */
MUST_CHECK int sched_poll(const evtchn_port_t *ports, unsigned int count, uint64_t timeout_ns);

/* Hard affinity: where it may run; soft: where it likes to; NULL leaves one as it is. -EINVAL when no
 * online CPU is left, -EBUSY when a pin override is in force. */
MUST_CHECK int sched_set_affinity(struct vcpu *v, const struct cpumask *hard,
                                  const struct cpumask *soft);
void sched_get_affinity(const struct vcpu *v, struct cpumask *hard, struct cpumask *soft);
/* SCHEDOP_pin_override: cpu >= 0 pins for a while, < 0 restores. */
MUST_CHECK int sched_pin_override(struct vcpu *v, int cpu);
MUST_CHECK int sched_adjust(struct domain *d, struct xen_domctl_scheduler_op *op);
MUST_CHECK int sched_adjust_global(struct xen_sysctl_scheduler_op *op);

/* The idle vcpu's life: halt, scrub, run softirqs. Entered once per CPU. */
NORETURN void sched_idle_loop(void);
/* Called on the new stack after arch_switch(): finishes the switch for the vcpu that left. */
void sched_switch_finished(struct vcpu *prev);
void sched_dump(void);

/* SCHEDOP_watchdog of the current domain. */
int sched_watchdog(uint32_t id, uint32_t timeout_seconds);
void sched_watchdog_exit(struct domain *d);

#endif
