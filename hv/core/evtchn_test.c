/* SPDX-License-Identifier: MIT */
/*
 * Event channels, 2-level: each operation's rules, then random binding, closing and sending
 * between three domains against a model of who is bound to whom.
 */
#include "hv/core/evtchn.h"

#include "hv/core/evtchn_private.h"
#include "hv/core/sched.h"
#include "hv/core/shared_narrow.h"
#include "hv/lib/string.h"
#include "hv/mm/heap.h"
#include "tests/unit/world.h"

static struct domain *a;
static struct domain *b;

static void set_up(void)
{
    world_init();
    a = world_domain(1, false);
    b = world_domain(2, false);
    world_enter(a);
}

static bool pending(const struct domain *d, evtchn_port_t port)
{
    return bit_test((const unsigned long *)d->shared_info->evtchn_pending, port);
}

/* Takes the event as a guest does. */
static bool take(struct domain *d, evtchn_port_t port)
{
    bool was = bit_test_and_clear_atomic((unsigned long *)d->shared_info->evtchn_pending, port);

    for (unsigned int i = 0; i < 2; i++) {
        d->vcpu[i]->info->evtchn_pending_sel = 0;
        d->vcpu[i]->info->evtchn_upcall_pending = 0;
    }
    return was;
}

/* A pair between a (first) and b. */
static void connect_pair(evtchn_port_t *pa, evtchn_port_t *pb)
{
    world_enter(a);
    EXPECT_EQ(evtchn_alloc_unbound(a, b->id, pa), 0);
    world_enter(b);
    EXPECT_EQ(evtchn_bind_interdomain(a->id, *pa, pb), 0);
    take(a, *pa);
    take(b, *pb);
}

TEST(evtchn_interdomain_send)
{
    evtchn_port_t pa;
    evtchn_port_t pb;

    set_up();
    connect_pair(&pa, &pb);
    EXPECT(pa != 0 && pb != 0);
    EXPECT_EQ(evtchn_send(a, pa), 0);
    EXPECT(pending(b, pb) && !pending(a, pa));
    EXPECT_EQ(b->vcpu[0]->info->evtchn_pending_sel, 1);
    EXPECT_EQ(b->vcpu[0]->info->evtchn_upcall_pending, 1);
    EXPECT(take(b, pb));
    /* A masked port becomes pending without an upcall, which comes with the unmasking. */
    bit_set((unsigned long *)b->shared_info->evtchn_mask, pb);
    EXPECT_EQ(evtchn_send(a, pa), 0);
    EXPECT(pending(b, pb));
    EXPECT_EQ(b->vcpu[0]->info->evtchn_upcall_pending, 0);
    world_enter(b);
    EXPECT_EQ(evtchn_unmask(pb), 0);
    EXPECT_EQ(b->vcpu[0]->info->evtchn_upcall_pending, 1);
    EXPECT(take(b, pb));
    /* And to another vcpu. */
    EXPECT_EQ(evtchn_bind_vcpu(pb, 1), 0);
    EXPECT_EQ(evtchn_bind_vcpu(pb, 2), -ENOENT);
    EXPECT_EQ(evtchn_send(a, pa), 0);
    EXPECT_EQ(b->vcpu[0]->info->evtchn_upcall_pending, 0);
    EXPECT_EQ(b->vcpu[1]->info->evtchn_upcall_pending, 1);
}

