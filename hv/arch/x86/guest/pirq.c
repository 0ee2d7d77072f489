/* SPDX-License-Identifier: MIT */
/* See pirq.h. Locks: pirq_lock (LOCK_PIRQ) for all mappings and sharing; handlers touch only atomics. */
#include "hv/arch/x86/guest/pirq.h"

#include "hv/arch/x86/cpu/ioapic.h"
#include "hv/arch/x86/cpu/irq.h"
#include "hv/arch/x86/guest/guest.h"
#include "hv/base/softirq.h"
#include "hv/core/arch_guest.h"
#include "hv/core/evtchn.h"
#include "hv/drivers/msi.h"
#include "hv/mm/heap.h"

#define SHARERS_MAX 7

struct pirq {
    struct domain *domain;
    struct tasklet tasklet;
    int irq; /* -1: not mapped */
    bool msi;
    bool bound;
    bool share;
    evtchn_port_t port;
    bool queued;      /* atomic: the tasklet holds a domain reference */
    bool waiting_eoi; /* atomic: delivered, level, not yet EOIed */
};

struct pirq_table {
    unsigned int count;
    struct pirq pirq[];
};

/* Guests bound to one irq; data of the irq's handler. */
struct sharers {
    unsigned int count;
    unsigned int waiting; /* atomic: EOIs still due */
    struct pirq *pirq[SHARERS_MAX];
};
static struct sharers sharers[IRQ_MAX];
static struct spinlock pirq_lock = SPINLOCK_INIT(LOCK_PIRQ);

static struct pirq *pirq_of(const struct domain *d, unsigned int pirq)
{
    struct pirq_table *t = d->arch->pirqs;

    return t != NULL && pirq < t->count ? &t->pirq[pirq] : NULL;
}

unsigned int arch_pirq_count(struct domain *d)
{
    return d->arch->pirqs == NULL ? 0 : d->arch->pirqs->count;
}

/* ---- delivery -------------------------------------------------------------------------------- */

static void deliver(void *data)
{
    struct pirq *p = data;
    struct domain *d = p->domain;

    __atomic_store_n(&p->queued, false, __ATOMIC_SEQ_CST);
    if (READ_ONCE(p->bound)) {
        evtchn_send_pirq(d, READ_ONCE(p->port));
    }
    domain_put(d);
}

static void interrupt(unsigned int irq, void *data)
{
    struct sharers *s = data;

    if (irq_descs[irq].level) {
        __atomic_store_n(&s->waiting, s->count, __ATOMIC_SEQ_CST);
    }
    for (unsigned int i = 0; i < s->count; i++) {
        struct pirq *p = s->pirq[i];

        __atomic_store_n(&p->waiting_eoi, irq_descs[irq].level, __ATOMIC_SEQ_CST);
        if (!__atomic_exchange_n(&p->queued, true, __ATOMIC_SEQ_CST)) {
            if (domain_get_ref(p->domain)) {
                tasklet_schedule(&p->tasklet);
            }
        }
    }
}

static void eoi(struct pirq *p)
{
    if (__atomic_exchange_n(&p->waiting_eoi, false, __ATOMIC_SEQ_CST) &&
        __atomic_sub_fetch(&sharers[p->irq].waiting, 1, __ATOMIC_SEQ_CST) == 0) {
        irq_unmask((unsigned int)p->irq);
    }
}

void arch_pirq_eoi(struct domain *d, unsigned int pirq)
{
    struct pirq *p = pirq_of(d, pirq);

    if (p != NULL && p->irq >= 0 && p->bound) {
        eoi(p);
    }
}

/* ---- binding --------------------------------------------------------------------------------- */

static void eoi_map_update(struct domain *d, unsigned int pirq)
{
    struct pirq *p = pirq_of(d, pirq);

    if (d->arch->pirq_eoi == NULL || pirq >= 8 * PAGE_SIZE) {
        return;
    }
    if (p->irq >= 0 && p->bound && irq_descs[p->irq].level) {
        bit_set_atomic(d->arch->pirq_eoi, pirq);
    } else {
        bit_clear_atomic(d->arch->pirq_eoi, pirq);
    }
}

void pirq_fill_eoi_map(struct domain *d)
{
    for (unsigned int i = 0; i < arch_pirq_count(d); i++) {
        eoi_map_update(d, i);
    }
}

static int add_sharer(struct pirq *p)
{
    struct sharers *s = &sharers[p->irq];
    struct irq_desc *desc = &irq_descs[p->irq];
    unsigned long flags;
    int rc = 0;

    if (s->count == 0) {
        s->pirq[0] = p;
        s->count = 1;
        rc = irq_request((unsigned int)p->irq, interrupt, s);
        if (rc != 0) {
            s->count = 0;
            return rc;
        }
        irq_unmask((unsigned int)p->irq);
        return 0;
    }
    if (!p->share || !s->pirq[0]->share || s->count == SHARERS_MAX) {
        return -EBUSY;
    }
    flags = spin_lock_irqsave(&desc->lock);
    s->pirq[s->count++] = p;
    spin_unlock_irqrestore(&desc->lock, flags);
    return rc;
}

static void remove_sharer(struct pirq *p)
{
    struct sharers *s = &sharers[p->irq];
    struct irq_desc *desc = &irq_descs[p->irq];
    unsigned long flags;

    if (s->count == 1) {
        irq_release((unsigned int)p->irq);
        s->count = 0;
        return;
    }
    flags = spin_lock_irqsave(&desc->lock);
    for (unsigned int i = 0; i < s->count; i++) {
        if (s->pirq[i] == p) {
            s->pirq[i] = s->pirq[--s->count];
            break;
        }
    }
    spin_unlock_irqrestore(&desc->lock, flags);
    eoi(p);
}

