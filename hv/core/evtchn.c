/* SPDX-License-Identifier: MIT */
/*
 * Event channels: which ports a domain has and what each is bound to. See evtchn.h for the
 * interface and evtchn_private.h for the locks.
 *
 * Records of ports come in pages of EVTCHN_PER_BUCKET, allocated when a port in them is first
 * needed.
 *
 * An interdomain channel is two records, one in each domain, that name each other; each holds a
 * reference on the other's domain. Both evtchn_domain locks are taken to make or break the
 * pair.
 */
#include "hv/core/evtchn.h"

#include "hv/base/printk.h"
#include "hv/core/arch_guest.h"
#include "hv/core/evtchn_private.h"
#include "hv/core/rights.h"
#include "hv/lib/string.h"
#include "hv/mm/heap.h"

#define CLOSE_BATCH 64U

/* ---- Birth and end ----------------------------------------------------------------------- */

static int bucket_add(struct evtchn_domain *ed)
{
    unsigned int first = ed->port_count;
    struct evtchn *bucket = heap_alloc_page();

    if (bucket == NULL) {
        return -ENOMEM;
    }
    for (unsigned int i = 0; i < EVTCHN_PER_BUCKET; i++) {
        bucket[i].port = first + i;
    }
    ed->buckets[first / EVTCHN_PER_BUCKET] = bucket;
    __atomic_store_n(&ed->port_count, first + EVTCHN_PER_BUCKET, __ATOMIC_RELEASE);
    return 0;
}

int evtchn_domain_init(struct domain *d)
{
    struct evtchn_domain *ed = heap_alloc(sizeof(*ed));
    unsigned int limit = evtchn_fifo.port_count;

    if (ed == NULL) {
        return -ENOMEM;
    }
    if (d->config.max_evtchn_port < limit) {
        limit = d->config.max_evtchn_port + 1;
    }
    limit = MIN(limit, evtchn_fifo.port_count);
    spin_init(&ed->lock, LOCK_EVTCHN_DOMAIN);
    d->evtchn_format = evtchn_2level(d);
    ed->limit = limit;
    ed->first_free = 1;
    ed->buckets = heap_alloc_array(DIV_ROUND_UP(limit, EVTCHN_PER_BUCKET),
                                   sizeof(ed->buckets[0]));
    d->evtchn = ed;
    if (ed->buckets == NULL || bucket_add(ed) != 0) {
        evtchn_domain_exit(d);
        return -ENOMEM;
    }
    ed->buckets[0][0].state = EVTCHN_RESERVED;
    return 0;
}

void evtchn_domain_exit(struct domain *d)
{
    struct evtchn_domain *ed = d->evtchn;

    if (ed == NULL) {
        return;
    }
    for (unsigned int i = 0; i < ed->port_count / EVTCHN_PER_BUCKET; i++) {
        heap_free_page(ed->buckets[i]);
    }
    heap_free(ed->buckets);
    heap_free(ed);
    d->evtchn = NULL;
}

/* ---- Ports ------------------------------------------------------------------------------- */

static bool in_use(const struct evtchn *ch)
{
    return ch->state != EVTCHN_FREE && ch->state != EVTCHN_RESERVED;
}

/* The hypervisor's, for the domain. */
static bool is_held(const struct evtchn *ch)
{
    return ch->state == EVTCHN_HELD_UNBOUND || ch->state == EVTCHN_HELD;
}

/* There is another end, in another domain's table. */
static bool has_peer(const struct evtchn *ch)
{
    return ch->state == EVTCHN_INTERDOMAIN || ch->state == EVTCHN_HELD || ch->state == EVTCHN_TO_HELD;
}

/* Finds a free port and its record; the caller sets the state. Lock held. A port that is
 * busy stays free and is looked at again next time. */
static int port_alloc(struct domain *d, struct evtchn **out)
{
    struct evtchn_domain *ed = d->evtchn;
    unsigned int end = MIN(ed->limit, d->evtchn_format->port_count);
    unsigned int first_busy = ~0U;

    if (domain_is_dying(d)) {
        return -ENOSPC;
    }
    for (unsigned int port = ed->first_free; port < end; port++) {
        struct evtchn *ch;

        if (port >= ed->port_count && bucket_add(ed) != 0) {
            return -ENOMEM;
        }
        ch = evtchn_at(ed, port);
        if (ch->state != EVTCHN_FREE) {
            continue;
        }
        if (d->evtchn_format->is_busy(d, port)) {
            first_busy = MIN(first_busy, port);
            continue;
        }
        ed->first_free = MIN(first_busy, port + 1);
        *out = ch;
        return 0;
    }
    ed->first_free = MIN(first_busy, end);
    return -ENOSPC;
}

