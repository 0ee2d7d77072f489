/* SPDX-License-Identifier: MIT */
/*
 * Variables with one copy for each CPU. PERCPU(type, name) defines one, PERCPU_DECLARE(type, name) makes
 * it known to others; this_cpu(name) is an lvalue, per_cpu(name, cpu) another CPU's.
 */
#ifndef HV_BASE_PERCPU_H
#define HV_BASE_PERCPU_H

#include "hv/arch_cpu.h"

#define PERCPU_DECLARE(type, name) extern __typeof__(type) percpu_##name
/* The variables take no room in the image: gcc gives no other way to say so. */
#ifdef __clang__
#define PERCPU_SECTION "percpu_area"
#else
#define PERCPU_SECTION "percpu_area,\"aw\",@nobits" ARCH_ASM_COMMENT
#endif
#define PERCPU(type, name) __typeof__(type) percpu_##name __attribute__((section(PERCPU_SECTION)))

#define percpu_at(name, offset)                                                                  \
    (*(__typeof__(percpu_##name) *)((unsigned long)&percpu_##name + (offset)))
#define this_cpu(name)     percpu_at(name, arch_percpu_offset())
#define per_cpu(name, cpu) percpu_at(name, arch_percpu_offsets[cpu])

#endif
