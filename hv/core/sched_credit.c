/* SPDX-License-Identifier: MIT */
/*
 * The default policy: weighted fair sharing by virtual time, with caps and affinity. To the toolstack it
 * is credit2, whose parameters (weight, cap, rate limit) it has.
 *
 * A vcpu's vtime grows with the time it runs, scaled by 256 / weight; each CPU runs the vcpu with the
 * least vtime of its queue (a pairing heap: O(1) insert, O(log n) amortised removal).
 * Nobody starves: a queued vcpu's vtime stands still while that of whoever runs grows, and those who
 * come in get at least `floor - credit`, where floor never passes the vtime of a queued vcpu and the
 * credit is bounded, so each of them can overtake only for a bounded time.
 *
 * Balance between CPUs: a vcpu is placed on an idle CPU if it may run on one; else where fewer wait, of
 * the CPU it was on and one other that changes each time; else, when loads are equal, where it would be
 * further behind, so that three vcpus share two CPUs evenly. A CPU about to idle takes from others.
 *
 * Caps: a token bucket for each domain; who has overdrawn it is parked until the bucket is half full.
 *
 * Locks: hooks run under the lock of v->processor (or cpu). bucket_lock is a leaf. Another CPU's lock is
 * only tried, never waited for. Other CPUs' loads are read without it: hints.
 */
#include "hv/base/printk.h"
#include "hv/base/softirq.h"
#include "hv/core/sched_private.h"

#define WEIGHT_DEFAULT    256
#define SLICE_BASE_NS     (5 * NS_PER_MS)
#define SLICE_MAX_NS      (10 * NS_PER_MS)
#define WAKE_CREDIT_NS    (2 * NS_PER_MS)
#define WAKE_MARGIN_NS    (500 * NS_PER_US)  /* a newcomer this far behind interrupts who runs */
#define MOVE_SPAN_NS      (40 * NS_PER_MS)   /* how far from a new queue's floor vtime may be */
#define ROTATE_NS         (20 * NS_PER_MS)   /* lag that makes an equally loaded CPU attractive */
#define CAP_PERIOD_NS     (10 * NS_PER_MS)
#define CAP_MIN_SLICE_NS  (200 * NS_PER_US)
#define RATELIMIT_MIN_US  100
#define RATELIMIT_MAX_US  500000

static uint64_t ratelimit_ns = 1000 * NS_PER_US;

/* ---- The queue ------------------------------------------------------------------------------ */

static bool before(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b) < 0;
}

static uint64_t later_of(uint64_t a, uint64_t b)
{
    return before(a, b) ? b : a;
}

static struct credit_vcpu *heap_meld(struct credit_vcpu *a, struct credit_vcpu *b)
{
    if (a == NULL || b == NULL) {
        return a != NULL ? a : b;
    }
    if (before(b->vtime, a->vtime)) {
        struct credit_vcpu *t = a;

        a = b;
        b = t;
    }
    b->prev = a;
    b->next = a->child;
    if (a->child != NULL) {
        a->child->prev = b;
    }
    a->child = b;
    a->next = NULL;
    a->prev = NULL;
    return a;
}

/* Melds a list of siblings in two passes, which is what makes removal cheap on average. */
static struct credit_vcpu *heap_meld_list(struct credit_vcpu *first)
{
    struct credit_vcpu *pairs = NULL;
    struct credit_vcpu *all = NULL;

    while (first != NULL) {
        struct credit_vcpu *second = first->next;
        struct credit_vcpu *rest = second != NULL ? second->next : NULL;
        struct credit_vcpu *pair;

        first->next = NULL;
        if (second != NULL) {
            second->next = NULL;
        }
        pair = heap_meld(first, second);
        pair->next = pairs;
        pairs = pair;
        first = rest;
    }
    while (pairs != NULL) {
        struct credit_vcpu *rest = pairs->next;

        pairs->next = NULL;
        all = heap_meld(all, pairs);
        pairs = rest;
    }
    if (all != NULL) {
        all->prev = NULL;
    }
    return all;
}

