/* SPDX-License-Identifier: MIT */
/*
 * One-shot timers, an intrusive heap for each CPU, run in SOFTIRQ_TIMER context (no lock held, interrupts on).
 *
 * A timer's function may set the timer again. timer_kill() returns only when the function is not running
 * and will not run. Times are ns of arch_clock_now().
 */
#ifndef HV_BASE_TIMER_H
#define HV_BASE_TIMER_H

#include "hv/arch_cpu.h"

enum timer_state { TIMER_DEAD, TIMER_INACTIVE, TIMER_PENDING };

struct timer {
    uint64_t expires;
    void (*fn)(void *data);
    void *data;
    /* under the CPU's timer lock: links of an intrusive pairing heap (no allocation, ever) */
    struct timer *child;
    struct timer *next;
    struct timer *prev; /* previous sibling, or parent for a first child */
    unsigned int cpu;
    uint8_t state; /* enum timer_state */
};

void timer_init(struct timer *t, void (*fn)(void *data), void *data, unsigned int cpu);
void timer_set(struct timer *t, uint64_t expires);
void timer_stop(struct timer *t);
/* Moves the timer to another CPU, pending or not. */
void timer_migrate(struct timer *t, unsigned int cpu);
void timer_kill(struct timer *t);
bool timer_is_pending(const struct timer *t);

/* Debug key a: all pending timers. */
void timer_dump(void);

void timer_init_module(void);
/* Readies a CPU that is coming up. */
void timer_init_cpu(unsigned int cpu);

#endif
