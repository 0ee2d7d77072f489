/* SPDX-License-Identifier: MIT */
/*
 * Guests' FPU state: areas of XSAVE (or FXSAVE) layout, saved and restored whole at every switch of guests.
 */
#ifndef HV_ARCH_X86_CPU_FPU_H
#define HV_ARCH_X86_CPU_FPU_H

#include "hv/lib/types.h"

void fpu_init_cpu(void);
uint64_t fpu_xcr0_mask(void); /* features guests may enable; 0: no XSAVE */
/* What XCR0 holds, which the guest that runs may have written itself: emulated CPUs do not intercept XSETBV. */
uint64_t fpu_xcr0_now(void);
unsigned int fpu_area_size(void);
void *fpu_area_alloc(void);
void fpu_area_free(void *area);
void fpu_area_reset(void *area);
void fpu_area_from_fxsave(void *area, const void *fx512);
void fpu_area_to_fxsave(const void *area, void *fx512);
/* xcr0: what the guest set, which holds while its registers are loaded; 0 stands for 1, the value at reset. */
void fpu_save(void *area, uint64_t xcr0);
void fpu_restore(const void *area, uint64_t xcr0);

#endif