static void heap_remove(struct credit_queue *q, struct credit_vcpu *cv)
{
    struct credit_vcpu *children = heap_meld_list(cv->child);

    if (q->root == cv) {
        q->root = children;
    } else {
        if (cv->prev->child == cv) {
            cv->prev->child = cv->next;
        } else {
            cv->prev->next = cv->next;
        }
        if (cv->next != NULL) {
            cv->next->prev = cv->prev;
        }
        q->root = heap_meld(q->root, children);
    }
    cv->child = NULL;
    cv->next = NULL;
    cv->prev = NULL;
}

static void queue_add(unsigned int cpu, struct vcpu *v)
{
    struct sched_cpu *sc = sched_cpu_of(cpu);
    struct credit_vcpu *cv = &v->sched->credit;

    sc->credit.root = heap_meld(sc->credit.root, cv);
    list_add_tail(&cv->link, &sc->credit.list);
    v->sched->queued = true;
    WRITE_ONCE(sc->waiting, sc->waiting + 1);
    if (sc->waiting == 1) {
        cpumask_set(&sched_busy_cpus, cpu);
    }
}

static void queue_del(unsigned int cpu, struct vcpu *v)
{
    struct sched_cpu *sc = sched_cpu_of(cpu);

    heap_remove(&sc->credit, &v->sched->credit);
    list_del(&v->sched->credit.link);
    v->sched->queued = false;
    WRITE_ONCE(sc->waiting, sc->waiting - 1);
    if (sc->waiting == 0) {
        cpumask_clear(&sched_busy_cpus, cpu);
    }
}

/* ---- Caps ----------------------------------------------------------------------------------- */

static int64_t bucket_size(const struct sched_domain *sd)
{
    return (int64_t)(CAP_PERIOD_NS * sd->cap / 100);
}

/* Puts in what time has earned, takes out what was used; true while there is something left. */
static bool bucket_use(struct sched_domain *sd, uint64_t used, uint64_t now)
{
    bool left;

    if (READ_ONCE(sd->cap) == 0) {
        return true;
    }
    spin_lock(&sd->bucket_lock);
    if (before(now - used, sd->capped_since)) {
        used = before(sd->capped_since, now) ? now - sd->capped_since : 0;
    }
    if (before(sd->refilled_at, now)) {
        uint64_t earned = MIN(now - sd->refilled_at, 1000 * CAP_PERIOD_NS) * sd->cap / 100;

        sd->tokens = MIN(sd->tokens + (int64_t)earned, bucket_size(sd));
        sd->refilled_at = now;
    }
    sd->tokens -= (int64_t)used;
    left = sd->tokens > 0;
    spin_unlock(&sd->bucket_lock);
    return left;
}

/* When a parked vcpu may go on: the bucket is half full again. */
static uint64_t bucket_wait(struct sched_domain *sd, uint64_t now)
{
    int64_t missing = bucket_size(sd) / 2 - READ_ONCE(sd->tokens);
    unsigned int cap = MAX(READ_ONCE(sd->cap), 1U);

    return now + (missing > 0 ? (uint64_t)missing * 100 / cap : 0) + CAP_MIN_SLICE_NS / 4;
}

static void park(struct vcpu *v, uint64_t now)
{
    struct sched_domain *sd = v->domain->sched;

    v->sched->parked = true;
    if (!timer_is_pending(&sd->unpark)) {
        timer_set(&sd->unpark, bucket_wait(sd, now));
    }
}

static void unpark_domain(void *data)
{
    struct domain *d = data;
    struct vcpu *v;

    domain_for_each_vcpu(d, v) {
        if (v->sched != NULL && READ_ONCE(v->sched->parked)) {
            sched_wake(v);
        }
    }
}

/* ---- Time ----------------------------------------------------------------------------------- */

