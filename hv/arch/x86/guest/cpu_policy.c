/* SPDX-License-Identifier: MIT */
/*
 * What CPUID shows a guest. A policy is the list of leaves of the control ABI (struct xen_cpuid_leaf),
 * plus the two MSRs that go with it; cpu_policy_cpuid() looks a leaf up and fills in what changes at run time.
 *
 *   raw       the CPU's own answers
 *   host      raw's features that have a name in the public list, as the control interface shows them
 *   hvm       the same for a guest under hardware virtualisation: hvm_features[] in addition
 *   pv        raw, reduced to what a PV guest can use: pv_features[], which follows the applicability
 *             marks of the public feature list, less what this hypervisor does not switch or emulate
 *
 * A domain starts with pv; a toolstack may set another, which is reduced to pv again, so a guest is never
 * promised more. Leaves and subleaves are limited to those that the toolstack's own structures can hold.
 *
 * A domain's policy changes only while it has never run; the system policies are constant after the first
 * domain was created. No locks.
 */
#include "abi/sysctl.h"
#include "abi/x86_cpuid.h"
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch/x86/guest/cpu_policy_calls.h"
#include "hv/arch/x86/guest/guest.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/base/printk.h"
#include "hv/lib/string.h"
#include "hv/mm/frame.h"
#include "hv/mm/heap.h"

#define LEAVES_MAX      128
#define MSRS_MAX        2
#define FEATURE_WORDS   19
#define BASIC_MAX       0x0000000dU
#define EXTENDED_FIRST  0x80000000U
#define EXTENDED_MAX    0x80000021U
#define XEN_FIRST       0x40000000U
#define XEN_SECOND      0x40000100U
#define CACHE_SUBLEAVES 6U
#define FEAT_SUBLEAVES  3U
#define TOPO_SUBLEAVES  2U
#define XSAVE_SUBLEAVES 63U
#define MSR_PLATFORM_INFO_IDX 0x000000ceU
#define MSR_ARCH_CAPS_IDX     0x0000010aU

#define VIRTUAL_BITS    48U /* four levels of page tables, whatever the CPU could do */
#define XEN_MAJOR       4U
#define XEN_MINOR       17U
#define XSTATE_HEADER   576U /* legacy area and header of an XSAVE area */
/* x87, SSE, AVX, and AVX-512's three: the components a guest may use. */
#define XSTATE_GUEST    0xe7ULL
#define XSTATE_BASIC    0x3ULL

struct cpu_policy {
    unsigned int count;
    struct xen_cpuid_leaf leaves[LEAVES_MAX];
    uint64_t platform_info;
    uint64_t arch_caps;
};

static struct cpu_policy raw;
static struct cpu_policy pv;
static struct cpu_policy hvm_policy; /* empty where there is no hardware virtualisation */
static uint32_t pv_mask[FEATURE_WORDS];
static uint32_t hvm_mask[FEATURE_WORDS];
static uint32_t host_mask[FEATURE_WORDS];
static bool amd;
static bool ready;

/* ---- features a PV guest may have ------------------------------------------------------------ */

#define F(name) XEN_X86_FEATURE_##name

static const uint16_t pv_features[] = {
    F(FPU), F(DE), F(TSC), F(MSR), F(PAE), F(CX8), F(APIC), F(SEP), F(CMOV), F(PAT), F(CLFLUSH),
    F(ACPI), F(MMX), F(FXSR), F(SSE), F(SSE2), F(SS), F(HTT),
    F(SSE3), F(PCLMULQDQ), F(SSSE3), F(FMA), F(CX16), F(SSE4_1), F(SSE4_2), F(MOVBE), F(POPCNT),
    F(AESNI), F(XSAVE), F(AVX), F(F16C), F(RDRAND), F(HYPERVISOR),
    F(SYSCALL), F(NX), F(MMXEXT), F(FFXSR), F(LM), F(3DNOWEXT), F(3DNOW),
    F(LAHF_LM), F(CMP_LEGACY), F(ABM), F(SSE4A), F(MISALIGNSSE), F(3DNOWPREFETCH), F(XOP),
    F(FMA4), F(TBM),
    F(XSAVEOPT), F(XSAVEC), F(XGETBV1),
    F(BMI1), F(AVX2), F(BMI2), F(ERMS), F(AVX512F), F(AVX512DQ), F(RDSEED), F(ADX),
    F(AVX512_IFMA), F(CLFLUSHOPT), F(CLWB), F(AVX512PF), F(AVX512ER), F(AVX512CD), F(SHA),
    F(AVX512BW), F(AVX512VL),
    F(PREFETCHWT1), F(AVX512_VBMI), F(AVX512_VBMI2), F(GFNI), F(VAES), F(VPCLMULQDQ),
    F(AVX512_VNNI), F(AVX512_BITALG), F(AVX512_VPOPCNTDQ), F(CLDEMOTE), F(MOVDIRI), F(MOVDIR64B),
    F(ITSC),
    F(CLZERO), F(RSTR_FP_ERR_PTRS), F(SSB_NO), F(BTC_NO),
    F(AVX512_4VNNIW), F(AVX512_4FMAPS), F(FSRM), F(AVX512_VP2INTERSECT), F(MD_CLEAR),
    F(SERIALIZE),
    F(AVX_VNNI), F(AVX512_BF16), F(FZRM), F(FSRS), F(FSRCS),
    F(LFENCE_DISPATCH), F(NSCB), F(SRSO_NO),
};

