/* SPDX-License-Identifier: MIT */
/* Claims of a domain: see memory_claim.h. Lock: the domain's frame_owner.lock for `claimed`. */
#include "hv/core/memory_claim.h"

#include "hv/mm/page_alloc.h"

void memory_claim_drop(struct domain *d)
{
    struct frame_owner *o = &d->memory;

    spin_lock(&o->lock);
    if (o->claimed > 0) {
        page_alloc_unclaim(o->claimed);
        o->claimed = 0;
    }
    spin_unlock(&o->lock);
}

int memory_claim_set(struct domain *d, uint64_t pages)
{
    struct frame_owner *o = &d->memory;
    int rc;

    if (pages == 0) {
        memory_claim_drop(d);
        return 0;
    }
    spin_lock(&o->lock);
    if (o->dying || o->claimed > 0 || pages <= o->total || pages > o->max) {
        rc = -EINVAL;
    } else {
        rc = page_alloc_claim(pages - o->total);
        if (rc == 0) {
            o->claimed = pages - o->total;
        }
    }
    spin_unlock(&o->lock);
    return rc;
}