/* The record's new life begins; what the state needs is set before. Domain lock held. */
static void port_open(struct domain *d, struct evtchn *ch, enum evtchn_state state,
                      struct vcpu *v)
{
    WRITE_ONCE(ch->vcpu, v);
    ch->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    ch->pending_in_xen = false;
    d->evtchn->active_count++;
    __atomic_store_n(&ch->state, state, __ATOMIC_RELEASE);
}

/* Domain lock held. Senders may still be on their way: peer and vcpu stay. */
static void port_free(struct domain *d, struct evtchn *ch)
{
    struct evtchn_domain *ed = d->evtchn;

    ed->held_count -= is_held(ch) ? 1 : 0;
    __atomic_store_n(&ch->state, EVTCHN_FREE, __ATOMIC_SEQ_CST);
    d->evtchn_format->clear(d, ch);
    ed->active_count--;
    ed->first_free = MIN(ed->first_free, ch->port);
}

/* ---- Binding ----------------------------------------------------------------------------- */

static int alloc_unbound(struct domain *d, domid_t remote, enum evtchn_state state, evtchn_port_t *port)
{
    struct evtchn_domain *ed = d->evtchn;
    struct evtchn *ch;
    int rc;

    if (vcpu_lookup(d, 0) == NULL) {
        return -EINVAL; /* nobody to tell yet */
    }
    spin_lock(&ed->lock);
    rc = port_alloc(d, &ch);
    if (rc == 0) {
        ch->u.remote_domid = remote == DOMID_SELF ? current_domain()->id : remote;
        ed->held_count += state == EVTCHN_HELD_UNBOUND ? 1 : 0;
        port_open(d, ch, state, d->vcpu[0]);
        *port = ch->port;
    }
    spin_unlock(&ed->lock);
    return rc;
}

int evtchn_alloc_unbound(struct domain *d, domid_t remote, evtchn_port_t *port)
{
    return alloc_unbound(d, remote, EVTCHN_UNBOUND, port);
}

int evtchn_alloc_held(struct domain *d, domid_t remote, void (*notify)(struct domain *d), evtchn_port_t *port)
{
    d->evtchn->held_notify = notify; /* released by port_open() */
    return alloc_unbound(d, remote, EVTCHN_HELD_UNBOUND, port);
}

/* Both domain locks are held, and a reference on each domain comes with the call. */
static int connect(struct domain *ld, struct domain *rd, evtchn_port_t remote_port,
                   evtchn_port_t *port)
{
    struct evtchn *rch = evtchn_at(rd->evtchn, remote_port);
    struct evtchn *lch;
    bool held;
    int rc;

    if (rch == NULL || (rch->state != EVTCHN_UNBOUND && rch->state != EVTCHN_HELD_UNBOUND) ||
        rch->u.remote_domid != ld->id || domain_is_dying(rd)) {
        return -EINVAL;
    }
    held = rch->state == EVTCHN_HELD_UNBOUND;
    rc = port_alloc(ld, &lch);
    if (rc != 0) {
        return rc;
    }
    WRITE_ONCE(lch->peer, rch);
    WRITE_ONCE(rch->peer, lch);
    port_open(ld, lch, held ? EVTCHN_TO_HELD : EVTCHN_INTERDOMAIN, ld->vcpu[0]);
    __atomic_store_n(&rch->state, held ? EVTCHN_HELD : EVTCHN_INTERDOMAIN, __ATOMIC_RELEASE);
    /* What the other side sent before there was anyone to hear it. */
    evtchn_raise(lch);
    *port = lch->port;
    return 0;
}

int evtchn_bind_interdomain(domid_t remote, evtchn_port_t remote_port, evtchn_port_t *port)
{
    struct domain *ld = current_domain();
    struct domain *rd = domain_get_or_self(remote);
    int rc;

    if (rd == NULL) {
        return -ESRCH;
    }
    if (!domain_get_ref(ld)) {
        domain_put(rd);
        return -EINVAL;
    }
    spin_lock_pair(&ld->evtchn->lock, &rd->evtchn->lock);
    rc = connect(ld, rd, remote_port, port);
    spin_unlock_pair(&ld->evtchn->lock, &rd->evtchn->lock);
    if (rc != 0) {
        domain_put(rd);
        domain_put(ld);
    }
    return rc;
}

/* Those that a vcpu has one each of; all others are the domain's. */
static bool virq_is_per_vcpu(uint32_t virq)
{
    return virq == VIRQ_TIMER || virq == VIRQ_DEBUG || virq == VIRQ_XENOPROF ||
           virq == VIRQ_XENPMU;
}

