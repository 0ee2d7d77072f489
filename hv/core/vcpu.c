/* SPDX-License-Identifier: MIT */
/*
 * Virtual CPUs: birth and end, pausing and blocking, where vcpu_info lies, timers, and the
 * accounting of run states. See vcpu.h.
 *
 * Blocking against waking: vcpu_block() sets VCPU_BLOCKED and then looks for events; who raises
 * an event sets it pending and then looks at VCPU_BLOCKED. Both are atomic read-modify-writes,
 * so one sees the other.
 *
 * Locks: run states are under the run-queue lock of v->processor; the rest is atomic or the
 * vcpu's own.
 */
#include "hv/core/vcpu.h"

#include "abi/sched.h"
#include "hv/core/arch_guest.h"
#include "hv/core/evtchn.h"
#include "hv/core/sched.h"
#include "hv/core/sched_private.h"
#include "hv/core/shared_narrow.h"
#include "hv/lib/string.h"
#include "hv/mm/heap.h"
#include "hv/mm/map.h"

#define PERIOD_MIN_NS 1000000ULL
#define PERIOD_MAX_NS (1ULL << 62)

/* ---- Birth and end ----------------------------------------------------------------------- */

/* Where vcpu_info lies while none is registered. */
static struct vcpu_info *default_info(struct vcpu *v)
{
    if (v->id < XEN_LEGACY_MAX_VCPUS && v->domain->shared_info != NULL) {
        return &v->domain->shared_info->vcpu_info[v->id];
    }
    return &v->own_info;
}

static void periodic_expired(void *data);
static void singleshot_expired(void *data);

struct vcpu *vcpu_lookup(const struct domain *d, unsigned int id)
{
    return id < d->max_vcpus ? READ_ONCE(d->vcpu[id]) : NULL;
}

int vcpu_create(struct domain *d, unsigned int id)
{
    struct vcpu *v = heap_alloc(sizeof(*v));
    int rc;

    if (v == NULL) {
        return -ENOMEM;
    }
    v->id = id;
    v->domain = d;
    v->info_mfn = INVALID_MFN;
    v->info = default_info(v);
    arch_upcall_info_init(&v->own_info);
    v->pause_flags = vcpu_is_idle(v) ? 0 : BIT(VCPU_DOWN);
    rc = sched_vcpu_init(v);
    if (rc != 0) {
        heap_free(v);
        return rc;
    }
    timer_init(&v->periodic_timer, periodic_expired, v, v->processor);
    timer_init(&v->singleshot_timer, singleshot_expired, v, v->processor);
    rc = arch_vcpu_init(v);
    if (rc != 0) {
        timer_kill(&v->periodic_timer);
        timer_kill(&v->singleshot_timer);
        sched_vcpu_exit(v);
        heap_free(v);
        return rc;
    }
    /* Release: whoever finds v in the table sees it complete. */
    __atomic_store_n(&d->vcpu[id], v, __ATOMIC_RELEASE);
    return 0;
}

void vcpu_destroy(struct vcpu *v)
{
    timer_kill(&v->periodic_timer);
    timer_kill(&v->singleshot_timer);
    sched_vcpu_exit(v);
    arch_vcpu_exit(v);
    heap_free(v);
}

/* The vcpu is as one just created, but for what it shares with the domain. It is not
 * running. */
void vcpu_reset(struct vcpu *v)
{
    __atomic_fetch_or(&v->pause_flags, BIT(VCPU_DOWN), __ATOMIC_SEQ_CST);
    arch_vcpu_reset(v);
    v->is_initialised = false;
    v->nmi_pending = false;
    v->restart.pending = false;
    v->restart.in_multicall = false;
    v->runstate_guest = (guest_ptr_t){ 0 };
    v->time_guest = (guest_ptr_t){ 0 };
    vcpu_stop_periodic(v);
    vcpu_stop_singleshot(v);
    vcpu_unblock(v);
}

/* ---- Pausing and blocking ---------------------------------------------------------------- */

void vcpu_pause_nosync(struct vcpu *v)
{
    __atomic_fetch_add(&v->pause_count, 1, __ATOMIC_SEQ_CST);
    sched_sleep_nosync(v);
}

void vcpu_pause(struct vcpu *v)
{
    __atomic_fetch_add(&v->pause_count, 1, __ATOMIC_SEQ_CST);
    sched_sleep_sync(v);
}

void vcpu_unpause(struct vcpu *v)
{
    if (__atomic_sub_fetch(&v->pause_count, 1, __ATOMIC_SEQ_CST) == 0) {
        sched_wake(v);
    }
}