/* What goes with XSAVE: gone when the hypervisor does not manage extended state. */
static const uint16_t xsave_features[] = {
    F(XSAVE), F(AVX), F(FMA), F(F16C), F(XOP), F(FMA4), F(XSAVEOPT), F(XSAVEC), F(XGETBV1),
    F(AVX2), F(AVX512F), F(AVX512DQ), F(AVX512_IFMA), F(AVX512PF), F(AVX512ER), F(AVX512CD),
    F(AVX512BW), F(AVX512VL), F(AVX512_VBMI), F(AVX512_VBMI2), F(VAES), F(VPCLMULQDQ),
    F(AVX512_VNNI), F(AVX512_BITALG), F(AVX512_VPOPCNTDQ), F(AVX512_4VNNIW), F(AVX512_4FMAPS),
    F(AVX512_VP2INTERSECT), F(AVX_VNNI), F(AVX512_BF16),
};

/* And beyond those one under hardware virtualisation, which has page tables and modes of its own. */
static const uint16_t hvm_features[] = {
    F(VME), F(PSE), F(MCE), F(MTRR), F(PGE), F(MCA), F(PSE36), F(X2APIC), F(PAGE1GB), F(PCID), F(INVPCID),
    F(FSGSBASE), F(SMEP), F(SMAP), F(UMIP), F(CR8_LEGACY),
};

#undef F

static const uint16_t named_features[] = {
#define XEN_CPUFEATURE(name, value) value,
#include "abi/x86_feature_list.h"
#undef XEN_CPUFEATURE
};

enum reg { EAX, EBX, ECX, EDX };

/* Where each word of a feature set lies. */
static const struct {
    uint32_t leaf;
    uint32_t subleaf;
    enum reg reg;
} words[FEATURE_WORDS] = {
    [0] = { 1, XEN_CPUID_NO_SUBLEAF, EDX },           [1] = { 1, XEN_CPUID_NO_SUBLEAF, ECX },
    [2] = { 0x80000001, XEN_CPUID_NO_SUBLEAF, EDX },  [3] = { 0x80000001, XEN_CPUID_NO_SUBLEAF, ECX },
    [4] = { 0xd, 1, EAX },                            [5] = { 7, 0, EBX },
    [6] = { 7, 0, ECX },                              [7] = { 0x80000007, XEN_CPUID_NO_SUBLEAF, EDX },
    [8] = { 0x80000008, XEN_CPUID_NO_SUBLEAF, EBX },  [9] = { 7, 0, EDX },
    [10] = { 7, 1, EAX },                             [11] = { 0x80000021, XEN_CPUID_NO_SUBLEAF, EAX },
    [12] = { 7, 1, EBX },                             [13] = { 7, 2, EDX },
    [14] = { 7, 1, ECX },                             [15] = { 7, 1, EDX },
    /* 16 and 17 are the MSR ARCH_CAPS */
    [18] = { 0x80000021, XEN_CPUID_NO_SUBLEAF, ECX },
};

static bool word_is_msr(unsigned int word)
{
    return word == 16 || word == 17;
}

/* ---- leaves -------------------------------------------------------------------------------- */

static void cpuid_native(uint32_t leaf, uint32_t subleaf, struct xen_cpuid_leaf *out)
{
    cpuid(leaf, subleaf, &out->a, &out->b, &out->c, &out->d);
}

