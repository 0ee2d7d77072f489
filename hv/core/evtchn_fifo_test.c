/* SPDX-License-Identifier: MIT */
/*
 * The FIFO format of event channels: its set-up rules; random operations against a consumer
 * that takes events the way a guest kernel does, checked for order, loss and doubles; sender
 * and consumer on two CPUs at once; and guests that write nonsense into everything they share.
 */
#include "hv/core/evtchn.h"
#include "hv/core/evtchn_private.h"
#include "hv/lib/string.h"
#include "hv/mm/heap.h"
#include "hv/mm/map.h"
#include "tests/unit/world.h"

#define W_PENDING (1U << EVTCHN_FIFO_PENDING)
#define W_MASKED  (1U << EVTCHN_FIFO_MASKED)
#define W_LINKED  (1U << EVTCHN_FIFO_LINKED)
#define W_BUSY    (1U << EVTCHN_FIFO_BUSY)
#define W_LINK    ((uint32_t)EVTCHN_FIFO_LINK_MASK)

#define PORTS 40

static struct domain *d;
static struct domain *other;
static event_word_t *words;
static struct evtchn_fifo_control_block *control[2];
static mfn_t frames[3]; /* array, control blocks */
static uint32_t heads[2][EVTCHN_FIFO_MAX_QUEUES];
static uint32_t ready[2]; /* queues the consumer knows to have something */

static int init_control(unsigned int vcpu, mfn_t mfn, unsigned int offset)
{
    struct evtchn_init_control op = { .control_gfn = mfn_x(mfn),
                                      .offset = offset,
                                      .vcpu = vcpu };
    int rc = evtchn_init_control(&op);

    if (rc == 0) {
        EXPECT_EQ(op.link_bits, EVTCHN_FIFO_LINK_BITS);
    }
    return rc;
}

static int expand(mfn_t mfn)
{
    struct evtchn_expand_array op = { .array_gfn = mfn_x(mfn) };

    return evtchn_expand_array(&op);
}

static int set_priority(evtchn_port_t port, unsigned int priority)
{
    struct evtchn_set_priority op = { .port = port, .priority = priority };

    return evtchn_set_priority(&op);
}

static void set_up(void)
{
    world_init();
    d = world_domain(1, false);
    other = world_domain(2, false);
    world_enter(d);
    for (unsigned int i = 0; i < 3; i++) {
        frames[i] = world_page(d);
    }
    words = map_frame(frames[0]);
}

static void set_up_fifo(void)
{
    set_up();
    for (unsigned int i = 0; i < 2; i++) {
        EXPECT_EQ(init_control(i, frames[1 + i], 64 * i), 0);
        control[i] = (void *)((char *)map_frame(frames[1 + i]) + 64 * i);
        memset(heads[i], 0, sizeof(heads[i]));
    }
    EXPECT_EQ(expand(frames[0]), 0);
}

/* ---- Rules ------------------------------------------------------------------------------- */

TEST(fifo_set_up_rules)
{
    struct evtchn_expand_array bad = { .array_gfn = ~0ULL };
    evtchn_port_t port;
    mfn_t table;

    set_up();
    EXPECT_EQ(expand(frames[0]), -EOPNOTSUPP);
    EXPECT_EQ(evtchn_bind_ipi(0, &port), 0);
    EXPECT_EQ(set_priority(port, 3), -ENOSYS);
    EXPECT_EQ(init_control(0, frames[1], 4), -EINVAL);
    EXPECT_EQ(init_control(0, frames[1], PAGE_SIZE - 8), -EINVAL);
    EXPECT_EQ(init_control(2, frames[1], 0), -ENOENT);
    EXPECT_EQ(init_control(0, INVALID_MFN, 0), -EINVAL);
    EXPECT_EQ(init_control(0, frames[1], 0), 0);
    EXPECT_EQ(init_control(0, frames[2], 0), -EINVAL);
    EXPECT_EQ(evtchn_expand_array(&bad), -EINVAL);
    table = world_page(d);
    EXPECT_EQ(frame_get_role(frame_of(table), ROLE_DESCRIPTORS, false), 0);
    EXPECT_EQ(expand(table), -EINVAL);
    EXPECT_EQ(expand(frames[0]), 0);
    EXPECT_EQ(set_priority(port, 16), -EINVAL);
    EXPECT_EQ(set_priority(port + 1, 3), -EINVAL);
    EXPECT_EQ(set_priority(~0U, 3), -EINVAL);
    EXPECT_EQ(set_priority(port, 3), 0);
    frame_put_role(frame_of(table), false);
    world_domain_end(d);
    world_domain_free(1);
    world_domain_end(other);
    world_expect_clean();
}

