/* SPDX-License-Identifier: MIT */
/*
 * What a domain may touch of the machine, and who may control whom.
 *
 * Device memory (mfns), I/O ports and interrupts are range sets with their own lock; the
 * questions about control are the one place where the "is this caller privileged" rule is
 * written.
 */
#ifndef HV_CORE_RIGHTS_H
#define HV_CORE_RIGHTS_H

#include "hv/core/domain.h"

enum right { RIGHT_MEMORY, RIGHT_IOPORT, RIGHT_IRQ, RIGHT_COUNT };

MUST_CHECK int rights_domain_init(struct domain *d);
void rights_domain_exit(struct domain *d);
MUST_CHECK int rights_permit(struct domain *d, enum right what, uint64_t first, uint64_t last);
MUST_CHECK int rights_deny(struct domain *d, enum right what, uint64_t first, uint64_t last);
bool rights_has(const struct domain *d, enum right what, uint64_t first, uint64_t last);

/* caller may use the control ABI on d (domctl, foreign mapping, memory ops). A control
 * domain may, and a stub domain on its target. */
bool rights_may_control(const struct domain *caller, const struct domain *d);
/* caller may use machine-wide operations (sysctl, platform). */
static inline bool rights_is_control(const struct domain *caller)
{
    return caller->is_control;
}

#endif
