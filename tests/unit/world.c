/* SPDX-License-Identifier: MIT */
/* A machine with domains, made by the real core; see world.h. */
#include "tests/unit/world.h"

#include "hv/base/rcu.h"
#include "hv/base/timer.h"
#include "hv/core/sched.h"
#include "hv/mm/heap.h"
#include "hv/mm/page_alloc.h"

static size_t heap_at_start;
static uint64_t free_at_start;

void world_init(void)
{
    fake_machine_add_ram(256, 8192);
    softirq_init();
    rcu_init();
    timer_init_module();
    frame_init();
    domain_init();
    sched_init(NULL);
    for (unsigned int cpu = FAKE_CPUS; cpu-- > 0;) {
        fake_cpu_switch(cpu);
        EXPECT_EQ(sched_init_cpu(cpu), 0);
        arch_set_current(sched_idle_vcpu[cpu]);
    }
    world_settle();
    heap_at_start = heap_used();
    free_at_start = page_alloc_free_count();
}

struct xen_domctl_createdomain world_config(void)
{
    return (struct xen_domctl_createdomain){
        .max_vcpus = 2,
        .max_evtchn_port = 1023,
        .max_grant_frames = 4,
        .max_maptrack_frames = 2,
        .grant_opts = 2,
    };
}

struct domain *world_domain(domid_t id, bool control)
{
    struct xen_domctl_createdomain config = world_config();
    struct domain *d = NULL;

    EXPECT_EQ(domain_create(id, &config, control, &d), 0);
    EXPECT_EQ(domain_create_vcpus(d, 2), 0);
    d->memory.max = 4096;
    if (control) {
        domain_hardware = d;
    }
    return d;
}

void world_enter(struct domain *d)
{
    arch_set_current(d->vcpu[0]);
}

mfn_t world_page(struct domain *d)
{
    mfn_t mfn = frame_alloc_for(&d->memory, 0, 0);

    EXPECT(!mfn_eq(mfn, INVALID_MFN));
    return mfn;
}

/* Softirqs of each CPU, some rounds, as if every CPU idled for a while. */
void world_settle(void)
{
    unsigned int here = arch_cpu_id();

    for (unsigned int round = 0; round < 8; round++) {
        for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
            struct vcpu *v;

            fake_cpu_switch(cpu);
            v = arch_current();
            /* Vcpus in these tests run when the test says so, not when the scheduler does. */
            __atomic_fetch_and(arch_softirq_word(), ~BIT(SOFTIRQ_SCHEDULE), __ATOMIC_SEQ_CST);
            softirq_run();
            arch_set_current(v);
        }
    }
    fake_cpu_switch(here);
}

void world_domain_end(struct domain *d)
{
    int rc;

    if (current_domain() == d) {
        arch_set_current(sched_idle_vcpu[arch_cpu_id()]);
    }
    do {
        rc = domain_kill(d);
        world_settle();
    } while (rc == -ERESTART);
    EXPECT_EQ(rc, 0);
}

void world_domain_free(domid_t id)
{
    world_settle();
    EXPECT(domain_get(id) == NULL);
}

void world_expect_clean(void)
{
    world_settle();
    EXPECT_EQ(heap_used(), heap_at_start);
    EXPECT_EQ(page_alloc_free_count(), free_at_start);
}