/* The limit is 1023: one page of words covers it. */
TEST(fifo_array_is_limited)
{
    set_up_fifo();
    EXPECT_EQ(expand(frames[1]), -ENOSPC);
    world_domain_end(d);
    world_domain_end(other);
    world_expect_clean();
}

/* What was pending before the switch, and what is raised while words are missing, comes up
 * later. */
TEST(fifo_nothing_is_lost_at_the_switch)
{
    evtchn_port_t early;
    evtchn_port_t late;

    set_up();
    EXPECT_EQ(evtchn_bind_ipi(0, &early), 0);
    EXPECT_EQ(evtchn_bind_ipi(1, &late), 0);
    EXPECT_EQ(evtchn_send(d, early), 0);
    EXPECT_EQ(init_control(0, frames[1], 0), 0);
    EXPECT_EQ(init_control(1, frames[2], 0), 0);
    EXPECT_EQ(evtchn_send(d, late), 0);
    words[late] = W_MASKED;
    EXPECT_EQ(expand(frames[0]), 0);
    EXPECT_EQ(words[early], W_PENDING | W_LINKED);
    EXPECT_EQ(words[late], W_MASKED | W_PENDING);
    EXPECT_EQ(evtchn_unmask(late), 0);
    EXPECT_EQ(words[late], W_PENDING | W_LINKED);
    EXPECT(evtchn_is_pending(d, early));
    EXPECT(!evtchn_is_pending(d, 500));
    world_domain_end(d);
    world_domain_end(other);
    world_expect_clean();
}

TEST(fifo_reset_goes_back)
{
    evtchn_port_t port;

    set_up_fifo();
    EXPECT_EQ(evtchn_bind_ipi(0, &port), 0);
    EXPECT_EQ(evtchn_send(d, port), 0);
    EXPECT_EQ(evtchn_reset(d), 0);
    EXPECT_EQ(d->evtchn_format == evtchn_2level(d), true);
    EXPECT(d->vcpu[0]->fifo == NULL);
    EXPECT_EQ(evtchn_send(d, port), -EINVAL);
    EXPECT_EQ(expand(frames[0]), -EOPNOTSUPP);
    EXPECT_EQ(evtchn_bind_ipi(0, &port), 0);
    EXPECT_EQ(evtchn_send(d, port), 0);
    EXPECT(evtchn_is_pending(d, port));
    world_settle();
    EXPECT_EQ(init_control(0, frames[1], 0), 0);
    world_domain_end(d);
    world_domain_end(other);
    world_expect_clean();
}

TEST(fifo_allocation_failure)
{
    set_up();
    for (int n = 0;; n++) {
        int rc;

        heap_fail_after(n);
        rc = init_control(0, frames[1], 0);
        heap_fail_after(-1);
        if (rc == 0) {
            break;
        }
        EXPECT_EQ(rc, -ENOMEM);
        EXPECT(d->evtchn_format == evtchn_2level(d));
    }
    world_domain_end(d);
    world_domain_end(other);
    world_expect_clean();
}

/* ---- A consumer -------------------------------------------------------------------------- */

/* Takes the first event of the most urgent ready queue as a kernel does; 0 when there is none.
 */
