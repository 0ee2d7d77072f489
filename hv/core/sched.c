/* SPDX-License-Identifier: MIT */
/*
 * The scheduling framework: switches vcpus, keeps their run states and affinities, and lets a policy
 * (sched_ops) decide who is next. sched_private.h says which conditions a vcpu can be in.
 *
 * Wake against sleep: whoever changes a reason not to run (pause_flags, pause_count) does so first and
 * then calls sched_wake() or sched_sleep_*(), which look again under the run-queue lock. The switch looks
 * under the same lock, before (choose) and after (sched_switch_finished) the state is saved, so a change
 * is seen by one of them whatever the order.
 *
 * Moving between CPUs: place() holds the old CPU's lock, sets v->processor, and takes the new CPU's lock
 * afterwards; whatever happened in between is looked at again. Two run-queue locks are never waited for
 * together.
 *
 * Locks: the per-CPU run-queue lock (LOCK_SCHED), interrupts off.
 */
#include "hv/core/sched.h"

#include "abi/sched.h"
#include "hv/base/printk.h"
#include "hv/base/softirq.h"
#include "hv/core/arch_guest.h"
#include "hv/core/evtchn.h"
#include "hv/core/sched_private.h"
#include "hv/mm/heap.h"
#include "hv/mm/page_alloc.h"

PERCPU(struct sched_cpu, sched_cpu);
struct cpumask sched_idle_cpus;
struct cpumask sched_busy_cpus;
struct vcpu *sched_idle_vcpu[MAX_CPUS];

static const struct sched_ops *ops = &sched_credit_ops;
static const struct sched_ops *const policies[] = { &sched_credit_ops, &sched_null_ops };
static struct cpumask ready_cpus; /* have an idle vcpu */

const struct sched_ops *sched_policy(void)
{
    return ops;
}

/* ---- Locks and masks ------------------------------------------------------------------------ */

unsigned long sched_lock_vcpu(struct vcpu *v)
{
    unsigned long flags = arch_irq_save();

    for (;;) {
        unsigned int cpu = READ_ONCE(v->processor);

        spin_lock(&sched_cpu_of(cpu)->lock);
        if (likely(cpu == READ_ONCE(v->processor))) {
            return flags;
        }
        spin_unlock(&sched_cpu_of(cpu)->lock);
    }
}

void sched_unlock_vcpu(struct vcpu *v, unsigned long flags)
{
    spin_unlock_irqrestore(&sched_cpu_of(v->processor)->lock, flags);
}

static struct cpumask usable_cpus(void)
{
    return cpumask_and(&arch_cpus_online, &ready_cpus);
}

struct cpumask sched_allowed_cpus(const struct vcpu *v)
{
    struct cpumask usable = usable_cpus();

    return cpumask_and(&v->sched->hard, &usable);
}

bool sched_allowed_and_liked(const struct vcpu *v, struct cpumask *allowed, struct cpumask *liked)
{
    const struct sched_vcpu *sv = v->sched;
    unsigned long any = 0, any_liked = 0;

    *allowed = (struct cpumask){ { 0 } };
    *liked = (struct cpumask){ { 0 } };
    for (unsigned int i = 0; i * BITS_PER_LONG < arch_cpus_possible; i++) {
        allowed->bits[i] = sv->hard.bits[i] & arch_cpus_online.bits[i] & ready_cpus.bits[i];
        liked->bits[i] = allowed->bits[i] & sv->soft.bits[i];
        any |= allowed->bits[i];
        any_liked |= liked->bits[i];
    }
    if (any_liked == 0) {
        *liked = *allowed;
    }
    return any != 0;
}

bool sched_none_idle(void)
{
    unsigned long any = 0;

    for (unsigned int i = 0; i * BITS_PER_LONG < arch_cpus_possible; i++) {
        any |= READ_ONCE(sched_idle_cpus.bits[i]);
    }
    return any == 0;
}

