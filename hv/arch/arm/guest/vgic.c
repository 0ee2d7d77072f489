/* SPDX-License-Identifier: MIT */
/*
 * Virtual interrupts and list registers. See vgic.h.
 *
 * A virq is in at most one place: its vcpu's waiting list (pending, enabled, no list register) or a list register
 * (whose state is then the truth; `pending` beside it means once more). All are edges: a level of a hardware
 * interrupt stays with the hardware, which is active until the guest deactivates it through its list register.
 *
 * Lock: vgic.lock, with interrupts off; vcpus are kicked after it is dropped.
 */
#include "hv/arch/arm/guest/vgic.h"

#include "hv/arch_cpu.h"
#include "hv/base/percpu.h"
#include "hv/base/printk.h"
#include "hv/core/sched.h"
#include "hv/lib/string.h"
#include "hv/mm/heap.h"

static struct spinlock config_lock = SPINLOCK_INIT(LOCK_LEAF);
static struct domain *irq_owner[GIC_IRQ_MAX]; /* of hardware interrupts; set before their guest runs */
static PERCPU(uint32_t, lr_left);             /* list registers that the last vcpu here did not clear */

struct virq *vgic_find(struct vcpu *v, unsigned int irq)
{
    struct vgic *g = &v->domain->arch->vgic;

    if (irq < VIRQ_LOCALS) {
        return &v->arch->vgic.local[irq];
    }
    irq -= VIRQ_LOCALS;
    return irq < g->spi_count ? &g->spis[irq] : NULL;
}

/* ---- birth ------------------------------------------------------------------------------------ */

static void virq_init(struct virq *q, unsigned int id, struct vcpu *target)
{
    *q = (struct virq){ .id = (uint16_t)id, .lr = VIRQ_NO_LR, .edge = id < 16, .target = target };
    list_init(&q->link);
}

int vgic_domain_init(struct domain *d, unsigned int spi_count)
{
    struct vgic *g = &d->arch->vgic;

    spin_init(&g->lock, LOCK_IRQ);
    g->version = gic->version;
    g->spi_count = spi_count;
    if (spi_count == 0) {
        return 0;
    }
    g->spis = heap_alloc_array(spi_count, sizeof(g->spis[0]));
    if (g->spis == NULL) {
        return -ENOMEM;
    }
    for (unsigned int i = 0; i < spi_count; i++) {
        virq_init(&g->spis[i], i + VIRQ_LOCALS, NULL);
    }
    return 0;
}

void vgic_release_irqs(struct domain *d)
{
    for (unsigned int i = GIC_SPI_FIRST; i < GIC_IRQ_MAX; i++) {
        if (irq_owner[i] == d) {
            WRITE_ONCE(irq_owner[i], NULL);
            gic_let_go(i);
        }
    }
}

void vgic_domain_exit(struct domain *d)
{
    struct vgic *g = &d->arch->vgic;

    vgic_release_irqs(d); /* of one that never ran */
    heap_free(g->spis);
    g->spis = NULL;
}

void vgic_vcpu_init(struct vcpu *v)
{
    struct vgic_vcpu *vg = &v->arch->vgic;

    list_init(&vg->waiting);
    for (unsigned int i = 0; i < VIRQ_LOCALS; i++) {
        virq_init(&vg->local[i], i, v);
        vg->local[i].enabled = i < 16;
    }
}

void vgic_vcpu_reset(struct vcpu *v)
{
    struct vgic_vcpu *vg = &v->arch->vgic;
    struct vgic *g = &v->domain->arch->vgic;
    unsigned long flags = spin_lock_irqsave(&g->lock);

    for (unsigned int i = 0; i < VIRQ_LOCALS; i++) {
        list_del(&vg->local[i].link);
        virq_init(&vg->local[i], i, v);
        vg->local[i].enabled = i < 16;
    }
    for (unsigned int i = 0; i < gic_machine.lr_count; i++) {
        if ((vg->lr_used & BIT(i)) && vg->lr_virq[i] >= VIRQ_LOCALS) {
            struct virq *q = vgic_find(v, vg->lr_virq[i]);

            q->lr = VIRQ_NO_LR;
            q->deactivate = false;
            q->withdraw = false;
            if (q->hw_irq != 0) {
                gic->deactivate(q->hw_irq);
            }
        }
        vg->lr[i] = 0;
        if (vg->loaded) {
            gic->lr_write(i, 0);
        }
    }
    vg->lr_used = 0;
    vg->hw = (struct gic_vcpu_state){ 0 };
    spin_unlock_irqrestore(&g->lock, flags);
}