static struct xen_cpuid_leaf *find(struct cpu_policy *p, uint32_t leaf, uint32_t subleaf)
{
    for (unsigned int i = 0; i < p->count; i++) {
        if (p->leaves[i].leaf == leaf && p->leaves[i].subleaf == subleaf) {
            return &p->leaves[i];
        }
    }
    return NULL;
}

static uint32_t *leaf_reg(struct xen_cpuid_leaf *l, enum reg reg)
{
    uint32_t *const regs[] = { &l->a, &l->b, &l->c, &l->d };

    return regs[reg];
}

static bool has_subleaves(uint32_t leaf)
{
    return leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd;
}

/* Whether the ABI's structures have room for it. */
static bool leaf_known(uint32_t leaf, uint32_t subleaf)
{
    switch (leaf) {
    case 4:
        return subleaf < CACHE_SUBLEAVES;
    case 7:
        return subleaf < FEAT_SUBLEAVES;
    case 0xb:
        return subleaf < TOPO_SUBLEAVES;
    case 0xd:
        return subleaf < XSAVE_SUBLEAVES;
    case XEN_FIRST:
    case XEN_SECOND:
        return subleaf == XEN_CPUID_NO_SUBLEAF;
    default:
        return subleaf == XEN_CPUID_NO_SUBLEAF &&
               (leaf <= BASIC_MAX || (leaf >= EXTENDED_FIRST && leaf <= EXTENDED_MAX));
    }
}

/* Adds or replaces; false when the list is full. */
static bool set_leaf(struct cpu_policy *p, const struct xen_cpuid_leaf *l)
{
    struct xen_cpuid_leaf *old = find(p, l->leaf, l->subleaf);

    if (old == NULL) {
        if (p->count == LEAVES_MAX) {
            return false;
        }
        old = &p->leaves[p->count++];
    }
    *old = *l;
    return true;
}

static void add_native(struct cpu_policy *p, uint32_t leaf, uint32_t subleaf)
{
    struct xen_cpuid_leaf l = { .leaf = leaf, .subleaf = subleaf };

    cpuid_native(leaf, subleaf == XEN_CPUID_NO_SUBLEAF ? 0 : subleaf, &l);
    BUG_ON(!set_leaf(p, &l));
}

/* A leaf with subleaves, as far as the CPU has them. */
static void add_native_subleaves(struct cpu_policy *p, uint32_t leaf)
{
    struct xen_cpuid_leaf l;
    uint64_t states;

    switch (leaf) {
    case 4:
        for (uint32_t i = 0; i < CACHE_SUBLEAVES; i++) {
            cpuid_native(4, i, &l);
            add_native(p, 4, i);
            if ((l.a & 0x1f) == 0) {
                break; /* a cache of no type ends them */
            }
        }
        break;
    case 7:
        cpuid_native(7, 0, &l);
        for (uint32_t i = 0; i <= MIN(l.a, FEAT_SUBLEAVES - 1); i++) {
            add_native(p, 7, i);
        }
        break;
    case 0xb:
        for (uint32_t i = 0; i < TOPO_SUBLEAVES; i++) {
            add_native(p, 0xb, i);
        }
        break;
    default:
        cpuid_native(0xd, 0, &l);
        states = l.a | (uint64_t)l.d << 32 | XSTATE_BASIC;
        /* Up to the last state, without gaps: the toolstack writes so many back into the room of what it read. */
        for (uint32_t i = 0; i < XSAVE_SUBLEAVES && states >> i != 0; i++) {
            add_native(p, 0xd, i);
        }
        break;
    }
}

static void read_raw(void)
{
    struct xen_cpuid_leaf l;

    cpuid_native(0, 0, &l);
    amd = l.b == 0x68747541 || l.b == 0x6f677948; /* "Auth"enticAMD, "Hygo"nGenuine */
    for (uint32_t i = 0; i <= MIN(l.a, BASIC_MAX); i++) {
        if (has_subleaves(i)) {
            add_native_subleaves(&raw, i);
        } else {
            add_native(&raw, i, XEN_CPUID_NO_SUBLEAF);
        }
    }
    cpuid_native(EXTENDED_FIRST, 0, &l);
    for (uint32_t i = EXTENDED_FIRST; l.a >= EXTENDED_FIRST && i <= MIN(l.a, EXTENDED_MAX); i++) {
        add_native(&raw, i, XEN_CPUID_NO_SUBLEAF);
    }
}

