/* SPDX-License-Identifier: MIT */
/* The wall clock: shared_info's wc_* fields, UTC at system time 0 plus the domain's own offset (<xen/xen.h>). */
#ifndef HV_CORE_WALLCLOCK_H
#define HV_CORE_WALLCLOCK_H

#include "hv/core/domain.h"

/* Sets the wall clock of d's shared_info from the machine's. */
void wallclock_update(struct domain *d);
/* The hardware domain knows better than the firmware's clock: utc_ns was at at_system_ns. All domains are told. */
void wallclock_set(uint64_t utc_ns, uint64_t at_system_ns);

#endif