int vgic_route(struct domain *d, unsigned int irq)
{
    struct vgic *g = &d->arch->vgic;

    if (irq < VIRQ_LOCALS || irq - VIRQ_LOCALS >= g->spi_count || gic_is_ours(irq) ||
        irq_owner[irq] != NULL) {
        return -EBUSY;
    }
    irq_owner[irq] = d;
    g->spis[irq - VIRQ_LOCALS].hw_irq = (uint16_t)irq;
    return 0;
}

/* ---- waiting ---------------------------------------------------------------------------------- */

/* Under the lock: a place by priority, behind those of the same. */
static void wait_insert(struct vcpu *v, struct virq *q)
{
    struct vgic_vcpu *vg = &v->arch->vgic;
    struct virq *at;

    list_for_each_entry (at, &vg->waiting, link) {
        if (at->priority > q->priority) {
            break;
        }
    }
    list_add_tail(&q->link, &at->link);
    q->listed = true;
}

static void wait_remove(struct virq *q)
{
    list_del(&q->link);
    q->listed = false;
}

static void kick(struct vcpu *v)
{
    smp_mb(); /* what waits is seen before VCPU_BLOCKED is looked at: pairs with vcpu_block() */
    if (v != current_vcpu() && READ_ONCE(v->is_running)) {
        arch_ipi_send(READ_ONCE(v->processor), ARCH_IPI_SOFTIRQ);
    }
    vcpu_unblock(v);
}

/* Drops the lock, and kicks whom what was done under it concerns, if it is anybody. */
static void unlock_and_kick(struct vgic *g, unsigned long flags, struct vcpu *v)
{
    spin_unlock_irqrestore(&g->lock, flags);
    if (v != NULL) {
        kick(v);
    }
}

static struct vcpu *target_of(struct domain *d, const struct virq *q)
{
    return q->target != NULL ? q->target : d->vcpu[0];
}

/* Under the lock: who has it in a list register is to look at it anew, and to be kicked; NULL: nobody. */
static struct vcpu *ask_holder(const struct virq *q)
{
    struct vcpu *holder = q->lr != VIRQ_NO_LR ? q->holder : NULL;

    if (holder != NULL) {
        __atomic_store_n(&holder->arch->exit_work, 1, __ATOMIC_SEQ_CST);
    }
    return holder;
}

/*
 * Under the lock: an interrupt that pends goes where it belongs: its holder turns the list register to pending again,
 * or it waits for its target. Returns whom to kick.
 */
static NOINLINE struct vcpu *queue(struct domain *d, struct virq *q)
{
    struct vcpu *v = ask_holder(q);

    if (v != NULL || !q->pending || !q->enabled || q->listed) {
        return v;
    }
    v = target_of(d, q);
    wait_insert(v, q);
    __atomic_store_n(&v->arch->exit_work, 1, __ATOMIC_SEQ_CST);
    return v;
}

/* Under the lock; loaded: v runs here, else its list registers are in memory. */
static ALWAYS_INLINE void lr_fill(struct vcpu *v, unsigned int i, struct virq *q, bool loaded)
{
    struct vgic_vcpu *vg = &v->arch->vgic;

    q->lr_source = 0;
    if (q->source != 0) { /* one list register at a time: the others follow */
        q->lr_source = (uint8_t)__builtin_ctz(q->source);
        q->source &= (uint16_t)(q->source - 1);
    }
    q->pending = q->source != 0;
    q->holder = v;
    q->lr = (uint8_t)i;
    vg->lr_used |= 1U << i;
    vg->lr_virq[i] = q->id;
    if (loaded) {
        gic->lr_fill(i, q->id, q->priority, q->hw_irq, q->lr_source, q->pending);
    } else {
        vg->lr[i] = gic->lr_make(q->id, q->priority, q->hw_irq, q->lr_source, q->pending);
    }
}

/* Into the list register it had last, or into one nobody has. False: it is not that simple, or others wait. */
static ALWAYS_INLINE bool lr_put(struct vcpu *v, struct virq *q, bool loaded)
{
    struct vgic_vcpu *vg = &v->arch->vgic;
    unsigned int i = q->lr;

    if (!list_empty(&vg->waiting) || vg->again || !q->enabled || !v->domain->arch->vgic.enabled ||
        !v->arch->online) {
        return false;
    }
    if (i == VIRQ_NO_LR) {
        uint32_t unused = ~vg->lr_used & ((1U << gic_machine.lr_count) - 1);

        if (unused == 0) {
            return false;
        }
        i = (unsigned int)__builtin_ctz(unused);
    } else if (q->holder != v || q->deactivate || q->withdraw) {
        return false;
    } else {
        uint64_t raw = loaded ? gic->lr_read(i) : vg->lr[i];

        if ((raw & gic->lr_pending) != 0 && q->source == 0) {
            q->pending = false; /* it pends already */
            return true;
        }
        if ((raw & (gic->lr_pending | gic->lr_active)) != 0) {
            return false;
        }
    }
    lr_fill(v, i, q, loaded);
    return true;
}