int evtchn_bind_virq(uint32_t virq, uint32_t vcpu, evtchn_port_t *port)
{
    struct domain *d = current_domain();
    struct evtchn_domain *ed = d->evtchn;
    struct evtchn *ch;
    struct vcpu *v;
    int rc;

    if (virq >= NR_VIRQS || (!virq_is_per_vcpu(virq) && vcpu != 0)) {
        return -EINVAL;
    }
    v = vcpu_lookup(d, vcpu);
    if (v == NULL) {
        return -ENOENT;
    }
    spin_lock(&ed->lock);
    rc = v->virq_to_evtchn[virq] != 0 ? -EEXIST : port_alloc(d, &ch);
    if (rc == 0) {
        ch->u.virq = virq;
        port_open(d, ch, EVTCHN_VIRQ, v);
        WRITE_ONCE(v->virq_to_evtchn[virq], ch->port);
        *port = ch->port;
    }
    spin_unlock(&ed->lock);
    return rc;
}

int evtchn_bind_ipi(uint32_t vcpu, evtchn_port_t *port)
{
    struct domain *d = current_domain();
    struct evtchn_domain *ed = d->evtchn;
    struct vcpu *v = vcpu_lookup(d, vcpu);
    struct evtchn *ch;
    int rc;

    if (v == NULL) {
        return -ENOENT;
    }
    spin_lock(&ed->lock);
    rc = port_alloc(d, &ch);
    if (rc == 0) {
        port_open(d, ch, EVTCHN_IPI, v);
        *port = ch->port;
    }
    spin_unlock(&ed->lock);
    return rc;
}

int evtchn_bind_pirq(uint32_t pirq, uint32_t flags, evtchn_port_t *port)
{
    struct domain *d = current_domain();
    struct evtchn_domain *ed = d->evtchn;
    struct vcpu *v = d->vcpu[0];
    struct evtchn *ch;
    int rc;

    if (pirq >= arch_pirq_count(d)) {
        return -EINVAL;
    }
    spin_lock(&ed->lock);
    rc = port_alloc(d, &ch);
    if (rc == 0) {
        ch->u.pirq = pirq;
        port_open(d, ch, EVTCHN_PIRQ, v); /* first, the interrupt may come at once */
        rc = arch_pirq_bind(v, pirq, ch->port, (flags & BIND_PIRQ__WILL_SHARE) != 0);
        if (rc != 0) {
            port_free(d, ch);
        }
        *port = ch->port;
    }
    spin_unlock(&ed->lock);
    return rc;
}

/* Domain lock held. */
static int rebind(struct domain *d, struct evtchn *ch, struct vcpu *v)
{
    switch (ch->state) {
    case EVTCHN_VIRQ:
        if (virq_is_per_vcpu(ch->u.virq)) {
            return -EINVAL;
        }
        break;
    case EVTCHN_PIRQ:
        if (ch->vcpu != v) {
            arch_pirq_set_cpu(d, ch->u.pirq, READ_ONCE(v->processor));
        }
        break;
    case EVTCHN_UNBOUND:
    case EVTCHN_INTERDOMAIN:
    case EVTCHN_TO_HELD:
        break;
    default:
        return -EINVAL;
    }
    WRITE_ONCE(ch->vcpu, v);
    return 0;
}

int evtchn_bind_vcpu(evtchn_port_t port, uint32_t vcpu)
{
    struct domain *d = current_domain();
    struct evtchn_domain *ed = d->evtchn;
    struct vcpu *v = vcpu_lookup(d, vcpu);
    struct evtchn *ch;
    int rc;

    if (v == NULL) {
        return -ENOENT;
    }
    spin_lock(&ed->lock);
    ch = evtchn_at(ed, port);
    rc = ch == NULL ? -EINVAL : rebind(d, ch, v);
    spin_unlock(&ed->lock);
    return rc;
}

/* ---- Closing ----------------------------------------------------------------------------- */

static void forget_virq(struct domain *d, const struct evtchn *ch)
{
    struct vcpu *v;

    domain_for_each_vcpu(d, v) {
        if (v->virq_to_evtchn[ch->u.virq] == ch->port) {
            WRITE_ONCE(v->virq_to_evtchn[ch->u.virq], 0);
        }
    }
}

/* One without another end. Domain lock held. */
static int close_simple(struct domain *d, struct evtchn *ch)
{
    if (!in_use(ch)) {
        return -EINVAL;
    }
    if (ch->state == EVTCHN_PIRQ) {
        arch_pirq_unbind(d, ch->u.pirq);
    } else if (ch->state == EVTCHN_VIRQ) {
        forget_virq(d, ch);
    }
    port_free(d, ch);
    return 0;
}

