/* SPDX-License-Identifier: MIT */
/*
 * The FIFO format of event channels: an event word for each port in pages the guest gives (the
 * event array), and for each vcpu a control block with the heads of 16 queues, one for each
 * priority.
 *
 * A raised, unmasked event that is not in a queue yet is LINKED: its number goes into the link
 * field of the queue's last event or, when the queue is empty, into the queue's head, and the
 * queue's ready bit is set. We append, the guest takes from the front; a guest taking the last
 * event and we appending to it meet in that event's word, where LINKED says who came first.
 *
 * The guest can write every word at any time. So the tail of each queue is remembered here and
 * never read from guest memory, links are only written, and the one loop that a guest could
 * prolong is bounded: a word that does not hold still counts as taken, and the guest has lost
 * the events behind it.
 *
 * Lock: evtchn_fifo_vcpu.lock for a vcpu's tails. An event's last_vcpu and last_priority change
 * under the lock of the queue they name and that of the new one.
 */
#include "abi/event_channel.h"
#include "hv/base/printk.h"
#include "hv/base/rcu.h"
#include "hv/core/arch_guest.h"
#include "hv/core/evtchn_private.h"
#include "hv/mm/heap.h"
#include "hv/mm/map.h"

#define WORDS_PER_PAGE ((unsigned int)(PAGE_SIZE / sizeof(event_word_t)))
#define ARRAY_PAGES    ((unsigned int)EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE)

#define WORD_PENDING (1U << EVTCHN_FIFO_PENDING)
#define WORD_MASKED  (1U << EVTCHN_FIFO_MASKED)
#define WORD_LINKED  (1U << EVTCHN_FIFO_LINKED)
#define WORD_BUSY    (1U << EVTCHN_FIFO_BUSY)
#define WORD_LINK    ((uint32_t)EVTCHN_FIFO_LINK_MASK)

#define LINK_TRIES      4  /* then the guest is asked not to touch the word */
#define LINK_TRIES_BUSY 16

/* The event array. Its pages are mapped, and referenced as writable, while they are in here. */
struct evtchn_fifo {
    unsigned int page_count; /* only grows */
    event_word_t *pages[ARRAY_PAGES];
    struct evtchn_fifo_vcpu *vcpus; /* vcpu_count of them, to be freed together */
    unsigned int vcpu_count;
    struct rcu_head rcu;
};

struct evtchn_fifo_vcpu {
    struct spinlock lock; /* LOCK_EVTCHN_FIFO */
    struct evtchn_fifo_control_block *control; /* NULL until the guest gives one */
    evtchn_port_t tail[EVTCHN_FIFO_MAX_QUEUES]; /* 0: empty as far as we know */
};

/* ---- Words ------------------------------------------------------------------------------- */

static event_word_t *word_of(const struct evtchn_fifo *f, evtchn_port_t port)
{
    /* Acquire: pairs with array_add(). */
    if (unlikely(port / WORDS_PER_PAGE >= __atomic_load_n(&f->page_count, __ATOMIC_ACQUIRE))) {
        return NULL;
    }
    return &f->pages[port / WORDS_PER_PAGE][port % WORDS_PER_PAGE];
}

/* One try to put port behind the event of word: 1 done, 0 the guest has taken that event, -1
 * word changed meanwhile. */
static int try_link(event_word_t *word, evtchn_port_t port)
{
    uint32_t old = READ_ONCE(*word);
    uint32_t wanted = (old & ~(WORD_BUSY | WORD_LINK)) | port;

    if ((old & WORD_LINKED) == 0) {
        return 0;
    }
    return __atomic_compare_exchange_n(word, &old, wanted, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED)
               ? 1
               : -1;
}

/* Puts port behind tail; false when tail is not in the queue any more. */
static bool link_after(const struct evtchn_fifo *f, evtchn_port_t tail, evtchn_port_t port)
{
    event_word_t *word = word_of(f, tail);
    int done = -1;

    if (word == NULL) {
        return false;
    }
    for (unsigned int i = 0; done < 0 && i < LINK_TRIES; i++) {
        done = try_link(word, port);
    }
    if (done >= 0) {
        return done != 0;
    }
    /* A guest waits with taking an event while it is busy, so this comes to an end with one
     * that means well. */
    __atomic_fetch_or(word, WORD_BUSY, __ATOMIC_SEQ_CST);
    for (unsigned int i = 0; done < 0 && i < LINK_TRIES_BUSY; i++) {
        done = try_link(word, port);
    }
    if (done <= 0) {
        __atomic_fetch_and(word, ~WORD_BUSY, __ATOMIC_SEQ_CST);
    }
    return done > 0;
}

/* ---- Queues ------------------------------------------------------------------------------ */