/* For a vcpu that runs nowhere: what vgic_save() wrote is seen, and vgic_load() waits for the lock. */
static NOINLINE bool lr_put_saved(struct vcpu *v, struct virq *q)
{
    return !__atomic_load_n(&v->arch->vgic.loaded, __ATOMIC_ACQUIRE) && lr_put(v, q, false);
}

/* Under the lock, the short way of an interrupt of a vcpu that runs here or nowhere. */
static bool put(struct vcpu *v, struct virq *q)
{
    return v == current_vcpu() && v->arch->vgic.loaded ? lr_put(v, q, true) : lr_put_saved(v, q);
}

/* source: bits of the CPUs that sent a GICv2's SGI. */
static void make_pending(struct domain *d, struct virq *q, uint16_t source)
{
    struct vgic *g = &d->arch->vgic;
    unsigned long flags = spin_lock_irqsave(&g->lock);

    struct vcpu *v = target_of(d, q);

    q->pending = true;
    q->source |= source;
    if (put(v, q)) {
        spin_unlock_irqrestore(&g->lock, flags);
        vcpu_unblock(v); /* it may sleep; if it is not loaded, vgic_save() came after its VCPU_BLOCKED */
    } else {
        unlock_and_kick(g, flags, queue(d, q));
    }
}

void vgic_inject(struct vcpu *v, unsigned int irq)
{
    struct virq *q = vgic_find(v, irq);

    if (q != NULL) {
        make_pending(v->domain, q, 0);
    }
}

void vgic_inject_spi(struct domain *d, unsigned int irq)
{
    if (irq - VIRQ_LOCALS < d->arch->vgic.spi_count) {
        make_pending(d, &d->arch->vgic.spis[irq - VIRQ_LOCALS], 0);
    }
}

void upcall_guest_irq(unsigned int irq)
{
    struct domain *d = READ_ONCE(irq_owner[irq]);

    if (d != NULL) {
        vgic_inject_spi(d, irq);
    } else {
        gic->enable(irq, false);
        gic->deactivate(irq);
    }
}

void vgic_send_sgi(struct vcpu *to, unsigned int sgi, uint16_t source)
{
    make_pending(to->domain, &to->arch->vgic.local[sgi], source);
}

/* ---- changes by the emulated registers -------------------------------------------------------- */

void vgic_enable(struct virq *q, struct vcpu *v, bool on)
{
    struct vgic *g = &v->domain->arch->vgic;
    unsigned long flags = spin_lock_irqsave(&g->lock);
    bool changed = q->enabled != on;

    q->enabled = on;
    if (!on && q->listed) {
        wait_remove(q);
    }
    if (changed && q->hw_irq != 0) {
        if (on) {
            gic->set_cpu(q->hw_irq, READ_ONCE(target_of(v->domain, q)->processor));
        }
        gic->enable(q->hw_irq, on);
    }
    unlock_and_kick(g, flags, queue(v->domain, q));
}

void vgic_set_pending(struct virq *q, struct vcpu *v, bool on)
{
    if (on) {
        make_pending(v->domain, q, 0);
    } else {
        vgic_clear_sources(q, v, UINT16_MAX);
    }
}

void vgic_set_sources(struct virq *q, struct vcpu *v, uint16_t sources)
{
    make_pending(v->domain, q, sources);
}

void vgic_clear_sources(struct virq *q, struct vcpu *v, uint16_t sources)
{
    struct vgic *g = &v->domain->arch->vgic;
    unsigned long flags = spin_lock_irqsave(&g->lock);
    struct vcpu *holder = (sources >> q->lr_source & 1) != 0 ? ask_holder(q) : NULL;

    q->source &= (uint16_t)~sources;
    if (q->source == 0) {
        if (q->pending && q->hw_irq != 0 && q->lr == VIRQ_NO_LR) {
            gic->deactivate(q->hw_irq); /* no list register will */
        }
        q->pending = false;
        if (q->listed) {
            wait_remove(q);
        }
    }
    q->withdraw |= holder != NULL;
    unlock_and_kick(g, flags, holder);
}

