/* SPDX-License-Identifier: MIT */
/*
 * Secondary vcpus of a PVH kernel, started as a PC's CPUs are, INIT and startup messages through the APIC, or by
 * hypercall.
 */
#ifndef GUEST_LIBGUEST_PVH_SMP_H
#define GUEST_LIBGUEST_PVH_SMP_H

#include <stdbool.h>

#define PVH_AP_PAGE 8 /* the page it starts in */

/* Starts vcpu number vcpu in fn, on a stack of its own with interrupts off; returns when it is there, or false. */
bool pvh_start_vcpu(unsigned int vcpu, void (*fn)(void));
/* The state in which VCPUOP_initialise is to start it in fn, in 64-bit code; pvh_wait_vcpu() once it is up. */
struct vcpu_hvm_context;
void pvh_prepare_vcpu(unsigned int vcpu, void (*fn)(void), struct vcpu_hvm_context *context);
bool pvh_wait_vcpu(void);
#endif
