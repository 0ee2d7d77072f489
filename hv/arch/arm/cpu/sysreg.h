/* SPDX-License-Identifier: MIT */
/* System registers by name, and barriers. */
#ifndef HV_ARCH_ARM_CPU_SYSREG_H
#define HV_ARCH_ARM_CPU_SYSREG_H

#include "hv/lib/types.h"

#define SYSREG_READ(name)                                                                        \
    ({                                                                                           \
        uint64_t sysreg_value;                                                                   \
        __asm__ __volatile__("mrs %0, " name : "=r"(sysreg_value)::"memory");                     \
        sysreg_value;                                                                            \
    })
#define SYSREG_WRITE(name, value)                                                                \
    __asm__ __volatile__("msr " name ", %x0" ::"rZ"((uint64_t)(value)) : "memory")

static inline void isb(void)
{
    __asm__ __volatile__("isb" ::: "memory");
}

static inline void dsb_ish(void)
{
    __asm__ __volatile__("dsb ish" ::: "memory");
}

static inline void dsb_sy(void)
{
    __asm__ __volatile__("dsb sy" ::: "memory");
}

/* Registers of devices: ordered against each other by their memory type. */
static inline uint32_t mmio_read32(const volatile void *at)
{
    return *(const volatile uint32_t *)at;
}

static inline void mmio_write32(volatile void *at, uint32_t value)
{
    *(volatile uint32_t *)at = value;
}

static inline uint64_t mmio_read64(const volatile void *at)
{
    return *(const volatile uint64_t *)at;
}

static inline void mmio_write64(volatile void *at, uint64_t value)
{
    *(volatile uint64_t *)at = value;
}

#endif
