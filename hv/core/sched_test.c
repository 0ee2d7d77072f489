/* SPDX-License-Identifier: MIT */
/*
 * Scheduling on a simulated machine of four CPUs: time goes in steps of 50 us, a vcpu is either a hog or
 * runs bursts and sleeps between them. Fairness by weight, caps, affinity, bounded waiting, and a long
 * random run that checks after every step that each vcpu is where the rules say.
 *
 * The vcpu half that is not under test is replaced here by its simplest form.
 */
#include "hv/core/sched.h"

#include "abi/sched.h"
#include "hv/arch/fake/fake.h"
#include "hv/base/softirq.h"
#include "hv/core/arch_guest.h"
#include "hv/core/evtchn.h"
#include "hv/core/sched_private.h"
#include "hv/mm/heap.h"
#include "hv/upcalls.h"
#include "tests/unit/unit.h"

#define STEP_NS   (50 * NS_PER_US)
#define VCPUS_MAX 32

struct sim_vcpu {
    struct vcpu *v;
    uint64_t burst;      /* 0: a hog */
    uint64_t sleep;
    uint64_t used;       /* of this burst */
    uint64_t wake_at;    /* 0: awake */
    uint64_t ran;
    uint64_t waited;     /* runnable and not running, without a break */
    uint64_t waited_max;
};

static struct vcpu_info vcpu_info; /* nobody has events */
static struct sim_vcpu sims[VCPUS_MAX];
static unsigned int sim_count;
static unsigned int domain_ids;
struct domain *domain_idle;

/* ---- What the core expects around the scheduler --------------------------------------------- */

int vcpu_create(struct domain *d, unsigned int id)
{
    struct vcpu *v = heap_alloc(sizeof(*v));

    v->id = id;
    v->domain = d;
    v->info = &vcpu_info;
    d->vcpu[id] = v;
    EXPECT_EQ(sched_vcpu_init(v), 0);
    timer_init(&v->periodic_timer, NULL, v, v->processor);
    timer_init(&v->singleshot_timer, NULL, v, v->processor);
    return 0;
}

void vcpu_runstate_change(struct vcpu *v, int new_state, uint64_t now)
{
    v->runstate.time[v->runstate.state] += now - v->runstate.state_entry_time;
    v->runstate.state_entry_time = now;
    v->runstate.state = new_state;
}

void vcpu_unblock(struct vcpu *v)
{
    if (__atomic_fetch_and(&v->pause_flags, ~BIT(VCPU_BLOCKED), __ATOMIC_SEQ_CST) &
        BIT(VCPU_BLOCKED)) {
        sched_wake(v);
    }
}

bool evtchn_is_pending(struct domain *d, evtchn_port_t port)
{
    return port == 7;
}

void domain_shutdown(struct domain *d, unsigned int reason)
{
    d->shutdown_code = reason;
}

void arch_switch(struct vcpu *prev, struct vcpu *next)
{
    EXPECT(next->is_running);
    EXPECT(vcpu_is_idle(next) || cpumask_test(&next->sched->hard, arch_cpu_id()));
    EXPECT_EQ(next->processor, arch_cpu_id());
    arch_set_current(next);
    sched_switch_finished(prev);
}

void arch_sync_vcpu_state(struct vcpu *v)
{
}

void upcall_owner_filled(uint16_t domid)
{
}

void upcall_owner_empty(uint16_t domid)
{
}

struct frame_owner *upcall_frame_owner(uint16_t domid)
{
    return NULL;
}

int upcall_role_validate(struct frame *f, unsigned int role, bool preemptible)
{
    return 0;
}

int upcall_role_release(struct frame *f, unsigned int role, bool preemptible)
{
    return 0;
}

void upcall_role_abandon(struct frame *f)
{
}

void upcall_frame_flush(struct frame *f)
{
}

void upcall_frames_flush(const struct frame *first)
{
}

/* ---- The simulation ------------------------------------------------------------------------- */

static struct domain *new_domain(unsigned int vcpus, domid_t id)
{
    struct domain *d = heap_alloc(sizeof(*d));

    d->id = id;
    d->max_vcpus = vcpus;
    d->vcpu = heap_alloc_array(vcpus, sizeof(struct vcpu *));
    EXPECT_EQ(sched_domain_init(d), 0);
    return d;
}