/* A domain of 32-bit words: masks, selector and the number of ports. */
TEST(evtchn_narrow)
{
    struct shared_info_narrow *s;
    struct vcpu_info_narrow *info;
    evtchn_port_t first;
    evtchn_port_t port;

    set_up();
    world_enter(a);
    s = shared_narrow(a);
    info = (void *)a->vcpu[0]->info;
    shared_set_narrow(a, true);
    EXPECT(s->wc_version != 0 && s->wc_version % 2 == 0);
    EXPECT_EQ(evtchn_bind_ipi(0, &first), 0);
    do {
        EXPECT_EQ(evtchn_bind_ipi(0, &port), 0);
    } while (port < 40);
    EXPECT_EQ(evtchn_send(a, port), 0);
    EXPECT(pending(a, port));
    EXPECT_EQ(info->evtchn_pending_sel, 1U << 1);
    EXPECT_EQ(info->evtchn_upcall_pending, 1);
    s->evtchn_pending[1] = info->evtchn_pending_sel = info->evtchn_upcall_pending = 0;
    s->evtchn_mask[1] = 1U << (port - 32);
    EXPECT_EQ(evtchn_send(a, port), 0);
    EXPECT_EQ(info->evtchn_upcall_pending, 0);
    EXPECT(evtchn_is_pending(a, port) && a->evtchn_format->is_masked(a, port));
    EXPECT_EQ(evtchn_unmask(port), 0);
    EXPECT_EQ(s->evtchn_mask[1], 0);
    EXPECT_EQ(info->evtchn_pending_sel, 1U << 1);
    EXPECT_EQ(a->evtchn_format->port_count, 1024);
    evtchn_vcpu_info_moved(a->vcpu[0]);
    EXPECT_EQ(info->evtchn_pending_sel, ~0U);
    EXPECT_EQ(a->vcpu[0]->info->evtchn_pending_sel, 0); /* what is behind it */
    shared_set_narrow(a, false);
    EXPECT_EQ(a->evtchn_format->port_count, 4096);
    EXPECT_EQ(s->evtchn_mask[1], 0);
}

TEST(evtchn_pirq_follows_its_vcpu)
{
    evtchn_port_t port;

    set_up();
    world_enter(a);
    EXPECT_EQ(evtchn_bind_pirq(3, 0, &port), 0);
    a->vcpu[0]->processor = 0;
    fake_pirq_cpu[3] = 77;
    evtchn_send_pirq(a, port);
    EXPECT(take(a, port));
    EXPECT_EQ(fake_pirq_cpu[3], 77); /* it came where the vcpu is */
    a->vcpu[0]->processor = 1;
    evtchn_send_pirq(a, port);
    EXPECT(take(a, port));
    EXPECT_EQ(fake_pirq_cpu[3], 1);
    EXPECT_EQ(evtchn_close(a, port), 0);
    fake_pirq_cpu[3] = 77;
    evtchn_send_pirq(a, port); /* late: nothing happens */
    EXPECT_EQ(fake_pirq_cpu[3], 77);
}

TEST(evtchn_binding_rules)
{
    struct evtchn_status st;
    evtchn_port_t pa;
    evtchn_port_t pb;
    evtchn_port_t other;

    set_up();
    EXPECT_EQ(evtchn_alloc_unbound(a, b->id, &pa), 0);
    EXPECT_EQ(evtchn_status(a, pa, &st), 0);
    EXPECT_EQ(st.status, EVTCHNSTAT_unbound);
    EXPECT_EQ(st.u.unbound.dom, b->id);
    EXPECT_EQ(evtchn_send(a, pa), 0); /* nobody there */
    /* Not for a itself, nor a second time, nor what does not exist. */
    EXPECT_EQ(evtchn_bind_interdomain(DOMID_SELF, pa, &other), -EINVAL);
    world_enter(b);
    EXPECT_EQ(evtchn_bind_interdomain(a->id, 0, &other), -EINVAL);
    EXPECT_EQ(evtchn_bind_interdomain(a->id, ~0U, &other), -EINVAL);
    EXPECT_EQ(evtchn_bind_interdomain(77, pa, &other), -ESRCH);
    EXPECT_EQ(evtchn_bind_interdomain(a->id, pa, &pb), 0);
    EXPECT_EQ(evtchn_bind_interdomain(a->id, pa, &other), -EINVAL);
    EXPECT_EQ(evtchn_status(b, pb, &st), 0);
    EXPECT_EQ(st.status, EVTCHNSTAT_interdomain);
    EXPECT_EQ(st.u.interdomain.dom, a->id);
    EXPECT_EQ(st.u.interdomain.port, pa);
    /* Closing one end leaves the other unbound, for the same domain. */
    EXPECT_EQ(evtchn_close(b, pb), 0);
    EXPECT_EQ(evtchn_close(b, pb), -EINVAL);
    EXPECT_EQ(evtchn_status(a, pa, &st), 0);
    EXPECT_EQ(st.status, EVTCHNSTAT_unbound);
    EXPECT_EQ(evtchn_bind_interdomain(a->id, pa, &other), 0);
    EXPECT_EQ(other, pb);
    EXPECT_EQ(evtchn_close(a, 0), -EINVAL);
    EXPECT_EQ(evtchn_close(a, ~0U), -EINVAL);
    EXPECT_EQ(evtchn_send(a, 0), -EINVAL);
    EXPECT_EQ(evtchn_send(a, 999), -EINVAL);
    EXPECT_EQ(evtchn_send(a, ~0U), -EINVAL);
    EXPECT_EQ(evtchn_unmask(~0U), -EINVAL);
}

