/* SPDX-License-Identifier: MIT */
/*
 * Which MSRs a guest under hardware virtualisation reaches, and what they do: one table, in ascending order; #GP for
 * all others. Those the CPU switches itself (FS and GS base, system calls) do not come here.
 *
 * Memory type ranges are kept for the guest but change nothing: all of a guest's memory is RAM, cached as its page
 * tables say.
 */
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/core/arch_guest.h"

#define MTRR_CAP       0x508UL /* write combining, fixed ranges, 8 variable ones */
#define MTRR_DEF_BITS  0xcffUL
#define MISC_ENABLE    0x1801UL /* fast strings; no branch trace, no sampling */
#define EFER_GUEST     (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)

enum kind {
    KIND_ZERO,      /* reads 0, writes are dropped */
    KIND_READ_ZERO, /* reads 0, cannot be written */
    KIND_TSC,
    KIND_APIC_BASE,
    KIND_X2APIC,
    KIND_MISC_ENABLE,
    KIND_MTRR_CAP,
    KIND_MTRR_VARIABLE,
    KIND_MTRR_FIXED,
    KIND_MTRR_DEF,
    KIND_PAT,
    KIND_HYPERCALL,
    KIND_EFER,
    KIND_TSC_AUX
};

static const struct {
    uint32_t first;
    uint32_t last;
    enum kind kind;
} msrs[] = {
    { 0x00000010, 0x00000010, KIND_TSC },
    { 0x00000017, 0x00000017, KIND_READ_ZERO },     /* platform ID */
    { 0x0000001b, 0x0000001b, KIND_APIC_BASE },
    { 0x00000079, 0x00000079, KIND_ZERO },          /* microcode update */
    { 0x0000008b, 0x0000008b, KIND_ZERO },          /* microcode revision */
    { 0x000000ce, 0x000000ce, KIND_READ_ZERO },     /* platform info: no CPUID faulting */
    { 0x000000fe, 0x000000fe, KIND_MTRR_CAP },
    { 0x00000140, 0x00000140, KIND_ZERO },          /* misc features */
    { 0x00000179, 0x00000179, KIND_READ_ZERO },     /* machine check: no banks */
    { 0x0000017a, 0x0000017b, KIND_ZERO },
    { 0x000001a0, 0x000001a0, KIND_MISC_ENABLE },
    { 0x000001d9, 0x000001d9, KIND_ZERO },          /* debug control */
    { 0x00000200, 0x0000020f, KIND_MTRR_VARIABLE },
    { 0x00000250, 0x00000250, KIND_MTRR_FIXED },
    { 0x00000258, 0x00000259, KIND_MTRR_FIXED },
    { 0x00000268, 0x0000026f, KIND_MTRR_FIXED },
    { 0x00000277, 0x00000277, KIND_PAT },
    { 0x000002ff, 0x000002ff, KIND_MTRR_DEF },
    { VLAPIC_MSR_FIRST, VLAPIC_MSR_LAST, KIND_X2APIC },
    { 0x40000000, 0x40000000, KIND_HYPERCALL },
    { 0xc0000080, 0xc0000080, KIND_EFER },
    { 0xc0000103, 0xc0000103, KIND_TSC_AUX },
    { 0xc0010000, 0xc0010007, KIND_ZERO },          /* AMD: performance counters */
    { 0xc0010010, 0xc0010010, KIND_READ_ZERO },     /* AMD: system configuration */
    { 0xc0010015, 0xc0010015, KIND_ZERO },          /* AMD: hardware configuration */
    { 0xc001001f, 0xc001001f, KIND_ZERO },          /* AMD: north bridge configuration */
    { 0xc0010020, 0xc0010020, KIND_ZERO },          /* AMD: microcode loader */
    { 0xc0010055, 0xc0010055, KIND_READ_ZERO },     /* AMD: interrupt pending */
    { 0xc0010058, 0xc0010058, KIND_READ_ZERO },     /* AMD: MMIO configuration base */
    { 0xc0011022, 0xc0011022, KIND_ZERO },          /* AMD: data cache configuration */
    { 0xc0011029, 0xc001102a, KIND_ZERO },          /* AMD: decode and bus unit configuration */
};

static bool find_kind(uint32_t msr, enum kind *kind)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++) {
        if (msr >= msrs[i].first && msr <= msrs[i].last) {
            *kind = msrs[i].kind;
            return true;
        }
    }
    return false;
}

static uint64_t *mtrr_fixed(struct hvm_vcpu *h, uint32_t msr)
{
    unsigned int i = msr == 0x250 ? 0 : msr <= 0x259 ? 1 + (msr & 1) : 3 + (msr & 7);

    return &h->mtrr_fixed[i];
}