static void machine(const char *policy)
{
    fake_machine_add_ram(256, 8192);
    softirq_init();
    timer_init_module();
    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        timer_init_cpu(cpu);
    }
    fake_clock_set(1000 * NS_PER_MS);
    domain_idle = heap_alloc(sizeof(*domain_idle));
    domain_idle->id = DOMID_IDLE;
    domain_idle->max_vcpus = MAX_CPUS;
    domain_idle->vcpu = heap_alloc_array(MAX_CPUS, sizeof(struct vcpu *));
    sched_init(policy);
    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        EXPECT_EQ(sched_init_cpu(cpu), 0);
        fake_cpu_switch(cpu);
        arch_set_current(sched_idle_vcpu[cpu]);
    }
    fake_cpu_switch(0);
}

static struct domain *guest(unsigned int vcpus, uint64_t burst, uint64_t sleep)
{
    struct domain *d = new_domain(vcpus, (domid_t)++domain_ids);

    for (unsigned int i = 0; i < vcpus; i++) {
        EXPECT_EQ(vcpu_create(d, i), 0);
        sims[sim_count++] = (struct sim_vcpu){ .v = d->vcpu[i], .burst = burst, .sleep = sleep };
        sched_wake(d->vcpu[i]);
    }
    return d;
}

static void set_params(struct domain *d, uint16_t weight, uint16_t cap)
{
    struct xen_domctl_scheduler_op op = { .sched_id = XEN_SCHEDULER_CREDIT2,
                                          .cmd = XEN_DOMCTL_SCHEDOP_putinfo };

    op.u.credit2.weight = weight;
    op.u.credit2.cap = cap;
    EXPECT_EQ(sched_adjust(d, &op), 0);
}

static void pin(struct domain *d, unsigned long cpus)
{
    struct cpumask mask = { { cpus } };
    struct vcpu *v;

    domain_for_each_vcpu(d, v) {
        EXPECT_EQ(sched_set_affinity(v, &mask, NULL), 0);
    }
}

static struct sim_vcpu *sim_of(const struct vcpu *v)
{
    for (unsigned int i = 0; i < sim_count; i++) {
        if (sims[i].v == v) {
            return &sims[i];
        }
    }
    return NULL;
}

/* The current vcpu of this CPU has run one step. */
static void spend_step(void)
{
    struct sim_vcpu *s = sim_of(arch_current());

    if (s == NULL) {
        return;
    }
    s->ran += STEP_NS;
    s->used += STEP_NS;
    if (s->burst != 0 && s->used >= s->burst) {
        s->used = 0;
        s->wake_at = arch_clock_now() + s->sleep;
        __atomic_fetch_or(&s->v->pause_flags, BIT(VCPU_BLOCKED), __ATOMIC_SEQ_CST);
        softirq_raise(SOFTIRQ_SCHEDULE);
    }
}

static void run_softirqs(void)
{
    for (unsigned int round = 0; round < 4; round++) {
        for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
            fake_cpu_switch(cpu);
            if (fake_cpus[cpu].timer_deadline <= arch_clock_now()) {
                softirq_raise(SOFTIRQ_TIMER);
            }
            softirq_run();
        }
    }
}

static void check_places(void)
{
    for (unsigned int i = 0; i < sim_count; i++) {
        struct vcpu *v = sims[i].v;
        bool current = sched_cpu_of(v->processor)->current == v;

        EXPECT_EQ(v->is_running, current);
        EXPECT(!(v->sched->queued && current));
        if (!vcpu_runnable(v)) {
            EXPECT(!v->sched->queued && !current);
            EXPECT(v->runstate.state >= RUNSTATE_blocked);
        } else {
            EXPECT_EQ(v->runstate.state, current ? RUNSTATE_running : RUNSTATE_runnable);
        }
        if (sched_policy() == &sched_credit_ops && vcpu_runnable(v)) {
            EXPECT(v->sched->queued || v->sched->parked || current);
        }
        if (v->sched->queued) {
            EXPECT(cpumask_test(&v->sched->hard, v->processor));
        }
    }
}

