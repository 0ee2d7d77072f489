/* SPDX-License-Identifier: MIT */
/*
 * Timers: one pairing heap for each CPU, whose links live in the timers, so nothing is ever
 * allocated and setting costs a comparison; removing the first costs O(log n) amortised.
 *
 * Lock: timer_cpu.lock with interrupts off, for the CPU's heap and the fields of timers on it.
 * A timer's cpu changes only under the locks of both CPUs. `running` is the timer whose
 * function is being called right now; timer_kill() waits for it.
 */
#include "hv/base/timer.h"

#include "hv/base/lock.h"
#include "hv/base/percpu.h"
#include "hv/base/printk.h"
#include "hv/base/softirq.h"

#define NEVER       (~0ULL)
#define RUN_AT_MOST 64 /* timers in one softirq */

struct timer_cpu {
    struct spinlock lock;
    struct timer *first;
    struct timer *running;
};

static PERCPU(struct timer_cpu, timer_cpu);

/* ---- Pairing heap: child is the first of a chain of siblings; all are later than their
 * parent.  */
static struct timer *heap_meld(struct timer *a, struct timer *b)
{
    if (a == NULL || b == NULL) {
        return a != NULL ? a : b;
    }
    if (b->expires < a->expires) {
        struct timer *t = a;

        a = b;
        b = t;
    }
    b->prev = a;
    b->next = a->child;
    if (b->next != NULL) {
        b->next->prev = b;
    }
    a->child = b;
    return a;
}

/* Makes one heap of a chain of siblings: melds pairs left to right, then all from right to
 * left. */
static struct timer *heap_meld_chain(struct timer *chain)
{
    struct timer *pairs = NULL;
    struct timer *root = NULL;

    while (chain != NULL) {
        struct timer *a = chain;
        struct timer *b = a->next;

        chain = b != NULL ? b->next : NULL;
        a->next = NULL;
        a->prev = NULL;
        if (b != NULL) {
            b->next = NULL;
            b->prev = NULL;
        }
        a = heap_meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs != NULL) {
        struct timer *a = pairs;

        pairs = a->next;
        a->next = NULL;
        root = heap_meld(root, a);
    }
    return root;
}

static void heap_remove(struct timer_cpu *tc, struct timer *t)
{
    struct timer *rest = heap_meld_chain(t->child);

    if (tc->first == t) {
        tc->first = rest;
    } else {
        if (t->prev->child == t) {
            t->prev->child = t->next;
        } else {
            t->prev->next = t->next;
        }
        if (t->next != NULL) {
            t->next->prev = t->prev;
        }
        tc->first = heap_meld(tc->first, rest);
    }
    t->child = NULL;
    t->next = NULL;
    t->prev = NULL;
}

/* ---- Locking ----------------------------------------------------------------------------- */
static struct timer_cpu *timer_lock(struct timer *t, unsigned long *flags)
{
    *flags = arch_irq_save();
    for (;;) {
        unsigned int cpu = READ_ONCE(t->cpu);
        struct timer_cpu *tc = &per_cpu(timer_cpu, cpu);

        spin_lock(&tc->lock);
        if (t->cpu == cpu) {
            return tc;
        }
        spin_unlock(&tc->lock);
    }
}

static void timer_unlock(struct timer_cpu *tc, unsigned long flags)
{
    spin_unlock_irqrestore(&tc->lock, flags);
}

/* Queues t; the caller holds the lock of t->cpu. A new first deadline is programmed, or its CPU
 * told. */
static void timer_queue(struct timer_cpu *tc, struct timer *t)
{
    t->state = TIMER_PENDING;
    tc->first = heap_meld(tc->first, t);
    if (tc->first == t) {
        if (t->cpu == arch_cpu_id()) {
            arch_clock_set_timer(t->expires);
        } else {
            softirq_raise_on(t->cpu, SOFTIRQ_TIMER);
        }
    }
}

/* ---- Interface --------------------------------------------------------------------------- */
void timer_init(struct timer *t, void (*fn)(void *data), void *data, unsigned int cpu)
{
    *t = (struct timer){ .fn = fn, .data = data, .cpu = cpu, .state = TIMER_INACTIVE };
}

void timer_set(struct timer *t, uint64_t expires)
{
    unsigned long flags;
    struct timer_cpu *tc = timer_lock(t, &flags);

    if (t->state == TIMER_PENDING && t->child == NULL && t != tc->first &&
        expires >= t->expires) {
        t->expires = expires; /* a leaf that becomes later stays where it is */
    } else if (t->state != TIMER_DEAD) {
        if (t->state == TIMER_PENDING) {
            heap_remove(tc, t);
        }
        t->expires = expires;
        timer_queue(tc, t);
    }
    timer_unlock(tc, flags);
}

