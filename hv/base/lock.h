/* SPDX-License-Identifier: MIT */
/*
 * Spin locks (fair, ticketed) with an order that debug builds check: a CPU may take a lock only when its
 * level is higher than every level it holds. Equal levels are an error unless taken by
 * spin_lock_pair(), which orders by address.
 *
 * The levels are the whole truth about lock order; docs/locks.md says what each guards.
 */
#ifndef HV_BASE_LOCK_H
#define HV_BASE_LOCK_H

#include "hv/arch_cpu.h"

enum lock_level {
    LOCK_DOMAIN_CONTROL = 10, /* domctl: one control operation at a time */
    LOCK_DOMAIN_LIST = 20,
    LOCK_DOMAIN = 30,         /* struct domain: life cycle */
    LOCK_ARCH_DOMAIN = 40,    /* page-table operations of a PV domain */
    LOCK_GRANT = 50,          /* a grant table; two by address order */
    LOCK_GRANT_MAPTRACK = 52,
    LOCK_EVTCHN_DOMAIN = 60,  /* allocation and binding of ports */
    LOCK_PIRQ = 65,
    LOCK_EVTCHN_FIFO = 75,
    LOCK_RIGHTS = 80,
    LOCK_P2M = 85,            /* the tables of a translated domain */
    LOCK_OWNER = 90,          /* a domain's frame list and totals */
    LOCK_HEAP_PAGES = 100,
    LOCK_HEAP = 98,
    LOCK_SCHED = 110,         /* run queues; two by address order */
    LOCK_TIMER = 120,
    LOCK_IRQ = 130,
    LOCK_APIC = 140,
    LOCK_TLB_FLUSH = 150,
    LOCK_RCU = 160,
    LOCK_CONSOLE = 200,
    LOCK_LEAF = 210           /* anything that takes no other lock */
};

struct spinlock {
    uint16_t next;   /* ticket the next caller gets */
    uint16_t owner;  /* ticket being served */
    uint16_t level;
    uint16_t holder; /* CPU + 1, debug builds */
};

#define SPINLOCK_INIT(lvl) { .level = (lvl) }

static inline void spin_init(struct spinlock *l, enum lock_level level)
{
    *l = (struct spinlock)SPINLOCK_INIT(level);
}

void lock_debug_acquire(struct spinlock *l, bool pair);
void lock_debug_release(struct spinlock *l);
void lock_debug_stop(void);         /* no more checks: a panic began */
unsigned int lock_debug_held(void); /* how many locks this CPU holds; 0 in release builds */

static inline void spin_lock_raw(struct spinlock *l)
{
    uint16_t mine = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

    while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != mine) {
        arch_relax();
    }
}

static inline void spin_lock(struct spinlock *l)
{
#ifdef DEBUG
    lock_debug_acquire(l, false);
#endif
    spin_lock_raw(l);
}

static inline void spin_unlock(struct spinlock *l)
{
#ifdef DEBUG
    lock_debug_release(l);
#endif
    __atomic_store_n(&l->owner, (uint16_t)(l->owner + 1), __ATOMIC_RELEASE);
}

static inline bool spin_trylock(struct spinlock *l)
{
    uint16_t owner = __atomic_load_n(&l->owner, __ATOMIC_RELAXED);
    uint16_t expected = owner;

    return __atomic_compare_exchange_n(&l->next, &expected, (uint16_t)(owner + 1), false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline bool spin_is_locked(const struct spinlock *l)
{
    return READ_ONCE(l->next) != READ_ONCE(l->owner);
}

static inline unsigned long spin_lock_irqsave(struct spinlock *l)
{
    unsigned long flags = arch_irq_save();

    spin_lock(l);
    return flags;
}

static inline void spin_unlock_irqrestore(struct spinlock *l, unsigned long flags)
{
    spin_unlock(l);
    arch_irq_restore(flags);
}

/* Takes two locks of one level in address order; a == b takes it once. */
void spin_lock_pair(struct spinlock *a, struct spinlock *b);
void spin_unlock_pair(struct spinlock *a, struct spinlock *b);

#endif