/* Locks q, which is where the event goes, and the queues it was in last, which are returned. */
static struct evtchn_fifo_vcpu *lock_queues(const struct domain *d, const struct evtchn *ch,
                                            struct evtchn_fifo_vcpu *q)
{
    for (;;) {
        unsigned int last_vcpu = READ_ONCE(ch->last_vcpu);
        const struct vcpu *lv = d->vcpu[last_vcpu];
        struct evtchn_fifo_vcpu *last = lv == NULL ? NULL : READ_ONCE(lv->fifo);

        if (last == NULL) {
            last = q;
        }
        spin_lock_pair(&q->lock, &last->lock);
        if (likely(READ_ONCE(ch->last_vcpu) == last_vcpu)) {
            return last;
        }
        spin_unlock_pair(&q->lock, &last->lock);
    }
}

/* Appends to queue priority of q; true when it was empty, so that the guest must be told.
 * Locks held. */
static bool append(const struct evtchn_fifo *f, struct evtchn_fifo_vcpu *q,
                   struct evtchn_fifo_vcpu *last, struct evtchn *ch, unsigned int priority)
{
    evtchn_port_t tail;
    bool linked;

    /* A tail that was taken by the guest and comes again may not be linked behind any more. */
    if (last->tail[ch->last_priority] == ch->port) {
        last->tail[ch->last_priority] = 0;
    }
    tail = q->tail[priority];
    linked = tail != 0 && link_after(f, tail, ch->port);
    if (!linked) {
        WRITE_ONCE(q->control->head[priority], ch->port);
    }
    q->tail[priority] = ch->port;
    return !linked;
}

/* The event is pending and was neither masked nor linked. */
static void enqueue(const struct evtchn_fifo *f, struct vcpu *v, struct evtchn *ch,
                    event_word_t *word)
{
    struct evtchn_fifo_vcpu *q = READ_ONCE(v->fifo);
    unsigned int priority = READ_ONCE(ch->priority);
    struct evtchn_fifo_vcpu *last;
    bool first = false;

    /* A vcpu without control block hears nothing; the event stays pending. */
    if (unlikely(q == NULL || READ_ONCE(q->control) == NULL)) {
        return;
    }
    last = lock_queues(v->domain, ch, q);
    if ((__atomic_fetch_or(word, WORD_LINKED, __ATOMIC_SEQ_CST) & WORD_LINKED) == 0) {
        first = append(f, q, last, ch, priority);
        ch->last_priority = (uint8_t)priority;
        WRITE_ONCE(ch->last_vcpu, (uint16_t)v->id);
    }
    spin_unlock_pair(&q->lock, &last->lock);
    if (first && (__atomic_fetch_or(&q->control->ready, 1U << priority, __ATOMIC_SEQ_CST) &
                  1U << priority) == 0) {
        evtchn_request_upcall(v);
    }
}

/* ---- The format -------------------------------------------------------------------------- */

/* The event word is not there yet, or not any more. */
static NOINLINE long raise_without_word(struct evtchn *ch)
{
    struct domain *d = ch->vcpu->domain;
    const struct evtchn_fifo *f;

    WRITE_ONCE(ch->pending_in_xen, true);
    smp_mb(); /* pairs with array_add(): either it sees the flag, or we see the page */
    f = READ_ONCE(d->evtchn->fifo);
    if (f != NULL && word_of(f, ch->port) != NULL) {
        WRITE_ONCE(ch->pending_in_xen, false);
        return evtchn_raise(ch);
    }
    return 0;
}

static long raise(struct vcpu *v, struct evtchn *ch)
{
    struct domain *d = v->domain;
    struct evtchn_fifo *f = READ_ONCE(d->evtchn->fifo);
    event_word_t *word = unlikely(f == NULL) ? NULL : word_of(f, ch->port);
    uint32_t old;

    if (unlikely(word == NULL)) {
        return raise_without_word(ch);
    }
    old = __atomic_fetch_or(word, WORD_PENDING, __ATOMIC_SEQ_CST);
    if ((old & (WORD_MASKED | WORD_LINKED)) == 0) {
        enqueue(f, v, ch, word);
    }
    if ((old & WORD_PENDING) == 0) {
        evtchn_check_pollers(d, ch->port);
    }
    return 0;
}

static void unmask(struct vcpu *v, struct evtchn *ch)
{
    struct evtchn_fifo *f = READ_ONCE(v->domain->evtchn->fifo);
    event_word_t *word = f == NULL ? NULL : word_of(f, ch->port);
    uint32_t old;

    if (unlikely(word == NULL)) {
        return; /* no page yet, or a reset on another vcpu */
    }
    old = __atomic_fetch_and(word, ~WORD_MASKED, __ATOMIC_SEQ_CST);
    if ((old & (WORD_PENDING | WORD_LINKED)) == WORD_PENDING) {
        enqueue(f, v, ch, word);
    }
}