void vgic_set_target(struct domain *d, struct virq *q, struct vcpu *target)
{
    struct vgic *g = &d->arch->vgic;
    unsigned long flags = spin_lock_irqsave(&g->lock);

    q->target = target;
    if (q->listed) {
        wait_remove(q);
    }
    if (q->hw_irq != 0) {
        gic->set_cpu(q->hw_irq, READ_ONCE(target->processor));
    }
    unlock_and_kick(g, flags, queue(d, q));
}

/* Sixteen interrupts, of any domains, share a register of the machine's. */
void vgic_set_edge(struct virq *q, bool edge)
{
    spin_lock(&config_lock);
    if (q->edge != edge && q->hw_irq != 0) {
        gic->set_edge(q->hw_irq, edge);
    }
    q->edge = edge;
    spin_unlock(&config_lock);
}

/* Another CPU's list registers are known as they were last written to memory: who has them is to do so once more, and
 * to let go of what has ended, for those who look again until it has. */
static void ask_for_state(const struct virq *q, struct vcpu *v)
{
    struct vgic *g = &v->domain->arch->vgic;
    unsigned long flags = spin_lock_irqsave(&g->lock);

    unlock_and_kick(g, flags, ask_holder(q));
}

static bool lr_state(const struct virq *q, struct gic_lr *lr)
{
    unsigned int i = READ_ONCE(q->lr);
    struct vcpu *v = READ_ONCE(q->holder);
    uint64_t raw;

    if (i == VIRQ_NO_LR) {
        return false;
    }
    if (v == current_vcpu()) {
        raw = gic->lr_read(i);
    } else {
        raw = v->arch->vgic.lr[i];
        if (v->arch->vgic.loaded) {
            ask_for_state(q, v);
        }
    }
    gic->lr_decode(raw, lr);
    return true;
}

bool vgic_is_pending(struct virq *q, struct vcpu *v)
{
    struct gic_lr lr;

    (void)v;
    return q->pending || (lr_state(q, &lr) && lr.pending);
}

uint16_t vgic_sources(struct virq *q)
{
    struct gic_lr lr;

    return q->source | (lr_state(q, &lr) && lr.pending ? (uint16_t)BIT(lr.source) : 0);
}

bool vgic_is_active(struct virq *q, struct vcpu *v)
{
    struct gic_lr lr;

    (void)v;
    return lr_state(q, &lr) && lr.active;
}

/* Only the CPU that has the list register can change it. */
void vgic_deactivate(struct virq *q, struct vcpu *v)
{
    struct vgic *g = &v->domain->arch->vgic;
    unsigned long flags = spin_lock_irqsave(&g->lock);
    struct vcpu *holder = ask_holder(q);

    q->deactivate = holder != NULL;
    unlock_and_kick(g, flags, holder);
}

void vgic_dist_enable(struct domain *d, bool on)
{
    struct vgic *g = &d->arch->vgic;
    unsigned long flags = spin_lock_irqsave(&g->lock);
    bool changed = g->enabled != on;
    struct vcpu *v;

    g->enabled = on;
    domain_for_each_vcpu (d, v) {
        __atomic_store_n(&v->arch->exit_work, 1, __ATOMIC_SEQ_CST);
    }
    spin_unlock_irqrestore(&g->lock, flags);
    if (!changed) {
        return;
    }
    domain_for_each_vcpu (d, v) {
        kick(v);
    }
}

/* ---- list registers --------------------------------------------------------------------------- */

/* Should it wait elsewhere, or not at all? What is active stays where it is. */
static bool lr_leaves(const struct vcpu *v, const struct virq *q, const struct gic_lr *lr)
{
    return lr->pending && !lr->active &&
           !(q->enabled && target_of(v->domain, q) == v && READ_ONCE(v->arch->online));
}

/* What the guest wrote while the interrupt was in the list register. */
static void lr_apply(const struct virq *q, struct gic_lr *lr)
{
    bool was_there = lr->active || lr->pending;

    lr->active = lr->active && !q->deactivate;
    lr->pending = lr->pending && !q->withdraw;
    if (was_there && lr->is_hw && !lr->active && !lr->pending) {
        gic->deactivate(lr->hw_irq);
    }
}

