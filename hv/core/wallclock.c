/* SPDX-License-Identifier: MIT */
/*
 * The wall clock of all domains: see wallclock.h. It is written under a version, odd while being changed, so that a
 * reader can tell and retry.
 */
#include "hv/core/wallclock.h"

#include "hv/arch_cpu.h"
#include "hv/core/shared_narrow.h"

#define NS_PER_SECOND 1000000000ULL

static uint64_t wall_at_zero; /* ns of UTC at system time 0; 0: nobody has set it */

static uint64_t wall_clock(void)
{
    uint64_t w = READ_ONCE(wall_at_zero);

    return w != 0 ? w : arch_clock_wall_at_boot();
}

void wallclock_update(struct domain *d)
{
    struct shared_info *s = d->shared_info;
    struct shared_info_narrow *n = shared_narrow(d);
    bool narrow = READ_ONCE(d->is_narrow);
    uint32_t *version = narrow ? &n->wc_version : &s->wc_version;
    uint64_t ns = wall_clock() + (uint64_t)d->time_offset_seconds * NS_PER_SECOND;

    WRITE_ONCE(*version, (READ_ONCE(*version) + 1) | 1);
    smp_wmb(); /* odd version before the body */
    *(narrow ? &n->wc_sec : &s->wc_sec) = (uint32_t)(ns / NS_PER_SECOND);
    *(narrow ? &n->wc_nsec : &s->wc_nsec) = (uint32_t)(ns % NS_PER_SECOND);
    *(narrow ? &n->wc_sec_hi : &s->wc_sec_hi) = (uint32_t)(ns / NS_PER_SECOND >> 32);
    smp_wmb(); /* body before the even version */
    WRITE_ONCE(*version, *version + 1);
}

void wallclock_set(uint64_t utc_ns, uint64_t at_system_ns)
{
    unsigned int id = 0;
    struct domain *d;

    WRITE_ONCE(wall_at_zero, utc_ns - at_system_ns);
    while (id < DOMID_FIRST_RESERVED && (d = domain_get_from((domid_t)id)) != NULL) {
        id = d->id + 1U;
        wallclock_update(d);
        domain_put(d);
    }
}
