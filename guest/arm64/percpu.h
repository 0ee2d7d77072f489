/* SPDX-License-Identifier: MIT */
/* What tests that run everywhere ask of a vcpu, on arm64. Interrupts being off is what masks the upcall. */
#ifndef GUEST_ARM64_PERCPU_H
#define GUEST_ARM64_PERCPU_H

#include <stdbool.h>

#include "abi/xen.h"

/* The hypervisor has no place in a guest's addresses: one that is nobody's stands in. */
#define HYPERVISOR_VIRT_START 0xffff800000000000UL
#define HYPERVISOR_VIRT_END   0xffff880000000000UL
#define MACH2PHYS_VIRT_START  HYPERVISOR_VIRT_START

#define GUEST_IS_X86     false
#define GUEST_CAPABILITY "xen-3.0-aarch64"

struct percpu {
    unsigned int vcpu;
    unsigned int upcalls; /* so far */
    struct vcpu_info *info;
};

struct percpu *percpu(void);

#endif
