/* SPDX-License-Identifier: MIT */
/* The fake machine with the address map of x86_64, for unit tests of the PV guest code. */
#ifndef TESTS_UNIT_PV_ARCH_INLINE_H
#define TESTS_UNIT_PV_ARCH_INLINE_H

#include "hv/arch/fake/inline/arch_inline.h"

#define RO_M2P_START    0xffff800000000000UL
#define PERDOMAIN_START 0xffff820000000000UL
#define HV_SLOT_FIRST   256
#define HV_SLOT_LAST    271

/* Makes work appear at random whenever the code looks for some. */
unsigned long *pv_test_softirq_word(void);
#define arch_softirq_word pv_test_softirq_word

extern char pv_test_m2p[];
#define RW_M2P_START ((unsigned long)pv_test_m2p)

#endif
