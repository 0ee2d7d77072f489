/* SPDX-License-Identifier: MIT */
/*
 * Virtual CPUs: blocking and waking whoever is current, timers, where vcpu_info lies, run state
 * accounts, shutdown and resume of a domain.
 */
#include "hv/core/vcpu.h"

#include "abi/sched.h"
#include "hv/core/evtchn_private.h"
#include "hv/core/sched.h"
#include "hv/lib/string.h"
#include "hv/mm/heap.h"
#include "hv/mm/map.h"
#include "tests/unit/world.h"

static struct domain *d;

static void set_up(void)
{
    world_init();
    d = world_domain(1, false);
    d->vcpu[0]->pause_flags = 0;
    world_enter(d);
}

static void finish(void)
{
    world_domain_end(d);
    world_domain_free(1);
    world_expect_clean();
}

static bool blocked(const struct vcpu *v)
{
    return v->pause_flags & BIT(VCPU_BLOCKED);
}

static evtchn_port_t bind_timer(void)
{
    evtchn_port_t port;

    EXPECT_EQ(evtchn_bind_virq(VIRQ_TIMER, 0, &port), 0);
    return port;
}

/* ---- Blocking ---------------------------------------------------------------------------- */

/* The event comes between blocking and leaving the CPU, while the vcpu is still the current
 * one. */
TEST(vcpu_event_after_block_wakes_the_current)
{
    struct vcpu *v;

    set_up();
    v = d->vcpu[0];
    (void)bind_timer();
    v->info->evtchn_upcall_mask = 0;
    vcpu_block();
    EXPECT(blocked(v));
    evtchn_send_virq(v, VIRQ_TIMER);
    EXPECT(!blocked(v));
    EXPECT(evtchn_upcall_due(v));
    finish();
}

TEST(vcpu_block_with_event_pending)
{
    struct vcpu *v;

    set_up();
    v = d->vcpu[0];
    (void)bind_timer();
    v->info->evtchn_upcall_mask = 0;
    evtchn_send_virq(v, VIRQ_TIMER);
    vcpu_block();
    EXPECT(!blocked(v));
    finish();
}

/* A masked upcall wakes as well: the guest may be polling with upcalls masked. */
TEST(vcpu_kick_of_another)
{
    struct vcpu *v;

    set_up();
    v = d->vcpu[0];
    (void)bind_timer();
    vcpu_block();
    arch_set_current(sched_idle_vcpu[0]);
    fake_counts.ipis = 0;
    evtchn_send_virq(v, VIRQ_TIMER);
    EXPECT(!blocked(v));
    EXPECT_EQ(v->info->evtchn_upcall_pending, 1);
    finish();
}

TEST(vcpu_poll_is_woken_by_its_port_only)
{
    evtchn_port_t mine;
    evtchn_port_t other;
    struct vcpu *v;

    set_up();
    v = d->vcpu[0];
    EXPECT_EQ(evtchn_bind_ipi(1, &mine), 0);
    EXPECT_EQ(evtchn_bind_ipi(1, &other), 0);
    bit_set((unsigned long *)d->shared_info->evtchn_mask, mine);
    bit_set((unsigned long *)d->shared_info->evtchn_mask, other);
    EXPECT_EQ(sched_poll(&mine, 1, 0), 0);
    EXPECT(blocked(v));
    EXPECT_EQ(d->poller_count, 1);
    EXPECT_EQ(evtchn_send(d, other), 0);
    EXPECT(blocked(v));
    EXPECT_EQ(evtchn_send(d, mine), 0);
    EXPECT(!blocked(v));
    finish();
}

/* ---- Timers ------------------------------------------------------------------------------ */

static bool take_timer(evtchn_port_t port)
{
    unsigned long *pending = (unsigned long *)d->shared_info->evtchn_pending;

    world_settle();
    return bit_test_and_clear_atomic(pending, port);
}