TEST(evtchn_loopback)
{
    evtchn_port_t one;
    evtchn_port_t two;

    set_up();
    EXPECT_EQ(evtchn_alloc_unbound(a, DOMID_SELF, &one), 0);
    EXPECT_EQ(evtchn_bind_interdomain(DOMID_SELF, one, &two), 0);
    take(a, two);
    EXPECT_EQ(evtchn_send(a, one), 0);
    EXPECT(take(a, two));
    EXPECT_EQ(evtchn_send(a, two), 0);
    EXPECT(take(a, one));
    EXPECT_EQ(evtchn_close(a, one), 0);
    EXPECT_EQ(evtchn_close(a, two), 0);
    EXPECT_EQ(a->evtchn->active_count, 0);
}

TEST(evtchn_virq_and_ipi)
{
    evtchn_port_t timer;
    evtchn_port_t console;
    evtchn_port_t ipi;
    evtchn_port_t other;

    set_up();
    EXPECT_EQ(evtchn_bind_virq(VIRQ_TIMER, 1, &timer), 0);
    EXPECT_EQ(evtchn_bind_virq(VIRQ_TIMER, 1, &other), -EEXIST);
    EXPECT_EQ(evtchn_bind_virq(VIRQ_TIMER, 7, &other), -ENOENT);
    EXPECT_EQ(evtchn_bind_virq(NR_VIRQS, 0, &other), -EINVAL);
    EXPECT_EQ(evtchn_bind_virq(VIRQ_CONSOLE, 1, &other), -EINVAL);
    EXPECT_EQ(evtchn_bind_virq(VIRQ_CONSOLE, 0, &console), 0);
    evtchn_send_virq(a->vcpu[0], VIRQ_TIMER);
    EXPECT(!take(a, timer));
    evtchn_send_virq(a->vcpu[1], VIRQ_TIMER);
    EXPECT_EQ(a->vcpu[1]->info->evtchn_upcall_pending, 1);
    EXPECT(take(a, timer));
    evtchn_send_global_virq(a, VIRQ_CONSOLE);
    EXPECT(take(a, console));
    EXPECT_EQ(evtchn_bind_vcpu(timer, 0), -EINVAL);
    EXPECT_EQ(evtchn_bind_vcpu(console, 1), 0);
    EXPECT_EQ(evtchn_bind_ipi(1, &ipi), 0);
    EXPECT_EQ(evtchn_bind_ipi(9, &other), -ENOENT);
    EXPECT_EQ(evtchn_bind_vcpu(ipi, 0), -EINVAL);
    EXPECT_EQ(evtchn_send(a, ipi), 0);
    EXPECT(take(a, ipi));
    EXPECT_EQ(evtchn_send(a, timer), -EINVAL); /* a guest cannot raise it */
    EXPECT_EQ(evtchn_close(a, timer), 0);
    evtchn_send_virq(a->vcpu[1], VIRQ_TIMER);
    EXPECT_EQ(evtchn_bind_virq(VIRQ_TIMER, 1, &timer), 0);
}

TEST(evtchn_port_limit)
{
    evtchn_port_t port;
    unsigned int count = 0;
    int rc;

    set_up();
    while ((rc = evtchn_alloc_unbound(a, b->id, &port)) == 0) {
        count++;
        EXPECT(port <= 1023);
    }
    EXPECT_EQ(rc, -ENOSPC);
    EXPECT_EQ(count, 1023);
    EXPECT_EQ(evtchn_close(a, 500), 0);
    EXPECT_EQ(evtchn_alloc_unbound(a, b->id, &port), 0);
    EXPECT_EQ(port, 500);
    EXPECT_EQ(evtchn_reset(a), 0);
    EXPECT_EQ(a->evtchn->active_count, 0);
}