/* No CPU idles while a vcpu waits that could run there. */
static void check_work_conserved(void)
{
    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        if (!vcpu_is_idle(sched_cpu_of(cpu)->current)) {
            continue;
        }
        for (unsigned int i = 0; i < sim_count; i++) {
            struct vcpu *v = sims[i].v;

            EXPECT(!v->sched->queued || !cpumask_test(&v->sched->hard, cpu));
        }
    }
}

static void step(void)
{
    fake_clock_advance(STEP_NS);
    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        fake_cpu_switch(cpu);
        spend_step();
    }
    for (unsigned int i = 0; i < sim_count; i++) {
        struct sim_vcpu *s = &sims[i];

        if (s->wake_at != 0 && s->wake_at <= arch_clock_now()) {
            s->wake_at = 0;
            fake_cpu_switch(unit_random_below(FAKE_CPUS));
            vcpu_unblock(s->v);
        }
    }
    run_softirqs();
    for (unsigned int i = 0; i < sim_count; i++) {
        struct sim_vcpu *s = &sims[i];
        bool waits = vcpu_runnable(s->v) && !s->v->is_running && !s->v->sched->parked;

        s->waited = waits ? s->waited + STEP_NS : 0;
        s->waited_max = MAX(s->waited_max, s->waited);
    }
}

static void run_for(uint64_t time_ms)
{
    for (unsigned int i = 0; i < sim_count; i++) {
        sims[i].ran = 0;
        sims[i].waited_max = 0;
    }
    for (uint64_t t = 0; t < time_ms * NS_PER_MS; t += STEP_NS) {
        step();
    }
}

/* Time of all vcpus of d since run_for() began, in thousandths of one CPU. */
static unsigned int share(const struct domain *d, uint64_t time_ms)
{
    uint64_t ran = 0;

    for (unsigned int i = 0; i < sim_count; i++) {
        ran += sims[i].v->domain == d ? sims[i].ran : 0;
    }
    return (unsigned int)(ran * 1000 / (time_ms * NS_PER_MS));
}

#define EXPECT_NEAR(value, wanted, within)                                                       \
    do {                                                                                         \
        long long near_ = (long long)(value) - (long long)(wanted);                              \
        if (near_ > (within) || near_ < -(long long)(within)) {                                  \
            EXPECT_EQ(value, wanted);                                                            \
        }                                                                                        \
    } while (0)

/* ---- Fairness ------------------------------------------------------------------------------- */

TEST(sched_one_hog_gets_everything)
{
    machine(NULL);
    struct domain *d = guest(1, 0, 0);

    run_for(1000);
    EXPECT(share(d, 1000) >= 999);
    check_places();
}

TEST(sched_weights_divide_one_cpu)
{
    machine(NULL);
    struct domain *a = guest(1, 0, 0);
    struct domain *b = guest(1, 0, 0);
    struct domain *c = guest(1, 0, 0);

    pin(a, 1);
    pin(b, 1);
    pin(c, 1);
    set_params(a, 256, 0);
    set_params(b, 512, 0);
    set_params(c, 1024, 0);
    run_for(5000);
    EXPECT_NEAR(share(a, 5000), 143, 6);
    EXPECT_NEAR(share(b, 5000), 286, 8);
    EXPECT_NEAR(share(c, 5000), 571, 10);
}

TEST(sched_hogs_fill_all_cpus_evenly)
{
    machine(NULL);
    struct domain *d[6];

    for (unsigned int i = 0; i < 6; i++) {
        d[i] = guest(1, 0, 0);
    }
    run_for(200);
    run_for(6000);
    for (unsigned int i = 0; i < 6; i++) {
        EXPECT_NEAR(share(d[i], 6000), 667, 40);
    }
}

TEST(sched_three_hogs_share_two_cpus)
{
    machine(NULL);
    struct domain *d[3];

    for (unsigned int i = 0; i < 3; i++) {
        d[i] = guest(1, 0, 0);
        pin(d[i], 3);
    }
    run_for(6000);
    for (unsigned int i = 0; i < 3; i++) {
        EXPECT_NEAR(share(d[i], 6000), 667, 40);
    }
}

