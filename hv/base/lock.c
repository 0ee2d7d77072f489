/* SPDX-License-Identifier: MIT */
/*
 * The part of spin locks that is not inline: pairs, and the order check of debug builds.
 *
 * Every CPU keeps the list of locks it holds. A lock taken with interrupts off is compared only
 * with held locks that were taken with interrupts off as well: the code may be an interrupt
 * handler, whose order against the code it interrupted the list cannot know. The check stops
 * for good once a panic began.
 */
#include "hv/base/lock.h"

#include "hv/base/percpu.h"
#include "hv/base/printk.h"

#ifdef DEBUG
#define LOCKS_HELD_MAX 16

struct held_lock {
    struct spinlock *lock;
    bool irqs_off;
};

struct held_locks {
    unsigned int count;
    struct held_lock lock[LOCKS_HELD_MAX];
};

static PERCPU(struct held_locks, held_locks);
static bool check_off;

static NORETURN COLD void order_broken(const struct spinlock *wanted,
                                       const struct spinlock *held)
{
    check_off = true;
    panic("lock order: level %u wanted while level %u is held", wanted->level, held->level);
}

void lock_debug_acquire(struct spinlock *l, bool pair)
{
    bool irqs_off = !arch_irq_enabled();
    unsigned long flags = arch_irq_save();
    struct held_locks *h = &this_cpu(held_locks);

    if (!READ_ONCE(check_off)) {
        for (unsigned int i = 0; i < h->count; i++) {
            const struct held_lock *other = &h->lock[i];

            if (other->lock == l || ((!irqs_off || other->irqs_off) &&
                                     (other->lock->level > l->level ||
                                      (other->lock->level == l->level && !pair)))) {
                order_broken(l, other->lock);
            }
        }
        if (h->count < LOCKS_HELD_MAX) {
            h->lock[h->count++] = (struct held_lock){ l, irqs_off };
        }
    }
    arch_irq_restore(flags);
}

void lock_debug_release(struct spinlock *l)
{
    unsigned long flags = arch_irq_save();
    struct held_locks *h = &this_cpu(held_locks);

    /* Usually the last one taken. A lock got by spin_trylock() is not listed. */
    for (unsigned int i = h->count; i-- > 0;) {
        if (h->lock[i].lock == l) {
            h->count--;
            for (; i < h->count; i++) {
                h->lock[i] = h->lock[i + 1];
            }
            break;
        }
    }
    arch_irq_restore(flags);
}

void lock_debug_stop(void)
{
    WRITE_ONCE(check_off, true);
}

unsigned int lock_debug_held(void)
{
    return this_cpu(held_locks).count;
}
#else
void lock_debug_acquire(struct spinlock *l, bool pair)
{
}

void lock_debug_release(struct spinlock *l)
{
}

void lock_debug_stop(void)
{
}

unsigned int lock_debug_held(void)
{
    return 0;
}
#endif

void spin_lock_pair(struct spinlock *a, struct spinlock *b)
{
    struct spinlock *first = a < b ? a : b;
    struct spinlock *second = a < b ? b : a;

    spin_lock(first);
    if (first != second) {
#ifdef DEBUG
        lock_debug_acquire(second, true);
#endif
        spin_lock_raw(second);
    }
}

void spin_unlock_pair(struct spinlock *a, struct spinlock *b)
{
    if (a != b) {
        spin_unlock(a);
    }
    spin_unlock(b);
}