static uint64_t scaled(const struct vcpu *v, uint64_t ns)
{
    unsigned int weight = READ_ONCE(v->domain->sched->weight);

    return weight == WEIGHT_DEFAULT ? ns : ns * WEIGHT_DEFAULT / weight;
}

/* The vtime of whoever runs on the CPU, as of now; a hint when its lock is not held. */
static uint64_t running_vtime(unsigned int cpu, uint64_t now)
{
    struct sched_cpu *sc = sched_cpu_of(cpu);
    struct vcpu *v = READ_ONCE(sc->current);
    uint64_t since = READ_ONCE(sc->credit.charged_at);

    if (vcpu_is_idle(v)) {
        return READ_ONCE(sc->credit.floor);
    }
    return v->sched->credit.vtime + (before(since, now) ? scaled(v, now - since) : 0);
}

/* Books the time since the last call on the running vcpu; false when its cap is used up. */
static bool charge(unsigned int cpu, uint64_t now)
{
    struct sched_cpu *sc = sched_cpu_of(cpu);
    struct credit_queue *q = &sc->credit;
    struct vcpu *v = sc->current;
    uint64_t used = before(q->charged_at, now) ? now - q->charged_at : 0;
    bool in_budget = true;
    uint64_t least;

    q->charged_at = now;
    if (!vcpu_is_idle(v)) {
        v->sched->credit.vtime += scaled(v, used);
        in_budget = bucket_use(v->domain->sched, used, now);
        least = v->sched->credit.vtime;
        if (q->root != NULL && before(q->root->vtime, least)) {
            least = q->root->vtime;
        }
        q->floor = later_of(q->floor, least);
    } else if (q->root != NULL) {
        q->floor = later_of(q->floor, q->root->vtime);
    }
    return in_budget;
}

/* Brings the vtime of a vcpu about to be queued into the bounds that fairness rests on. */
static void settle_vtime(unsigned int cpu, struct credit_vcpu *cv)
{
    struct sched_cpu *sc = sched_cpu_of(cpu);
    uint64_t floor = sc->credit.floor;

    if (sc->credit.root == NULL && vcpu_is_idle(sc->current)) {
        /* Nobody to be fair to: the queue's clock follows. */
        floor = later_of(floor, cv->vtime);
        sc->credit.floor = floor;
    }
    if (cv->slept) {
        cv->vtime = later_of(cv->vtime, floor - WAKE_CREDIT_NS);
        cv->slept = false;
    }
    if (cv->clock_cpu != cpu) {
        cv->vtime = later_of(cv->vtime, floor - MOVE_SPAN_NS);
        if (before(floor + MOVE_SPAN_NS, cv->vtime)) {
            cv->vtime = floor + MOVE_SPAN_NS;
        }
        cv->clock_cpu = cpu;
    }
}

/* ---- Hooks ---------------------------------------------------------------------------------- */

static int credit_vcpu_init(struct vcpu *v)
{
    struct credit_vcpu *cv = &v->sched->credit;

    list_init(&cv->link);
    cv->vcpu = v;
    cv->slept = true;
    cv->clock_cpu = MAX_CPUS;
    return 0;
}

static int credit_domain_init(struct domain *d)
{
    struct sched_domain *sd = d->sched;

    sd->weight = WEIGHT_DEFAULT;
    spin_init(&sd->bucket_lock, LOCK_LEAF);
    timer_init(&sd->unpark, unpark_domain, d, arch_cpu_id());
    return 0;
}

static void credit_domain_exit(struct domain *d)
{
    timer_kill(&d->sched->unpark);
}

static unsigned int load_of(unsigned int cpu)
{
    const struct sched_cpu *sc = sched_cpu_of(cpu);

    return READ_ONCE(sc->waiting) + !vcpu_is_idle(READ_ONCE(sc->current));
}

