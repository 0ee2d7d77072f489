/* SPDX-License-Identifier: MIT */
/*
 * Work put off to the moment before a CPU returns to a guest or idles: no lock held, interrupts on.
 * Raising is one bit in the CPU's word; the exit path tests that word and calls softirq_run().
 */
#ifndef HV_BASE_SOFTIRQ_H
#define HV_BASE_SOFTIRQ_H

#include "hv/arch_cpu.h"

enum softirq {
    SOFTIRQ_TIMER,
    SOFTIRQ_RCU,
    SOFTIRQ_TASKLET,
    SOFTIRQ_FRAMES,   /* freed pages wait for a TLB flush: no reason to preempt a hypercall */
    SOFTIRQ_LOG,      /* the log ring has news: neither is this */
    SOFTIRQ_SCHEDULE, /* last: it may switch to another vcpu */
    SOFTIRQ_COUNT
};

void softirq_register(enum softirq nr, void (*handler)(void));
void softirq_raise(enum softirq nr);
void softirq_raise_on(unsigned int cpu, enum softirq nr);
/* Runs all pending handlers until none is left. Called by exit paths and the idle loop. */
void softirq_run(void);
static inline bool softirq_pending(void)
{
    return READ_ONCE(*arch_softirq_word()) != 0;
}
/* Something waits that a long operation should give way to. */
static inline bool softirq_urgent(void)
{
    return (READ_ONCE(*arch_softirq_word()) & ~(BIT(SOFTIRQ_FRAMES) | BIT(SOFTIRQ_LOG))) != 0;
}

/* A function to be called once, soon, in softirq context of some CPU; scheduling twice runs it once. */
struct tasklet {
    struct tasklet *next;
    void (*fn)(void *data);
    void *data;
    bool queued;
    bool running;
};
void tasklet_init(struct tasklet *t, void (*fn)(void *data), void *data);
void tasklet_schedule(struct tasklet *t);
/* Sets up this module: handlers of SOFTIRQ_TASKLET. */
void softirq_init(void);
/* How a CPU's softirq word is reached from another CPU; arch sets it when a CPU comes up. */
extern unsigned long *softirq_words[MAX_CPUS];

#endif