void timer_stop(struct timer *t)
{
    unsigned long flags;
    struct timer_cpu *tc = timer_lock(t, &flags);

    if (t->state == TIMER_PENDING) {
        heap_remove(tc, t);
        t->state = TIMER_INACTIVE;
    }
    timer_unlock(tc, flags);
}

void timer_migrate(struct timer *t, unsigned int cpu)
{
    unsigned long flags = arch_irq_save();
    struct timer_cpu *to = &per_cpu(timer_cpu, cpu);
    struct timer_cpu *from;

    /* Both locks, so nobody sees the timer half way; try again when it moved meanwhile. */
    for (;;) {
        unsigned int old = READ_ONCE(t->cpu);

        from = &per_cpu(timer_cpu, old);
        spin_lock_pair(&from->lock, &to->lock);
        if (t->cpu == old) {
            break;
        }
        spin_unlock_pair(&from->lock, &to->lock);
    }
    if (from != to) {
        WRITE_ONCE(t->cpu, cpu);
        if (t->state == TIMER_PENDING) {
            heap_remove(from, t);
            timer_queue(to, t);
        }
    }
    spin_unlock_pair(&from->lock, &to->lock);
    arch_irq_restore(flags);
}

void timer_kill(struct timer *t)
{
    unsigned long flags;
    struct timer_cpu *tc = timer_lock(t, &flags);
    unsigned int self = arch_cpu_id();
    unsigned int cpu;

    if (t->state == TIMER_PENDING) {
        heap_remove(tc, t);
    }
    t->state = TIMER_DEAD;
    timer_unlock(tc, flags);

    /* It may be running on a CPU it has since been moved away from. */
    cpumask_for_each(cpu, &arch_cpus_online) {
        while (cpu != self && READ_ONCE(per_cpu(timer_cpu, cpu).running) == t) {
            arch_relax();
        }
    }
}

bool timer_is_pending(const struct timer *t)
{
    return READ_ONCE(t->state) == TIMER_PENDING;
}

/* Runs what is due as of entry, but not without end: should timers keep setting themselves to
 * times already past, the clock interrupts again at once and other work comes in between. */
static void timer_softirq(void)
{
    struct timer_cpu *tc = &this_cpu(timer_cpu);
    uint64_t now = arch_clock_now();
    unsigned long flags = spin_lock_irqsave(&tc->lock);

    for (unsigned int i = 0; i < RUN_AT_MOST && tc->first != NULL && tc->first->expires <= now;
         i++) {
        struct timer *t = tc->first;

        heap_remove(tc, t);
        t->state = TIMER_INACTIVE;
        WRITE_ONCE(tc->running, t);
        spin_unlock_irqrestore(&tc->lock, flags);
        t->fn(t->data);
        flags = spin_lock_irqsave(&tc->lock);
        WRITE_ONCE(tc->running, NULL);
    }
    arch_clock_set_timer(tc->first != NULL ? tc->first->expires : NEVER);
    spin_unlock_irqrestore(&tc->lock, flags);
}

/* The timer after t in a walk over the heap, parents before children; NULL at the end. */
static const struct timer *timer_walk(const struct timer *t)
{
    if (t->child != NULL) {
        return t->child;
    }
    while (t != NULL && t->next == NULL) {
        while (t->prev != NULL && t->prev->child != t) {
            t = t->prev;
        }
        t = t->prev;
    }
    return t != NULL ? t->next : NULL;
}

void timer_dump(void)
{
    uint64_t now = arch_clock_now();
    unsigned int cpu;

    cpumask_for_each(cpu, &arch_cpus_online) {
        struct timer_cpu *tc = &per_cpu(timer_cpu, cpu);
        unsigned long flags = spin_lock_irqsave(&tc->lock);

        printk("CPU%u:\n", cpu);
        for (const struct timer *t = tc->first; t != NULL; t = timer_walk(t)) {
            printk("  ex=%12lldus fn=%ps(%p)\n", (long long)(t->expires - now) / 1000,
                   (const void *)(unsigned long)t->fn, t->data);
        }
        spin_unlock_irqrestore(&tc->lock, flags);
    }
}

void timer_init_cpu(unsigned int cpu)
{
    struct timer_cpu *tc = &per_cpu(timer_cpu, cpu);

    spin_init(&tc->lock, LOCK_TIMER);
    tc->first = NULL;
    tc->running = NULL;
}

void timer_init_module(void)
{
    softirq_register(SOFTIRQ_TIMER, timer_softirq);
    timer_init_cpu(arch_cpu_id());
}