TEST(sched_sleepers_do_not_starve_a_hog)
{
    machine(NULL);
    struct domain *hog = guest(1, 0, 0);
    struct domain *crowd[6];

    pin(hog, 1);
    for (unsigned int i = 0; i < 6; i++) {
        crowd[i] = guest(1, 400 * NS_PER_US, 300 * NS_PER_US);
        pin(crowd[i], 1);
    }
    run_for(5000);
    /* Each sleeper wants more than a seventh, so all seven get a seventh. */
    EXPECT_NEAR(share(hog, 5000), 143, 20);
    EXPECT(sim_of(hog->vcpu[0])->waited_max < 100 * NS_PER_MS);
    for (unsigned int i = 0; i < 6; i++) {
        EXPECT(share(crowd[i], 5000) > 110);
    }
}

TEST(sched_sleeper_wakes_soon_beside_hogs)
{
    machine(NULL);
    struct domain *hogs = guest(8, 0, 0);
    struct domain *io = guest(1, 100 * NS_PER_US, 5 * NS_PER_MS);

    run_for(3000);
    EXPECT(share(hogs, 3000) > 3900);
    /* It asks for little: after a wake-up it waits for the rate limit at most, seldom longer. */
    EXPECT(share(io, 3000) >= 15);
    EXPECT(sim_of(io->vcpu[0])->waited_max < 15 * NS_PER_MS);
}

TEST(sched_everybody_runs_with_hostile_weights)
{
    machine(NULL);
    struct domain *small = guest(1, 0, 0);
    struct domain *big = guest(4, 0, 0);

    set_params(small, 1, 0);
    set_params(big, 65535, 0);
    pin(small, 1);
    pin(big, 1);
    run_for(60000);
    EXPECT(sim_of(small->vcpu[0])->ran > 0);
}

/* ---- Caps ----------------------------------------------------------------------------------- */

TEST(sched_cap_limits_one_vcpu)
{
    machine(NULL);
    struct domain *d = guest(1, 0, 0);

    set_params(d, 256, 30);
    run_for(2000);
    EXPECT_NEAR(share(d, 2000), 300, 12);
    set_params(d, 256, 0);
    run_for(1000);
    EXPECT(share(d, 1000) >= 995);
    set_params(d, 256, 5);
    run_for(4000);
    EXPECT_NEAR(share(d, 4000), 50, 8);
}

TEST(sched_cap_limits_a_whole_domain)
{
    machine(NULL);
    struct domain *d = guest(4, 0, 0);

    set_params(d, 256, 150);
    run_for(4000);
    EXPECT_NEAR(share(d, 4000), 1500, 60);
}

TEST(sched_cap_leaves_the_rest_to_others)
{
    machine(NULL);
    struct domain *capped = guest(1, 0, 0);
    struct domain *free = guest(1, 0, 0);

    pin(capped, 1);
    pin(free, 1);
    set_params(capped, 256, 20);
    run_for(3000);
    EXPECT_NEAR(share(capped, 3000), 200, 15);
    EXPECT_NEAR(share(free, 3000), 800, 15);
}

/* ---- Affinity ------------------------------------------------------------------------------- */

TEST(sched_affinity_moves_a_running_vcpu)
{
    machine(NULL);
    struct domain *d = guest(1, 0, 0);

    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        pin(d, 1UL << cpu);
        run_for(20);
        EXPECT_EQ(d->vcpu[0]->processor, cpu);
        EXPECT(share(d, 20) >= 980);
    }
}

TEST(sched_affinity_refuses_absent_cpus)
{
    machine(NULL);
    struct domain *d = guest(1, 0, 0);
    struct cpumask none = { { 0, 1 } };

    EXPECT_EQ(sched_set_affinity(d->vcpu[0], &none, NULL), -EINVAL);
    EXPECT_EQ(sched_set_affinity(d->vcpu[0], NULL, &none), 0);
    run_for(100);
    EXPECT(share(d, 100) >= 990);
}

TEST(sched_soft_affinity_is_preferred)
{
    machine(NULL);
    struct domain *d = guest(1, NS_PER_MS, NS_PER_MS);
    struct cpumask soft = { { 1UL << 2 } };

    EXPECT_EQ(sched_set_affinity(d->vcpu[0], NULL, &soft), 0);
    run_for(100);
    EXPECT_EQ(d->vcpu[0]->processor, 2);
}