/* ---- reduction to what PV can have ----------------------------------------------------------- */

static void clear_host_feature(unsigned int feature)
{
    host_mask[feature / 32] &= ~(1U << (feature % 32));
}

/* OSXSAVE says what CR4 holds, not what the CPU can do; AMD has no SYSENTER in long mode. */
static void make_host_mask(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(named_features); i++) {
        if (named_features[i] / 32 < FEATURE_WORDS) {
            host_mask[named_features[i] / 32] |= 1U << (named_features[i] % 32);
        }
    }
    clear_host_feature(XEN_X86_FEATURE_OSXSAVE);
    if (amd) {
        clear_host_feature(XEN_X86_FEATURE_SEP);
    }
}

static void remove_xsave(uint32_t *mask)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(xsave_features); i++) {
        mask[xsave_features[i] / 32] &= ~(1U << (xsave_features[i] % 32));
    }
}

static void make_mask(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(pv_features); i++) {
        pv_mask[pv_features[i] / 32] |= 1U << (pv_features[i] % 32);
    }
    if (amd) {
        pv_mask[XEN_X86_FEATURE_SEP / 32] &= ~(1U << (XEN_X86_FEATURE_SEP % 32));
    }
    if (!(read_cr4() & CR4_OSXSAVE)) {
        remove_xsave(pv_mask);
    }
    memcpy(hvm_mask, pv_mask, sizeof(hvm_mask));
    for (unsigned int i = 0; i < ARRAY_SIZE(hvm_features); i++) {
        hvm_mask[hvm_features[i] / 32] |= 1U << (hvm_features[i] % 32);
    }
}

/* Bits that are ours to give, whatever the CPU has. */
static uint32_t given_bits(unsigned int word, const uint32_t *mask)
{
    return word == 1 ? mask[1] & (1U << (XEN_X86_FEATURE_HYPERVISOR % 32) | 1U << (XEN_X86_FEATURE_X2APIC % 32))
                     : 0;
}

static void mask_words(struct cpu_policy *p, const uint32_t *mask)
{
    for (unsigned int w = 0; w < FEATURE_WORDS; w++) {
        struct xen_cpuid_leaf *l;
        struct xen_cpuid_leaf *host;
        uint32_t allowed;

        if (word_is_msr(w)) {
            continue;
        }
        l = find(p, words[w].leaf, words[w].subleaf);
        host = find(&raw, words[w].leaf, words[w].subleaf);
        allowed = host != NULL ? *leaf_reg(host, words[w].reg) & mask[w] : 0;
        allowed |= given_bits(w, mask);
        if (l != NULL) {
            *leaf_reg(l, words[w].reg) &= allowed;
        }
    }
}

static void clear_leaf(struct cpu_policy *p, uint32_t leaf)
{
    for (unsigned int i = 0; i < p->count; i++) {
        if (p->leaves[i].leaf == leaf) {
            p->leaves[i].a = p->leaves[i].b = p->leaves[i].c = p->leaves[i].d = 0;
        }
    }
}

/* The components of extended state the policy offers. */
static uint64_t xstates_of(struct cpu_policy *p)
{
    struct xen_cpuid_leaf *basic = find(p, 1, XEN_CPUID_NO_SUBLEAF);
    struct xen_cpuid_leaf *l = find(p, 0xd, 0);
    struct xen_cpuid_leaf *host = find(&raw, 0xd, 0);

    if (l == NULL || host == NULL || basic == NULL ||
        !(basic->c >> (XEN_X86_FEATURE_XSAVE % 32) & 1)) {
        return 0;
    }
    return (l->a | (uint64_t)l->d << 32) & (host->a | (uint64_t)host->d << 32) & XSTATE_GUEST;
}

/* Bytes an XSAVE area takes for these components. */
static uint32_t xstate_size(struct cpu_policy *p, uint64_t states)
{
    uint32_t size = XSTATE_HEADER;

    for (uint32_t i = 2; i < XSAVE_SUBLEAVES; i++) {
        struct xen_cpuid_leaf *l = states >> i & 1 ? find(p, 0xd, i) : NULL;

        if (l != NULL) {
            size = MAX(size, l->a + l->b);
        }
    }
    return size;
}