TEST(vcpu_singleshot_timer)
{
    evtchn_port_t port;

    set_up();
    port = bind_timer();
    vcpu_set_singleshot(d->vcpu[0], 1000);
    softirq_raise(SOFTIRQ_TIMER);
    EXPECT(!take_timer(port));
    fake_clock_set(1000);
    softirq_raise(SOFTIRQ_TIMER);
    EXPECT(take_timer(port));
    softirq_raise(SOFTIRQ_TIMER);
    EXPECT(!take_timer(port));
    vcpu_set_singleshot(d->vcpu[0], 5000);
    vcpu_stop_singleshot(d->vcpu[0]);
    fake_clock_set(6000);
    softirq_raise(SOFTIRQ_TIMER);
    EXPECT(!take_timer(port));
    finish();
}

TEST(vcpu_periodic_timer_keeps_its_beat)
{
    const uint64_t ms = 1000000;
    evtchn_port_t port;
    struct vcpu *v;

    set_up();
    v = d->vcpu[0];
    port = bind_timer();
    EXPECT_EQ(vcpu_set_periodic(v, ms - 1), -EINVAL);
    EXPECT_EQ(vcpu_set_periodic(v, ~0ULL), -EINVAL);
    EXPECT_EQ(vcpu_set_periodic(v, 10 * ms), 0);
    fake_clock_set(35 * ms);
    softirq_raise(SOFTIRQ_TIMER);
    EXPECT(take_timer(port)); /* three ticks are one event */
    fake_clock_set(39 * ms);
    softirq_raise(SOFTIRQ_TIMER);
    EXPECT(!take_timer(port));
    fake_clock_set(40 * ms);
    softirq_raise(SOFTIRQ_TIMER);
    EXPECT(take_timer(port));
    vcpu_stop_periodic(v);
    fake_clock_set(80 * ms);
    softirq_raise(SOFTIRQ_TIMER);
    EXPECT(!take_timer(port));
    finish();
}

/* ---- vcpu_info --------------------------------------------------------------------------- */

TEST(vcpu_info_moves_once)
{
    struct vcpu *v;
    mfn_t page;
    mfn_t table;

    set_up();
    v = d->vcpu[0];
    page = world_page(d);
    table = world_page(d);
    EXPECT_EQ(frame_get_role(frame_of(table), ROLE_DESCRIPTORS, false), 0);
    EXPECT(v->info == &d->shared_info->vcpu_info[0]);
    v->info->arch.cr2 = 0x1234;
    v->info->evtchn_upcall_mask = 1;
    EXPECT_EQ(vcpu_register_info(v, mfn_x(page), PAGE_SIZE - 63), -ENXIO);
    EXPECT_EQ(vcpu_register_info(v, mfn_x(page), 4), -ENXIO);
    EXPECT_EQ(vcpu_register_info(v, ~0ULL, 0), -EINVAL);
    EXPECT_EQ(vcpu_register_info(v, mfn_x(table), 0), -EINVAL);
    EXPECT_EQ(vcpu_register_info(v, mfn_x(page), PAGE_SIZE - 64), 0);
    EXPECT(v->info == (void *)((char *)map_frame(page) + PAGE_SIZE - 64));
    EXPECT_EQ(v->info->arch.cr2, 0x1234);
    EXPECT_EQ(v->info->evtchn_upcall_mask, 1);
    EXPECT_EQ(v->info->evtchn_upcall_pending, 1);
    EXPECT_EQ(v->info->evtchn_pending_sel, ~0UL);
    EXPECT_EQ(vcpu_register_info(v, mfn_x(page), 0), -EINVAL);
    /* Of another vcpu only while it is down. */
    d->vcpu[1]->pause_flags = 0;
    EXPECT_EQ(vcpu_register_info(d->vcpu[1], mfn_x(page), 0), -EINVAL);
    d->vcpu[1]->pause_flags = BIT(VCPU_DOWN);
    EXPECT_EQ(vcpu_register_info(d->vcpu[1], mfn_x(page), 0), 0);
    frame_put_role(frame_of(table), false);
    finish();
}

/* ---- Run states -------------------------------------------------------------------------- */

