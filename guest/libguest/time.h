/* SPDX-License-Identifier: MIT */
/*
 * Time as the hypervisor gives it: nanoseconds since it started (pvclock of this vcpu) and the
 * wall clock.
 */
#ifndef GUEST_LIBGUEST_TIME_H
#define GUEST_LIBGUEST_TIME_H

#include <stdbool.h>
#include <stdint.h>

uint64_t time_now(void);       /* ns of system time, this vcpu's clock */
uint64_t time_wallclock(void); /* seconds since 1970 at system time zero */
uint64_t time_scale(uint64_t ticks, uint32_t multiplier, int shift);

/*
 * Gives the CPU away until the system time passes, or until *flag is not zero; true when the
 * flag came.
 */
bool time_wait_flag(const volatile unsigned int *flag, uint64_t ns);
#endif
