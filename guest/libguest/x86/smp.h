/* SPDX-License-Identifier: MIT */
/*
 * Further vcpus of a PV guest. smp_start() initialises and starts one on a stack of its own, in
 * the address space of the boot vcpu, with the usual traps and event callback, upcalls masked;
 * fn runs there and the vcpu goes down when it returns. smp_context() only fills a context, for
 * tests of the hypercall itself.
 */
#ifndef GUEST_LIBGUEST_X86_SMP_H
#define GUEST_LIBGUEST_X86_SMP_H

#include <stdint.h>

#include "abi/vcpu.h"
#include "abi/xen.h"

enum { SMP_MAX = 8 };

typedef void smp_fn(void *arg);

void smp_context(struct vcpu_guest_context *ctx, unsigned int vcpu, smp_fn *fn, void *arg);
long smp_start(unsigned int vcpu, smp_fn *fn, void *arg);

/* How many vcpus this guest has, started or not. */
unsigned int smp_count(void);
unsigned int smp_id(void);
#endif