static unsigned int least_loaded(const struct cpumask *mask)
{
    unsigned int best = MAX_CPUS;
    unsigned int best_load = 0;
    unsigned int cpu;

    cpumask_for_each(cpu, mask) {
        unsigned int load = load_of(cpu);

        if (best == MAX_CPUS || load < best_load) {
            best = cpu;
            best_load = load;
        }
    }
    return best;
}

static unsigned int next_in_mask(const struct cpumask *mask, unsigned int from)
{
    unsigned int cpu = bitmap_next_set(mask->bits, arch_cpus_possible, from);

    return cpu < arch_cpus_possible ? cpu : cpumask_first(mask);
}

/* Stay, or go to the one other CPU that is this time's candidate? */
static unsigned int compare_loads(struct vcpu *v, const struct cpumask *mask)
{
    unsigned int here = v->processor;
    struct credit_queue *q = &sched_cpu_of(here)->credit;
    unsigned int there = next_in_mask(mask, (q->rotor + 1) % arch_cpus_possible);
    unsigned int load_here = load_of(here);
    unsigned int load_there;

    q->rotor = there;
    if (there == here) {
        return here;
    }
    load_there = load_of(there);
    if (load_there < load_here) {
        return there;
    }
    if (load_there == load_here && load_there > 0 && !v->sched->credit.slept &&
        before(v->sched->credit.vtime + ROTATE_NS, running_vtime(there, arch_clock_now()))) {
        return there;
    }
    return here;
}

static unsigned int credit_pick_cpu(struct vcpu *v)
{
    struct cpumask hard, liked;
    unsigned int cpu = MAX_CPUS;

    if (!sched_allowed_and_liked(v, &hard, &liked)) {
        return v->processor;
    }
    if (!sched_none_idle()) {
        cpu = sched_claim_idle(&liked, v->processor);
        if (cpu == MAX_CPUS) {
            cpu = sched_claim_idle(&hard, v->processor);
        }
    }
    if (cpu != MAX_CPUS) {
        return cpu;
    }
    if (!cpumask_test(&liked, v->processor)) {
        return least_loaded(&liked);
    }
    return compare_loads(v, &liked);
}

/* A vcpu came into the CPU's queue: must the CPU look, now or at some time? */
static void tickle(unsigned int cpu, struct vcpu *v, uint64_t now)
{
    struct sched_cpu *sc = sched_cpu_of(cpu);

    if (vcpu_is_idle(sc->current)) {
        softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
        return;
    }
    if (before(v->sched->credit.vtime + WAKE_MARGIN_NS, running_vtime(cpu, now))) {
        uint64_t earliest = sc->current_since + ratelimit_ns;

        if (before(earliest, now)) {
            softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
        } else {
            sched_shorten_slice(cpu, earliest);
        }
        return;
    }
    sched_shorten_slice(cpu, now + SLICE_BASE_NS);
}

static void credit_wake(struct vcpu *v)
{
    unsigned int cpu = v->processor;
    uint64_t now = arch_clock_now();

    v->sched->parked = false;
    if (!bucket_use(v->domain->sched, 0, now)) {
        park(v, now);
        if (vcpu_is_idle(sched_cpu_of(cpu)->current)) {
            /* The CPU may have been claimed for it: back to the idle ones. */
            softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
        }
        return;
    }
    /* The floor must be of now: who runs alone is charged seldom. */
    if (!charge(cpu, now)) {
        softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
    }
    settle_vtime(cpu, &v->sched->credit);
    queue_add(cpu, v);
    tickle(cpu, v, now);
}

static void credit_sleep(struct vcpu *v)
{
    v->sched->parked = false;
    v->sched->credit.slept = true;
    if (v->sched->queued) {
        queue_del(v->processor, v);
    }
}

static void credit_yield(struct vcpu *v)
{
    v->sched->credit.yielded = true;
}

static struct vcpu *best_for(unsigned int cpu, struct sched_cpu *victim)
{
    struct credit_vcpu *best = NULL;
    struct credit_vcpu *cv;