static void reduce_xstate(struct cpu_policy *p)
{
    uint64_t states = xstates_of(p);
    struct xen_cpuid_leaf *l;

    for (unsigned int i = 0; i < p->count; i++) {
        l = &p->leaves[i];
        if (l->leaf == 0xd && (states == 0 || (l->subleaf >= 2 && !(states >> l->subleaf & 1)))) {
            l->a = l->b = l->c = l->d = 0;
        }
    }
    l = find(p, 0xd, 0);
    if (l != NULL && states != 0) {
        l->a = (uint32_t)states;
        l->d = (uint32_t)(states >> 32);
        l->c = xstate_size(p, states);
        l->b = l->c;
    }
    l = find(p, 0xd, 1);
    if (l != NULL) {
        l->b = l->c = l->d = 0; /* no supervisor state */
    }
}

/* Leaves of things no PV guest has: serial number, monitor, thermal, direct cache access, performance
 * counters, SVM, resource control, and what later extended leaves describe. */
static const uint32_t hidden_leaves[] = {
    3, 5, 6, 8, 9, 0xa, 0xc, 0x80000009, 0x8000000a, 0x8000000b, 0x8000000c, 0x8000000d,
    0x8000000e, 0x8000000f, 0x80000010, 0x80000011, 0x80000012, 0x80000013, 0x80000014, 0x80000015,
    0x80000016, 0x80000017, 0x80000018, 0x8000001b, 0x8000001c, 0x8000001d, 0x8000001e, 0x8000001f,
    0x80000020,
};

static void reduce(struct cpu_policy *p, const uint32_t *mask)
{
    struct xen_cpuid_leaf *l = find(p, 0, XEN_CPUID_NO_SUBLEAF);
    struct xen_cpuid_leaf *basic = find(p, 1, XEN_CPUID_NO_SUBLEAF);
    struct xen_cpuid_leaf *extended = find(p, 0x80000001, XEN_CPUID_NO_SUBLEAF);

    if (l != NULL) {
        l->a = MIN(l->a, BASIC_MAX);
    }
    l = find(p, EXTENDED_FIRST, XEN_CPUID_NO_SUBLEAF);
    if (l != NULL) {
        l->a = MIN(l->a, EXTENDED_MAX);
    }
    l = find(p, 7, 0);
    if (l != NULL) {
        l->a = MIN(l->a, FEAT_SUBLEAVES - 1);
    }
    mask_words(p, mask);
    if (basic != NULL) {
        basic->b &= 0x00ffffff; /* APIC ID */
        basic->c |= 1U << (XEN_X86_FEATURE_HYPERVISOR % 32);
    }
    l = find(p, 0x80000008, XEN_CPUID_NO_SUBLEAF);
    if (l != NULL && (l->a >> 8 & 0xff) > VIRTUAL_BITS) {
        l->a = (l->a & ~0xff00U) | VIRTUAL_BITS << 8;
    }
    if (amd && basic != NULL && extended != NULL) {
        extended->d |= basic->d & CPU_POLICY_COMMON_1D;
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(hidden_leaves); i++) {
        clear_leaf(p, hidden_leaves[i]);
    }
    reduce_xstate(p);
    p->platform_info = 0;
    p->arch_caps = 0;
}

static void add_xen_leaves(struct cpu_policy *p)
{
    struct xen_cpuid_leaf l = { .leaf = XEN_FIRST, .subleaf = XEN_CPUID_NO_SUBLEAF,
                                .a = 0 }; /* as many as there are: see xen_leaf_limit() */

    BUG_ON(!set_leaf(p, &l));
    l.leaf = XEN_SECOND;
    l.a = 0; /* no other interface beside ours */
    BUG_ON(!set_leaf(p, &l));
}

static void make_policies(void)
{
    if (ready) {
        return;
    }
    read_raw();
    make_mask();
    make_host_mask();
    memcpy(&pv, &raw, sizeof(pv));
    add_xen_leaves(&pv);
    if (hvm != NULL) {
        memcpy(&hvm_policy, &pv, sizeof(hvm_policy));
        find(&hvm_policy, 1, XEN_CPUID_NO_SUBLEAF)->c |= 1U << (XEN_X86_FEATURE_X2APIC % 32);
        reduce(&hvm_policy, hvm_mask);
    }
    reduce(&pv, pv_mask);
    ready = true;
}

/* ---- a domain's ---------------------------------------------------------------------------- */

