/* SPDX-License-Identifier: MIT */
/* Time: a scaled TSC for everybody, and what guests need to read the same clock. */
#ifndef HV_ARCH_X86_CPU_CLOCK_H
#define HV_ARCH_X86_CPU_CLOCK_H

#include "hv/lib/types.h"

/* system ns = base_ns + ((tsc - tsc_base) << shift) * mul >> 32 (a negative shift shifts right). */
struct clock_pv {
    uint64_t tsc_timestamp;
    uint64_t system_time;
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift;
};

void clock_init(void);
void clock_init_cpu(void);
void clock_get_pvclock(struct clock_pv *out);
uint64_t clock_tsc_khz(void);

#endif