static void clear(struct domain *d, struct evtchn *ch)
{
    event_word_t *word = word_of(d->evtchn->fifo, ch->port);

    ch->pending_in_xen = false;
    if (word != NULL) {
        __atomic_fetch_and(word, ~WORD_PENDING, __ATOMIC_SEQ_CST);
    }
}

static bool word_has(const struct domain *d, evtchn_port_t port, uint32_t bit)
{
    struct evtchn_fifo *f = READ_ONCE(d->evtchn->fifo);
    const event_word_t *word = f == NULL ? NULL : word_of(f, port);

    return word != NULL && (READ_ONCE(*word) & bit) != 0;
}

static bool is_pending(const struct domain *d, evtchn_port_t port)
{
    return word_has(d, port, WORD_PENDING);
}

static bool is_masked(const struct domain *d, evtchn_port_t port)
{
    return word_has(d, port, WORD_MASKED);
}

/* A closed port the guest has not taken from its queue yet must not come into another one. */
static bool is_busy(const struct domain *d, evtchn_port_t port)
{
    return word_has(d, port, WORD_LINKED);
}

const struct evtchn_format evtchn_fifo = {
    .port_count = EVTCHN_FIFO_NR_CHANNELS,
    .raise = raise,
    .unmask = unmask,
    .clear = clear,
    .is_pending = is_pending,
    .is_masked = is_masked,
    .is_busy = is_busy,
    .has_priorities = true,
};

/* ---- Control blocks and the event array -------------------------------------------------- */

static void *map_guest_page(struct domain *d, uint64_t gfn)
{
    struct frame *f = arch_get_gfn(d, _gfn(gfn), true);

    return f == NULL ? NULL : map_frame(frame_mfn(f));
}

static void unmap_guest_page(void *at)
{
    void *page = (void *)((unsigned long)at & PAGE_MASK);

    arch_put_gfn(frame_of(arch_direct_mfn(page)), true);
    unmap_frame(page);
}

static void free_fifo(struct rcu_head *head)
{
    struct evtchn_fifo *f = container_of(head, struct evtchn_fifo, rcu);

    for (unsigned int i = 0; i < f->page_count; i++) {
        unmap_guest_page(f->pages[i]);
    }
    for (unsigned int i = 0; i < f->vcpu_count; i++) {
        if (f->vcpus[i].control != NULL) {
            unmap_guest_page(f->vcpus[i].control);
        }
    }
    heap_free(f->vcpus);
    heap_free(f);
}

void evtchn_fifo_destroy(struct domain *d)
{
    struct evtchn_domain *ed = d->evtchn;
    struct evtchn_fifo *f = ed->fifo;
    struct vcpu *v;

    WRITE_ONCE(d->evtchn_format, evtchn_2level(d));
    domain_for_each_vcpu(d, v) {
        WRITE_ONCE(v->fifo, NULL);
    }
    for (evtchn_port_t port = 0; port < ed->port_count; port++) {
        struct evtchn *ch = evtchn_at(ed, port);

        ch->last_vcpu = 0;
        ch->last_priority = 0;
    }
    ed->fifo = NULL;
    ed->first_free = 1;
    rcu_call(&f->rcu, free_fifo); /* questions without a lock may still be under way */
}

static struct evtchn_fifo *fifo_create(struct domain *d)
{
    struct evtchn_fifo *f = heap_alloc(sizeof(*f));

    if (f == NULL) {
        return NULL;
    }
    f->vcpu_count = d->max_vcpus;
    f->vcpus = heap_alloc_array(d->max_vcpus, sizeof(f->vcpus[0]));
    if (f->vcpus == NULL) {
        heap_free(f);
        return NULL;
    }
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        spin_init(&f->vcpus[i].lock, LOCK_EVTCHN_FIFO);
    }
    return f;
}

/* The first control block: the format changes. What is pending in the old one is raised
 * again when the event's word comes (array_add()). Domain lock held. */
static void switch_format(struct domain *d, struct evtchn_fifo *f)
{
    struct evtchn_domain *ed = d->evtchn;
    struct vcpu *v;

    ed->fifo = f;
    domain_for_each_vcpu(d, v) {
        v->fifo = &f->vcpus[v->id];
    }
    for (evtchn_port_t port = 1; port < ed->port_count; port++) {
        evtchn_at(ed, port)->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    }
    /* Release: who sees the new format sees its memory. */
    __atomic_store_n(&d->evtchn_format, &evtchn_fifo, __ATOMIC_RELEASE);
}

