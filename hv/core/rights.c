/* SPDX-License-Identifier: MIT */
/*
 * What a domain may touch of the machine (three range sets), and who may control whom. See
 * rights.h.
 *
 * Lock: struct rights.lock for the sets, which grow while it is held.
 */
#include "hv/core/rights.h"

#include "hv/lib/rangeset.h"
#include "hv/mm/heap.h"

/* Most ranges one set may hold: what a toolstack can make the hypervisor remember about a
 * guest. */
#define RANGES_MAX 4096U

struct rights {
    struct spinlock lock; /* LOCK_RIGHTS */
    struct rangeset sets[RIGHT_COUNT];
};

int rights_domain_init(struct domain *d)
{
    struct rights *r = heap_alloc(sizeof(*r));

    if (r == NULL) {
        return -ENOMEM;
    }
    spin_init(&r->lock, LOCK_RIGHTS);
    for (unsigned int i = 0; i < RIGHT_COUNT; i++) {
        rangeset_init(&r->sets[i], RANGES_MAX);
    }
    d->rights = r;
    return 0;
}

void rights_domain_exit(struct domain *d)
{
    if (d->rights == NULL) {
        return;
    }
    for (unsigned int i = 0; i < RIGHT_COUNT; i++) {
        rangeset_exit(&d->rights->sets[i]);
    }
    heap_free(d->rights);
    d->rights = NULL;
}

int rights_permit(struct domain *d, enum right what, uint64_t first, uint64_t last)
{
    int rc;

    if (last < first) {
        return -EINVAL;
    }
    spin_lock(&d->rights->lock);
    rc = rangeset_add(&d->rights->sets[what], first, last);
    spin_unlock(&d->rights->lock);
    return rc;
}

int rights_deny(struct domain *d, enum right what, uint64_t first, uint64_t last)
{
    int rc;

    if (last < first) {
        return -EINVAL;
    }
    spin_lock(&d->rights->lock);
    rc = rangeset_remove(&d->rights->sets[what], first, last);
    spin_unlock(&d->rights->lock);
    return rc;
}

bool rights_has(const struct domain *d, enum right what, uint64_t first, uint64_t last)
{
    bool has;

    if (d->rights == NULL || last < first) {
        return false;
    }
    spin_lock(&d->rights->lock);
    has = rangeset_contains(&d->rights->sets[what], first, last);
    spin_unlock(&d->rights->lock);
    return has;
}

bool rights_may_control(const struct domain *caller, const struct domain *d)
{
    return caller->is_control || READ_ONCE(caller->target) == d;
}
