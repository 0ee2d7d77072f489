/* SPDX-License-Identifier: MIT */
/* XSAVE areas are the standard format: legacy 512 bytes, header of 64 with XSTATE_BV first, then the rest. */
#include "hv/arch/x86/cpu/fpu.h"

#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch_cpu.h"
#include "hv/base/percpu.h"
#include "hv/base/printk.h"
#include "hv/lib/string.h"
#include "hv/mm/page_alloc.h"

#define FXSAVE_BYTES 512
#define XCR0_KNOWN   0xe7UL /* x87, SSE, AVX, AVX-512 */

static bool have_xsave;
static uint64_t xcr0_mask;
static unsigned int area_size = FXSAVE_BYTES;
static PERCPU(uint64_t, xcr0_now); /* what XCR0 holds: writing it costs much */

static void xsetbv(uint64_t v)
{
    if (this_cpu(xcr0_now) != v) {
        this_cpu(xcr0_now) = v;
        __asm__ __volatile__("xsetbv" ::"c"(0), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
    }
}


void fpu_init_cpu(void)
{
    uint32_t a, b, c, d;

    cpuid(1, 0, &a, &b, &c, &d);
    have_xsave = c >> 26 & 1;
    write_cr0((read_cr0() & ~0xcUL) | 0x22); /* neither EM nor TS */
    if (have_xsave) {
        write_cr4(read_cr4() | CR4_OSXSAVE);
        cpuid(0xd, 0, &a, &b, &c, &d);
        xcr0_mask = (a | (uint64_t)d << 32) & XCR0_KNOWN;
        this_cpu(xcr0_now) = 0; /* at reset it is another value */
        xsetbv(xcr0_mask);
        cpuid(0xd, 0, &a, &b, &c, &d);
        area_size = b;
    }
}

uint64_t fpu_xcr0_now(void)
{
    uint32_t a, d;

    if (!have_xsave) {
        return 0;
    }
    __asm__ __volatile__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    this_cpu(xcr0_now) = a | (uint64_t)d << 32;
    return this_cpu(xcr0_now);
}

uint64_t fpu_xcr0_mask(void)
{
    return xcr0_mask;
}

unsigned int fpu_area_size(void)
{
    return area_size;
}

void *fpu_area_alloc(void)
{
    mfn_t mfn = page_alloc(0, PAGE_ZERO);
    void *area;

    BUG_ON(area_size > PAGE_SIZE);
    if (mfn_eq(mfn, INVALID_MFN)) {
        return NULL;
    }
    area = arch_direct_map(mfn);
    fpu_area_reset(area);
    return area;
}

void fpu_area_free(void *area)
{
    if (area != NULL) {
        page_free(arch_direct_mfn(area), 0, true);
    }
}

/* FCW 0x37f and MXCSR 0x1f80; XSTATE_BV 0 would do for the rest, but FXSAVE needs the values. */
void fpu_area_reset(void *area)
{
    uint8_t *p = area;
    uint16_t fcw = 0x37f;
    uint32_t mxcsr = 0x1f80;

    memset(p, 0, area_size);
    memcpy(p, &fcw, sizeof(fcw));
    memcpy(p + 24, &mxcsr, sizeof(mxcsr));
    if (have_xsave) {
        p[FXSAVE_BYTES] = 3;
    }
}

void fpu_area_from_fxsave(void *area, const void *fx512)
{
    uint8_t *p = area;
    uint32_t mxcsr;

    fpu_area_reset(area);
    memcpy(area, fx512, FXSAVE_BYTES);
    memcpy(&mxcsr, p + 24, sizeof(mxcsr));
    mxcsr &= 0xffff; /* reserved bits would fault */
    memcpy(p + 24, &mxcsr, sizeof(mxcsr));
    memset(p + 464, 0, FXSAVE_BYTES - 464);
}

void fpu_area_to_fxsave(const void *area, void *fx512)
{
    memcpy(fx512, area, FXSAVE_BYTES);
}

void fpu_save(void *area, uint64_t xcr0)
{
    (void)xcr0;
    if (have_xsave) {
        xsetbv(xcr0_mask);
        __asm__ __volatile__("xsave64 (%0)" ::"r"(area), "a"(~0U), "d"(~0U) : "memory");
    } else {
        __asm__ __volatile__("fxsave64 (%0)" ::"r"(area) : "memory");
    }
}

void fpu_restore(const void *area, uint64_t xcr0)
{
    if (have_xsave) {
        xsetbv(xcr0_mask);
        __asm__ __volatile__("xrstor64 (%0)" ::"r"(area), "a"(~0U), "d"(~0U) : "memory");
        xsetbv(xcr0 == 0 ? 1 : xcr0);
    } else {
        __asm__ __volatile__("fxrstor64 (%0)" ::"r"(area) : "memory");
    }
}
