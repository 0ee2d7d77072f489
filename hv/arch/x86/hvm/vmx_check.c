/* SPDX-License-Identifier: MIT */
/*
 * What this CPU's VT-x can do beside what vmx.c is written for: one table of wanted control bits against the
 * capability MSRs (Intel SDM volume 3, appendix A). All of what is missing is named in one line, and then there are
 * no PVH guests. The same on every CPU, or the machine stops: a guest may run on any.
 */
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch/x86/hvm/vmx_check.h"
#include "hv/base/printk.h"
#include "hv/lib/printf.h"
#include "hv/lib/string.h"

#define MSR_FEATURE_CONTROL 0x3aU
#define MSR_VMX_BASIC       0x480U
#define MSR_VMX_MISC        0x485U
#define MSR_VMX_EPT         0x48cU
#define MISC_TIMER_SHIFT    0x1fUL
#define FEATURE_LOCKED      0x1UL
#define FEATURE_VMX         0x4UL
#define BASIC_TRUE_MSRS     (1UL << 55)
#define BASIC_WRITE_BACK(b) (((b) >> 50 & 0xf) == 6)
#define CPUID_VMX           (1U << 5)  /* 1.ecx */
#define CPUID_INVPCID       (1U << 10) /* 7.ebx */
#define EPT_FOUR_LEVELS     (1UL << 6)
#define EPT_WRITE_BACK      (1UL << 14)
#define EPT_2M              (1UL << 16)
#define EPT_1G              (1UL << 17)
#define EPT_INVEPT          (1UL << 20)
#define EPT_INVEPT_SINGLE   (1UL << 25)
#define EPT_INVEPT_ALL      (1UL << 26)
#define LINE_BYTES          256

/* Each word of controls: the MSR that says what may be 0 (low half) and 1 (high half), and a newer, better one. */
static const struct {
    uint32_t msr;
    uint32_t true_msr;
} words[VMX_WORDS] = {
    [VMX_PIN] = { 0x481, 0x48d },   [VMX_CPU] = { 0x482, 0x48e },  [VMX_EXIT] = { 0x483, 0x48f },
    [VMX_ENTRY] = { 0x484, 0x490 }, [VMX_CPU2] = { 0x48b, 0x48b },
};

static const struct {
    enum vmx_word word;
    uint32_t bit;
    const char *name;
} wanted[] = {
    { VMX_PIN, PIN_INTERRUPT, "exits by interrupts" },
    { VMX_PIN, PIN_NMI, "exits by NMIs" },
    { VMX_PIN, PIN_VIRTUAL_NMI, "virtual NMIs" },
    { VMX_CPU, CPU_HLT, "exits by HLT" },
    { VMX_CPU, CPU_MWAIT, "exits by MWAIT" },
    { VMX_CPU, CPU_RDPMC, "exits by RDPMC" },
    { VMX_CPU, CPU_TPR_SHADOW, "TPR shadow" },
    { VMX_CPU, CPU_IO_BITMAPS, "I/O bitmaps" },
    { VMX_CPU, CPU_MSR_BITMAP, "MSR bitmap" },
    { VMX_CPU, CPU_MONITOR, "exits by MONITOR" },
    { VMX_CPU, CPU_CONTROLS2, "secondary controls" },
    { VMX_CPU2, CPU2_EPT, "EPT" },
    { VMX_CPU2, CPU2_VPID, "VPID" },
    { VMX_CPU2, CPU2_WBINVD, "exits by WBINVD" },
    { VMX_CPU2, CPU2_UNRESTRICTED, "unrestricted guest" },
    { VMX_EXIT, EXIT_SAVE_DEBUG, "saving of debug controls" },
    { VMX_EXIT, EXIT_HOST_64, "64-bit hosts" },
    { VMX_EXIT, EXIT_SAVE_PAT | EXIT_LOAD_PAT, "PAT on exit" },
    { VMX_EXIT, EXIT_SAVE_EFER | EXIT_LOAD_EFER, "EFER on exit" },
    { VMX_ENTRY, ENTRY_LOAD_DEBUG, "loading of debug controls" },
    { VMX_ENTRY, ENTRY_LONG_MODE, "64-bit guests" },
    { VMX_ENTRY, ENTRY_LOAD_PAT, "PAT on entry" },
    { VMX_ENTRY, ENTRY_LOAD_EFER, "EFER on entry" },
};

/* What must be possible to leave out. */
static const struct {
    enum vmx_word word;
    uint32_t bit;
    const char *name;
} unwanted[] = {
    { VMX_CPU, CPU_INTERRUPT_WINDOW | CPU_NMI_WINDOW, "guests without window" },
    { VMX_CPU, CPU_CR3_LOAD | CPU_CR3_STORE, "CR3 without exits" },
    { VMX_ENTRY, ENTRY_LONG_MODE, "32-bit guests" },
};

