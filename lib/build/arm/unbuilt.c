/* SPDX-License-Identifier: MIT */
/* Guests on Arm are not built yet: the interface of build.h, which says so. */
#include <errno.h>

#include "lib/build/build.h"

int build_kernel_open(struct err *e, const char *path, const char *cache_dir, enum build_type type,
                      struct build_kernel **kernel)
{
    *kernel = NULL;
    return err_set(e, -EOPNOTSUPP, "kernel %s: guests on Arm are not built yet", path);
}

void build_kernel_close(struct build_kernel *kernel)
{
}

int build_pv(struct err *e, struct ctrl *c, const struct build_config *config, struct build_result *result)
{
    *result = (struct build_result){ 0 };
    return err_set(e, -EOPNOTSUPP, "PV guests are for x86");
}

void build_pvh_domain(struct xen_domctl_createdomain *make, bool hap)
{
}

int build_pvh(struct err *e, struct ctrl *c, const struct build_config *config, struct build_result *result)
{
    *result = (struct build_result){ 0 };
    return err_set(e, -EOPNOTSUPP, "guests on Arm are not built yet");
}
