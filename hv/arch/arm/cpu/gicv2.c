/* SPDX-License-Identifier: MIT */
/* GICv2: found and refused for now. */
#include "hv/arch/arm/cpu/gic.h"

const struct gic_ops *gicv2_probe(void)
{
    return NULL;
}