static evtchn_port_t consume(unsigned int vcpu)
{
    struct evtchn_fifo_control_block *c = control[vcpu];

    for (;;) {
        evtchn_port_t port;
        unsigned int q;
        uint32_t old;

        ready[vcpu] |= __atomic_exchange_n(&c->ready, 0, __ATOMIC_SEQ_CST);
        if (ready[vcpu] == 0) {
            return 0;
        }
        q = (unsigned int)__builtin_ctz(ready[vcpu]);
        port = heads[vcpu][q] != 0 ? heads[vcpu][q]
                                   : __atomic_load_n(&c->head[q], __ATOMIC_SEQ_CST);
        old = __atomic_load_n(&words[port], __ATOMIC_SEQ_CST) & ~W_BUSY;
        while (!__atomic_compare_exchange_n(&words[port], &old, old & ~(W_LINKED | W_LINK),
                                            false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            old &= ~W_BUSY;
        }
        heads[vcpu][q] = old & W_LINK;
        if (heads[vcpu][q] == 0) {
            ready[vcpu] &= ~(1U << q); /* if it fills again now, the hypervisor says so */
        }
        if ((old & (W_PENDING | W_MASKED)) == W_PENDING) {
            __atomic_fetch_and(&words[port], ~W_PENDING, __ATOMIC_SEQ_CST);
            return port;
        }
    }
}

/* Clearing ready before looking at the head again is what a kernel does for the queue that
 * refills. */
static void consume_all(unsigned int vcpu, unsigned int *taken)
{
    evtchn_port_t port;

    d->vcpu[vcpu]->info->evtchn_upcall_pending = 0;
    while ((port = consume(vcpu)) != 0) {
        EXPECT(port <= PORTS);
        taken[port]++;
    }
}

TEST(fifo_order_and_priorities)
{
    evtchn_port_t p[4];

    set_up_fifo();
    for (unsigned int i = 0; i < 4; i++) {
        EXPECT_EQ(evtchn_bind_ipi(0, &p[i]), 0);
    }
    EXPECT_EQ(set_priority(p[0], EVTCHN_FIFO_PRIORITY_MIN), 0);
    EXPECT_EQ(set_priority(p[3], EVTCHN_FIFO_PRIORITY_MAX), 0);
    for (unsigned int i = 0; i < 4; i++) {
        EXPECT_EQ(evtchn_send(d, p[i]), 0);
        EXPECT_EQ(evtchn_send(d, p[i]), 0);
    }
    EXPECT_EQ(d->vcpu[0]->info->evtchn_upcall_pending, 1);
    EXPECT_EQ(consume(0), p[3]);
    EXPECT_EQ(consume(0), p[1]);
    EXPECT_EQ(evtchn_send(d, p[1]), 0); /* behind the others again */
    EXPECT_EQ(consume(0), p[2]);
    EXPECT_EQ(consume(0), p[1]);
    EXPECT_EQ(consume(0), p[0]);
    EXPECT_EQ(consume(0), 0);
    world_domain_end(d);
    world_domain_end(other);
    world_expect_clean();
}

/* A closed port is not given out again while the guest has it in a queue. */
TEST(fifo_linked_port_is_not_reused)
{
    evtchn_port_t port;
    evtchn_port_t next;

    set_up_fifo();
    EXPECT_EQ(evtchn_bind_ipi(0, &port), 0);
    EXPECT_EQ(evtchn_send(d, port), 0);
    EXPECT_EQ(evtchn_close(d, port), 0);
    EXPECT_EQ(words[port], W_LINKED);
    EXPECT_EQ(evtchn_bind_ipi(0, &next), 0);
    EXPECT(next != port);
    EXPECT_EQ(consume(0), 0);
    EXPECT_EQ(evtchn_bind_ipi(0, &next), 0);
    EXPECT_EQ(next, port);
    world_domain_end(d);
    world_domain_end(other);
    world_expect_clean();
}

/* ---- Random operations ------------------------------------------------------------------- */

/* Both ends of loopback channels: the near end sends, the far one moves between vcpus. */
static evtchn_port_t near_end[PORTS];
static evtchn_port_t far_end[PORTS];
static bool expected[PORTS + 1]; /* raised and not taken yet */

static void bind_pairs(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        EXPECT_EQ(evtchn_alloc_unbound(d, DOMID_SELF, &near_end[i]), 0);
        EXPECT_EQ(evtchn_bind_interdomain(DOMID_SELF, near_end[i], &far_end[i]), 0);
    }
}

static void random_step(unsigned int count, unsigned int *taken)
{
    unsigned int i = unit_random_below(count);
    evtchn_port_t port = far_end[i];

    switch (unit_random_below(10)) {
    case 0:
        words[port] |= W_MASKED;
        break;
    case 1:
        EXPECT_EQ(evtchn_unmask(port), 0);
        break;
    case 2:
        EXPECT_EQ(set_priority(port, unit_random_below(16)), 0);
        break;
    case 3:
        EXPECT_EQ(evtchn_bind_vcpu(port, unit_random_below(2)), 0);
        break;
    case 4:
    case 5: {
        unsigned int vcpu = unit_random_below(2);
        evtchn_port_t got = consume(vcpu);

        if (got != 0) {
            EXPECT(expected[got]);
            expected[got] = false;
            taken[got]++;
        }
        break;
    }
    default:
        EXPECT_EQ(evtchn_send(d, near_end[i]), 0);
        expected[port] = true;
        break;
    }
}