static int set_control(struct domain *d, struct vcpu *v, void *control,
                       struct evtchn_fifo **spare)
{
    struct evtchn_domain *ed = d->evtchn;
    int rc = 0;

    spin_lock(&ed->lock);
    if (domain_is_dying(d) || (v->fifo != NULL && v->fifo->control != NULL)) {
        rc = -EINVAL;
    } else {
        if (ed->fifo == NULL) {
            switch_format(d, *spare);
            *spare = NULL;
        }
        if (v->fifo == NULL) {
            v->fifo = &ed->fifo->vcpus[v->id]; /* created after the switch */
        }
        WRITE_ONCE(v->fifo->control, control);
    }
    spin_unlock(&ed->lock);
    return rc;
}

int evtchn_init_control(struct evtchn_init_control *op)
{
    struct domain *d = current_domain();
    struct vcpu *v = vcpu_lookup(d, op->vcpu);
    struct evtchn_fifo *spare;
    char *page;
    int rc;

    if (v == NULL) {
        return -ENOENT;
    }
    if (op->offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) ||
        op->offset % 8 != 0) {
        return -EINVAL;
    }
    spare = fifo_create(d);
    if (spare == NULL) {
        return -ENOMEM;
    }
    page = map_guest_page(d, op->control_gfn);
    if (page == NULL) {
        rc = -EINVAL;
    } else {
        rc = set_control(d, v, page + op->offset, &spare);
    }
    if (rc != 0 && page != NULL) {
        unmap_guest_page(page);
    }
    if (spare != NULL) {
        heap_free(spare->vcpus);
        heap_free(spare);
    }
    if (rc == 0) {
        op->link_bits = EVTCHN_FIFO_LINK_BITS;
    }
    return rc;
}

static bool raised_before(struct domain *d, struct evtchn *ch)
{
    unsigned long *old = (unsigned long *)d->shared_info->evtchn_pending;
    bool was = __atomic_exchange_n(&ch->pending_in_xen, false, __ATOMIC_SEQ_CST);

    if (ch->port < evtchn_2level(d)->port_count) {
        was |= bit_test_and_clear_atomic(old, ch->port);
    }
    return was && ch->vcpu != NULL;
}

/* What was raised while the page was missing, or in the old format, is raised for good.
 * Domain lock held. */
static void array_add(struct domain *d, event_word_t *page)
{
    struct evtchn_domain *ed = d->evtchn;
    struct evtchn_fifo *f = ed->fifo;
    evtchn_port_t first = f->page_count * WORDS_PER_PAGE;
    evtchn_port_t end = MIN(first + WORDS_PER_PAGE, ed->port_count);

    f->pages[f->page_count] = page;
    __atomic_store_n(&f->page_count, f->page_count + 1, __ATOMIC_RELEASE);
    smp_mb(); /* pairs with raise_without_word() */
    for (evtchn_port_t port = MAX(first, 1U); port < end; port++) {
        struct evtchn *ch = evtchn_at(ed, port);

        if (raised_before(d, ch)) {
            evtchn_raise(ch);
        }
    }
}

int evtchn_expand_array(const struct evtchn_expand_array *op)
{
    struct domain *d = current_domain();
    struct evtchn_domain *ed = d->evtchn;
    event_word_t *page;
    int rc = 0;

    if (d->evtchn_format != &evtchn_fifo) {
        return -EOPNOTSUPP;
    }
    page = map_guest_page(d, op->array_gfn);
    if (page == NULL) {
        return -EINVAL;
    }
    spin_lock(&ed->lock);
    if (ed->fifo == NULL || domain_is_dying(d)) {
        rc = -EOPNOTSUPP;
    } else if (ed->fifo->page_count * WORDS_PER_PAGE >= ed->limit) {
        rc = -ENOSPC;
    } else {
        array_add(d, page);
    }
    spin_unlock(&ed->lock);
    if (rc != 0) {
        unmap_guest_page(page);
    }
    return rc;
}

int evtchn_set_priority(const struct evtchn_set_priority *op)
{
    struct domain *d = current_domain();
    struct evtchn_domain *ed = d->evtchn;
    struct evtchn *ch = evtchn_at(ed, op->port);
    int rc = 0;

    if (!d->evtchn_format->has_priorities) {
        return -ENOSYS;
    }
    if (ch == NULL || op->priority > EVTCHN_FIFO_PRIORITY_MIN) {
        return -EINVAL;
    }
    spin_lock(&ed->lock);
    if (ch->state == EVTCHN_FREE || ch->state == EVTCHN_RESERVED) {
        rc = -EINVAL;
    } else {
        WRITE_ONCE(ch->priority, (uint8_t)op->priority);
    }
    spin_unlock(&ed->lock);
    return rc;
}