unsigned int sched_claim_idle(const struct cpumask *mask, unsigned int near)
{
    struct cpumask idle = cpumask_and(mask, &sched_idle_cpus);

    if (cpumask_test(&idle, near) && bit_test_and_clear_atomic(sched_idle_cpus.bits, near)) {
        return near;
    }
    for (unsigned int turn = 0; turn < 2; turn++) {
        unsigned int from = turn == 0 ? near : 0;
        unsigned int to = turn == 0 ? MAX_CPUS : near;

        for (unsigned int cpu = bitmap_next_set(idle.bits, to, from); cpu < to;
             cpu = bitmap_next_set(idle.bits, to, cpu + 1)) {
            if (bit_test_and_clear_atomic(sched_idle_cpus.bits, cpu)) {
                return cpu;
            }
        }
    }
    return MAX_CPUS;
}

/* ---- Birth and end -------------------------------------------------------------------------- */

static void schedule(void);

void sched_init(const char *policy)
{
    for (unsigned int i = 0; policy != NULL && i < ARRAY_SIZE(policies); i++) {
        if (strcmp(policy, policies[i]->option) == 0) {
            ops = policies[i];
        }
    }
    if (policy != NULL && strcmp(policy, ops->option) != 0) {
        log_warning("sched=%s: no such scheduler, using %s\n", policy, ops->option);
    }
    softirq_register(SOFTIRQ_SCHEDULE, schedule);
    log_info("Using scheduler: %s (%s)\n", ops->name, ops->option);
}

static void set_slice(struct sched_cpu *sc, uint64_t deadline)
{
    sc->slice_end = deadline;
    if (deadline < sc->slice_timer) {
        sc->slice_timer = deadline;
        timer_set(&sc->slice, deadline);
    }
}

/* The timer may be one that was set for a slice which ended sooner. */
static void slice_ended(void *data)
{
    struct sched_cpu *sc = data;
    unsigned long flags = spin_lock_irqsave(&sc->lock);

    sc->slice_timer = ~0ULL;
    if (sc->slice_end <= arch_clock_now()) {
        softirq_raise(SOFTIRQ_SCHEDULE);
    } else {
        set_slice(sc, sc->slice_end);
    }
    spin_unlock_irqrestore(&sc->lock, flags);
}

int sched_init_cpu(unsigned int cpu)
{
    struct sched_cpu *sc = sched_cpu_of(cpu);
    struct vcpu *v;
    int rc;

    spin_init(&sc->lock, LOCK_SCHED);
    timer_init(&sc->slice, slice_ended, sc, cpu);
    sc->slice_end = ~0ULL;
    sc->slice_timer = ~0ULL;
    list_init(&sc->credit.list);
    sc->credit.rotor = cpu;
    rc = vcpu_create(domain_idle, cpu);
    if (rc != 0) {
        return rc;
    }
    v = domain_idle->vcpu[cpu];
    v->processor = cpu;
    v->pause_flags = 0;
    v->is_running = true;
    v->runstate.state = RUNSTATE_running;
    cpumask_zero(&v->sched->hard);
    cpumask_set(&v->sched->hard, cpu);
    v->sched->last_cpu = cpu;
    sched_idle_vcpu[cpu] = v;
    sc->current = v;
    cpumask_set(&ready_cpus, cpu);
    cpumask_set(&sched_idle_cpus, cpu);
    return 0;
}

static void watchdog_fired(void *data)
{
    struct domain *d = data;

    glog_warning("%pd: watchdog timed out\n", d);
    domain_shutdown(d, SHUTDOWN_watchdog);
}

int sched_domain_init(struct domain *d)
{
    struct sched_domain *sd = heap_alloc(sizeof(*sd));

    if (sd == NULL) {
        return -ENOMEM;
    }
    d->sched = sd;
    for (unsigned int i = 0; i < SCHED_WATCHDOGS; i++) {
        timer_init(&sd->watchdog[i], watchdog_fired, d, 0);
    }
    if (ops->domain_init != NULL && d->id != DOMID_IDLE) {
        int rc = ops->domain_init(d);

        if (rc != 0) {
            d->sched = NULL;
            heap_free(sd);
            return rc;
        }
    }
    return 0;
}

