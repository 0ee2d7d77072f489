/* SPDX-License-Identifier: MIT */
/*
 * Grace periods: callbacks wait in `next`; when no grace period is under way they become
 * `current`, every online CPU is asked to run SOFTIRQ_RCU, and when the last one has, the
 * callbacks run there.
 *
 * Lock: rcu_lock for all of it. Being in a softirq handler is being outside any read section.
 */
#include "hv/base/rcu.h"

#include "hv/base/lock.h"
#include "hv/base/softirq.h"

static struct spinlock rcu_lock = SPINLOCK_INIT(LOCK_RCU);
static struct rcu_head *next_list;
static struct rcu_head **next_end = &next_list;
static struct rcu_head *current_list;
static struct cpumask cpus_awaited;

/* Begins a grace period for all that waits; returns the CPUs to ask. Caller holds the lock. */
static struct cpumask grace_period_begin(void)
{
    struct cpumask none = { { 0 } };

    if (current_list != NULL || next_list == NULL) {
        return none;
    }
    current_list = next_list;
    next_list = NULL;
    next_end = &next_list;
    cpus_awaited = arch_cpus_online;
    return cpus_awaited;
}

static void ask(const struct cpumask *cpus)
{
    unsigned int cpu;

    cpumask_for_each(cpu, cpus) {
        softirq_raise_on(cpu, SOFTIRQ_RCU);
    }
}

void rcu_call(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
    unsigned long flags = spin_lock_irqsave(&rcu_lock);
    struct cpumask cpus;

    head->fn = fn;
    head->next = NULL;
    *next_end = head;
    next_end = &head->next;
    cpus = grace_period_begin();
    spin_unlock_irqrestore(&rcu_lock, flags);
    ask(&cpus);
}

static void rcu_softirq(void)
{
    unsigned long flags = spin_lock_irqsave(&rcu_lock);
    struct rcu_head *done = NULL;
    struct cpumask cpus = { { 0 } };

    cpumask_clear(&cpus_awaited, arch_cpu_id());
    cpus_awaited = cpumask_and(&cpus_awaited, &arch_cpus_online);
    if (current_list != NULL && cpumask_empty(&cpus_awaited)) {
        done = current_list;
        current_list = NULL;
        cpus = grace_period_begin();
    }
    spin_unlock_irqrestore(&rcu_lock, flags);
    ask(&cpus);

    while (done != NULL) {
        struct rcu_head *head = done;

        done = head->next;
        head->fn(head);
    }
}

void rcu_init(void)
{
    softirq_register(SOFTIRQ_RCU, rcu_softirq);
}