static const struct {
    uint64_t bit; /* any of these */
    const char *name;
} wanted_ept[] = {
    { EPT_FOUR_LEVELS, "EPT of four levels" },
    { EPT_WRITE_BACK, "EPT in write-back memory" },
    { EPT_INVEPT, "INVEPT" },
    { EPT_INVEPT_SINGLE | EPT_INVEPT_ALL, "a kind of INVEPT" },
};

struct line {
    char text[LINE_BYTES];
    size_t used;
};

static void add(struct line *l, const char *name)
{
    if (l->used < sizeof(l->text)) {
        l->used += (size_t)format_string(l->text + l->used, sizeof(l->text) - l->used, "%s%s", l->used == 0 ? "" : ", ",
                                    name);
    }
}

/* The secondary controls there may be. */
static uint32_t check_controls(struct vmx_machine *m, uint64_t basic, struct line *missing)
{
    uint32_t allowed[VMX_WORDS] = { 0 };
    uint32_t forced[VMX_WORDS] = { 0 };

    for (unsigned int i = 0; i < VMX_WORDS; i++) {
        uint64_t msr;

        if (i == VMX_CPU2 && !(allowed[VMX_CPU] & CPU_CONTROLS2)) {
            continue; /* the MSR is not there */
        }
        msr = read_msr(basic & BASIC_TRUE_MSRS ? words[i].true_msr : words[i].msr);
        forced[i] = (uint32_t)msr;
        allowed[i] = (uint32_t)(msr >> 32);
        m->controls[i] = forced[i];
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(wanted); i++) {
        if ((allowed[wanted[i].word] & wanted[i].bit) != wanted[i].bit) {
            add(missing, wanted[i].name);
        }
        m->controls[wanted[i].word] |= wanted[i].bit;
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(unwanted); i++) {
        if (forced[unwanted[i].word] & unwanted[i].bit) {
            add(missing, unwanted[i].name);
        }
        m->controls[unwanted[i].word] &= ~unwanted[i].bit;
    }
    m->controls[VMX_PIN] |= allowed[VMX_PIN] & PIN_TIMER;
    return allowed[VMX_CPU2];
}

static void check_ept(struct vmx_machine *m, uint32_t controls2, struct line *missing)
{
    uint64_t ept = controls2 & CPU2_EPT ? read_msr(MSR_VMX_EPT) : 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(wanted_ept); i++) {
        if (!(ept & wanted_ept[i].bit)) {
            add(missing, wanted_ept[i].name);
        }
    }
    m->invept_kind = ept & EPT_INVEPT_SINGLE ? 1 : 2;
    m->leaf_level = !(ept & EPT_2M) ? 1 : ept & EPT_1G ? 3 : 2;
}

static bool firmware_allows(void)
{
    uint64_t feature = read_msr(MSR_FEATURE_CONTROL);

    if (!(feature & FEATURE_LOCKED)) {
        write_msr(MSR_FEATURE_CONTROL, feature | FEATURE_LOCKED | FEATURE_VMX);
        return true;
    }
    return feature & FEATURE_VMX;
}

static void check_cpuid(struct vmx_machine *m, uint32_t controls2, struct line *missing)
{
    uint32_t a, b, c, d;

    cpuid(0x80000008U, 0, &a, &b, &c, &d);
    m->address_bits = a & 0xff;
    cpuid(0, 0, &a, &b, &c, &d);
    if (a < 7) {
        return;
    }
    cpuid(7, 0, &a, &b, &c, &d);
    if (b & CPUID_INVPCID) { /* guests are told of it */
        m->controls[VMX_CPU2] |= CPU2_INVPCID;
        if (!(controls2 & CPU2_INVPCID)) {
            add(missing, "INVPCID for guests");
        }
    }
}

bool vmx_check(struct vmx_machine *m)
{
    struct line missing = { "", 0 };
    uint32_t a, b, c, d;
    uint32_t controls2;
    uint64_t basic;

    memset(m, 0, sizeof(*m));
    cpuid(1, 0, &a, &b, &c, &d);
    if (!(c & CPUID_VMX)) {
        return false;
    }
    if (!firmware_allows()) {
        log_info("VT-x: no PVH guests, it is disabled by the firmware\n");
        return false;
    }
    basic = read_msr(MSR_VMX_BASIC);
    m->revision = (uint32_t)basic & 0x7fffffff;
    if (!BASIC_WRITE_BACK(basic)) {
        add(&missing, "control structures in write-back memory");
    }
    controls2 = check_controls(m, basic, &missing);
    m->timer_shift = (unsigned int)(read_msr(MSR_VMX_MISC) & MISC_TIMER_SHIFT);
    check_ept(m, controls2, &missing);
    check_cpuid(m, controls2, &missing);
    if (missing.used != 0) {
        log_info("VT-x: no PVH guests, this CPU lacks: %s\n", missing.text);
    }
    return missing.used == 0;
}