void sched_domain_exit(struct domain *d)
{
    if (d->sched == NULL) {
        return;
    }
    sched_watchdog_exit(d);
    for (unsigned int i = 0; i < SCHED_WATCHDOGS; i++) {
        timer_kill(&d->sched->watchdog[i]);
    }
    if (ops->domain_exit != NULL && d->id != DOMID_IDLE) {
        ops->domain_exit(d);
    }
    heap_free(d->sched);
    d->sched = NULL;
}

static void poll_timed_out(void *data)
{
    struct vcpu *v = data;

    if (READ_ONCE(v->polling)) {
        vcpu_unblock(v);
    }
}

int sched_vcpu_init(struct vcpu *v)
{
    struct sched_vcpu *sv = heap_alloc(sizeof(*sv));
    struct cpumask allowed = usable_cpus();

    if (sv == NULL) {
        return -ENOMEM;
    }
    v->sched = sv;
    cpumask_fill(&sv->hard);
    cpumask_fill(&sv->soft);
    if (vcpu_is_idle(v)) {
        return 0;
    }
    /* Spread a domain's vcpus over the CPUs until affinity or load says otherwise. */
    v->processor = bitmap_next_set(allowed.bits, MAX_CPUS, v->id % arch_cpus_possible);
    if (v->processor >= MAX_CPUS) {
        v->processor = cpumask_first(&allowed);
    }
    sv->last_cpu = v->processor;
    v->runstate.state = RUNSTATE_offline;
    v->runstate.state_entry_time = arch_clock_now();
    timer_init(&v->poll_timer, poll_timed_out, v, v->processor);
    if (ops->vcpu_init != NULL) {
        int rc = ops->vcpu_init(v);

        if (rc != 0) {
            v->sched = NULL;
            heap_free(sv);
            return rc;
        }
    }
    return 0;
}

void sched_vcpu_exit(struct vcpu *v)
{
    if (v->sched == NULL) {
        return;
    }
    if (!vcpu_is_idle(v)) {
        unsigned long flags;

        timer_kill(&v->poll_timer);
        /* The lock also waits for a CPU that is just finishing its switch away from v. */
        flags = sched_lock_vcpu(v);
        BUG_ON(v->is_running);
        ops->sleep(v);
        sched_unlock_vcpu(v, flags);
        if (ops->vcpu_exit != NULL) {
            ops->vcpu_exit(v);
        }
    }
    heap_free(v->sched);
    v->sched = NULL;
}

/* ---- Wake and sleep ------------------------------------------------------------------------- */

/* Queues a runnable vcpu where the policy wants it. Called and returns with the lock of v->processor,
 * which may be another one afterwards. */
static void place(struct vcpu *v)
{
    unsigned int to = ops->pick_cpu(v);
    struct sched_vcpu *sv = v->sched;

    if (to != v->processor) {
        struct sched_cpu *from = sched_cpu_of(v->processor);

        WRITE_ONCE(v->processor, to);
        spin_unlock(&from->lock);
        (void)sched_lock_vcpu(v);
        if (!vcpu_runnable(v) || v->is_running || sv->queued) {
            /* Somebody else dealt with it: let the CPU we claimed look around again. */
            softirq_raise_on(to, SOFTIRQ_SCHEDULE);
            return;
        }
    }
    ops->wake(v);
}

void sched_wake(struct vcpu *v)
{
    unsigned long flags = sched_lock_vcpu(v);

    if (vcpu_runnable(v)) {
        if (v->runstate.state >= RUNSTATE_blocked) {
            vcpu_runstate_change(v, RUNSTATE_runnable, arch_clock_now());
        }
        if (!v->is_running && !v->sched->queued) {
            place(v);
        }
    } else if (!(v->pause_flags & BIT(VCPU_BLOCKED)) && v->runstate.state == RUNSTATE_blocked) {
        vcpu_runstate_change(v, RUNSTATE_offline, arch_clock_now());
    }
    sched_unlock_vcpu(v, flags);
}

static int resting_state(const struct vcpu *v)
{
    if (vcpu_runnable(v)) {
        return RUNSTATE_runnable;
    }
    return READ_ONCE(v->pause_flags) & BIT(VCPU_BLOCKED) ? RUNSTATE_blocked : RUNSTATE_offline;
}