TEST(vcpu_runstate_accounts)
{
    struct vcpu_runstate_info *area = (void *)fake_guest_memory;
    struct vcpu_runstate_info r;
    struct vcpu *v;

    set_up();
    v = d->vcpu[0];
    v->runstate = (struct vcpu_runstate_info){ .state = RUNSTATE_offline };
    vcpu_runstate_change(v, RUNSTATE_runnable, 100);
    vcpu_runstate_change(v, RUNSTATE_running, 150);
    vcpu_runstate_change(v, RUNSTATE_blocked, 400);
    EXPECT_EQ(v->runstate.time[RUNSTATE_offline], 100);
    EXPECT_EQ(v->runstate.time[RUNSTATE_runnable], 50);
    EXPECT_EQ(v->runstate.time[RUNSTATE_running], 250);
    fake_clock_set(1000);
    vcpu_runstate_get(v, &r);
    EXPECT_EQ(r.time[RUNSTATE_blocked], 600);
    EXPECT_EQ(r.time[0] + r.time[1] + r.time[2] + r.time[3], 1000);
    EXPECT_EQ(vcpu_cpu_time(v), 250);

    EXPECT_EQ(vcpu_register_runstate(v, (guest_ptr_t){ 16 }), -EFAULT);
    EXPECT_EQ(v->runstate_guest.va, 0);
    EXPECT_EQ(vcpu_register_runstate(v, fake_guest_ptr(area)), 0);
    EXPECT_EQ(area->time[RUNSTATE_running], 250);
    d->vm_assist |= BIT(VMASST_TYPE_runstate_update_flag);
    vcpu_runstate_change(v, RUNSTATE_running, 2000);
    vcpu_runstate_publish(v);
    EXPECT_EQ(area->state, RUNSTATE_running);
    EXPECT_EQ(area->state_entry_time, 2000);
    finish();
}

/* ---- The domain's shutdown --------------------------------------------------------------- */

TEST(vcpu_shutdown_and_resume)
{
    struct xen_domctl_getdomaininfo info;

    set_up();
    d->pause_count = 0;
    d->controller_paused = 0;
    domain_shutdown(d, SHUTDOWN_suspend);
    domain_shutdown(d, SHUTDOWN_crash); /* the first reason counts */
    EXPECT(!vcpu_runnable(d->vcpu[0]));
    domain_get_info(d, &info);
    EXPECT(info.flags & XEN_DOMINF_shutdown);
    EXPECT_EQ(info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask,
              SHUTDOWN_suspend);
    EXPECT_EQ(info.nr_online_vcpus, 1);
    EXPECT_EQ(info.max_vcpu_id, 1);
    arch_set_current(sched_idle_vcpu[0]);
    domain_resume(d);
    EXPECT(vcpu_runnable(d->vcpu[0]));
    domain_get_info(d, &info);
    EXPECT(!(info.flags & XEN_DOMINF_shutdown));
    finish();
}

TEST(vcpu_crash_is_put_off)
{
    set_up();
    d->pause_count = 0;
    d->controller_paused = 0;
    spin_lock(&d->evtchn->lock);
    domain_crash(d, "a test: %d", 1);
    domain_crash(d, "and again");
    EXPECT(!vcpu_runnable(d->vcpu[0]));
    EXPECT(!d->is_shut_down);
    spin_unlock(&d->evtchn->lock);
    world_settle();
    EXPECT(d->is_shut_down);
    EXPECT_EQ(d->shutdown_code, SHUTDOWN_crash);
    EXPECT_EQ(d->pause_count, 0);
    finish();
}

TEST(vcpu_controller_pauses_count)
{
    set_up();
    EXPECT_EQ(domain_unpause_by_controller(d), 0); /* the pause it was born with */
    EXPECT_EQ(domain_unpause_by_controller(d), -EINVAL);
    arch_set_current(sched_idle_vcpu[0]);
    for (unsigned int i = 0; i < 255; i++) {
        EXPECT_EQ(domain_pause_by_controller(d), 0);
    }
    EXPECT_EQ(domain_pause_by_controller(d), -EOVERFLOW);
    EXPECT(!vcpu_runnable(d->vcpu[0]));
    for (unsigned int i = 0; i < 255; i++) {
        EXPECT_EQ(domain_unpause_by_controller(d), 0);
    }
    EXPECT(vcpu_runnable(d->vcpu[0]));
    finish();
}