static struct domain *peer_domain(const struct evtchn *ch)
{
    return ch->peer->vcpu->domain;
}

/* Both domain locks held. The other end is unbound now, for d to bind again. */
static void disconnect(struct domain *d, struct evtchn *ch)
{
    struct evtchn *rch = ch->peer;

    rch->u.remote_domid = d->id;
    __atomic_store_n(&rch->state, rch->state == EVTCHN_HELD ? EVTCHN_HELD_UNBOUND : EVTCHN_UNBOUND,
                     __ATOMIC_SEQ_CST);
    port_free(d, ch);
}

/* held: whether it is the hypervisor's port that is to be closed, or one that is not. */
static int close_port(struct domain *d, evtchn_port_t port, bool held)
{
    struct evtchn_domain *ed = d->evtchn;
    struct evtchn *ch = evtchn_at(ed, port);
    struct domain *rd;
    bool done;
    int rc;

    if (ch == NULL) {
        return -EINVAL;
    }
    for (;;) {
        spin_lock(&ed->lock);
        if (is_held(ch) != held || !has_peer(ch)) {
            rc = is_held(ch) != held ? -EINVAL : close_simple(d, ch);
            spin_unlock(&ed->lock);
            return rc;
        }
        /* Both locks are needed, in order: look again when they are held. */
        rd = peer_domain(ch);
        if (!domain_get_ref(rd)) {
            BUG(); /* the binding has a reference */
        }
        spin_unlock(&ed->lock);
        spin_lock_pair(&ed->lock, &rd->evtchn->lock);
        done = is_held(ch) == held && has_peer(ch) && peer_domain(ch) == rd;
        if (done) {
            disconnect(d, ch);
        }
        spin_unlock_pair(&ed->lock, &rd->evtchn->lock);
        if (done) {
            domain_put(rd); /* this end's */
            domain_put(d);  /* the other end's */
        }
        domain_put(rd);
        if (done) {
            return 0;
        }
    }
}

int evtchn_close(struct domain *d, evtchn_port_t port)
{
    return close_port(d, port, false);
}

void evtchn_close_held(struct domain *d, evtchn_port_t port)
{
    (void)!close_port(d, port, true); /* -EINVAL: it was closed */
}

static int close_ports(struct domain *d)
{
    struct evtchn_domain *ed = d->evtchn;

    for (unsigned int n = 1; ed->close_cursor < ed->port_count; n++) {
        if (n % CLOSE_BATCH == 0 && softirq_urgent()) {
            return -ERESTART;
        }
        (void)!evtchn_close(d, ed->close_cursor); /* -EINVAL: it was closed, or is held */
        if (domain_is_dying(d)) {
            evtchn_close_held(d, ed->close_cursor);
        }
        ed->close_cursor++;
    }
    return 0;
}

static int close_all(struct domain *d)
{
    struct evtchn_domain *ed = d->evtchn;
    int rc = close_ports(d);

    if (rc != 0) {
        return rc;
    }
    spin_lock(&ed->lock);
    ed->close_cursor = 0;
    if (ed->active_count != ed->held_count) {
        rc = -EAGAIN;
    } else if (ed->fifo != NULL) {
        evtchn_fifo_destroy(d);
    }
    spin_unlock(&ed->lock);
    return rc;
}

static void forget_global_handler(struct domain *d);

int evtchn_domain_close_all(struct domain *d)
{
    int rc = close_all(d);

    BUG_ON(rc == -EAGAIN); /* a dying domain opens none */
    if (rc == 0) {
        forget_global_handler(d);
    }
    return rc;
}

int evtchn_reset(struct domain *d)
{
    return close_all(d);
}

/* ---- Questions --------------------------------------------------------------------------- */

static void fill_status(const struct evtchn *ch, struct evtchn_status *out)
{
    out->vcpu = ch->vcpu == NULL ? 0 : ch->vcpu->id;
    switch (ch->state) {
    case EVTCHN_UNBOUND:
    case EVTCHN_HELD_UNBOUND:
        out->status = EVTCHNSTAT_unbound;
        out->u.unbound.dom = ch->u.remote_domid;
        break;
    case EVTCHN_INTERDOMAIN:
    case EVTCHN_HELD:
    case EVTCHN_TO_HELD:
        out->status = EVTCHNSTAT_interdomain;
        out->u.interdomain.dom = peer_domain(ch)->id;
        out->u.interdomain.port = ch->peer->port;
        break;
    case EVTCHN_PIRQ:
        out->status = EVTCHNSTAT_pirq;
        out->u.pirq = ch->u.pirq;
        break;
    case EVTCHN_VIRQ:
        out->status = EVTCHNSTAT_virq;
        out->u.virq = ch->u.virq;
        break;
    case EVTCHN_IPI:
        out->status = EVTCHNSTAT_ipi;
        break;
    default:
        out->status = EVTCHNSTAT_closed;
        break;
    }
}

