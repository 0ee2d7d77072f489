/* SPDX-License-Identifier: MIT */
/* Guests on ARM have no table of machine frames of their own: dumping them is not built. */
#include <errno.h>

#include "lib/ctrl/ctrl.h"
#include "lib/domain/core.h"

unsigned int core_context_size(void)
{
    return sizeof(vcpu_guest_context_t);
}

int core_read_p2m(struct err *e, struct ctrl *c, uint32_t domid, uint64_t **p2m, uint64_t *count)
{
    return err_set(e, -EOPNOTSUPP, "a domain's memory cannot be dumped on ARM yet");
}