TEST(evtchn_allocation_failure)
{
    evtchn_port_t port;
    unsigned int failures = 0;

    set_up();
    for (unsigned int i = 0; i < 300; i++) {
        heap_fail_after(0);
        if (evtchn_alloc_unbound(a, b->id, &port) == -ENOMEM) {
            failures++;
            heap_fail_after(-1);
            EXPECT_EQ(evtchn_alloc_unbound(a, b->id, &port), 0);
        }
        heap_fail_after(-1);
        EXPECT_EQ(port, i + 1);
    }
    EXPECT(failures > 0);
}

TEST(evtchn_death_of_one_end)
{
    struct evtchn_status st;
    evtchn_port_t pa;
    evtchn_port_t pb;

    set_up();
    connect_pair(&pa, &pb);
    world_domain_end(b);
    world_domain_free(2);
    EXPECT_EQ(evtchn_status(a, pa, &st), 0);
    EXPECT_EQ(st.status, EVTCHNSTAT_unbound);
    EXPECT_EQ(evtchn_send(a, pa), 0);
    world_domain_end(a);
    world_domain_free(1);
    world_expect_clean();
}

static unsigned int notices;

static void note(struct domain *d)
{
    EXPECT(d == a);
    notices++;
}

/* A port of a's that the hypervisor holds, and b at its other end. */
TEST(evtchn_held_for_a_domain)
{
    struct evtchn_status st;
    evtchn_port_t held;
    evtchn_port_t pb;

    set_up();
    notices = 0;
    EXPECT_EQ(evtchn_alloc_held(a, b->id, note, &held), 0);
    evtchn_send_held(a, held); /* nobody is there */
    EXPECT_EQ(evtchn_send(a, held), -EINVAL);
    EXPECT_EQ(evtchn_close(a, held), -EINVAL);
    EXPECT_EQ(evtchn_bind_vcpu(held, 1), -EINVAL);
    EXPECT_EQ(evtchn_status(a, held, &st), -EACCES);
    EXPECT_EQ(evtchn_reset(a), 0);
    EXPECT_EQ(evtchn_bind_interdomain(a->id, held, &pb), -EINVAL); /* not for a itself */
    world_enter(b);
    for (unsigned int i = 0; i < 3; i++) {
        unsigned int before = notices;

        EXPECT_EQ(evtchn_bind_interdomain(a->id, held, &pb), 0);
        EXPECT(take(b, pb)); /* as any port that was just bound */
        EXPECT_EQ(evtchn_status(b, pb, &st), 0);
        EXPECT_EQ(st.status, EVTCHNSTAT_interdomain);
        EXPECT_EQ(st.u.interdomain.port, held);
        EXPECT_EQ(evtchn_send(b, pb), 0);
        EXPECT_EQ(notices, before + 1);
        EXPECT(!pending(a, held));
        evtchn_send_held(a, held);
        EXPECT(take(b, pb));
        EXPECT_EQ(evtchn_send(a, held), -EINVAL);
        EXPECT_EQ(evtchn_close(a, held), -EINVAL);
        EXPECT_EQ(evtchn_reset(a), 0);
        EXPECT_EQ(evtchn_bind_vcpu(pb, 1), 0);
        EXPECT_EQ(evtchn_close(b, pb), 0);
        evtchn_send_held(a, held);
        EXPECT(!pending(b, pb));
    }
    EXPECT_EQ(evtchn_bind_interdomain(a->id, held, &pb), 0);
    evtchn_close_held(a, pb == held ? held + 1 : pb); /* no port of the hypervisor's: nothing happens */
    world_domain_end(a);
    world_domain_free(1);
    EXPECT_EQ(evtchn_status(b, pb, &st), 0);
    EXPECT_EQ(st.status, EVTCHNSTAT_unbound);
    EXPECT_EQ(evtchn_send(b, pb), 0);
    world_domain_end(b);
    world_domain_free(2);
    world_expect_clean();
}

/* ---- Model ------------------------------------------------------------------------------- */
#define MODEL_DOMAINS 3
#define MODEL_PORTS   60

struct model_port {
    enum { M_FREE, M_UNBOUND, M_BOUND } state;
    unsigned int peer; /* index of the domain */
    unsigned int peer_port;
};

static struct domain *doms[MODEL_DOMAINS];
static struct model_port model[MODEL_DOMAINS][MODEL_PORTS];