TEST(sched_pin_override_and_back)
{
    machine(NULL);
    struct domain *d = guest(1, 0, 0);
    struct cpumask all;
    struct cpumask hard;

    cpumask_fill(&all);
    run_for(10);
    EXPECT_EQ(sched_pin_override(d->vcpu[0], 3), 0);
    EXPECT_EQ(sched_pin_override(d->vcpu[0], 2), -EBUSY);
    EXPECT_EQ(sched_set_affinity(d->vcpu[0], &all, NULL), -EBUSY);
    run_for(10);
    EXPECT_EQ(d->vcpu[0]->processor, 3);
    sched_get_affinity(d->vcpu[0], &hard, NULL);
    EXPECT(cpumask_test(&hard, 0));
    EXPECT_EQ(sched_pin_override(d->vcpu[0], -1), 0);
    EXPECT_EQ(sched_pin_override(d->vcpu[0], -1), -EINVAL);
    EXPECT_EQ(sched_pin_override(d->vcpu[0], 200), -EINVAL);
}

/* ---- Yield, poll, watchdog ------------------------------------------------------------------ */

TEST(sched_yield_alone_does_nothing)
{
    machine(NULL);
    struct domain *d = guest(1, 0, 0);

    run_for(10);
    fake_cpu_switch(d->vcpu[0]->processor);
    EXPECT(!softirq_pending());
    sched_yield();
    EXPECT(!softirq_pending());
}

TEST(sched_yield_lets_the_other_run)
{
    machine(NULL);
    struct domain *d = guest(2, 0, 0);

    pin(d, 1);
    run_for(10);
    fake_cpu_switch(0);
    struct vcpu *first = arch_current();

    sched_yield();
    softirq_run();
    EXPECT(arch_current() != first);
    EXPECT(!vcpu_is_idle(arch_current()));
}

TEST(sched_poll_with_pending_port_returns)
{
    machine(NULL);
    struct domain *d = guest(1, 0, 0);
    evtchn_port_t ports[2] = { 3, 7 };

    run_for(10);
    fake_cpu_switch(d->vcpu[0]->processor);
    EXPECT_EQ(sched_poll(ports, 2, 0), 0);
    EXPECT_EQ(d->vcpu[0]->pause_flags, 0);
    EXPECT(!d->vcpu[0]->polling);
    /* Port 3 only: it sleeps until the time is over. */
    EXPECT_EQ(sched_poll(ports, 1, arch_clock_now() + 5 * NS_PER_MS), 0);
    EXPECT_EQ(d->vcpu[0]->poll_port, 3);
    run_for(10);
    EXPECT_NEAR(share(d, 10), 500, 30);
    EXPECT(!d->vcpu[0]->polling);
}

TEST(sched_watchdog_shuts_down)
{
    machine(NULL);
    struct domain *d = guest(1, 0, 0);

    run_for(10);
    fake_cpu_switch(d->vcpu[0]->processor);
    EXPECT_EQ(sched_watchdog(0, 0), -EINVAL);
    EXPECT_EQ(sched_watchdog(3, 1), -EINVAL);
    EXPECT_EQ(sched_watchdog(1, 1), -EINVAL);
    EXPECT_EQ(sched_watchdog(0, 1), 1);
    EXPECT_EQ(sched_watchdog(0, 1), 2);
    EXPECT_EQ(sched_watchdog(0, 1), -ENOSPC);
    EXPECT_EQ(sched_watchdog(1, 0), 0);
    EXPECT_EQ(sched_watchdog(2, 2), 0);
    run_for(1500);
    EXPECT_EQ(d->shutdown_code, 0);
    run_for(1000);
    EXPECT_EQ(d->shutdown_code, SHUTDOWN_watchdog);
}

/* ---- Parameters ----------------------------------------------------------------------------- */

