/* SPDX-License-Identifier: MIT */
/*
 * A virtual CPU: what is scheduled. Belongs to a domain for the domain's whole life.
 *
 * A vcpu runs when no bit of pause_flags is set and both pause counts (its own and the
 * domain's) are 0; sched_wake() and vcpu_sleep_*() tell the scheduler after a change.
 */
#ifndef HV_CORE_VCPU_H
#define HV_CORE_VCPU_H

#include "abi/vcpu.h"
#include "abi/xen.h"
#include "hv/base/lock.h"
#include "hv/base/timer.h"
#include "hv/core/domain.h"
#include "hv/lib/bitmap.h"
#include "hv/lib/list.h"
#include "hv/mm/guest_copy.h"

struct arch_vcpu;
struct sched_vcpu;
struct evtchn_fifo_vcpu;

/* pause_flags bits (atomic): reasons not to run */
enum vcpu_pause {
    VCPU_BLOCKED = 0,       /* SCHEDOP_block or poll, until an event */
    VCPU_DOWN = 1           /* not brought up, or taken down */
};

/* An interrupted hypercall: what to run again. Set by hypercall_continue(). */
struct vcpu_restart {
    bool pending;
    bool in_multicall;
    unsigned int op;
    unsigned int arg_count;
    unsigned long args[6];
};

struct vcpu {
    /* set once at creation: */
    unsigned int id;
    struct domain *domain;
    struct arch_vcpu *arch;
    struct sched_vcpu *sched;

    struct vcpu_info *info;      /* in shared_info, in a registered page, or own_info */
    struct vcpu_info own_info;   /* for vcpus without a place in shared_info */
    mfn_t info_mfn;              /* registered page, INVALID_MFN for none */
    struct evtchn_fifo_vcpu *fifo;

    /* atomic: */
    unsigned long pause_flags;   /* BIT(enum vcpu_pause) */
    unsigned int pause_count;
    unsigned int processor;      /* runs or last ran; changed under its run queue's lock */
    bool is_running;             /* a CPU holds its state; see vcpu_sleep_sync() */
    bool is_initialised;         /* has a register context */
    bool is_initialising;        /* under the domain's lock: VCPUOP_initialise is at it */
    bool polling;                /* in SCHEDOP_poll */
    bool paused_for_shutdown;
    bool nmi_pending;
    unsigned int controller_paused;
    evtchn_port_t poll_port;     /* the one port polled for; 0 none, ~0 several */

    /* under the scheduler's lock of processor: */
    struct vcpu_runstate_info runstate;
    /* touched by the vcpu itself only: */
    guest_ptr_t runstate_guest;  /* virtual address of the registered area; 0 for none */
    guest_ptr_t time_guest;      /* extra vcpu_time_info area */
    bool areas_stale;            /* the two are to be written: vcpu_areas_refresh() */
    struct vcpu_restart restart;

    evtchn_port_t virq_to_evtchn[NR_VIRQS]; /* under the domain's event lock */
    uint64_t periodic_period;
    uint64_t periodic_last;
    struct timer periodic_timer;
    struct timer singleshot_timer;
    struct timer poll_timer;
    struct cpumask dirty_cpus;   /* CPUs that may hold its state or translations (0 or 1) */
};

static inline struct vcpu *current_vcpu(void)
{
    return arch_current();
}

static inline struct domain *current_domain(void)
{
    return arch_current()->domain;
}

static inline bool vcpu_is_idle(const struct vcpu *v)
{
    return v->domain->id == DOMID_IDLE;
}

static inline bool vcpu_runnable(const struct vcpu *v)
{
    return (READ_ONCE(v->pause_flags) | READ_ONCE(v->pause_count) |
            READ_ONCE(v->domain->pause_count)) == 0;
}

MUST_CHECK int vcpu_create(struct domain *d, unsigned int id);
void vcpu_destroy(struct vcpu *v);
struct vcpu *vcpu_lookup(const struct domain *d, unsigned int id); /* NULL when not there */

void vcpu_pause(struct vcpu *v);        /* waits until it has stopped; never the current one */
void vcpu_pause_nosync(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);

/* The vcpu runs no more until it is brought up again; the last one that goes takes its domain with it (power off). */
void vcpu_down(struct vcpu *v);
/* Blocks the current vcpu until an event is pending. */
void vcpu_block(void);
/* An event became pending: unblock, and interrupt the CPU it runs on if it is another. */
void vcpu_kick_for_event(struct vcpu *v);
void vcpu_unblock(struct vcpu *v);

/* VCPUOP_register_vcpu_info: moves vcpu_info into a guest page. */
MUST_CHECK int vcpu_register_info(struct vcpu *v, uint64_t gfn, unsigned int offset);
void vcpu_unregister_info(struct vcpu *v);
void vcpu_reset(struct vcpu *v);

/* Timers of the VIRQ_TIMER kind. */
void vcpu_set_singleshot(struct vcpu *v, uint64_t deadline_ns);
void vcpu_stop_singleshot(struct vcpu *v);
MUST_CHECK int vcpu_set_periodic(struct vcpu *v, uint64_t period_ns);
void vcpu_stop_periodic(struct vcpu *v);

/* Accounts the change and copies to the guest's area when it is the current one. */
void vcpu_runstate_change(struct vcpu *v, int new_state, uint64_t now);
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out);
/* Writes the current vcpu's registered runstate area. While the guest kernel's memory is not
 * mapped (PV user space runs) it sets areas_stale, and the architecture calls
 * vcpu_areas_refresh() when it is mapped again. */
void vcpu_runstate_publish(struct vcpu *v);
void vcpu_areas_refresh(struct vcpu *v);
/* VCPUOP_register_runstate_memory_area: -EFAULT when va cannot be written. */
MUST_CHECK int vcpu_register_runstate(struct vcpu *v, guest_ptr_t va);
uint64_t vcpu_cpu_time(struct vcpu *v);

#endif