static bool memory_type_valid(uint64_t type, bool in_pat)
{
    return type == 0 || type == 1 || (type >= 4 && type <= 6) || (in_pat && type == 7);
}

bool hvm_pat_valid(uint64_t pat)
{
    for (unsigned int i = 0; i < 64; i += 8) {
        if (!memory_type_valid(pat >> i & 0xff, true)) {
            return false;
        }
    }
    return true;
}

bool hvm_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    struct hvm_vcpu *h = hvm_vcpu(v);
    struct hvm_paging p;
    enum kind kind;

    if (!find_kind(msr, &kind)) {
        return false;
    }
    *value = 0;
    switch (kind) {
    case KIND_ZERO:
    case KIND_READ_ZERO:
        return true;
    case KIND_TSC:
        *value = read_tsc();
        return true;
    case KIND_APIC_BASE:
        *value = h->vlapic.base;
        return true;
    case KIND_X2APIC:
        return vlapic_msr_read(v, msr, value);
    case KIND_MISC_ENABLE:
        *value = MISC_ENABLE;
        return true;
    case KIND_MTRR_CAP:
        *value = MTRR_CAP;
        return true;
    case KIND_MTRR_VARIABLE:
        *value = h->mtrr_variable[msr & 15];
        return true;
    case KIND_MTRR_FIXED:
        *value = *mtrr_fixed(h, msr);
        return true;
    case KIND_MTRR_DEF:
        *value = h->mtrr_def_type;
        return true;
    case KIND_PAT:
        *value = hvm->get_pat(v);
        return true;
    case KIND_EFER:
        hvm->get_paging(v, &p);
        *value = p.efer & EFER_GUEST;
        return true;
    case KIND_TSC_AUX:
        *value = v->arch->msr_tsc_aux;
        return true;
    case KIND_HYPERCALL:
        return false;
    }
    return false;
}

/* The page with number value >> 12 becomes the hypercall page; bits below are its index, only 0 exists. */
static bool write_hypercall_page(struct vcpu *v, uint64_t value)
{
    struct domain *d = v->domain;
    struct frame *f = value & ~PAGE_MASK ? NULL : arch_get_gfn(d, _gfn(value >> PAGE_SHIFT), true);

    if (f == NULL) {
        return false;
    }
    arch_fill_hypercall_page(d, arch_direct_map(frame_mfn(f)));
    arch_put_gfn(f, true);
    hvm_latch_width(v);
    return true;
}

/* LME and LMA go with paging: LMA is the CPU's, LME changes only while paging is off. */
static bool write_efer(struct vcpu *v, uint64_t value)
{
    struct hvm_paging p;

    hvm->get_paging(v, &p);
    if ((value & ~EFER_GUEST) || ((p.cr0 & CR0_PG) && ((value ^ p.efer) & EFER_LME))) {
        return false;
    }
    hvm->set_efer(v, (value & ~EFER_LMA) | (p.efer & EFER_LMA));
    return true;
}

static bool write_mtrr_def(struct hvm_vcpu *h, uint64_t value)
{
    if ((value & ~MTRR_DEF_BITS) || !memory_type_valid(value & 0xff, false)) {
        return false;
    }
    h->mtrr_def_type = value;
    return true;
}

bool hvm_msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    struct hvm_vcpu *h = hvm_vcpu(v);
    enum kind kind;

    if (!find_kind(msr, &kind)) {
        return false;
    }
    switch (kind) {
    case KIND_ZERO:
        return true;
    case KIND_READ_ZERO:
    case KIND_TSC:
    case KIND_MTRR_CAP:
        return false;
    case KIND_APIC_BASE:
        return vlapic_set_base(v, value);
    case KIND_X2APIC:
        return vlapic_msr_write(v, msr, value);
    case KIND_MISC_ENABLE:
        return value == MISC_ENABLE;
    case KIND_MTRR_VARIABLE:
        h->mtrr_variable[msr & 15] = value;
        return true;
    case KIND_MTRR_FIXED:
        *mtrr_fixed(h, msr) = value;
        return true;
    case KIND_MTRR_DEF:
        return write_mtrr_def(h, value);
    case KIND_PAT:
        if (!hvm_pat_valid(value)) {
            return false;
        }
        hvm->set_pat(v, value);
        return true;
    case KIND_HYPERCALL:
        return write_hypercall_page(v, value);
    case KIND_EFER:
        return write_efer(v, value);
    case KIND_TSC_AUX:
        if (value >> 32 != 0) {
            return false;
        }
        v->arch->msr_tsc_aux = (uint32_t)value;
        return true;
    }
    return false;
}
