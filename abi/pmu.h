/* SPDX-License-Identifier: MIT */
/* The public <xen/pmu.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_PMU_H
#define ABI_PMU_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/pmu.h>

#endif