static bool is_last_up(const struct vcpu *v)
{
    struct vcpu *other;

    domain_for_each_vcpu(v->domain, other) {
        if (other != v && (READ_ONCE(other->pause_flags) & BIT(VCPU_DOWN)) == 0) {
            return false;
        }
    }
    return true;
}

void vcpu_down(struct vcpu *v)
{
    if (is_last_up(v)) {
        domain_shutdown(v->domain, SHUTDOWN_poweroff);
    } else if ((__atomic_fetch_or(&v->pause_flags, BIT(VCPU_DOWN), __ATOMIC_SEQ_CST) & BIT(VCPU_DOWN)) == 0) {
        sched_sleep_nosync(v);
    }
}

void vcpu_block(void)
{
    struct vcpu *v = current_vcpu();

    __atomic_fetch_or(&v->pause_flags, BIT(VCPU_BLOCKED), __ATOMIC_SEQ_CST);
    if (evtchn_upcall_due(v) || arch_interrupt_due(v)) {
        __atomic_fetch_and(&v->pause_flags, ~BIT(VCPU_BLOCKED), __ATOMIC_SEQ_CST);
    } else {
        softirq_raise(SOFTIRQ_SCHEDULE);
    }
}

void vcpu_unblock(struct vcpu *v)
{
    if ((READ_ONCE(v->pause_flags) & BIT(VCPU_BLOCKED)) == 0) {
        return;
    }
    if (__atomic_fetch_and(&v->pause_flags, ~BIT(VCPU_BLOCKED), __ATOMIC_SEQ_CST) &
        BIT(VCPU_BLOCKED)) {
        sched_wake(v);
    }
}

void vcpu_kick_for_event(struct vcpu *v)
{
    arch_event_raised(v);
    /* The current vcpu looks on its way out; but a softirq that raises an event after
     * vcpu_block() must still end the block. */
    if (v != current_vcpu() && READ_ONCE(v->is_running)) {
        arch_ipi_send(READ_ONCE(v->processor), ARCH_IPI_SOFTIRQ);
    }
    vcpu_unblock(v);
}

/* ---- vcpu_info --------------------------------------------------------------------------- */

static bool may_move_info(const struct vcpu *v)
{
    return mfn_eq(v->info_mfn, INVALID_MFN) &&
           (v == current_vcpu() || (READ_ONCE(v->pause_flags) & BIT(VCPU_DOWN)));
}

int vcpu_register_info(struct vcpu *v, uint64_t gfn, unsigned int offset)
{
    struct domain *d = v->domain;
    struct vcpu_info *to;
    struct frame *f;
    int rc = 0;

    if (offset > PAGE_SIZE - sizeof(*to) || offset % __alignof__(struct vcpu_info) != 0) {
        return -ENXIO;
    }
    if (!may_move_info(v)) {
        return -EINVAL;
    }
    f = arch_get_gfn(d, _gfn(gfn), true);
    if (f == NULL) {
        return -EINVAL;
    }
    to = (struct vcpu_info *)((char *)map_frame(frame_mfn(f)) + offset);
    spin_lock(&d->lock);
    if (domain_is_dying(d) || !may_move_info(v)) {
        rc = -EINVAL;
    } else {
        memcpy(to, v->info, sizeof(*to));
        v->info_mfn = frame_mfn(f);
        /* Release: who raises an event through the new place finds the old contents there. */
        __atomic_store_n(&v->info, to, __ATOMIC_RELEASE);
    }
    spin_unlock(&d->lock);
    if (rc != 0) {
        unmap_frame(to);
        arch_put_gfn(f, true);
        return rc;
    }
    evtchn_vcpu_info_moved(v);
    return 0;
}

/* The domain does not run any more, or v is being taken back to its first state. */
void vcpu_unregister_info(struct vcpu *v)
{
    struct vcpu_info *old;
    mfn_t mfn;

    spin_lock(&v->domain->lock);
    mfn = v->info_mfn;
    old = v->info;
    v->info_mfn = INVALID_MFN;
    __atomic_store_n(&v->info, default_info(v), __ATOMIC_RELEASE);
    spin_unlock(&v->domain->lock);
    if (!mfn_eq(mfn, INVALID_MFN)) {
        unmap_frame(old);
        arch_put_gfn(frame_of(mfn), true);
    }
}

/* ---- Timers ------------------------------------------------------------------------------ */

static void singleshot_expired(void *data)
{
    evtchn_send_virq(data, VIRQ_TIMER);
}

void vcpu_set_singleshot(struct vcpu *v, uint64_t deadline_ns)
{
    timer_set(&v->singleshot_timer, deadline_ns);
}

