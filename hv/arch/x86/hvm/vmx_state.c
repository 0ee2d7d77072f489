/* SPDX-License-Identifier: MIT */
/*
 * See vmx_state.h. In the manual's order: control registers, segments, descriptor tables, RIP and RFLAGS, the event
 * that is to be delivered. With "unrestricted guest", which vmx.c demands, paging and protection may be off, and
 * selectors' privilege levels are not compared.
 *
 * Access rights are the record's: bits 0 to 7 and 8 to 11 of what a descriptor holds. A segment that is not present is
 * one that cannot be used, of which little is asked.
 */
#include "hv/arch/x86/hvm/vmx_state.h"

#include "abi/hvm_save.h"
#include "hv/arch/x86/cpu/traps.h"
#include "hv/arch/x86/hvm/hvm.h"

#define EFER_KNOWN    (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)
#define RFLAGS_KNOWN  0x3f7fd7UL
#define RIGHTS_TYPE   0xfU
#define RIGHTS_S      0x10U
#define RIGHTS_DPL(r) ((r) >> 5 & 3)
#define RIGHTS_P      0x80U
#define RIGHTS_LONG   0x200U
#define RIGHTS_BIG    0x400U
#define RIGHTS_G      0x800U
#define RIGHTS_V86    0xf3U
#define ACCESSED      1U
#define WRITABLE      2U /* of code: readable */
#define CODE          8U
#define LDT           2U
#define TSS16_BUSY    3U
#define TSS_BUSY      11U

struct segment {
    uint32_t selector;
    uint32_t rights;
    uint32_t limit;
    uint64_t base;
};

static bool is_canonical(uint64_t a)
{
    return a + (1UL << 47) < 1UL << 48;
}

static bool is_long(const struct hvm_hw_cpu *c)
{
    return c->msr_efer & EFER_LMA;
}

static bool controls_valid(const struct hvm_hw_cpu *c, uint64_t cr4, unsigned int address_bits)
{
    bool paging = c->cr0 & CR0_PG;
    bool lma = paging && (c->msr_efer & EFER_LME);

    if (c->cr0 >> 32 != 0 || (paging && !(c->cr0 & CR0_PE)) || ((c->cr0 & CR0_NW) && !(c->cr0 & CR0_CD))) {
        return false;
    }
    if ((c->cr4 & ~cr4) || c->cr3 >> address_bits != 0 || (c->msr_efer & ~EFER_KNOWN) || is_long(c) != lma) {
        return false;
    }
    if (is_long(c) ? !(c->cr4 & CR4_PAE) : (c->cr4 & CR4_PCIDE) != 0) {
        return false;
    }
    return c->dr6 >> 32 == 0 && c->dr7 >> 32 == 0;
}

/* WRMSR faults on these as well. */
static bool msrs_valid(const struct hvm_hw_cpu *c)
{
    return is_canonical(c->sysenter_esp) && is_canonical(c->sysenter_eip) && is_canonical(c->msr_lstar) &&
           is_canonical(c->msr_cstar) && is_canonical(c->shadow_gs) && c->msr_syscall_mask >> 32 == 0 &&
           c->sysenter_cs >> 32 == 0;
}

static bool limit_valid(const struct segment *s)
{
    return s->rights & RIGHTS_G ? (s->limit & 0xfff) == 0xfff : s->limit >> 20 == 0;
}

static bool is_usable(const struct segment *s)
{
    return s->rights & RIGHTS_P;
}

static bool code_valid(const struct segment *cs, const struct segment *ss, bool lma)
{
    unsigned int type = cs->rights & RIGHTS_TYPE;
    unsigned int dpl = RIGHTS_DPL(cs->rights);
    unsigned int stack = RIGHTS_DPL(ss->rights);

    if (!is_usable(cs) || !(cs->rights & RIGHTS_S) || !limit_valid(cs) || cs->base >> 32 != 0 ||
        (lma && (cs->rights & RIGHTS_LONG) && (cs->rights & RIGHTS_BIG))) {
        return false;
    }
    switch (type) {
    case WRITABLE | ACCESSED: /* data, as in real mode */
        return dpl == 0;
    case CODE | ACCESSED:
    case CODE | ACCESSED | WRITABLE:
        return dpl == stack;
    case CODE | ACCESSED | 4U: /* conforming */
    case CODE | ACCESSED | WRITABLE | 4U:
        return dpl <= stack;
    default:
        return false;
    }
}

