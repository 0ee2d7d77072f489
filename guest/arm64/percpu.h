/* SPDX-License-Identifier: MIT */
/* What tests that run everywhere ask of a vcpu, on arm64. Interrupts being off is what masks the upcall. */
#ifndef GUEST_ARM64_PERCPU_H
#define GUEST_ARM64_PERCPU_H

#include "abi/xen.h"

/* The hypervisor has no place in a guest's addresses: one that is nobody's stands in. */
#define HYPERVISOR_VIRT_START 0xffff800000000000UL

struct percpu {
    unsigned int vcpu;
    unsigned int upcalls; /* so far */
    struct vcpu_info *info;
};

struct percpu *percpu(void);

#endif