int cpu_policy_init(struct domain *d)
{
    struct cpu_policy *p = heap_alloc(sizeof(*p));

    if (p == NULL) {
        return -ENOMEM;
    }
    make_policies();
    memcpy(p, d->is_hvm ? &hvm_policy : &pv, sizeof(*p));
    d->arch->policy = p;
    return 0;
}

void cpu_policy_exit(struct domain *d)
{
    heap_free(d->arch->policy);
    d->arch->policy = NULL;
}

/* Time: subleaf 0 what kind of TSC, 1 how to turn it into ns, 2 the host's frequency. */
static void time_leaf(const struct domain *d, uint32_t subleaf, struct cpuid_leaf *out)
{
    uint32_t khz = arch_clock_cpu_khz();

    switch (subleaf) {
    case 0:
        out->a = 1U << 1; /* the host's TSC is reliable; neither emulated nor with RDTSCP */
        out->b = d->arch->tsc_mode;
        out->c = d->arch->tsc_khz != 0 ? (uint32_t)d->arch->tsc_khz : khz;
        out->d = d->arch->tsc_incarnation;
        break;
    case 2:
        out->a = khz;
        break;
    default:
        break;
    }
}

/* How many leaves follow the first. The toolstack keeps this number in a byte, 0 for all of them. */
static uint32_t xen_leaf_limit(struct cpu_policy *p)
{
    const struct xen_cpuid_leaf *l = find(p, XEN_FIRST, XEN_CPUID_NO_SUBLEAF);
    uint32_t wanted = l != NULL ? l->a & 0xff : 0;

    if (wanted == 0) {
        return XEN_CPUID_MAX_NUM_LEAVES;
    }
    return MIN(MAX(wanted, 2U), (uint32_t)XEN_CPUID_MAX_NUM_LEAVES);
}

/* Leaves 0x40000000 to 0x40000005. */
static void xen_leaf(const struct vcpu *v, uint32_t n, uint32_t subleaf, uint32_t limit,
                     struct cpuid_leaf *out)
{
    switch (n) {
    case 0:
        *out = (struct cpuid_leaf){ limit, XEN_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_ECX,
                                    XEN_CPUID_SIGNATURE_EDX };
        break;
    case 1:
        out->a = XEN_MAJOR << 16 | XEN_MINOR;
        break;
    case 2:
        *out = (struct cpuid_leaf){ 1, 0x40000000,
                                    v->arch->hvm == NULL ? XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD : 0, 0 };
        break;
    case 3:
        time_leaf(v->domain, subleaf, out);
        break;
    case 4:
        if (v->arch->hvm != NULL && subleaf == 0) {
            out->a = XEN_HVM_CPUID_VCPU_ID_PRESENT | XEN_HVM_CPUID_DOMID_PRESENT | XEN_HVM_CPUID_UPCALL_VECTOR;
            out->b = v->id;
            out->c = v->domain->id;
        }
        break;
    case 5:
        if (v->arch->hvm == NULL && subleaf == 0) {
            out->b = 64 - (uint32_t)__builtin_clzll(frame_max | 1) + PAGE_SHIFT;
        }
        break;
    default:
        break;
    }
}

/* OSXSAVE follows the guest's CR4, but its kernel asks with the forced prefix before it has set that bit,
 * and expects the hypervisor's state then. */
static bool osxsave(const struct vcpu *v)
{
    if (v->arch->hvm != NULL) {
        return hvm->get_cr4(v) & CR4_OSXSAVE;
    }
    return v->arch->kernel_mode || (v->arch->cr[4] & CR4_OSXSAVE);
}

static void dynamic_bits(struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid_leaf *out)
{
    struct cpu_policy *p = v->domain->arch->policy;

    if (leaf == 1 && (out->c >> (XEN_X86_FEATURE_XSAVE % 32) & 1) && osxsave(v)) {
        out->c |= 1U << (XEN_X86_FEATURE_OSXSAVE % 32);
    }
    if (leaf == 1 && v->arch->hvm != NULL) {
        out->b |= v->id << 25; /* APIC id: twice the number */
    }
    if (leaf == 0xb && v->arch->hvm != NULL) {
        out->d = v->id * 2;
    }
    if (leaf == 0xd && subleaf <= 1 && xstates_of(p) != 0) {
        if (v->arch->hvm != NULL) {
            hvm_sync_xcr0(v);
        }
        out->b = xstate_size(p, v->arch->xcr0 | XSTATE_BASIC);
    }
}