    list_for_each_entry(cv, &victim->credit.list, link) {
        if (cpumask_test(&cv->vcpu->sched->hard, cpu) &&
            (best == NULL || before(cv->vtime, best->vtime))) {
            best = cv;
        }
    }
    return best != NULL ? best->vcpu : NULL;
}

/* Takes a waiting vcpu of another CPU for this one, which has nothing to do. */
static struct vcpu *steal(unsigned int cpu)
{
    struct cpumask busy = sched_busy_cpus;
    unsigned int victim = cpu;

    for (unsigned int n = bitmap_weight(busy.bits, MAX_CPUS); n > 0; n--) {
        struct sched_cpu *sc;
        struct vcpu *v = NULL;

        victim = next_in_mask(&busy, (victim + 1) % arch_cpus_possible);
        if (victim == cpu) {
            continue;
        }
        sc = sched_cpu_of(victim);
        if (!spin_trylock(&sc->lock)) {
            continue;
        }
        v = best_for(cpu, sc);
        if (v != NULL) {
            queue_del(victim, v);
            settle_vtime(cpu, &v->sched->credit);
            WRITE_ONCE(v->processor, cpu);
        }
        spin_unlock(&sc->lock);
        if (v != NULL) {
            return v;
        }
    }
    return NULL;
}

/* May the vcpu that runs stay? Clears its yield. */
static bool keeps_cpu(unsigned int cpu, struct vcpu *v, uint64_t now)
{
    struct sched_cpu *sc = sched_cpu_of(cpu);
    struct credit_vcpu *cv = &v->sched->credit;
    struct credit_vcpu *first = sc->credit.root;
    bool yielded = cv->yielded;

    cv->yielded = false;
    if (!cpumask_test(&v->sched->hard, cpu)) {
        return false;
    }
    if (first == NULL) {
        return true;
    }
    if (yielded) {
        cv->vtime = later_of(cv->vtime, first->vtime);
        return false;
    }
    return !before(first->vtime, cv->vtime) || now - sc->current_since < ratelimit_ns;
}

static uint64_t slice_for(unsigned int cpu, struct vcpu *v)
{
    struct sched_cpu *sc = sched_cpu_of(cpu);
    struct sched_domain *sd = v->domain->sched;
    uint64_t slice = ~0ULL;

    if (sc->credit.root != NULL) {
        uint64_t lead = before(v->sched->credit.vtime, sc->credit.root->vtime)
                            ? sc->credit.root->vtime - v->sched->credit.vtime
                            : 0;

        slice = MIN(SLICE_BASE_NS + lead * sd->weight / WEIGHT_DEFAULT, SLICE_MAX_NS);
        slice = MAX(slice, ratelimit_ns);
    }
    if (READ_ONCE(sd->cap) != 0) {
        int64_t share = READ_ONCE(sd->tokens) / (int64_t)v->domain->max_vcpus;

        slice = MIN(slice, MAX(share > 0 ? (uint64_t)share : 0, CAP_MIN_SLICE_NS));
    }
    return slice;
}

static struct vcpu *first_in_budget(unsigned int cpu, uint64_t now)
{
    struct credit_queue *q = &sched_cpu_of(cpu)->credit;

    while (q->root != NULL) {
        struct vcpu *v = q->root->vcpu;

        queue_del(cpu, v);
        if (bucket_use(v->domain->sched, 0, now)) {
            return v;
        }
        park(v, now);
    }
    return NULL;
}

static struct sched_choice credit_choose(unsigned int cpu, uint64_t now)
{
    struct sched_cpu *sc = sched_cpu_of(cpu);
    struct vcpu *prev = sc->current;
    bool in_budget = charge(cpu, now);
    struct sched_choice choice = { .slice_ns = ~0ULL };