int arch_pirq_bind(struct vcpu *v, unsigned int pirq, evtchn_port_t port, bool share)
{
    struct pirq *p = pirq_of(v->domain, pirq);
    int rc = -EINVAL;

    if (p == NULL) {
        return -EINVAL;
    }
    spin_lock(&pirq_lock);
    if (p->irq >= 0) {
        rc = p->bound ? -EEXIST : 0;
    }
    if (rc == 0) {
        p->port = port;
        p->share = share;
        p->bound = true;
        rc = add_sharer(p);
        p->bound = rc == 0;
        eoi_map_update(v->domain, pirq);
    }
    spin_unlock(&pirq_lock);
    return rc;
}

static void unbind_locked(struct pirq *p)
{
    if (p->bound) {
        p->bound = false;
        remove_sharer(p);
        p->waiting_eoi = false;
    }
}

void arch_pirq_unbind(struct domain *d, unsigned int pirq)
{
    struct pirq *p = pirq_of(d, pirq);

    if (p == NULL) {
        return;
    }
    spin_lock(&pirq_lock);
    unbind_locked(p);
    eoi_map_update(d, pirq);
    spin_unlock(&pirq_lock);
}

/* Without the lock: a mapping that goes meanwhile leaves an interrupt without a chip, which irq_set_cpu() lets be.
 * An interrupt that several guests share stays where it is. */
void arch_pirq_set_cpu(struct domain *d, unsigned int pirq, unsigned int cpu)
{
    struct pirq *p = pirq_of(d, pirq);
    int irq = p != NULL ? READ_ONCE(p->irq) : -1;

    if (irq >= 0 && READ_ONCE(sharers[irq].count) < 2 && cpumask_test(&arch_cpus_online, cpu)) {
        irq_set_cpu((unsigned int)irq, cpu);
    }
}

/* ---- mapping --------------------------------------------------------------------------------- */

int pirq_irq(const struct domain *d, unsigned int pirq)
{
    const struct pirq *p = pirq_of(d, pirq);

    return p == NULL || p->irq < 0 ? -EINVAL : p->irq;
}

bool pirq_needs_eoi(const struct domain *d, unsigned int pirq, bool *shared)
{
    const struct pirq *p = pirq_of(d, pirq);

    *shared = false;
    if (p == NULL || p->irq < 0) {
        return false;
    }
    *shared = sharers[p->irq].count > 1;
    return irq_descs[p->irq].level;
}

int pirq_free_number(const struct domain *d, bool msi)
{
    struct pirq_table *t = d->arch->pirqs;
    unsigned int gsis = irq_gsi_count();

    if (t == NULL) {
        return -ENOSPC;
    }
    for (unsigned int i = t->count; msi && i-- > gsis;) {
        if (t->pirq[i].irq < 0) {
            return (int)i;
        }
    }
    for (unsigned int i = 16; !msi && i < MIN(gsis, t->count); i++) {
        if (t->pirq[i].irq < 0) {
            return (int)i;
        }
    }
    return -ENOSPC;
}

int pirq_map(struct domain *d, int pirq, unsigned int irq, bool msi)
{
    struct pirq *p;
    int rc;

    spin_lock(&pirq_lock);
    if (pirq < 0) {
        pirq = msi ? pirq_free_number(d, true) : (int)irq;
    }
    p = pirq < 0 ? NULL : pirq_of(d, (unsigned int)pirq);
    if (p == NULL) {
        rc = pirq < 0 ? pirq : -EINVAL;
    } else if (p->irq >= 0) {
        rc = p->irq == (int)irq ? pirq : -EEXIST;
    } else {
        p->irq = (int)irq;
        p->msi = msi;
        rc = pirq;
    }
    spin_unlock(&pirq_lock);
    return rc;
}

static void unmap_locked(struct pirq *p)
{
    unsigned int irq = (unsigned int)p->irq;

    unbind_locked(p);
    p->irq = -1;
    if (p->msi) {
        msi_release(irq);
    }
}

int pirq_unmap(struct domain *d, unsigned int pirq)
{
    struct pirq *p = pirq_of(d, pirq);
    int rc = -EINVAL;

    if (p == NULL) {
        return -EINVAL;
    }
    spin_lock(&pirq_lock);
    if (p->irq >= 0) {
        unmap_locked(p);
        rc = 0;
    }
    spin_unlock(&pirq_lock);
    return rc;
}

/* ---- domains --------------------------------------------------------------------------------- */

int pirq_domain_init(struct domain *d)
{
    unsigned int count = irq_gsi_count() + (d->id == 0 ? PIRQ_MSI_EXTRA : 32);
    struct pirq_table *t = heap_alloc(sizeof(*t) + count * sizeof(t->pirq[0]));

    if (t == NULL) {
        return -ENOMEM;
    }
    t->count = count;
    for (unsigned int i = 0; i < count; i++) {
        t->pirq[i].domain = d;
        t->pirq[i].irq = -1;
        tasklet_init(&t->pirq[i].tasklet, deliver, &t->pirq[i]);
    }
    d->arch->pirqs = t;
    return 0;
}

void pirq_domain_relinquish(struct domain *d)
{
    struct pirq_table *t = d->arch->pirqs;

    if (d->arch->pirq_eoi != NULL) {
        d->arch->pirq_eoi = NULL;
        arch_put_gfn(frame_of(d->arch->pirq_eoi_mfn), true);
    }

    for (unsigned int i = 0; t != NULL && i < t->count; i++) {
        (void)!pirq_unmap(d, i);
    }
}

void pirq_domain_exit(struct domain *d)
{
    heap_free(d->arch->pirqs);
    d->arch->pirqs = NULL;
}