static void model_check(void)
{
    for (unsigned int i = 0; i < MODEL_DOMAINS; i++) {
        unsigned int active = 0;

        for (unsigned int p = 1; p < MODEL_PORTS; p++) {
            const struct model_port *m = &model[i][p];
            struct evtchn_status st = { 0 };

            EXPECT_EQ(evtchn_status(doms[i], p, &st), 0);
            active += m->state != M_FREE;
            EXPECT_EQ(st.status, m->state == M_FREE      ? EVTCHNSTAT_closed
                                 : m->state == M_UNBOUND ? EVTCHNSTAT_unbound
                                                         : EVTCHNSTAT_interdomain);
            if (m->state == M_BOUND) {
                EXPECT_EQ(st.u.interdomain.dom, doms[m->peer]->id);
                EXPECT_EQ(st.u.interdomain.port, m->peer_port);
            }
        }
        EXPECT_EQ(doms[i]->evtchn->active_count, active);
    }
}

static void model_open(unsigned int i, unsigned int peer)
{
    evtchn_port_t port;

    world_enter(doms[i]);
    EXPECT_EQ(evtchn_alloc_unbound(doms[i], doms[peer]->id, &port), 0);
    if (port >= MODEL_PORTS) {
        EXPECT_EQ(evtchn_close(doms[i], port), 0);
        return;
    }
    EXPECT_EQ(model[i][port].state, M_FREE);
    model[i][port] = (struct model_port){ M_UNBOUND, peer, 0 };
}

static void model_bind(unsigned int i, unsigned int rdom, unsigned int rport)
{
    struct model_port *r = &model[rdom][rport];
    bool may = r->state == M_UNBOUND && r->peer == i;
    evtchn_port_t port = 0;
    int rc;

    world_enter(doms[i]);
    rc = evtchn_bind_interdomain(doms[rdom]->id, rport, &port);
    EXPECT_EQ(rc == 0, may);
    if (rc != 0) {
        return;
    }
    EXPECT(pending(doms[i], port)); /* an event waits for the new end */
    if (port >= MODEL_PORTS) {
        EXPECT_EQ(evtchn_close(doms[i], port), 0);
        return;
    }
    model[i][port] = (struct model_port){ M_BOUND, rdom, rport };
    *r = (struct model_port){ M_BOUND, i, port };
}

static void model_close(unsigned int i, unsigned int port)
{
    struct model_port *m = &model[i][port];

    EXPECT_EQ(evtchn_close(doms[i], port) == 0, m->state != M_FREE);
    if (m->state == M_BOUND) {
        model[m->peer][m->peer_port] = (struct model_port){ M_UNBOUND, i, 0 };
    }
    m->state = M_FREE;
    EXPECT(!pending(doms[i], port));
}

static void model_send(unsigned int i, unsigned int port)
{
    const struct model_port *m = &model[i][port];

    EXPECT_EQ(evtchn_send(doms[i], port) == 0, m->state != M_FREE);
    if (m->state == M_BOUND) {
        EXPECT(take(doms[m->peer], m->peer_port));
    }
}

TEST(evtchn_random_against_model)
{
    world_init();
    for (unsigned int i = 0; i < MODEL_DOMAINS; i++) {
        evtchn_port_t last;

        doms[i] = world_domain((domid_t)(i + 1), false);
        world_enter(doms[i]);
        for (unsigned int p = 1; p < MODEL_PORTS + 8; p++) {
            EXPECT_EQ(evtchn_alloc_unbound(doms[i], 0, &last), 0);
        }
        EXPECT_EQ(evtchn_reset(doms[i]), 0);
    }
    for (unsigned int n = 0; n < 60000; n++) {
        unsigned int i = unit_random_below(MODEL_DOMAINS);
        unsigned int other = unit_random_below(MODEL_DOMAINS);
        unsigned int port = 1 + unit_random_below(MODEL_PORTS - 1);

        switch (unit_random_below(8)) {
        case 0:
            model_open(i, other);
            break;
        case 1:
        case 2:
            model_bind(i, other, port);
            break;
        case 3:
            model_close(i, port);
            break;
        default:
            model_send(i, port);
            break;
        }
        if (n % 64 == 0) {
            model_check();
        }
    }
    for (unsigned int i = 0; i < MODEL_DOMAINS; i++) {
        world_domain_end(doms[i]);
    }
    world_expect_clean();
}
