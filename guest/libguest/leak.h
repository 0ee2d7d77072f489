/* SPDX-License-Identifier: MIT */
/*
 * Domains come and go and leave nothing behind: as dom0, a domain is created, taken through the first few of its
 * steps and destroyed, each number of steps in turn, and the machine's free memory is compared exactly. A test gives
 * the steps, some of which every architecture has. Command line: rounds=N (default 200), slack=PAGES (default 0).
 *
 * The domain is LEAK_DOM; leak_domctl keeps its fields from one call to the next.
 */
#ifndef GUEST_LIBGUEST_LEAK_H
#define GUEST_LIBGUEST_LEAK_H

#include "abi/domctl.h"

enum { LEAK_DOM = 33, LEAK_PAGES = 64 };

struct leak_plan {
    struct xen_domctl_createdomain config; /* its limits are filled in */
    xen_pfn_t first_gfn;                   /* of its memory; where the guest chooses no frames, 0 */
    long (*const *steps)(void);            /* 0, or the error */
    unsigned int step_count;
    void (*let_go)(void);                  /* of what keeps a destroyed domain; NULL: nothing does */
};

extern struct xen_domctl leak_domctl;
extern xen_pfn_t leak_frames[LEAK_PAGES]; /* what leak_populate() got */

void leak_test(const struct leak_plan *plan);
long leak_call(unsigned int cmd);

/* Steps. */
long leak_max_vcpus(void);
long leak_max_mem(void);
long leak_populate(void);
long leak_event_channels(void);
/* Its kernel is nothing: it takes one exception after another, or dies. */
long leak_run(void);

#endif