void sched_sleep_nosync(struct vcpu *v)
{
    unsigned long flags = sched_lock_vcpu(v);

    if (!vcpu_runnable(v)) {
        if (v->is_running) {
            if (sched_cpu_of(v->processor)->current == v) {
                softirq_raise_on(v->processor, SOFTIRQ_SCHEDULE);
            }
        } else {
            ops->sleep(v);
        }
        if (v->runstate.state == RUNSTATE_runnable) {
            vcpu_runstate_change(v, resting_state(v), arch_clock_now());
        }
    }
    sched_unlock_vcpu(v, flags);
}

void sched_sleep_sync(struct vcpu *v)
{
    sched_sleep_nosync(v);
    while (!vcpu_runnable(v) && __atomic_load_n(&v->is_running, __ATOMIC_ACQUIRE)) {
        arch_relax();
    }
    arch_sync_vcpu_state(v);
}

void sched_yield(void)
{
    struct vcpu *v = arch_current();
    unsigned long flags;

    if (likely(this_cpu(sched_cpu).waiting == 0)) {
        return;
    }
    flags = sched_lock_vcpu(v);
    ops->yield(v);
    sched_unlock_vcpu(v, flags);
    softirq_raise(SOFTIRQ_SCHEDULE);
}

static void stop_polling(struct vcpu *v)
{
    v->polling = false;
    v->poll_port = 0;
    __atomic_fetch_sub(&v->domain->poller_count, 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_and(&v->pause_flags, ~BIT(VCPU_BLOCKED), __ATOMIC_SEQ_CST);
}

/* The flags are set before the ports are looked at; evtchn_send() sets the port before it looks at the
 * flags. One of the two sees the other. */
int sched_poll(const evtchn_port_t *ports, unsigned int count, uint64_t timeout_ns)
{
    struct vcpu *v = arch_current();
    struct domain *d = v->domain;

    v->poll_port = count == 1 ? ports[0] : ~0U;
    v->polling = true;
    __atomic_fetch_add(&d->poller_count, 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_or(&v->pause_flags, BIT(VCPU_BLOCKED), __ATOMIC_SEQ_CST);

    if (evtchn_upcall_due(v)) {
        stop_polling(v);
        return 0;
    }
    for (unsigned int i = 0; i < count; i++) {
        if (evtchn_is_pending(d, ports[i])) {
            stop_polling(v);
            return 0;
        }
    }
    if (timeout_ns != 0) {
        timer_set(&v->poll_timer, timeout_ns);
    }
    softirq_raise(SOFTIRQ_SCHEDULE);
    return 0;
}

/* ---- The switch ----------------------------------------------------------------------------- */

void sched_shorten_slice(unsigned int cpu, uint64_t deadline)
{
    struct sched_cpu *sc = sched_cpu_of(cpu);

    if (deadline < sc->slice_end) {
        set_slice(sc, deadline);
    }
}

/* A vcpu that last ran elsewhere: its lazily kept state and its timers come here. */
static void bring_over(struct vcpu *v, unsigned int cpu)
{
    if (vcpu_is_idle(v) || v->sched->last_cpu == cpu) {
        return;
    }
    arch_sync_vcpu_state(v);
    v->sched->last_cpu = cpu;
    timer_migrate(&v->periodic_timer, cpu);
    timer_migrate(&v->singleshot_timer, cpu);
    timer_migrate(&v->poll_timer, cpu);
}

/* A vcpu that runs again after a poll: the poll is over, whatever ended it. */
static void end_poll(struct vcpu *v)
{
    if (unlikely(v->polling)) {
        timer_stop(&v->poll_timer);
        stop_polling(v);
    }
}

static void schedule(void)
{
    unsigned int cpu = arch_cpu_id();
    struct sched_cpu *sc = &this_cpu(sched_cpu);
    struct vcpu *prev = arch_current();
    struct sched_choice choice;
    uint64_t now;

    arch_irq_disable();
    spin_lock(&sc->lock);
    now = arch_clock_now();
    choice = ops->choose(cpu, now);
    set_slice(sc, choice.slice_ns == ~0ULL ? ~0ULL : now + choice.slice_ns);
    if (choice.next == prev) {
        spin_unlock(&sc->lock);
        end_poll(prev);
        arch_irq_enable();
        return;
    }
    sc->current = choice.next;
    sc->current_since = now;
    vcpu_runstate_change(prev, vcpu_is_idle(prev) ? RUNSTATE_runnable : resting_state(prev), now);
    vcpu_runstate_change(choice.next, RUNSTATE_running, now);
    /* Before it looks for events on its way out: pairs with evtchn_request_upcall(), which makes one pending
     * and then looks whether there is a CPU to tell. */
    __atomic_store_n(&choice.next->is_running, true, __ATOMIC_SEQ_CST);
    spin_unlock(&sc->lock);

    bring_over(choice.next, cpu);
    arch_switch(prev, choice.next);
    arch_irq_enable();
}

void sched_switch_finished(struct vcpu *prev)
{
    struct vcpu *v = arch_current();
    unsigned long flags;

    if (!vcpu_is_idle(prev)) {
        flags = sched_lock_vcpu(prev);
        __atomic_store_n(&prev->is_running, false, __ATOMIC_RELEASE);
        if (ops->switched_out != NULL) {
            ops->switched_out(prev);
        }
        if (vcpu_runnable(prev) && !prev->sched->queued) {
            place(prev);
        }
        sched_unlock_vcpu(prev, flags);
    }
    if (!vcpu_is_idle(v)) {
        end_poll(v);
    }
}

void sched_idle_loop(void)
{
    for (;;) {
        if (softirq_pending()) {
            softirq_run();
        } else if (!page_alloc_scrub_idle()) {
            arch_irq_disable();
            if (softirq_pending()) {
                arch_irq_enable();
            } else {
                arch_idle();
            }
        }
    }
}

/* ---- Affinity ------------------------------------------------------------------------------- */

/* Lock held: makes v leave a CPU it may no longer use. Returns with the lock of v->processor. */
static void leave_forbidden_cpu(struct vcpu *v)
{
    if (v->is_running) {
        if (!cpumask_test(&v->sched->hard, v->processor)) {
            softirq_raise_on(v->processor, SOFTIRQ_SCHEDULE);
        }
    } else if (v->sched->queued) {
        ops->sleep(v);
        place(v);
    }
}

int sched_set_affinity(struct vcpu *v, const struct cpumask *hard, const struct cpumask *soft)
{
    struct sched_vcpu *sv = v->sched;
    struct cpumask usable = usable_cpus();
    unsigned long flags;

    if (hard != NULL) {
        usable = cpumask_and(&usable, hard);
        if (cpumask_empty(&usable)) {
            return -EINVAL;
        }
    }
    flags = sched_lock_vcpu(v);
    if (hard != NULL && sv->overridden) {
        sched_unlock_vcpu(v, flags);
        return -EBUSY;
    }
    if (soft != NULL) {
        sv->soft = *soft;
    }
    if (hard != NULL) {
        sv->hard = *hard;
    }
    leave_forbidden_cpu(v);
    sched_unlock_vcpu(v, flags);
    return 0;
}

void sched_get_affinity(const struct vcpu *v, struct cpumask *hard, struct cpumask *soft)
{
    const struct sched_vcpu *sv = v->sched;

    if (hard != NULL) {
        *hard = sv->overridden ? sv->saved_hard : sv->hard;
    }
    if (soft != NULL) {
        *soft = sv->soft;
    }
}

int sched_pin_override(struct vcpu *v, int cpu)
{
    struct sched_vcpu *sv = v->sched;
    struct cpumask usable = usable_cpus();
    unsigned long flags;
    int rc = 0;

    if (cpu >= 0 && (cpu >= MAX_CPUS || !cpumask_test(&usable, (unsigned int)cpu))) {
        return -EINVAL;
    }
    flags = sched_lock_vcpu(v);
    if (cpu < 0) {
        if (sv->overridden) {
            sv->overridden = false;
            sv->hard = sv->saved_hard;
        } else {
            rc = -EINVAL;
        }
    } else if (sv->overridden) {
        rc = -EBUSY;
    } else {
        sv->saved_hard = sv->hard;
        sv->overridden = true;
        cpumask_zero(&sv->hard);
        cpumask_set(&sv->hard, (unsigned int)cpu);
    }
    if (rc == 0) {
        leave_forbidden_cpu(v);
    }
    sched_unlock_vcpu(v, flags);
    return rc;
}

/* ---- Parameters ----------------------------------------------------------------------------- */

int sched_adjust(struct domain *d, struct xen_domctl_scheduler_op *op)
{
    if (op->sched_id != ops->id) {
        return -EINVAL;
    }
    switch (op->cmd) {
    case XEN_DOMCTL_SCHEDOP_putinfo:
    case XEN_DOMCTL_SCHEDOP_getinfo:
        return ops->adjust != NULL ? ops->adjust(d, op) : -EOPNOTSUPP;
    case XEN_DOMCTL_SCHEDOP_putvcpuinfo:
    case XEN_DOMCTL_SCHEDOP_getvcpuinfo:
        /* Neither policy has parameters of single vcpus. */
        return op->u.v.nr_vcpus == 0 ? -EINVAL : -EOPNOTSUPP;
    default:
        return -EINVAL;
    }
}

int sched_adjust_global(struct xen_sysctl_scheduler_op *op)
{
    if (op->cmd != XEN_SYSCTL_SCHEDOP_putinfo && op->cmd != XEN_SYSCTL_SCHEDOP_getinfo) {
        return -EINVAL;
    }
    if (op->cpupool_id != 0) {
        return -ESRCH;
    }
    if (op->sched_id != ops->id) {
        return -EINVAL;
    }
    return ops->adjust_global != NULL ? ops->adjust_global(op) : -EOPNOTSUPP;
}

/* ---- Watchdogs ------------------------------------------------------------------------------ */

static int watchdog_start(struct sched_domain *sd, unsigned int slot, uint32_t seconds)
{
    timer_set(&sd->watchdog[slot], arch_clock_now() + seconds * 1000000000ULL);
    sd->watchdog_used[slot] = true;
    return (int)slot + 1;
}

int sched_watchdog(uint32_t id, uint32_t timeout_seconds)
{
    struct domain *d = current_domain();
    struct sched_domain *sd = d->sched;
    int rc;

    if (id > SCHED_WATCHDOGS) {
        return -EINVAL;
    }
    spin_lock(&d->lock);
    if (id == 0) {
        rc = timeout_seconds == 0 ? -EINVAL : -ENOSPC;
        for (unsigned int i = 0; rc == -ENOSPC && i < SCHED_WATCHDOGS; i++) {
            if (!sd->watchdog_used[i]) {
                rc = watchdog_start(sd, i, timeout_seconds);
            }
        }
    } else if (!sd->watchdog_used[id - 1]) {
        rc = -EINVAL;
    } else if (timeout_seconds == 0) {
        timer_stop(&sd->watchdog[id - 1]);
        sd->watchdog_used[id - 1] = false;
        rc = 0;
    } else {
        (void)watchdog_start(sd, id - 1, timeout_seconds);
        rc = 0;
    }
    spin_unlock(&d->lock);
    return rc;
}

void sched_watchdog_exit(struct domain *d)
{
    if (d->sched == NULL) {
        return;
    }
    for (unsigned int i = 0; i < SCHED_WATCHDOGS; i++) {
        timer_stop(&d->sched->watchdog[i]);
        d->sched->watchdog_used[i] = false;
    }
}

/* ---- Debug key r ---------------------------------------------------------------------------- */

void sched_dump(void)
{
    unsigned int cpu;

    printk("Scheduler: %s (%s)\n", ops->name, ops->option);
    cpumask_for_each(cpu, &ready_cpus) {
        struct sched_cpu *sc = sched_cpu_of(cpu);
        unsigned long flags = spin_lock_irqsave(&sc->lock);

        printk("CPU[%02u] current=%pv, waiting=%u%s\n", cpu, sc->current, sc->waiting,
               cpumask_test(&sched_idle_cpus, cpu) ? ", idle" : "");
        if (ops->dump != NULL) {
            ops->dump(cpu);
        }
        spin_unlock_irqrestore(&sc->lock, flags);
    }
}