TEST(sched_adjust_checks)
{
    machine(NULL);
    struct domain *d = guest(1, 0, 0);
    struct xen_domctl_scheduler_op op = { .sched_id = XEN_SCHEDULER_CREDIT };
    struct xen_sysctl_scheduler_op global = { .sched_id = XEN_SCHEDULER_CREDIT2,
                                              .cmd = XEN_SYSCTL_SCHEDOP_putinfo };

    EXPECT_EQ(sched_adjust(d, &op), -EINVAL);
    op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    EXPECT_EQ(sched_adjust(d, &op), 0);
    EXPECT_EQ(op.u.credit2.weight, 256);
    EXPECT_EQ(op.u.credit2.cap, 0);
    op.cmd = 9;
    EXPECT_EQ(sched_adjust(d, &op), -EINVAL);
    global.u.sched_credit2.ratelimit_us = 99;
    EXPECT_EQ(sched_adjust_global(&global), -EINVAL);
    global.u.sched_credit2.ratelimit_us = 2000;
    EXPECT_EQ(sched_adjust_global(&global), 0);
    global.cpupool_id = 1;
    EXPECT_EQ(sched_adjust_global(&global), -ESRCH);
}

/* ---- The null policy ------------------------------------------------------------------------ */

TEST(sched_null_one_vcpu_a_cpu)
{
    machine("null");
    struct domain *a = guest(3, 0, 0);
    struct domain *b = guest(2, 0, 0);

    run_for(100);
    EXPECT_NEAR(share(a, 100), 3000, 5);
    EXPECT_NEAR(share(b, 100), 1000, 5);
    check_places();
    /* The fifth gets a CPU when one is given back. */
    for (unsigned int i = 0; i < 3; i++) {
        a->vcpu[i]->pause_count++;
        sched_sleep_nosync(a->vcpu[i]);
    }
    run_for(10);
    sims[0] = sims[--sim_count];
    sched_vcpu_exit(a->vcpu[0]);
    run_for(100);
    EXPECT_NEAR(share(b, 100), 2000, 5);
}

/* ---- Everything at once --------------------------------------------------------------------- */

static void random_deed(void)
{
    struct sim_vcpu *s = &sims[unit_random_below(sim_count)];
    struct cpumask mask = { { 1 + unit_random_below(15) } };
    int rc = 0;

    fake_cpu_switch(unit_random_below(FAKE_CPUS));
    switch (unit_random_below(8)) {
    case 0:
        rc = sched_set_affinity(s->v, &mask, NULL);
        break;
    case 1:
        rc = sched_set_affinity(s->v, NULL, &mask);
        break;
    case 2:
        if (s->v->pause_count == 0) {
            s->v->pause_count++;
            sched_sleep_nosync(s->v);
        }
        break;
    case 3:
        if (s->v->pause_count != 0) {
            s->v->pause_count--;
            sched_wake(s->v);
        }
        break;
    case 4:
        if (sched_policy() == &sched_credit_ops) {
            set_params(s->v->domain, (uint16_t)(1 + unit_random_below(1000)),
                       (uint16_t)(unit_random_below(3) == 0 ? unit_random_below(200) : 0));
        }
        break;
    case 5:
        sched_yield();
        break;
    case 6:
        rc = sched_pin_override(s->v, (int)unit_random_below(5) - 1);
        break;
    default:
        sched_wake(s->v);
        break;
    }
    EXPECT(rc == 0 || rc == -EBUSY || rc == -EINVAL);
}

static void random_run(const char *policy, unsigned int steps)
{
    machine(policy);
    for (unsigned int i = 0; i < 5; i++) {
        (void)guest(1 + i, unit_random_below(2) * 300 * NS_PER_US,
                    unit_random_below(4000) * NS_PER_US);
    }
    for (unsigned int i = 0; i < steps; i++) {
        if (unit_random_below(4) == 0) {
            random_deed();
        }
        step();
        check_places();
    }
    /* Left alone, with every vcpu free to run everywhere, no CPU idles while somebody waits. */
    for (unsigned int i = 0; i < sim_count; i++) {
        struct cpumask all;

        cpumask_fill(&all);
        if (sims[i].v->sched->overridden) {
            EXPECT_EQ(sched_pin_override(sims[i].v, -1), 0);
        }
        EXPECT_EQ(sched_set_affinity(sims[i].v, &all, &all), 0);
    }
    run_for(50);
    if (sched_policy() == &sched_credit_ops) {
        check_work_conserved();
    }
}

TEST(sched_random_credit)
{
    random_run(NULL, 60000);
}

TEST(sched_random_null)
{
    random_run("null", 30000);
}
