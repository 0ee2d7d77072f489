/* SPDX-License-Identifier: MIT */
/*
 * What Intel's CPUs refuse to enter a guest with (SDM volume 3, 26.3.1), asked of a register record before any of it
 * is taken over. Pure: the record, what the CPU has, an answer.
 */
#ifndef HV_ARCH_X86_HVM_VMX_STATE_H
#define HV_ARCH_X86_HVM_VMX_STATE_H

#include "hv/lib/types.h"

struct hvm_hw_cpu;

/* cr4: the bits a guest may set; address_bits: of physical addresses. */
bool vmx_state_valid(const struct hvm_hw_cpu *c, uint64_t cr4, unsigned int address_bits);

#endif
