/* SPDX-License-Identifier: MIT */
/*
 * Freeing what other CPUs may still be looking at. A reader needs nothing: the hypervisor is not
 * preemptible, so any stretch of code without softirq_run() is a read section. rcu_call() runs fn after
 * every online CPU has passed through softirq_run() once.
 */
#ifndef HV_BASE_RCU_H
#define HV_BASE_RCU_H

#include "hv/arch_cpu.h"

struct rcu_head {
    struct rcu_head *next;
    void (*fn)(struct rcu_head *head);
};

void rcu_call(struct rcu_head *head, void (*fn)(struct rcu_head *head));
void rcu_init(void);
/* Readers written as such, for the eye: */
static inline void rcu_read_lock(void)
{
    barrier();
}
static inline void rcu_read_unlock(void)
{
    barrier();
}

#endif