    if (!vcpu_is_idle(prev)) {
        if (!vcpu_runnable(prev)) {
            prev->sched->credit.slept = true;
        } else if (in_budget && keeps_cpu(cpu, prev, now)) {
            choice.next = prev;
        }
    }
    if (choice.next == NULL) {
        choice.next = first_in_budget(cpu, now);
    }
    if (choice.next == NULL) {
        choice.next = steal(cpu);
        choice.migrated = choice.next != NULL;
    }
    if (choice.next == NULL) {
        choice.next = sched_idle_vcpu[cpu];
        if (!cpumask_test(&sched_idle_cpus, cpu)) {
            cpumask_set(&sched_idle_cpus, cpu);
        }
        return choice;
    }
    if (cpumask_test(&sched_idle_cpus, cpu)) {
        cpumask_clear(&sched_idle_cpus, cpu);
    }
    choice.slice_ns = slice_for(cpu, choice.next);
    return choice;
}

/* ---- Parameters ----------------------------------------------------------------------------- */

static int credit_adjust(struct domain *d, struct xen_domctl_scheduler_op *op)
{
    struct sched_domain *sd = d->sched;
    unsigned long flags;

    if (op->cmd == XEN_DOMCTL_SCHEDOP_getinfo) {
        op->u.credit2.weight = (uint16_t)sd->weight;
        op->u.credit2.cap = (uint16_t)sd->cap;
        return 0;
    }
    flags = spin_lock_irqsave(&sd->bucket_lock);
    if (op->u.credit2.weight != 0) {
        WRITE_ONCE(sd->weight, op->u.credit2.weight);
    }
    if (sd->cap == 0) {
        sd->refilled_at = arch_clock_now();
        sd->capped_since = sd->refilled_at;
    }
    WRITE_ONCE(sd->cap, op->u.credit2.cap);
    sd->tokens = bucket_size(sd);
    spin_unlock_irqrestore(&sd->bucket_lock, flags);
    /* Slices that were set under the old cap, or under none, end now; the parked start again. */
    if (!timer_is_pending(&sd->unpark)) {
        timer_set(&sd->unpark, arch_clock_now());
    }
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = d->vcpu[i];

        if (v != NULL && READ_ONCE(v->is_running)) {
            softirq_raise_on(READ_ONCE(v->processor), SOFTIRQ_SCHEDULE);
        }
    }
    return 0;
}

static int credit_adjust_global(struct xen_sysctl_scheduler_op *op)
{
    uint32_t us = op->u.sched_credit2.ratelimit_us;

    if (op->cmd == XEN_SYSCTL_SCHEDOP_putinfo) {
        if (us != 0 && (us < RATELIMIT_MIN_US || us > RATELIMIT_MAX_US)) {
            return -EINVAL;
        }
        WRITE_ONCE(ratelimit_ns, us * NS_PER_US);
    }
    op->u.sched_credit2.ratelimit_us = (uint32_t)(ratelimit_ns / NS_PER_US);
    return 0;
}

static void credit_dump(unsigned int cpu)
{
    struct sched_cpu *sc = sched_cpu_of(cpu);
    struct credit_vcpu *cv;

    printk("  floor=%llu\n", (unsigned long long)sc->credit.floor);
    list_for_each_entry(cv, &sc->credit.list, link) {
        printk("  waiting: %pv vtime=%llu weight=%u cap=%u\n", cv->vcpu,
               (unsigned long long)cv->vtime, cv->vcpu->domain->sched->weight,
               cv->vcpu->domain->sched->cap);
    }
}

const struct sched_ops sched_credit_ops = {
    .name = "SMP Credit Scheduler rev2",
    .option = "credit2",
    .id = XEN_SCHEDULER_CREDIT2,
    .vcpu_init = credit_vcpu_init,
    .domain_init = credit_domain_init,
    .domain_exit = credit_domain_exit,
    .wake = credit_wake,
    .sleep = credit_sleep,
    .yield = credit_yield,
    .pick_cpu = credit_pick_cpu,
    .choose = credit_choose,
    .adjust = credit_adjust,
    .adjust_global = credit_adjust_global,
    .dump = credit_dump,
};
