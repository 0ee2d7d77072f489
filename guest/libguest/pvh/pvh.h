/* SPDX-License-Identifier: MIT */
/*
 * What only PVH test kernels have: the records the builder left, HVM parameters, MSRs and control registers.
 */
#ifndef GUEST_LIBGUEST_PVH_PVH_H
#define GUEST_LIBGUEST_PVH_PVH_H

#include <stdint.h>

#include <xen/arch-x86/hvm/start_info.h>

#include "abi/hvm_op.h"
#include "abi/hvm_params.h"

#define PVH_CS 0x08
#define PVH_DS 0x10
#define PVH_CS32 0x18
#define PVH_VECTOR_UPCALL 0xf3
#define PVH_USER_BASE 0x0000200000000000UL /* code, data, stack of user.c: a page each */

extern struct hvm_start_info *pvh_start_info;

/* 0 when the parameter cannot be had. */
uint64_t pvh_param(unsigned int index);
long pvh_set_param(unsigned int index, uint64_t value);
/* XENMEM_add_to_physmap of one page of ours. */
long pvh_add_to_physmap(unsigned int space, unsigned long idx, unsigned long gfn);

static inline uint64_t pvh_rdmsr(uint32_t msr)
{
    uint32_t low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return (uint64_t)high << 32 | low;
}

static inline void pvh_wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static inline void pvh_sti(void)
{
    __asm__ volatile("sti" : : : "memory");
}

static inline void pvh_cli(void)
{
    __asm__ volatile("cli" : : : "memory");
}
#endif
