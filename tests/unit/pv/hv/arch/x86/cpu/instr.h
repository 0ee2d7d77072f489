/* SPDX-License-Identifier: MIT */
/* Privileged instructions for unit tests: what matters is that they were asked for. */
#ifndef TESTS_UNIT_PV_INSTR_H
#define TESTS_UNIT_PV_INSTR_H

#include "hv/lib/types.h"

extern unsigned long pv_test_cr3;
extern unsigned int pv_test_flushes;

static inline void write_cr3(unsigned long v)
{
    pv_test_cr3 = v;
    pv_test_flushes++;
}

static inline void invlpg(unsigned long va)
{
    pv_test_flushes++;
}

static inline void swapgs(void)
{
}

static inline void wbinvd(void)
{
}

static inline void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *a, uint32_t *b, uint32_t *c,
                         uint32_t *d)
{
    *a = 40; /* physical address bits */
    *b = *c = *d = 0;
}

#endif
