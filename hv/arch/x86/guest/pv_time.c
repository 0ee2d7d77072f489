/* SPDX-License-Identifier: MIT */
/*
 * The guest's clocks: vcpu_info.time (and a second copy where the guest asked for one), which turn a TSC
 * reading into system time.
 *
 * They are written under a version: odd while being changed, so that a reader can tell and retry.
 */
#include "hv/arch/x86/cpu/clock.h"
#include "hv/arch/x86/guest/guest.h"
#include "hv/core/arch_guest.h"

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