/* A list register in use: true when there is no more use for it. */
static bool lr_review(struct vcpu *v, unsigned int i, struct virq *q)
{
    uint64_t raw = gic->lr_read(i), now;
    struct gic_lr lr;

    gic->lr_decode(raw, &lr);
    lr_apply(q, &lr);
    if (q->pending && lr.is_hw && !lr.pending) {
        v->arch->vgic.again = true; /* a hardware interrupt's next one waits for the end of this */
    } else if (q->pending) {
        if (q->source == 0) {
            lr.pending = true;
            q->pending = false;
        } else {
            lr.eoi_notice = true; /* from another CPU: when this one has ended */
        }
    }
    if (lr_leaves(v, q, &lr)) {
        q->pending = true;
        if (q->id < 16 && v->domain->arch->vgic.version == 2) {
            q->source |= (uint16_t)BIT(lr.source);
        }
        return true;
    }
    if (!lr.pending && !lr.active) {
        return true; /* ended, with a notice: not among the empty ones before it is cleared */
    }
    now = gic->lr_encode(&lr);
    if (now != raw) {
        gic->lr_write(i, now);
    }
    v->arch->vgic.lr[i] = now; /* for lr_state() */
    return false;
}

/* Under the lock: returns the other vcpu that has the interrupt waiting now, to be kicked, or NULL. */
static struct vcpu *lr_release(struct vcpu *v, unsigned int i, struct virq *q)
{
    struct vcpu *tell;

    gic->lr_write(i, 0); /* which also ends its maintenance interrupt */
    v->arch->vgic.lr_used &= ~(1U << i);
    v->arch->vgic.lr[i] = 0;
    q->lr = VIRQ_NO_LR;
    tell = queue(v->domain, q);
    return tell != v ? tell : NULL;
}

void vgic_flush(struct vcpu *v)
{
    struct vgic_vcpu *vg = &v->arch->vgic;
    struct vgic *g = &v->domain->arch->vgic;
    uint64_t empty = vg->lr_used != 0 ? gic->elrsr() : 0;
    struct vcpu *tell[GIC_LR_MAX];
    unsigned int tell_count = 0;
    bool more;

    spin_lock(&g->lock);
    vg->again = false;
    for (uint32_t used = vg->lr_used; used != 0; used &= used - 1) {
        unsigned int i = (unsigned int)__builtin_ctz(used);
        struct virq *q = vgic_find(v, vg->lr_virq[i]);

        if ((empty >> i & 1) != 0 || lr_review(v, i, q)) {
            struct vcpu *other = lr_release(v, i, q);

            if (other != NULL) {
                tell[tell_count++] = other;
            }
        }
        q->deactivate = false;
        q->withdraw = false;
    }
    while (g->enabled && READ_ONCE(v->arch->online) && !list_empty(&vg->waiting)) {
        uint32_t unused = ~vg->lr_used & ((1U << gic_machine.lr_count) - 1);
        struct virq *q = list_first_entry(&vg->waiting, struct virq, link);

        if (unused == 0) {
            break;
        }
        wait_remove(q);
        lr_fill(v, (unsigned int)__builtin_ctz(unused), q, true);
    }
    more = g->enabled && !list_empty(&vg->waiting);
    if (more != vg->notice) {
        vg->notice = more;
        gic->underflow_notice(more);
    }
    __atomic_store_n(&v->arch->exit_work, 0, __ATOMIC_SEQ_CST); /* what was asked for under the lock is done */
    spin_unlock(&g->lock);
    for (unsigned int i = 0; i < tell_count; i++) {
        kick(tell[i]);
    }
}

void vgic_save(struct vcpu *v)
{
    struct vgic_vcpu *vg = &v->arch->vgic;

    gic->save(&vg->hw, vg->lr, vg->lr_used);
    this_cpu(lr_left) = vg->lr_used;
    __atomic_store_n(&vg->loaded, false, __ATOMIC_RELEASE);
}

void vgic_load(struct vcpu *v)
{
    struct vgic_vcpu *vg = &v->arch->vgic;
    struct vgic *g = &v->domain->arch->vgic;

    spin_lock(&g->lock);
    vg->loaded = true; /* from here on nobody else fills them */
    spin_unlock(&g->lock);
    gic->restore(&vg->hw, vg->lr, vg->lr_used | this_cpu(lr_left)); /* the others are empty */
    vg->notice = false;
    if (!list_empty(&vg->waiting) || vg->again) { /* what came meanwhile says so itself; this was there before */
        v->arch->exit_work = 1;
    }
}

/* The current vcpu wants to sleep: whether anything pends for it, masked or not. */
bool vgic_due(const struct vcpu *v)
{
    const struct vgic_vcpu *vg = &v->arch->vgic;

    if (!list_empty(&vg->waiting)) {
        return true;
    }
    for (uint32_t used = vg->lr_used & ~(uint32_t)gic->elrsr(); used != 0; used &= used - 1) {
        if ((gic->lr_read((unsigned int)__builtin_ctz(used)) & gic->lr_pending) != 0) {
            return true;
        }
    }
    return false;
}