void cpu_policy_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid_leaf *out)
{
    struct cpu_policy *p = v->domain->arch->policy;
    struct xen_cpuid_leaf *l;

    *out = (struct cpuid_leaf){ 0 };
    if (leaf >= XEN_FIRST && leaf < XEN_SECOND) {
        uint32_t limit = xen_leaf_limit(p);

        if (leaf - XEN_FIRST <= limit) {
            xen_leaf(v, leaf - XEN_FIRST, subleaf, XEN_FIRST + limit, out);
        }
        return;
    }
    l = find(p, leaf & EXTENDED_FIRST, XEN_CPUID_NO_SUBLEAF);
    if (l == NULL || leaf > l->a) {
        return;
    }
    if (!has_subleaves(leaf)) {
        subleaf = XEN_CPUID_NO_SUBLEAF;
    }
    l = find(p, leaf, subleaf);
    if (l != NULL) {
        *out = (struct cpuid_leaf){ l->a, l->b, l->c, l->d };
        dynamic_bits(v, leaf, subleaf, out);
    }
}

uint64_t cpu_policy_xstates(struct domain *d)
{
    return xstates_of(d->arch->policy);
}

/* ---- for control operations ------------------------------------------------------------------ */

static int copy_out(const struct cpu_policy *p, guest_ptr_t leaves, uint32_t *nr_leaves,
                    guest_ptr_t msrs, uint32_t *nr_msrs)
{
    const struct xen_msr_entry entries[MSRS_MAX] = {
        { .idx = MSR_PLATFORM_INFO_IDX, .val = p->platform_info },
        { .idx = MSR_ARCH_CAPS_IDX, .val = p->arch_caps },
    };
    bool too_small = false;

    if (guest_ptr_is_null(leaves)) {
        *nr_leaves = LEAVES_MAX;
    } else {
        too_small = *nr_leaves < p->count;
        if (!too_small && copy_to_guest(leaves, p->leaves, p->count * sizeof(p->leaves[0])) != 0) {
            return -EFAULT;
        }
        *nr_leaves = p->count;
    }
    if (guest_ptr_is_null(msrs)) {
        *nr_msrs = MSRS_MAX;
    } else {
        if (*nr_msrs < MSRS_MAX) {
            too_small = true;
        } else if (copy_to_guest(msrs, entries, sizeof(entries)) != 0) {
            return -EFAULT;
        }
        *nr_msrs = MSRS_MAX;
    }
    return too_small ? -ENOBUFS : 0;
}

int cpu_policy_copy_system(unsigned int index, guest_ptr_t leaves, uint32_t *nr_leaves,
                           guest_ptr_t msrs, uint32_t *nr_msrs)
{
    switch (index) {
    case XEN_SYSCTL_cpu_policy_raw:
    case XEN_SYSCTL_cpu_policy_host:
        return copy_out(&raw, leaves, nr_leaves, msrs, nr_msrs);
    case XEN_SYSCTL_cpu_policy_pv_max:
    case XEN_SYSCTL_cpu_policy_pv_default:
        return copy_out(&pv, leaves, nr_leaves, msrs, nr_msrs);
    case XEN_SYSCTL_cpu_policy_hvm_max:
    case XEN_SYSCTL_cpu_policy_hvm_default:
        return hvm == NULL ? -EOPNOTSUPP : copy_out(&hvm_policy, leaves, nr_leaves, msrs, nr_msrs);
    default:
        return -EINVAL;
    }
}

int cpu_policy_copy_domain(struct domain *d, guest_ptr_t leaves, uint32_t *nr_leaves,
                           guest_ptr_t msrs, uint32_t *nr_msrs)
{
    return copy_out(d->arch->policy, leaves, nr_leaves, msrs, nr_msrs);
}

static int take_leaves(struct cpu_policy *p, guest_ptr_t leaves, uint32_t count, uint32_t err[3])
{
    for (uint32_t i = 0; i < count; i++) {
        struct xen_cpuid_leaf l;

        if (copy_from_guest(&l, guest_ptr_at(leaves, i, sizeof(l)), sizeof(l)) != 0) {
            return -EFAULT;
        }
        if (!leaf_known(l.leaf, l.subleaf) || !set_leaf(p, &l)) {
            err[0] = l.leaf;
            err[1] = l.subleaf;
            return -ERANGE;
        }
    }
    return 0;
}

