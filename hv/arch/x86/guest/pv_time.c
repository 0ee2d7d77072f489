/* SPDX-License-Identifier: MIT */
/*
 * The guest's clocks: vcpu_info.time (and a second copy where the guest asked for one), which turn a TSC
 * reading into system time, and the wall clock of shared_info.
 *
 * Both are written under a version: odd while being changed, so that a reader can tell and retry.
 */
#include "hv/arch/x86/cpu/clock.h"
#include "hv/arch/x86/guest/guest.h"
#include "hv/core/arch_guest.h"

#define NS_PER_SECOND 1000000000ULL

static uint64_t wall_at_zero; /* ns of UTC at system time 0; 0: not asked for yet */

static uint64_t wall_clock(void)
{
    uint64_t w = READ_ONCE(wall_at_zero);

    return w != 0 ? w : arch_clock_wall_at_boot();
}

static void record_fill(struct vcpu_time_info *t, const struct clock_pv *c)
{
    t->tsc_timestamp = c->tsc_timestamp;
    t->system_time = c->system_time;
    t->tsc_to_system_mul = c->tsc_to_system_mul;
    t->tsc_shift = c->tsc_shift;
}

/* The copy at a guest address: version, body, version, each a write of its own. */
static void publish_copy(struct vcpu *v, const struct vcpu_time_info *from)
{
    struct vcpu_time_info t = *from;

    if (guest_ptr_is_null(v->time_guest)) {
        return;
    }
    t.version |= 1;
    if (copy_to_guest(v->time_guest, &t.version, sizeof(t.version)) != 0 ||
        copy_to_guest(v->time_guest, &t, sizeof(t)) != 0) {
        return;
    }
    smp_wmb(); /* body before the even version: pairs with the guest's read */
    t.version = from->version;
    (void)!copy_to_guest(v->time_guest, &t.version, sizeof(t.version));
}

void arch_update_vcpu_time(struct vcpu *v)
{
    struct vcpu_time_info *t = &v->info->time;
    struct clock_pv c;

    clock_get_pvclock(&c);
    WRITE_ONCE(t->version, t->version + 1);
    smp_wmb(); /* odd version before the body */
    record_fill(t, &c);
    smp_wmb(); /* body before the even version */
    WRITE_ONCE(t->version, t->version + 1);
    if (v == current_vcpu() && arch_kernel_mapped(v)) {
        publish_copy(v, t);
    }
}

int arch_register_vcpu_time(struct vcpu *v, guest_ptr_t va)
{
    int rc = copy_to_guest(va, &v->info->time, sizeof(v->info->time));

    if (rc == 0) {
        v->time_guest = va;
    }
    return rc;
}

void arch_update_wallclock(struct domain *d)
{
    struct shared_info *s = d->shared_info;
    uint64_t ns = wall_clock() + (uint64_t)d->time_offset_seconds * NS_PER_SECOND;

    WRITE_ONCE(s->wc_version, s->wc_version + 1);
    smp_wmb(); /* odd version before the body */
    s->wc_sec = (uint32_t)(ns / NS_PER_SECOND);
    s->wc_sec_hi = (uint32_t)(ns / NS_PER_SECOND >> 32);
    s->wc_nsec = (uint32_t)(ns % NS_PER_SECOND);
    smp_wmb(); /* body before the even version */
    WRITE_ONCE(s->wc_version, s->wc_version + 1);
}

void arch_set_wallclock(uint64_t utc_ns, uint64_t at_system_ns)
{
    unsigned int id = 0;
    struct domain *d;

    WRITE_ONCE(wall_at_zero, utc_ns - at_system_ns);
    while (id < DOMID_FIRST_RESERVED && (d = domain_get_from((domid_t)id)) != NULL) {
        id = d->id + 1U;
        arch_update_wallclock(d);
        domain_put(d);
    }
}
