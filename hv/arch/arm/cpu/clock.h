/* SPDX-License-Identifier: MIT */
/* Time by the generic timer: the physical counter is the clock, EL2's physical timer raises SOFTIRQ_TIMER. */
#ifndef HV_ARCH_ARM_CPU_CLOCK_H
#define HV_ARCH_ARM_CPU_CLOCK_H

#include "hv/lib/types.h"

/* Interrupts of the timers, from the device tree. */
struct clock_irqs {
    unsigned int physical; /* of guests */
    unsigned int virtual;
    unsigned int hyp;
};
extern struct clock_irqs clock_irqs;

void clock_init(void);
void clock_init_cpu(void);
/* Counter ticks and ns of arch_clock_now(). */
uint64_t clock_ticks(void);
uint64_t clock_ticks_to_now(uint64_t ticks);
uint32_t clock_hz(void);

#endif