static int check_msrs(guest_ptr_t msrs, uint32_t count, uint32_t err[3])
{
    for (uint32_t i = 0; i < count; i++) {
        struct xen_msr_entry m;

        if (copy_from_guest(&m, guest_ptr_at(msrs, i, sizeof(m)), sizeof(m)) != 0) {
            return -EFAULT;
        }
        if (m.flags != 0 || (m.idx != MSR_PLATFORM_INFO_IDX && m.idx != MSR_ARCH_CAPS_IDX)) {
            err[2] = m.idx;
            return m.flags != 0 ? -EINVAL : -ERANGE;
        }
    }
    return 0;
}

/* More leaves than a guest here can have are a mistake worth telling, features beyond are taken away in silence. */
static int check_limits(struct cpu_policy *p, uint32_t err[3])
{
    static const uint32_t limits[] = { 0, EXTENDED_FIRST };

    for (unsigned int i = 0; i < ARRAY_SIZE(limits); i++) {
        const struct xen_cpuid_leaf *l = find(p, limits[i], XEN_CPUID_NO_SUBLEAF);
        const struct xen_cpuid_leaf *ours = find(&pv, limits[i], XEN_CPUID_NO_SUBLEAF); /* hvm's is the same */

        if (l != NULL && l->a > (ours != NULL ? ours->a : 0)) {
            err[0] = limits[i];
            err[1] = XEN_CPUID_NO_SUBLEAF;
            return -EINVAL;
        }
    }
    return 0;
}

int cpu_policy_set_domain(struct domain *d, guest_ptr_t leaves, uint32_t nr_leaves,
                          guest_ptr_t msrs, uint32_t nr_msrs, uint32_t err[3])
{
    struct cpu_policy *p;
    int rc;

    if (d->creation_finished) {
        return -EEXIST;
    }
    if (nr_leaves > LEAVES_MAX || nr_msrs > MSRS_MAX) {
        return -E2BIG;
    }
    p = heap_alloc(sizeof(*p));
    if (p == NULL) {
        return -ENOMEM;
    }
    memcpy(p, d->arch->policy, sizeof(*p));
    rc = take_leaves(p, leaves, nr_leaves, err);
    if (rc == 0) {
        rc = check_msrs(msrs, nr_msrs, err);
    }
    if (rc == 0) {
        rc = check_limits(p, err);
    }
    if (rc == 0) {
        struct cpu_policy *old = d->arch->policy;

        reduce(p, d->is_hvm ? hvm_mask : pv_mask);
        d->arch->policy = p;
        p = old;
    }
    heap_free(p);
    return rc;
}

static uint32_t feature_word(struct cpu_policy *p, unsigned int word)
{
    struct xen_cpuid_leaf *l;
    uint32_t bits;

    if (word_is_msr(word)) {
        return (uint32_t)(p->arch_caps >> (word == 17 ? 32 : 0));
    }
    l = find(p, words[word].leaf, words[word].subleaf);
    bits = l != NULL ? *leaf_reg(l, words[word].reg) : 0;
    return word == 2 && p != &raw ? bits & ~CPU_POLICY_COMMON_1D : bits;
}

unsigned int cpu_policy_featureset(unsigned int index, uint32_t *out, unsigned int max)
{
    bool host = index == XEN_SYSCTL_cpu_featureset_host;
    struct cpu_policy *p;

    make_policies();
    switch (index) {
    case XEN_SYSCTL_cpu_featureset_raw:
    case XEN_SYSCTL_cpu_featureset_host:
        p = &raw;
        break;
    case XEN_SYSCTL_cpu_featureset_pv:
    case XEN_SYSCTL_cpu_featureset_pv_max:
        p = &pv;
        break;
    case XEN_SYSCTL_cpu_featureset_hvm:
    case XEN_SYSCTL_cpu_featureset_hvm_max:
        if (hvm == NULL) {
            return 0;
        }
        p = &hvm_policy;
        break;
    default:
        return 0;
    }
    for (unsigned int w = 0; w < MIN(max, (unsigned int)FEATURE_WORDS); w++) {
        out[w] = feature_word(p, w) & (host ? host_mask[w] : ~0U);
    }
    return MIN(max, (unsigned int)FEATURE_WORDS);
}