TEST(fifo_random_against_consumer)
{
    const unsigned int count = 15;
    unsigned int taken[PORTS + 1] = { 0 };

    set_up_fifo();
    bind_pairs(count);
    consume_all(0, taken);
    for (unsigned int n = 0; n < 200000; n++) {
        random_step(count, taken);
    }
    for (unsigned int i = 0; i < count; i++) {
        EXPECT_EQ(evtchn_unmask(far_end[i]), 0);
    }
    for (unsigned int vcpu = 0; vcpu < 2; vcpu++) {
        evtchn_port_t got;

        while ((got = consume(vcpu)) != 0) {
            EXPECT(expected[got]);
            expected[got] = false;
        }
        EXPECT_EQ(control[vcpu]->ready, 0);
    }
    for (unsigned int i = 0; i <= PORTS; i++) {
        EXPECT(!expected[i]);
    }
    world_domain_end(d);
    world_domain_end(other);
    world_expect_clean();
}

/* ---- Two CPUs ---------------------------------------------------------------------------- */

#define RACE_ROUNDS 200000
#define RACE_PORTS  3

static evtchn_port_t from_other[RACE_PORTS];
static evtchn_port_t to_d[RACE_PORTS];
static bool sender_done;

static void bind_to_other(void)
{
    for (unsigned int i = 0; i < RACE_PORTS; i++) {
        world_enter(d);
        EXPECT_EQ(evtchn_alloc_unbound(d, other->id, &to_d[i]), 0);
        world_enter(other);
        EXPECT_EQ(evtchn_bind_interdomain(d->id, to_d[i], &from_other[i]), 0);
    }
}

static void send_from_other(void *unused)
{
    fake_cpu_switch(1);
    world_enter(other);
    for (unsigned int n = 0; n < RACE_ROUNDS; n++) {
        EXPECT_EQ(evtchn_send(other, from_other[n % RACE_PORTS]), 0);
    }
    __atomic_store_n(&sender_done, true, __ATOMIC_SEQ_CST);
}

/* After the last send and one more look, no event is pending outside a queue. */
TEST(fifo_sender_and_consumer_race)
{
    unsigned int taken[PORTS + 1] = { 0 };
    unsigned long thread;
    bool done;

    set_up_fifo();
    bind_to_other();
    thread = fake_host_thread(send_from_other, NULL);
    world_enter(d);
    for (unsigned int n = 0;; n++) {
        done = __atomic_load_n(&sender_done, __ATOMIC_SEQ_CST);
        consume_all(0, taken);
        if (n % 8 == 0) {
            EXPECT_EQ(set_priority(to_d[n / 8 % RACE_PORTS], n / 64 % 16), 0);
        }
        if (n % 32 == 5) {
            __atomic_fetch_or(&words[to_d[0]], W_MASKED, __ATOMIC_SEQ_CST);
            EXPECT_EQ(evtchn_unmask(to_d[0]), 0);
        }
        if (done) {
            break;
        }
    }
    fake_host_join(thread);
    consume_all(0, taken);
    for (unsigned int i = 0; i < RACE_PORTS; i++) {
        EXPECT(taken[to_d[i]] > 0);
        EXPECT_EQ(words[to_d[i]] & (W_PENDING | W_LINKED | W_BUSY), 0);
    }
    EXPECT_EQ(control[0]->ready, 0);
    world_domain_end(d);
    world_domain_end(other);
    world_expect_clean();
}

static void scribble(void *unused)
{
    uint64_t x = 88172645463325252ULL;

    while (!__atomic_load_n(&sender_done, __ATOMIC_SEQ_CST)) {
        for (unsigned int i = 0; i < RACE_PORTS; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            __atomic_store_n(&words[to_d[i]], (uint32_t)x, __ATOMIC_RELAXED);
        }
        __atomic_store_n(&control[0]->ready, (uint32_t)(x >> 32), __ATOMIC_RELAXED);
        __atomic_store_n(&control[0]->head[x % 16], (uint32_t)(x >> 20), __ATOMIC_RELAXED);
    }
}

/* A guest that writes all it shares, all the time, stops nobody. */
TEST(fifo_scribbling_guest)
{
    unsigned long scribbler;

    set_up_fifo();
    bind_to_other();
    scribbler = fake_host_thread(scribble, NULL);
    fake_cpu_switch(0);
    send_from_other(NULL);
    fake_host_join(scribbler);
    fake_cpu_switch(0);
    world_enter(d);
    EXPECT_EQ(evtchn_reset(d), 0);
    world_domain_end(d);
    world_domain_end(other);
    world_expect_clean();
}
