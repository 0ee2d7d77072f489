/* SPDX-License-Identifier: MIT */
/*
 * Which MSRs a PV guest's rdmsr and wrmsr reach, and what they do: one table, in ascending order of MSR.
 * A kind without a way to read (or write) gives the guest a general protection fault, as does an MSR that
 * is not listed. The machine's MSRs change only where a row says so.
 */
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch/x86/guest/guest.h"
#include "hv/arch/x86/guest/pv_io.h"
#include "hv/arch_cpu.h"
#include "hv/core/arch_guest.h"

bool raw_rdmsr(uint32_t msr, uint64_t *value);
bool raw_wrmsr(uint32_t msr, uint64_t value);

#define APIC_DEFAULT_BASE 0xfee00000ULL
#define APIC_BASE_BSP     (1ULL << 8)
#define APIC_BASE_ENABLED (1ULL << 11)
#define EFER_GUEST        0xd01ULL /* SCE, LME, LMA, NXE */
#define PAGE_BYTES        4096U

enum msr_kind {
    KIND_HOST,        /* reads the machine's; writing what is there already is accepted */
    KIND_HOST_DOM0,   /* the same, for the hardware domain only */
    KIND_ZERO,        /* reads 0, writes are dropped */
    KIND_TSC,
    KIND_APIC_BASE,
    KIND_EFER,
    KIND_SEGMENT_BASE, /* the CPU's: holds the guest's value while it runs */
    KIND_TSC_AUX,
    KIND_HYPERCALL
};

static const struct {
    uint32_t first;
    uint32_t last;
    enum msr_kind kind;
} msrs[] = {
    { 0x00000010, 0x00000010, KIND_TSC },
    { 0x00000017, 0x00000017, KIND_HOST_DOM0 },    /* platform ID */
    { 0x0000001b, 0x0000001b, KIND_APIC_BASE },
    { 0x00000079, 0x00000079, KIND_ZERO },         /* microcode update trigger */
    { 0x0000008b, 0x0000008b, KIND_HOST },         /* microcode revision */
    { 0x000000ce, 0x000000ce, KIND_ZERO },         /* platform info: no CPUID faulting */
    { 0x00000140, 0x00000140, KIND_ZERO },         /* misc features */
    { 0x00000179, 0x00000179, KIND_ZERO },         /* machine check capabilities: no banks */
    { 0x0000017a, 0x0000017a, KIND_ZERO },         /* machine check status */
    { 0x0000019c, 0x0000019c, KIND_HOST_DOM0 },    /* thermal status */
    { 0x000001a0, 0x000001a0, KIND_HOST },         /* misc enable */
    { 0x000001a2, 0x000001a2, KIND_HOST_DOM0 },    /* temperature target */
    { 0x00000277, 0x00000277, KIND_HOST },         /* page attribute table */
    { 0x40000000, 0x40000000, KIND_HYPERCALL },
    { 0xc0000080, 0xc0000080, KIND_EFER },
    { 0xc0000100, 0xc0000102, KIND_SEGMENT_BASE }, /* FS, GS, the inactive GS */
    { 0xc0000103, 0xc0000103, KIND_TSC_AUX },
    { 0xc0010010, 0xc0010010, KIND_HOST },         /* AMD: system configuration */
    { 0xc0010015, 0xc0010015, KIND_HOST },         /* AMD: hardware configuration */
    { 0xc001001f, 0xc001001f, KIND_HOST },         /* AMD: north bridge configuration */
    { 0xc0010020, 0xc0010020, KIND_ZERO },         /* AMD: microcode loader */
    { 0xc0010055, 0xc0010055, KIND_HOST },         /* AMD: interrupt pending */
    { 0xc0010058, 0xc0010058, KIND_HOST_DOM0 },    /* AMD: MMIO configuration base */
    { 0xc0010061, 0xc0010071, KIND_HOST_DOM0 },    /* AMD: P-states */
    { 0xc001102a, 0xc001102a, KIND_HOST },         /* AMD: bus unit configuration */
};

static bool find_kind(uint32_t msr, enum msr_kind *kind)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++) {
        if (msr >= msrs[i].first && msr <= msrs[i].last) {
            *kind = msrs[i].kind;
            return true;
        }
    }
    return false;
}

static bool canonical(uint64_t va)
{
    return va < 1ULL << 47 || va >= ~0ULL << 47;
}

bool pv_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    enum msr_kind kind;

    if (!find_kind(msr, &kind)) {
        return false;
    }
    switch (kind) {
    case KIND_HOST_DOM0:
        return v->domain->is_hardware && raw_rdmsr(msr, value);
    case KIND_HOST:
    case KIND_TSC:
    case KIND_SEGMENT_BASE:
        return raw_rdmsr(msr, value);
    case KIND_ZERO:
        *value = 0;
        return true;
    case KIND_APIC_BASE:
        *value = APIC_DEFAULT_BASE | APIC_BASE_ENABLED | (v->id == 0 ? APIC_BASE_BSP : 0);
        return true;
    case KIND_EFER:
        *value = read_msr(msr) & EFER_GUEST;
        return true;
    case KIND_TSC_AUX:
        *value = v->arch->msr_tsc_aux;
        return true;
    case KIND_HYPERCALL:
        return false;
    }
    return false;
}

/* A guest may write back what it read. */
static bool same_as_host(uint32_t msr, uint64_t value)
{
    uint64_t now;

    return raw_rdmsr(msr, &now) && now == value;
}

/* The page with number value >> 12 becomes the hypercall page; bits below are its index, only 0 exists. */
static bool write_hypercall_page(struct vcpu *v, uint64_t value)
{
    struct domain *d = v->domain;
    struct frame *f;

    if (value % PAGE_BYTES != 0) {
        return false;
    }
    f = arch_get_gfn(d, _gfn(value >> PAGE_SHIFT), true);
    if (f == NULL) {
        return false;
    }
    arch_fill_hypercall_page(d, arch_direct_map(frame_mfn(f)));
    arch_put_gfn(f, true);
    return true;
}

bool pv_msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    enum msr_kind kind;

    if (!find_kind(msr, &kind)) {
        return false;
    }
    switch (kind) {
    case KIND_HOST_DOM0:
        return v->domain->is_hardware && same_as_host(msr, value);
    case KIND_HOST:
        return same_as_host(msr, value);
    case KIND_SEGMENT_BASE:
        return canonical(value) && raw_wrmsr(msr, value);
    case KIND_ZERO:
        return true;
    case KIND_TSC:
        return false;
    case KIND_APIC_BASE:
        return true; /* dropped */
    case KIND_EFER:
        return (read_msr(msr) & EFER_GUEST) == value;
    case KIND_TSC_AUX:
        if (value >> 32 != 0) {
            return false;
        }
        v->arch->msr_tsc_aux = (uint32_t)value;
        return true;
    case KIND_HYPERCALL:
        return write_hypercall_page(v, value);
    }
    return false;
}
