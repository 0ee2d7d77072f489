/* SPDX-License-Identifier: MIT */
/*
 * Softirqs and tasklets. A softirq is a bit in a CPU's word; handlers run lowest bit first, so
 * scheduling comes when the other work is done. Tasklets are one queue for the machine, run by
 * whichever CPU was asked last.
 *
 * Lock: tasklet_lock guards the queue and the queued and running marks. A tasklet scheduled
 * while it runs is queued again only when it returns, so it never runs on two CPUs at once.
 */
#include "hv/base/softirq.h"

#include "hv/base/lock.h"
#include "hv/base/printk.h"

unsigned long *softirq_words[MAX_CPUS];
static void (*handlers[SOFTIRQ_COUNT])(void);

static struct spinlock tasklet_lock = SPINLOCK_INIT(LOCK_LEAF);
static struct tasklet *tasklets_first;
static struct tasklet **tasklets_end = &tasklets_first;

void softirq_register(enum softirq nr, void (*handler)(void))
{
    handlers[nr] = handler;
}

void softirq_raise(enum softirq nr)
{
    __atomic_fetch_or(arch_softirq_word(), BIT(nr), __ATOMIC_SEQ_CST);
}

void softirq_raise_on(unsigned int cpu, enum softirq nr)
{
    if (cpu == arch_cpu_id()) {
        softirq_raise(nr);
        return;
    }
    /* Pairs with the exchange in softirq_run(): a bit that was already there has its interrupt
     * under way. */
    if (!(__atomic_fetch_or(softirq_words[cpu], BIT(nr), __ATOMIC_SEQ_CST) & BIT(nr))) {
        arch_ipi_send(cpu, ARCH_IPI_SOFTIRQ);
    }
}

void softirq_run(void)
{
    for (;;) {
        /* Looked up again each time: a handler may have moved this vcpu to another CPU. */
        unsigned long *word = arch_softirq_word();
        unsigned long pending = READ_ONCE(*word);
        unsigned int nr;

        if (pending == 0) {
            break;
        }
        nr = (unsigned int)__builtin_ctzl(pending);
        __atomic_fetch_and(word, ~BIT(nr), __ATOMIC_SEQ_CST);
        if (nr < SOFTIRQ_COUNT && handlers[nr] != NULL) {
            handlers[nr]();
        }
    }
}

static void tasklet_append(struct tasklet *t)
{
    t->next = NULL;
    *tasklets_end = t;
    tasklets_end = &t->next;
}

static void tasklet_run_one(void)
{
    unsigned long flags = spin_lock_irqsave(&tasklet_lock);
    struct tasklet *t = tasklets_first;
    bool more;

    if (t == NULL) {
        spin_unlock_irqrestore(&tasklet_lock, flags);
        return;
    }
    tasklets_first = t->next;
    if (tasklets_first == NULL) {
        tasklets_end = &tasklets_first;
    }
    t->queued = false;
    t->running = true;
    spin_unlock_irqrestore(&tasklet_lock, flags);

    t->fn(t->data);

    flags = spin_lock_irqsave(&tasklet_lock);
    t->running = false;
    if (t->queued) {
        tasklet_append(t);
    }
    more = tasklets_first != NULL;
    spin_unlock_irqrestore(&tasklet_lock, flags);
    if (more) {
        softirq_raise(SOFTIRQ_TASKLET);
    }
}

void tasklet_init(struct tasklet *t, void (*fn)(void *data), void *data)
{
    *t = (struct tasklet){ .fn = fn, .data = data };
}

void tasklet_schedule(struct tasklet *t)
{
    unsigned long flags = spin_lock_irqsave(&tasklet_lock);

    if (!t->queued) {
        t->queued = true;
        if (!t->running) {
            tasklet_append(t);
        }
    }
    spin_unlock_irqrestore(&tasklet_lock, flags);
    softirq_raise(SOFTIRQ_TASKLET);
}

void softirq_init(void)
{
    softirq_register(SOFTIRQ_TASKLET, tasklet_run_one);
}