void vcpu_stop_singleshot(struct vcpu *v)
{
    timer_stop(&v->singleshot_timer);
}

/* Ticks that came too late are not made up for, but the next ones keep to the old beat. */
static void periodic_expired(void *data)
{
    struct vcpu *v = data;
    uint64_t period = READ_ONCE(v->periodic_period);
    uint64_t now = arch_clock_now();

    if (period == 0) {
        return;
    }
    v->periodic_last += (now - v->periodic_last) / period * period;
    timer_set(&v->periodic_timer, v->periodic_last + period);
    evtchn_send_virq(v, VIRQ_TIMER);
}

int vcpu_set_periodic(struct vcpu *v, uint64_t period_ns)
{
    if (period_ns < PERIOD_MIN_NS || period_ns > PERIOD_MAX_NS) {
        return -EINVAL;
    }
    timer_stop(&v->periodic_timer);
    v->periodic_last = arch_clock_now();
    WRITE_ONCE(v->periodic_period, period_ns);
    timer_set(&v->periodic_timer, v->periodic_last + period_ns);
    return 0;
}

void vcpu_stop_periodic(struct vcpu *v)
{
    WRITE_ONCE(v->periodic_period, 0);
    timer_stop(&v->periodic_timer);
}

/* ---- Run states -------------------------------------------------------------------------- */

void vcpu_runstate_change(struct vcpu *v, int new_state, uint64_t now)
{
    struct vcpu_runstate_info *r = &v->runstate;

    if (now > r->state_entry_time) {
        r->time[r->state] += now - r->state_entry_time;
        r->state_entry_time = now;
    }
    r->state = new_state;
}

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
    unsigned long flags = sched_lock_vcpu(v);
    uint64_t now = arch_clock_now();

    *out = v->runstate;
    sched_unlock_vcpu(v, flags);
    if (now > out->state_entry_time) {
        out->time[out->state] += now - out->state_entry_time;
    }
}

uint64_t vcpu_cpu_time(struct vcpu *v)
{
    struct vcpu_runstate_info info;

    vcpu_runstate_get(v, &info);
    return info.time[RUNSTATE_running];
}

static int copy_runstate(guest_ptr_t to, const struct vcpu_runstate_info *r, bool narrow)
{
    struct vcpu_runstate_info_narrow n = { .state = r->state, .state_entry_time = r->state_entry_time };

    if (!narrow) {
        return copy_to_guest(to, r, sizeof(*r));
    }
    memcpy(n.time, r->time, sizeof(n.time));
    return copy_to_guest(to, &n, sizeof(n));
}

/* With the update flag asked for, a reader on another vcpu can tell a record that is being
 * written: the top bit of the entry time is set before and cleared after. */
static int write_runstate(struct vcpu *v, guest_ptr_t to)
{
    struct vcpu_runstate_info r = v->runstate;
    bool narrow = READ_ONCE(v->domain->is_narrow);
    guest_ptr_t entry = { to.va + (narrow ? offsetof(struct vcpu_runstate_info_narrow, state_entry_time)
                                          : offsetof(struct vcpu_runstate_info, state_entry_time)) };
    uint64_t entry_time = r.state_entry_time;

    if ((v->domain->vm_assist & BIT(VMASST_TYPE_runstate_update_flag)) == 0) {
        return copy_runstate(to, &r, narrow);
    }
    r.state_entry_time |= XEN_RUNSTATE_UPDATE;
    if (copy_to_guest(entry, &r.state_entry_time, sizeof(r.state_entry_time)) != 0) {
        return -EFAULT;
    }
    smp_wmb(); /* pairs with the reader's check of the flag before it copies */
    if (copy_runstate(to, &r, narrow) != 0) {
        return -EFAULT;
    }
    smp_wmb(); /* pairs with the reader's check after it copied */
    return copy_to_guest(entry, &entry_time, sizeof(entry_time));
}

void vcpu_runstate_publish(struct vcpu *v)
{
    if (guest_ptr_is_null(v->runstate_guest)) {
        return;
    }
    if (!arch_kernel_mapped(v)) {
        v->areas_stale = true;
        return;
    }
    /* An area the guest has unmapped is its own affair. */
    (void)write_runstate(v, v->runstate_guest);
}

void vcpu_areas_refresh(struct vcpu *v)
{
    v->areas_stale = false;
    vcpu_runstate_publish(v);
    arch_update_vcpu_time(v);
}

int vcpu_register_runstate(struct vcpu *v, guest_ptr_t va)
{
    int rc = guest_ptr_is_null(va) ? 0 : write_runstate(v, va);

    if (rc == 0) {
        v->runstate_guest = va;
    }
    return rc;
}
