/* SPDX-License-Identifier: MIT */
/* shared.c: the shared info page, vcpu_info and runstate as 32-bit kernels have them. */
#ifndef GUEST_TESTS_PVH_CALL32_SHARED_H
#define GUEST_TESTS_PVH_CALL32_SHARED_H

/* spare: a frame that may become a hypercall page. */
void test_shared(unsigned int mode, unsigned long spare);

#endif
