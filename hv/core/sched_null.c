/* SPDX-License-Identifier: MIT */
/*
 * The null policy: every vcpu owns a CPU and never shares it. A vcpu that finds no free CPU in its hard
 * affinity waits in line until one is given back, and does not run before.
 *
 * A CPU is taken at the vcpu's first wake-up and given back when the vcpu ends or its affinity excludes
 * the CPU.
 *
 * Locks: null_lock (just above LOCK_SCHED, so it nests in a run-queue lock) guards who owns what.
 */
#include "hv/base/printk.h"
#include "hv/base/softirq.h"
#include "hv/core/sched_private.h"

static struct spinlock null_lock = SPINLOCK_INIT(LOCK_SCHED + 1);
static struct list waiting = LIST_INIT(waiting);
static struct tasklet heirs;

/* Owners that got their CPU from the line have not been queued yet. Waking the others does nothing. */
static void wake_heirs(void *data)
{
    unsigned int cpu;

    cpumask_for_each(cpu, &arch_cpus_online) {
        struct vcpu *owner = READ_ONCE(sched_cpu_of(cpu)->null_owner);

        if (owner != NULL) {
            sched_wake(owner);
        }
    }
}

static int null_vcpu_init(struct vcpu *v)
{
    if (heirs.fn == NULL) {
        tasklet_init(&heirs, wake_heirs, NULL);
    }
    list_init(&v->sched->null.link);
    v->sched->null.vcpu = v;
    return 0;
}

/* null_lock held: the next in line that may use the CPU gets it. */
static void hand_over(unsigned int cpu)
{
    struct null_vcpu *nv;

    sched_cpu_of(cpu)->null_owner = NULL;
    list_for_each_entry(nv, &waiting, link) {
        if (cpumask_test(&nv->vcpu->sched->hard, cpu)) {
            list_del(&nv->link);
            nv->has_cpu = true;
            nv->cpu = cpu;
            sched_cpu_of(cpu)->null_owner = nv->vcpu;
            tasklet_schedule(&heirs);
            return;
        }
    }
}

static void null_vcpu_exit(struct vcpu *v)
{
    struct null_vcpu *nv = &v->sched->null;
    unsigned long flags = spin_lock_irqsave(&null_lock);

    list_del(&nv->link);
    if (nv->has_cpu) {
        nv->has_cpu = false;
        hand_over(nv->cpu);
    }
    spin_unlock_irqrestore(&null_lock, flags);
}

/* null_lock held. */
static bool take_free_cpu(struct vcpu *v, const struct cpumask *allowed)
{
    struct null_vcpu *nv = &v->sched->null;
    unsigned int cpu;

    cpumask_for_each(cpu, allowed) {
        struct sched_cpu *sc = sched_cpu_of(cpu);

        if (sc->null_owner == NULL) {
            sc->null_owner = v;
            nv->has_cpu = true;
            nv->cpu = cpu;
            list_del(&nv->link);
            return true;
        }
    }
    return false;
}

static unsigned int null_pick_cpu(struct vcpu *v)
{
    struct null_vcpu *nv = &v->sched->null;
    struct cpumask allowed = sched_allowed_cpus(v);
    unsigned int cpu;

    spin_lock(&null_lock);
    if (nv->has_cpu && !cpumask_test(&allowed, nv->cpu)) {
        nv->has_cpu = false;
        hand_over(nv->cpu);
    }
    if (!nv->has_cpu && !take_free_cpu(v, &allowed)) {
        if (list_empty(&nv->link)) {
            list_add_tail(&nv->link, &waiting);
        }
    }
    cpu = nv->has_cpu ? nv->cpu : v->processor;
    spin_unlock(&null_lock);
    return cpu;
}

static void null_wake(struct vcpu *v)
{
    if (v->sched->null.has_cpu && v->sched->null.cpu == v->processor) {
        v->sched->queued = true;
        softirq_raise_on(v->processor, SOFTIRQ_SCHEDULE);
    }
}

static void null_sleep(struct vcpu *v)
{
    v->sched->queued = false;
}

static void null_yield(struct vcpu *v)
{
}

static struct sched_choice null_choose(unsigned int cpu, uint64_t now)
{
    struct sched_cpu *sc = sched_cpu_of(cpu);
    struct sched_choice choice = { .next = sched_idle_vcpu[cpu], .slice_ns = ~0ULL };
    struct vcpu *owner = READ_ONCE(sc->null_owner);

    if (owner != NULL && owner->processor == cpu && vcpu_runnable(owner) &&
        cpumask_test(&owner->sched->hard, cpu) &&
        (owner->sched->queued || owner == sc->current)) {
        owner->sched->queued = false;
        choice.next = owner;
    }
    return choice;
}

static void null_dump(unsigned int cpu)
{
    struct vcpu *owner = sched_cpu_of(cpu)->null_owner;

    if (owner != NULL) {
        printk("  owner: %pv\n", owner);
    }
}

const struct sched_ops sched_null_ops = {
    .name = "null Scheduler",
    .option = "null",
    .id = XEN_SCHEDULER_NULL,
    .vcpu_init = null_vcpu_init,
    .vcpu_exit = null_vcpu_exit,
    .wake = null_wake,
    .sleep = null_sleep,
    .yield = null_yield,
    .pick_cpu = null_pick_cpu,
    .choose = null_choose,
    .dump = null_dump,
};