int evtchn_status(struct domain *d, evtchn_port_t port, struct evtchn_status *out)
{
    struct evtchn_domain *ed = d->evtchn;
    struct evtchn *ch = evtchn_at(ed, port);
    int rc;

    if (ch == NULL) {
        return -EINVAL;
    }
    spin_lock(&ed->lock);
    rc = is_held(ch) ? -EACCES : 0;
    if (rc == 0) {
        fill_status(ch, out);
    }
    spin_unlock(&ed->lock);
    return rc;
}

static void dump_channel(struct domain *d, const struct evtchn *ch)
{
    static const char *const names[] = { "free", "reserved", "unbound", "interdomain", "pirq",
                                         "virq", "ipi", "held, unbound", "held", "interdomain" };
    const struct evtchn_format *format = d->evtchn_format;
    struct evtchn_status st = { 0 };

    fill_status(ch, &st);
    printk("    %4u [%c%c]: %s v=%u", ch->port, format->is_pending(d, ch->port) ? 'p' : '-',
           format->is_masked(d, ch->port) ? 'm' : '-', names[ch->state], st.vcpu);
    switch (ch->state) {
    case EVTCHN_UNBOUND:
    case EVTCHN_HELD_UNBOUND:
        printk(" d=%u\n", st.u.unbound.dom);
        break;
    case EVTCHN_INTERDOMAIN:
    case EVTCHN_HELD:
    case EVTCHN_TO_HELD:
        printk(" d=%u p=%u\n", st.u.interdomain.dom, st.u.interdomain.port);
        break;
    case EVTCHN_PIRQ:
        printk(" pirq=%u\n", st.u.pirq);
        break;
    case EVTCHN_VIRQ:
        printk(" virq=%u\n", st.u.virq);
        break;
    default:
        printk("\n");
        break;
    }
}

void evtchn_dump(struct domain *d)
{
    struct evtchn_domain *ed = d->evtchn;

    if (ed == NULL) {
        return;
    }
    printk("Event channels of %pd: %u in use, %s\n", d, ed->active_count,
           d->evtchn_format == &evtchn_fifo ? "FIFO" : "2-level");
    spin_lock(&ed->lock);
    for (unsigned int port = 1; port < ed->port_count; port++) {
        const struct evtchn *ch = evtchn_at(ed, port);

        if (in_use(ch)) {
            dump_channel(d, ch);
        }
    }
    spin_unlock(&ed->lock);
}

/* ---- Virtual interrupts of the machine as a whole ---------------------------------------- */

/* Who gets them instead of dom0; each holds a reference. Read under RCU. */
static struct domain *global_handlers[NR_VIRQS];
static struct spinlock global_lock = SPINLOCK_INIT(LOCK_LEAF);

static struct domain *global_replace(uint32_t virq, struct domain *d)
{
    struct domain *old;

    spin_lock(&global_lock);
    old = global_handlers[virq];
    __atomic_store_n(&global_handlers[virq], d, __ATOMIC_RELEASE);
    spin_unlock(&global_lock);
    return old;
}

int evtchn_set_global_handler(struct domain *d, uint32_t virq)
{
    struct domain *old;

    if (virq >= NR_VIRQS || virq_is_per_vcpu(virq) || domain_is_dying(d) ||
        !domain_get_ref(d)) {
        return -EINVAL;
    }
    old = global_replace(virq, d);
    if (old != NULL) {
        domain_put(old);
    }
    return 0;
}

static void forget_global_handler(struct domain *d)
{
    for (uint32_t virq = 0; virq < NR_VIRQS; virq++) {
        if (READ_ONCE(global_handlers[virq]) == d) {
            (void)global_replace(virq, NULL);
            domain_put(d);
        }
    }
}

void evtchn_send_global_virq(struct domain *d, uint32_t virq)
{
    struct vcpu *v;

    if (d == NULL) {
        d = __atomic_load_n(&global_handlers[virq], __ATOMIC_ACQUIRE);
    }
    if (d == NULL) {
        d = domain_hardware;
    }
    v = d == NULL ? NULL : READ_ONCE(d->vcpu[0]);
    if (v != NULL) {
        evtchn_send_virq(v, virq);
    }
}
