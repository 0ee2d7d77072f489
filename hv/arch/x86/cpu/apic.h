/* SPDX-License-Identifier: MIT */
/*
 * The local APIC, by MMIO or as x2APIC: end of interrupt, IPIs, the one-shot timer.
 */
#ifndef HV_ARCH_X86_CPU_APIC_H
#define HV_ARCH_X86_CPU_APIC_H

#include "hv/lib/types.h"

/* Vectors of the local APIC; device interrupts are below. */
enum apic_vector {
    VECTOR_DEVICE_FIRST = 0x30,
    VECTOR_DEVICE_LAST = 0xef,
    VECTOR_TIMER = 0xf0,
    VECTOR_IPI_SOFTIRQ = 0xf1,
    VECTOR_IPI_CALL = 0xf2,
    VECTOR_IPI_FLUSH = 0xf3,
    VECTOR_ERROR = 0xfe,
    VECTOR_SPURIOUS = 0xff
};

void apic_init(void);     /* boot CPU: finds the mode, maps the registers */
void apic_init_cpu(void); /* every CPU */
uint32_t apic_id(void);
void apic_eoi(void);
void apic_send(uint32_t to_apic_id, unsigned int vector);
void apic_send_init(uint32_t to_apic_id);
void apic_send_startup(uint32_t to_apic_id, unsigned int page);
void apic_send_nmi(uint32_t to_apic_id);
/* Timer: fires VECTOR_TIMER after count ticks (0 stops); ticks a second by calibration. */
void apic_timer_start(uint32_t ticks);
uint32_t apic_timer_now(void);
void apic_timer_run_free(void);
uint32_t apic_read(unsigned int reg);

#endif