static bool stack_valid(const struct segment *ss, const struct segment *cs, bool protected)
{
    unsigned int type = ss->rights & RIGHTS_TYPE;

    if (RIGHTS_DPL(ss->rights) != 0 &&
        (!protected || (cs->rights & RIGHTS_TYPE) == (WRITABLE | ACCESSED))) {
        return false;
    }
    return !is_usable(ss) || ((type == (WRITABLE | ACCESSED) || type == (4U | WRITABLE | ACCESSED)) &&
                              (ss->rights & RIGHTS_S) && limit_valid(ss) && ss->base >> 32 == 0);
}

static bool data_valid(const struct segment *s, bool wide_base)
{
    unsigned int type = s->rights & RIGHTS_TYPE;

    if (wide_base && !is_canonical(s->base)) {
        return false;
    }
    return !is_usable(s) || ((type & ACCESSED) && (!(type & CODE) || (type & WRITABLE)) &&
                             (s->rights & RIGHTS_S) && limit_valid(s) && (wide_base || s->base >> 32 == 0));
}

static bool system_valid(const struct segment *s)
{
    return !(s->rights & RIGHTS_S) && limit_valid(s) && !(s->selector & 4) && is_canonical(s->base);
}

static bool task_valid(const struct segment *tr, bool lma)
{
    unsigned int type = tr->rights & RIGHTS_TYPE;

    return is_usable(tr) && system_valid(tr) && (type == TSS_BUSY || (type == TSS16_BUSY && !lma));
}

static bool v86_valid(const struct segment *s)
{
    return s->base == (uint64_t)(s->selector & 0xffff) << 4 && s->limit == 0xffff &&
           (s->rights & 0xfff) == RIGHTS_V86;
}

static bool segments_valid(const struct hvm_hw_cpu *c)
{
#define SEGMENT(name) { c->name##_sel, c->name##_arbytes, c->name##_limit, c->name##_base }
    const struct segment all[] = { SEGMENT(cs), SEGMENT(ss), SEGMENT(ds), SEGMENT(es), SEGMENT(fs), SEGMENT(gs) };
    const struct segment tr = SEGMENT(tr);
    const struct segment ldtr = SEGMENT(ldtr);
#undef SEGMENT

    if (!task_valid(&tr, is_long(c)) ||
        (is_usable(&ldtr) && (!system_valid(&ldtr) || (ldtr.rights & RIGHTS_TYPE) != LDT))) {
        return false;
    }
    if (c->rflags & X86_EFLAGS_VM) {
        bool ok = true;

        for (unsigned int i = 0; i < ARRAY_SIZE(all); i++) {
            ok &= v86_valid(&all[i]);
        }
        return ok;
    }
    return code_valid(&all[0], &all[1], is_long(c)) && stack_valid(&all[1], &all[0], c->cr0 & CR0_PE) &&
           data_valid(&all[2], false) && data_valid(&all[3], false) && data_valid(&all[4], true) &&
           data_valid(&all[5], true);
}

static bool flags_valid(const struct hvm_hw_cpu *c)
{
    if ((c->rflags & X86_EFLAGS_VM) && (is_long(c) || !(c->cr0 & CR0_PE))) {
        return false;
    }
    return is_long(c) && (c->cs_arbytes & RIGHTS_LONG) ? is_canonical(c->rip) : c->rip >> 32 == 0;
}

/* Of software's interrupts the CPU would ask how long their instruction was, which a record does not say. */
static bool event_valid(const struct hvm_hw_cpu *c)
{
    unsigned int vector = c->pending_event & 0xff;

    if (!c->pending_valid) {
        return true;
    }
    switch (c->pending_type) {
    case HVM_EVENT_INTERRUPT:
        return !c->pending_error_valid && (c->rflags & X86_EFLAGS_IF);
    case HVM_EVENT_NMI:
        return !c->pending_error_valid && vector == EXC_NMI;
    case HVM_EVENT_EXCEPTION:
        return vector < 32 && vector != EXC_NMI &&
               c->pending_error_valid == ((c->cr0 & CR0_PE) && hvm_exception_has_error(vector)) &&
               c->error_code >> 16 == 0;
    default:
        return false;
    }
}

bool vmx_state_valid(const struct hvm_hw_cpu *c, uint64_t cr4, unsigned int address_bits)
{
    return controls_valid(c, cr4, address_bits) && msrs_valid(c) && segments_valid(c) &&
           is_canonical(c->gdtr_base) && is_canonical(c->idtr_base) && c->gdtr_limit >> 16 == 0 &&
           c->idtr_limit >> 16 == 0 && flags_valid(c) && event_valid(c);
}
