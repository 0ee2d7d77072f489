/* SPDX-License-Identifier: MIT */
/* A domain changes the width of what it shares: see shared_narrow.h. Lock: evtchn_domain.lock. */
#include "hv/core/shared_narrow.h"

#include "hv/core/evtchn_private.h"
#include "hv/core/wallclock.h"

void shared_set_narrow(struct domain *d, bool narrow)
{
    struct evtchn_domain *ed = d->evtchn;
    bool changes;

    spin_lock(&ed->lock);
    changes = d->is_narrow != narrow;
    if (changes) {
        WRITE_ONCE(d->is_narrow, narrow);
        if (d->evtchn_format != &evtchn_fifo) {
            WRITE_ONCE(d->evtchn_format, evtchn_2level(d));
        }
    }
    spin_unlock(&ed->lock);
    if (changes) {
        wallclock_update(d);
    }
}
