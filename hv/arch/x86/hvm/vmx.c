/* SPDX-License-Identifier: MIT */
/*
 * Intel VT-x with EPT: struct hvm_ops by the VMCS. (Intel SDM volume 3, chapters 23 to 28.)
 *
 * vmx_entry.S calls vmx_prepare() before each entry and vmx_exit() (vmx_exit.c) after each exit. A vcpu's VMCS is
 * loaded on the CPU it uses from enter() to leave(), which writes it back to memory; who wants to look into another's
 * borrows it with interrupts off (borrow(), give_back()). What the VMCS does not switch, CR2, DR6 and the MSRs of
 * system calls, is the guest's on the CPU as long, and in struct vmx_vcpu otherwise.
 *
 * Translations: those of EPT are tagged with the domain's root table, so the VPID only tells its vcpus apart. INVEPT
 * when a vcpu comes to another CPU or its domain's p2m lost something (generation) drops what there was of both kinds.
 *
 * CR0 and CR4: a guest's own, but for bits that VT-x or the machine's caches depend on. CR4's are never to be set, of
 * CR0 a write that changes them is done here.
 */
#include "hv/arch/x86/hvm/vmx.h"

#include <arch_p2m.h>

#include "hv/arch/x86/cpu/clock.h"
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch/x86/cpu/paging.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/arch/x86/hvm/vmx_check.h"
#include "hv/arch/x86/hvm/vmx_state.h"
#include "hv/base/percpu.h"
#include "hv/base/printk.h"
#include "hv/lib/string.h"
#include "hv/mm/heap.h"
#include "hv/mm/map.h"
#include "hv/mm/page_alloc.h"

#define MSR_SYSENTER_CS  0x174U
#define MSR_SYSENTER_ESP 0x175U
#define MSR_SYSENTER_EIP 0x176U
#define MSR_PAT          0x277U
#define MSR_CR0_FIXED0   0x486U
#define MSR_CR4_FIXED1   0x489U
/* A guest that keeps its interrupts off leaves the CPU at least that often, whatever became of the interrupt that was
 * to end its turn: Bochs 2.7 masks the machine's in a guest that is entered with interrupts off. */
#define TURN_MS          20U
#define MSR_LOW_LIMIT    0x2000U
#define PAT_AT_RESET     0x0007040600070406UL
#define CR0_NE           0x20UL
#define CR0_KNOWN        0xe005003fUL
#define CR0_OURS         (CR0_NE | CR0_NW | CR0_CD)
/* VME to UMIP, FSGSBASE, PCIDE, OSXSAVE, SMEP, SMAP: what the policy of guests can offer. */
#define CR4_GUEST        0x370fffUL
#define DR7_FIXED        0x400UL
#define EPT_LEVELS       (3UL << 3) /* less one */
#define EPT_MEMORY_WB    6UL
#define P2M_EPT_WB       (EPT_MEMORY_WB << 3)
#define APIC_TPR         0x80
#define RIGHTS_P         0x80U
#define RIGHTS_TSS_BUSY  0xbU

/* MSRs of system calls, which nothing switches by itself. */
static const uint32_t call_msrs[] = { 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, MSR_KERNEL_GS_BASE };
enum { STAR, LSTAR, CSTAR, SYSCALL_MASK, KERNEL_GS, CALL_MSRS };
BUILD_ASSERT(ARRAY_SIZE(call_msrs) == CALL_MSRS);

struct vmx_vcpu {
    void *vmcs;
    uint8_t *apic; /* a page laid out as the CPU's own virtual APIC: of it only the task priority is used */
    uint32_t cpu_controls;
    unsigned int threshold;  /* of the task priority, below which there is something to deliver */
    unsigned int host_cpu;   /* the CPU whose state the VMCS goes back to; ~0: none yet */
    bool stale;              /* translations of before must not be used */
    uint64_t p2m_generation;
    uint64_t ept_pointer;
    /* while not on a CPU: */
    uint64_t msrs[CALL_MSRS];
    uint64_t cr2;
    uint64_t dr6;
};

static PERCPU(struct vmx_vcpu *, loaded);
static PERCPU(uint64_t[CALL_MSRS], host_msrs);
static struct vmx_machine machine;
static uint64_t cr4_guest;
static mfn_t msr_bitmap;
static mfn_t io_bitmaps;

static inline struct vmx_vcpu *of(const struct vcpu *v)
{
    return hvm_vcpu(v)->block;
}

static inline uint64_t pa_of(const void *page)
{
    return mfn_to_paddr(arch_direct_mfn(page)).v;
}

/* ---- The machine --------------------------------------------------------------------------- */

/* MSRs a guest reads and writes itself. FS and GS base and SYSENTER are the VMCS's. */
static const uint32_t own_msrs[] = {
    MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
    0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,
    MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
};

/* Four bitmaps of 1 KiB: reads of low and of high MSRs, then writes. */
static void msr_allow(uint8_t *map, uint32_t msr)
{
    unsigned int at = msr >= MSR_LOW_LIMIT ? 0x400 : 0;
    unsigned int n = msr & 0x1fff;

    map[at + n / 8] &= (uint8_t)~(1U << n % 8);
    map[0x800 + at + n / 8] &= (uint8_t)~(1U << n % 8);
}

static bool make_maps(void)
{
    msr_bitmap = page_alloc(0, 0);
    io_bitmaps = page_alloc(1, 0);
    if (mfn_eq(msr_bitmap, INVALID_MFN) || mfn_eq(io_bitmaps, INVALID_MFN)) {
        return false;
    }
    memset(arch_direct_map(msr_bitmap), 0xff, PAGE_SIZE);
    memset(arch_direct_map(io_bitmaps), 0xff, 2 * PAGE_SIZE);
    for (unsigned int i = 0; i < ARRAY_SIZE(own_msrs); i++) {
        msr_allow(arch_direct_map(msr_bitmap), own_msrs[i]);
    }
    return true;
}

static const struct hvm_ops vmx_ops;

static bool start_cpu(void)
{
    mfn_t region = page_alloc(0, PAGE_ZERO);

    if (mfn_eq(region, INVALID_MFN)) {
        return false;
    }
    *(uint32_t *)arch_direct_map(region) = machine.revision;
    write_cr0(read_cr0() | read_msr(MSR_CR0_FIXED0));
    write_cr4(read_cr4() | CR4_VMXE);
    for (unsigned int i = 0; i < CALL_MSRS; i++) {
        this_cpu(host_msrs)[i] = read_msr(call_msrs[i]);
    }
    if (!vmx_on(mfn_to_paddr(region).v)) {
        write_cr4(read_cr4() & ~CR4_VMXE);
        return false;
    }
    return true;
}

const struct hvm_ops *vmx_init_cpu(void)
{
    struct vmx_machine m;

    if (!vmx_check(&m)) {
        return NULL;
    }
    if (arch_cpu_id() != 0) {
        return memcmp(&m, &machine, sizeof(m)) == 0 && start_cpu() ? &vmx_ops : NULL;
    }
    machine = m;
    if (!make_maps() || !start_cpu()) {
        log_info("VT-x: no PVH guests, it could not be switched on\n");
        return NULL;
    }
    cr4_guest = CR4_GUEST & read_msr(MSR_CR4_FIXED1);
    p2m_leaf_level = m.leaf_level;
    p2m_leaf_bits = P2M_EPT_WB;
    log_info("VT-x: EPT with pages of %s, VPID, unrestricted guests\n",
             m.leaf_level == 3 ? "1 GiB" : m.leaf_level == 2 ? "2 MiB" : "4 KiB");
    return &vmx_ops;
}

/* ---- Whose VMCS is loaded ------------------------------------------------------------------- */

/* Makes v's the one that vmcs_read() and vmcs_write() mean: true when it was not. v does not run elsewhere. */
static bool borrow(const struct vcpu *v, unsigned long *flags)
{
    if (likely(of(v) == this_cpu(loaded))) {
        return false;
    }
    *flags = arch_irq_save();
    vmcs_load(pa_of(of(v)->vmcs));
    return true;
}

static void give_back(const struct vcpu *v, bool borrowed, unsigned long flags)
{
    if (likely(!borrowed)) {
        return;
    }
    vmcs_clear(pa_of(of(v)->vmcs));
    if (this_cpu(loaded) != NULL) {
        vmcs_load(pa_of(this_cpu(loaded)->vmcs));
    }
    arch_irq_restore(flags);
}

static uint64_t read_field(const struct vcpu *v, unsigned int field)
{
    unsigned long flags = 0;
    bool borrowed = borrow(v, &flags);
    uint64_t value = vmcs_read(field);

    give_back(v, borrowed, flags);
    return value;
}

static void write_field(const struct vcpu *v, unsigned int field, uint64_t value)
{
    unsigned long flags = 0;
    bool borrowed = borrow(v, &flags);

    vmcs_write(field, value);
    give_back(v, borrowed, flags);
}

static void unswitched_save(struct vmx_vcpu *s)
{
    for (unsigned int i = 0; i < CALL_MSRS; i++) {
        s->msrs[i] = read_msr(call_msrs[i]);
    }
    s->cr2 = read_cr2();
    s->dr6 = read_dr6();
}

static void unswitched_load(const struct vmx_vcpu *s)
{
    for (unsigned int i = 0; i < CALL_MSRS; i++) {
        write_msr(call_msrs[i], s->msrs[i]);
    }
    write_cr2(s->cr2);
    write_dr6(s->dr6);
}

/* ---- Birth and end -------------------------------------------------------------------------- */

static void init_vmcs(const struct vcpu *v)
{
    struct vmx_vcpu *s = of(v);

    vmcs_write(VMCS_PIN_CONTROLS, machine.controls[VMX_PIN]);
    vmcs_write(VMCS_CPU_CONTROLS, s->cpu_controls);
    vmcs_write(VMCS_CPU_CONTROLS2, machine.controls[VMX_CPU2]);
    vmcs_write(VMCS_EXIT_CONTROLS, machine.controls[VMX_EXIT]);
    vmcs_write(VMCS_ENTRY_CONTROLS, machine.controls[VMX_ENTRY]);
    vmcs_write(VMCS_EXCEPTIONS, 1U << EXC_DB | 1U << EXC_AC | 1U << EXC_MC);
    vmcs_write(VMCS_IO_BITMAP_A, mfn_to_paddr(io_bitmaps).v);
    vmcs_write(VMCS_IO_BITMAP_B, mfn_to_paddr(mfn_add(io_bitmaps, 1)).v);
    vmcs_write(VMCS_MSR_BITMAP, mfn_to_paddr(msr_bitmap).v);
    vmcs_write(VMCS_VIRTUAL_APIC, pa_of(s->apic));
    vmcs_write(VMCS_EPT_POINTER, s->ept_pointer);
    vmcs_write(VMCS_VPID, v->id + 1); /* 0 is the hypervisor */
    if (machine.controls[VMX_PIN] & PIN_TIMER) {
        vmcs_write(VMCS_GUEST_TIMER, MIN(clock_tsc_khz() * TURN_MS >> machine.timer_shift, ~0U));
    }
    vmcs_write(VMCS_LINK_POINTER, ~0UL);
    vmcs_write(VMCS_CR0_MASK, CR0_OURS);
    vmcs_write(VMCS_CR4_MASK, ~cr4_guest);
    vmcs_write(VMCS_GUEST_PAT, PAT_AT_RESET);
}

static int vmx_vcpu_init(struct vcpu *v)
{
    struct vmx_vcpu *s = heap_alloc(sizeof(*s));
    unsigned long flags = 0;
    bool borrowed;

    if (s == NULL) {
        return -ENOMEM;
    }
    hvm_vcpu(v)->block = s; /* which vmx_vcpu_exit() frees, all or in part */
    s->vmcs = heap_alloc_page();
    s->apic = heap_alloc_page();
    if (s->vmcs == NULL || s->apic == NULL) {
        return -ENOMEM;
    }
    *(uint32_t *)s->vmcs = machine.revision;
    s->cpu_controls = machine.controls[VMX_CPU];
    s->ept_pointer = mfn_to_paddr(v->domain->p2m->root).v | EPT_LEVELS | EPT_MEMORY_WB;
    s->host_cpu = ~0U;
    vmcs_clear(pa_of(s->vmcs));
    borrowed = borrow(v, &flags);
    init_vmcs(v);
    give_back(v, borrowed, flags);
    return 0;
}

static void vmx_vcpu_exit(struct vcpu *v)
{
    struct vmx_vcpu *s = of(v);

    if (s == NULL) {
        return;
    }
    if (s->vmcs != NULL) {
        heap_free_page(s->vmcs); /* not loaded on any CPU since leave() or give_back() */
    }
    if (s->apic != NULL) {
        heap_free_page(s->apic);
    }
    heap_free(s);
    hvm_vcpu(v)->block = NULL;
}

/* ---- On and off a CPU ------------------------------------------------------------------------- */

struct table_register {
    uint16_t limit;
    uint64_t base;
} PACKED;

static uint64_t descriptor_base(uint64_t gdt, unsigned int selector)
{
    const uint64_t *e = (const uint64_t *)(gdt + (selector & ~7U));

    return (e[0] >> 16 & 0xffffff) | (e[0] >> 56 & 0xff) << 24 | e[1] << 32;
}

/* What an exit loads: this CPU's own state, which stays as it is now. */
static void set_host_state(void)
{
    struct table_register gdtr;
    struct table_register idtr;

    __asm__ __volatile__("sgdt %0; sidt %1" : "=m"(gdtr), "=m"(idtr));
    vmcs_write(VMCS_HOST_CR0, read_cr0() & ~CR0_TS);
    vmcs_write(VMCS_HOST_CR3, mfn_to_paddr(paging_idle_l4_mfn()).v);
    vmcs_write(VMCS_HOST_CR4, read_cr4());
    vmcs_write(VMCS_HOST_CS, SEL_HV_CS);
    vmcs_write(VMCS_HOST_SS, SEL_HV_DS);
    vmcs_write(VMCS_HOST_DS, SEL_HV_DS);
    vmcs_write(VMCS_HOST_ES, SEL_HV_DS);
    vmcs_write(VMCS_HOST_FS, 0);
    vmcs_write(VMCS_HOST_GS, 0);
    vmcs_write(VMCS_HOST_FS_BASE, 0);
    vmcs_write(VMCS_HOST_GS_BASE, 0);
    vmcs_write(VMCS_HOST_TR, SEL_TSS);
    vmcs_write(VMCS_HOST_TR_BASE, descriptor_base(gdtr.base, SEL_TSS));
    vmcs_write(VMCS_HOST_GDTR_BASE, gdtr.base);
    vmcs_write(VMCS_HOST_IDTR_BASE, idtr.base);
    vmcs_write(VMCS_HOST_SYSENTER_CS, read_msr(MSR_SYSENTER_CS));
    vmcs_write(VMCS_HOST_SYSENTER_ESP, read_msr(MSR_SYSENTER_ESP));
    vmcs_write(VMCS_HOST_SYSENTER_EIP, read_msr(MSR_SYSENTER_EIP));
    vmcs_write(VMCS_HOST_EFER, read_msr(MSR_EFER));
    vmcs_write(VMCS_HOST_PAT, read_msr(MSR_PAT));
    vmcs_write(VMCS_HOST_RIP, (uint64_t)vmx_exit_entry);
    vmcs_write(VMCS_HOST_RSP, (uint64_t)&guest_regs()->error_code); /* SAVE_REGS pushes the rest below */
}

static void vmx_enter(struct vcpu *v)
{
    struct vmx_vcpu *s = of(v);

    vmcs_load(pa_of(s->vmcs));
    this_cpu(loaded) = s;
    cpu_local()->vmcs_launched = 0;
    if (s->host_cpu != arch_cpu_id()) {
        s->host_cpu = arch_cpu_id();
        s->stale = true;
        set_host_state();
    }
    unswitched_load(s);
}

static void vmx_leave(struct vcpu *v)
{
    struct vmx_vcpu *s = of(v);

    unswitched_save(s);
    for (unsigned int i = 0; i < KERNEL_GS; i++) {
        write_msr(call_msrs[i], this_cpu(host_msrs)[i]);
    }
    vmcs_clear(pa_of(s->vmcs));
    this_cpu(loaded) = NULL;
}

/* ---- State ---------------------------------------------------------------------------------- */

#define FOR_EACH_SEGMENT(X)                                                                        \
    X(es, SEGMENT_ES) X(cs, SEGMENT_CS) X(ss, SEGMENT_SS) X(ds, SEGMENT_DS) X(fs, SEGMENT_FS)      \
    X(gs, SEGMENT_GS) X(ldtr, SEGMENT_LDTR) X(tr, SEGMENT_TR)

/* The VMCS keeps bits 8 to 11 of the record's access rights four higher, and what is not present as unusable. */
static uint32_t rights_to_vmcs(uint32_t rights)
{
    return (rights & 0xff) | (rights & 0xf00) << 4 | (rights & RIGHTS_P ? 0 : VMX_UNUSABLE);
}

static uint32_t rights_from_vmcs(uint32_t rights)
{
    return (rights & 0xff & (rights & VMX_UNUSABLE ? ~RIGHTS_P : ~0U)) | (rights >> 4 & 0xf00);
}

static uint64_t guest_cr(unsigned int cr, unsigned int shadow, uint64_t mask)
{
    return (vmcs_read(cr) & ~mask) | (vmcs_read(shadow) & mask);
}

static uint64_t guest_cr0(void)
{
    return guest_cr(VMCS_GUEST_CR0, VMCS_CR0_SHADOW, CR0_OURS);
}

static uint64_t guest_cr4(void)
{
    return guest_cr(VMCS_GUEST_CR4, VMCS_CR4_SHADOW, ~cr4_guest);
}

static void put_cr0(uint64_t value)
{
    vmcs_write(VMCS_GUEST_CR0, (value & ~CR0_OURS) | CR0_NE | CR0_ET);
    vmcs_write(VMCS_CR0_SHADOW, value | CR0_ET);
}

static void put_efer(uint64_t efer)
{
    vmcs_write(VMCS_GUEST_EFER, efer);
    vmcs_write(VMCS_ENTRY_CONTROLS, machine.controls[VMX_ENTRY] | (efer & EFER_LMA ? ENTRY_LONG_MODE : 0));
}

static void vmx_get_state(const struct vcpu *v, struct hvm_hw_cpu *c)
{
    struct vmx_vcpu *s = of(v);
    unsigned long flags = 0;
    bool borrowed = borrow(v, &flags);
    uint32_t event = (uint32_t)vmcs_read(VMCS_ENTRY_EVENT);

    if (!borrowed) {
        unswitched_save(s);
    }
#define GET_SEGMENT(name, n)                                                                       \
    c->name##_sel = (uint32_t)vmcs_read(VMCS_GUEST_ES + 2 * (n));                                  \
    c->name##_limit = (uint32_t)vmcs_read(VMCS_GUEST_ES_LIMIT + 2 * (n));                          \
    c->name##_base = vmcs_read(VMCS_GUEST_ES_BASE + 2 * (n));                                      \
    c->name##_arbytes = rights_from_vmcs((uint32_t)vmcs_read(VMCS_GUEST_ES_RIGHTS + 2 * (n)));
    FOR_EACH_SEGMENT(GET_SEGMENT)
    c->gdtr_limit = (uint32_t)vmcs_read(VMCS_GUEST_GDTR_LIMIT);
    c->gdtr_base = vmcs_read(VMCS_GUEST_GDTR_BASE);
    c->idtr_limit = (uint32_t)vmcs_read(VMCS_GUEST_IDTR_LIMIT);
    c->idtr_base = vmcs_read(VMCS_GUEST_IDTR_BASE);
    c->cr0 = guest_cr0();
    c->cr2 = s->cr2;
    c->cr3 = vmcs_read(VMCS_GUEST_CR3);
    c->cr4 = guest_cr4();
    c->dr6 = s->dr6;
    c->dr7 = vmcs_read(VMCS_GUEST_DR7);
    c->msr_efer = vmcs_read(VMCS_GUEST_EFER);
    c->msr_star = s->msrs[STAR];
    c->msr_lstar = s->msrs[LSTAR];
    c->msr_cstar = s->msrs[CSTAR];
    c->msr_syscall_mask = s->msrs[SYSCALL_MASK];
    c->shadow_gs = s->msrs[KERNEL_GS];
    c->sysenter_cs = vmcs_read(VMCS_GUEST_SYSENTER_CS);
    c->sysenter_esp = vmcs_read(VMCS_GUEST_SYSENTER_ESP);
    c->sysenter_eip = vmcs_read(VMCS_GUEST_SYSENTER_EIP);
    if (event & VMX_EVENT_VALID) {
        c->pending_event = event;
        c->error_code = (uint32_t)vmcs_read(VMCS_ENTRY_ERROR_CODE);
    }
    give_back(v, borrowed, flags);
}

/* The four entries that a CPU with PAE reads when CR3 or the mode changes. False where it would fault. */
static bool read_pdptes(struct domain *d, uint64_t cr3, uint64_t entries[4])
{
    uint64_t reserved = ~0UL << machine.address_bits | 0x1e6UL;
    unsigned long flags = arch_irq_save();
    enum p2m_type type;
    mfn_t mfn = p2m_lookup(d, _gfn((cr3 & 0xffffffffUL) >> PAGE_SHIFT), &type);
    bool ok = !mfn_eq(mfn, INVALID_MFN) && type != P2M_DEVICE;

    if (ok) {
        memcpy(entries, (const char *)map_frame(mfn) + (cr3 & ~PAGE_MASK & ~0x1fUL), 4 * sizeof(*entries));
    }
    arch_irq_restore(flags);
    for (unsigned int i = 0; ok && i < 4; i++) {
        ok = !(entries[i] & 1) || !(entries[i] & reserved);
    }
    return ok;
}

static bool is_pae(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    return (cr0 & CR0_PG) && (cr4 & CR4_PAE) && !(efer & EFER_LMA);
}

static void put_pdptes(const uint64_t entries[4])
{
    for (unsigned int i = 0; i < 4; i++) {
        vmcs_write(VMCS_GUEST_PDPTE0 + 2 * i, entries[i]);
    }
}

static void put_state(const struct hvm_hw_cpu *c)
{
#define SET_SEGMENT(name, n)                                                                       \
    vmcs_write(VMCS_GUEST_ES + 2 * (n), c->name##_sel & 0xffff);                                   \
    vmcs_write(VMCS_GUEST_ES_LIMIT + 2 * (n), c->name##_limit);                                    \
    vmcs_write(VMCS_GUEST_ES_BASE + 2 * (n), c->name##_base);                                      \
    vmcs_write(VMCS_GUEST_ES_RIGHTS + 2 * (n), rights_to_vmcs(c->name##_arbytes));
    FOR_EACH_SEGMENT(SET_SEGMENT)
    vmcs_write(VMCS_GUEST_GDTR_LIMIT, c->gdtr_limit);
    vmcs_write(VMCS_GUEST_GDTR_BASE, c->gdtr_base);
    vmcs_write(VMCS_GUEST_IDTR_LIMIT, c->idtr_limit);
    vmcs_write(VMCS_GUEST_IDTR_BASE, c->idtr_base);
    put_cr0(c->cr0);
    vmcs_write(VMCS_GUEST_CR3, c->cr3);
    vmcs_write(VMCS_GUEST_CR4, c->cr4 | CR4_VMXE);
    vmcs_write(VMCS_CR4_SHADOW, c->cr4);
    vmcs_write(VMCS_GUEST_DR7, c->dr7 | DR7_FIXED);
    put_efer(c->msr_efer);
    vmcs_write(VMCS_GUEST_SYSENTER_CS, c->sysenter_cs);
    vmcs_write(VMCS_GUEST_SYSENTER_ESP, c->sysenter_esp);
    vmcs_write(VMCS_GUEST_SYSENTER_EIP, c->sysenter_eip);
    vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
    vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
    vmcs_write(VMCS_ENTRY_EVENT, c->pending_valid ? c->pending_event & ~VMX_NMI_UNBLOCKED : 0);
    vmcs_write(VMCS_ENTRY_ERROR_CODE, c->error_code);
}

static int vmx_set_state(struct vcpu *v, const struct hvm_hw_cpu *c)
{
    bool pae = is_pae(c->cr0, c->cr4, c->msr_efer);
    struct vmx_vcpu *s = of(v);
    uint64_t entries[4];
    unsigned long flags = 0;
    bool borrowed;

    if (!vmx_state_valid(c, cr4_guest, machine.address_bits) ||
        (pae && !read_pdptes(v->domain, c->cr3, entries))) {
        return -EINVAL;
    }
    borrowed = borrow(v, &flags);
    put_state(c);
    if (pae) {
        put_pdptes(entries);
    }
    s->msrs[STAR] = c->msr_star;
    s->msrs[LSTAR] = c->msr_lstar;
    s->msrs[CSTAR] = c->msr_cstar;
    s->msrs[SYSCALL_MASK] = c->msr_syscall_mask;
    s->msrs[KERNEL_GS] = c->shadow_gs;
    s->cr2 = c->cr2;
    s->dr6 = c->dr6;
    s->stale = true;
    if (!borrowed) {
        unswitched_load(s);
    }
    give_back(v, borrowed, flags);
    return 0;
}

/* From 64-bit code paging is not to be left, nor is it entered by way of what long mode cannot have. */
static bool may_change_paging(uint64_t cr4, uint64_t efer, bool on)
{
    bool long_code = vmcs_read(VMCS_GUEST_CS_RIGHTS) & VMX_LONG;
    unsigned int task = (unsigned int)vmcs_read(VMCS_GUEST_ES_RIGHTS + 2 * SEGMENT_TR) & 0xf;

    if (!on) {
        return !(cr4 & CR4_PCIDE) && !((efer & EFER_LMA) && long_code);
    }
    return !(efer & EFER_LME) || ((cr4 & CR4_PAE) && !long_code && task == RIGHTS_TSS_BUSY);
}

bool vmx_write_cr0(struct vcpu *v, uint64_t value)
{
    uint64_t efer = vmcs_read(VMCS_GUEST_EFER);
    uint64_t cr4 = vmcs_read(VMCS_GUEST_CR4);
    bool switched = (value ^ vmcs_read(VMCS_GUEST_CR0)) & CR0_PG;
    uint64_t entries[4];

    if (value >> 32 != 0 || ((value & CR0_PG) && !(value & CR0_PE)) || ((value & CR0_NW) && !(value & CR0_CD))) {
        return false;
    }
    if (switched && !may_change_paging(cr4, efer, value & CR0_PG)) {
        return false;
    }
    if (switched) {
        efer = (value & CR0_PG) && (efer & EFER_LME) ? efer | EFER_LMA : efer & ~EFER_LMA;
    }
    if (is_pae(value, cr4, efer)) {
        if (!read_pdptes(v->domain, vmcs_read(VMCS_GUEST_CR3), entries)) {
            return false;
        }
        put_pdptes(entries);
    }
    put_efer(efer);
    put_cr0(value & CR0_KNOWN);
    of(v)->stale = true;
    return true;
}

static void vmx_get_paging(const struct vcpu *v, struct hvm_paging *p)
{
    uint32_t cs = (uint32_t)vmcs_read(VMCS_GUEST_CS_RIGHTS);

    (void)v;
    p->cr0 = guest_cr0();
    p->cr3 = vmcs_read(VMCS_GUEST_CR3);
    p->cr4 = guest_cr4();
    p->efer = vmcs_read(VMCS_GUEST_EFER);
    p->cpl = (unsigned int)(vmcs_read(VMCS_GUEST_SS_RIGHTS) >> 5 & 3);
    p->cs_base = vmcs_read(VMCS_GUEST_CS_BASE);
    if ((p->efer & EFER_LMA) && (cs & VMX_LONG)) {
        p->code_bits = 64;
    } else {
        p->code_bits = cs & VMX_DEFAULT32 ? 32 : 16;
    }
}

/* Exceptions have no error code in real mode. */
void vmx_inject(struct vcpu *v, unsigned int vector, enum hvm_event_type type, bool has_error,
                       uint32_t error)
{
    (void)v;
    has_error = has_error && (vmcs_read(VMCS_GUEST_CR0) & CR0_PE);
    vmcs_write(VMCS_ENTRY_ERROR_CODE, error);
    vmcs_write(VMCS_ENTRY_EVENT,
               vector | (uint32_t)type << 8 | (has_error ? VMX_EVENT_ERROR : 0) | VMX_EVENT_VALID);
}

static uint64_t vmx_get_es_base(const struct vcpu *v)
{
    (void)v;
    return vmcs_read(VMCS_GUEST_ES_BASE);
}

static void vmx_set_cr2(struct vcpu *v, uint64_t cr2)
{
    (void)v;
    write_cr2(cr2);
}

static void vmx_set_efer(struct vcpu *v, uint64_t efer)
{
    (void)v;
    put_efer(efer);
}

static void vmx_set_pat(struct vcpu *v, uint64_t pat)
{
    write_field(v, VMCS_GUEST_PAT, pat);
}

static uint64_t vmx_get_pat(const struct vcpu *v)
{
    return read_field(v, VMCS_GUEST_PAT);
}

static uint64_t vmx_get_cr4(const struct vcpu *v)
{
    (void)v;
    return guest_cr4();
}

static bool vmx_interrupts_on(const struct vcpu *v)
{
    (void)v;
    return (guest_regs()->rflags & X86_EFLAGS_IF) &&
           !(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & (BLOCKED_BY_STI | BLOCKED_BY_SS));
}

static void dump_segment(const char *name, unsigned int n)
{
    printk("%s %04x rights %x limit %x base %lx\n", name, (unsigned int)vmcs_read(VMCS_GUEST_ES + 2 * n),
           (unsigned int)vmcs_read(VMCS_GUEST_ES_RIGHTS + 2 * n),
           (unsigned int)vmcs_read(VMCS_GUEST_ES_LIMIT + 2 * n),
           (unsigned long)vmcs_read(VMCS_GUEST_ES_BASE + 2 * n));
}

static void dump_loaded(const struct vcpu *v)
{
    printk("VMCS of %pv: exit %x qualification %lx vectoring %x inject %x interruptibility %x\n", v,
           (unsigned int)vmcs_read(VMCS_EXIT_REASON), (unsigned long)vmcs_read(VMCS_QUALIFICATION),
           (unsigned int)vmcs_read(VMCS_VECTORING_EVENT), (unsigned int)vmcs_read(VMCS_ENTRY_EVENT),
           (unsigned int)vmcs_read(VMCS_GUEST_INTERRUPTIBILITY));
    printk("cr0 %lx (%lx) cr3 %lx cr4 %lx (%lx) efer %lx rip %lx rflags %lx rsp %lx\n",
           (unsigned long)vmcs_read(VMCS_GUEST_CR0), (unsigned long)vmcs_read(VMCS_CR0_SHADOW),
           (unsigned long)vmcs_read(VMCS_GUEST_CR3), (unsigned long)vmcs_read(VMCS_GUEST_CR4),
           (unsigned long)vmcs_read(VMCS_CR4_SHADOW), (unsigned long)vmcs_read(VMCS_GUEST_EFER),
           (unsigned long)vmcs_read(VMCS_GUEST_RIP), (unsigned long)vmcs_read(VMCS_GUEST_RFLAGS),
           (unsigned long)vmcs_read(VMCS_GUEST_RSP));
    printk("controls %x %x %x exit %x entry %x pending debug %lx dr7 %lx pat %lx\n",
           (unsigned int)vmcs_read(VMCS_PIN_CONTROLS), (unsigned int)vmcs_read(VMCS_CPU_CONTROLS),
           (unsigned int)vmcs_read(VMCS_CPU_CONTROLS2), (unsigned int)vmcs_read(VMCS_EXIT_CONTROLS),
           (unsigned int)vmcs_read(VMCS_ENTRY_CONTROLS), (unsigned long)vmcs_read(VMCS_GUEST_PENDING_DEBUG),
           (unsigned long)vmcs_read(VMCS_GUEST_DR7), (unsigned long)vmcs_read(VMCS_GUEST_PAT));
#define DUMP_SEGMENT(name, n) dump_segment(#name, n);
    FOR_EACH_SEGMENT(DUMP_SEGMENT)
}

/* Of a vcpu that runs on another CPU there is nothing to see here. */
void vmx_dump(const struct vcpu *v)
{
    unsigned long flags = 0;
    bool borrowed;

    if (of(v) != this_cpu(loaded) && READ_ONCE(v->is_running)) {
        printk("VMCS of %pv is in use on CPU %u\n", v, READ_ONCE(v->processor));
        return;
    }
    borrowed = borrow(v, &flags);
    dump_loaded(v);
    give_back(v, borrowed, flags);
}

/* ---- Entering -------------------------------------------------------------------------------- */

static void set_cpu_controls(struct vmx_vcpu *s, uint32_t controls)
{
    if (controls != s->cpu_controls) {
        s->cpu_controls = controls;
        vmcs_write(VMCS_CPU_CONTROLS, controls);
    }
}

uint8_t vmx_guest_tpr(const struct vcpu *v)
{
    return of(v)->apic[APIC_TPR];
}

/* An exit when the guest lowers its task priority below what it is now. */
static void set_threshold(struct vmx_vcpu *s, unsigned int threshold)
{
    if (threshold != s->threshold) {
        s->threshold = threshold;
        vmcs_write(VMCS_TPR_THRESHOLD, threshold);
    }
}

/* Interrupts are off: what is raised from here on ends the entry at once. */
static NOINLINE void deliver_interrupt(struct vcpu *v, struct vmx_vcpu *s)
{
    uint32_t controls = s->cpu_controls & ~(CPU_INTERRUPT_WINDOW | CPU_NMI_WINDOW);
    uint32_t blocked = (uint32_t)vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);
    bool busy = vmcs_read(VMCS_ENTRY_EVENT) & VMX_EVENT_VALID;
    bool by_apic;
    int vector;

    if (v->nmi_pending && !busy && !(blocked & (BLOCKED_BY_STI | BLOCKED_BY_SS | BLOCKED_BY_NMI))) {
        v->nmi_pending = false;
        vmx_inject(v, EXC_NMI, HVM_EVENT_NMI, false, 0);
        busy = true;
    } else if (v->nmi_pending) {
        controls |= CPU_NMI_WINDOW;
    }
    vector = hvm_next_interrupt(v, &by_apic);
    if (vector >= 0 && !busy && vmx_interrupts_on(v)) {
        vmx_inject(v, (unsigned int)vector, HVM_EVENT_INTERRUPT, false, 0);
        if (by_apic) {
            vlapic_accept(v, (unsigned int)vector);
        }
    } else if (vector >= 0) {
        controls |= CPU_INTERRUPT_WINDOW;
    }
    set_threshold(s, vector < 0 && READ_ONCE(hvm_vcpu(v)->vlapic.irr_maybe) ? vlapic_tpr(v) >> 4 : 0);
    set_cpu_controls(s, controls);
}

static NOINLINE void drop_translations(struct vmx_vcpu *s, uint64_t generation)
{
    s->p2m_generation = generation;
    s->stale = false;
    ept_invalidate(machine.invept_kind, s->ept_pointer);
}

bool vmx_prepare(struct cpu_user_regs *regs)
{
    struct vcpu *v = current_vcpu();
    struct hvm_vcpu *h = hvm_vcpu(v);
    struct vmx_vcpu *s = h->block;
    uint64_t generation;

    if (hvm_take_notes(v, h)) {
        return false;
    }
    if (unlikely(READ_ONCE(v->info->evtchn_upcall_pending) || READ_ONCE(h->vlapic.irr_maybe) ||
                 READ_ONCE(v->nmi_pending) || s->threshold != 0 ||
                 (s->cpu_controls & (CPU_INTERRUPT_WINDOW | CPU_NMI_WINDOW)))) {
        deliver_interrupt(v, s);
    }
    generation = READ_ONCE(v->domain->p2m->generation);
    if (unlikely(s->stale || s->p2m_generation != generation)) {
        drop_translations(s, generation);
    }
    s->apic[APIC_TPR] = vlapic_tpr(v);
    vmcs_write(VMCS_GUEST_RSP, regs->rsp);
    vmcs_write(VMCS_GUEST_RIP, regs->rip);
    vmcs_write(VMCS_GUEST_RFLAGS, regs->rflags);
    return true;
}

static const struct hvm_ops vmx_ops = {
    .name = "VT-x",
    .call_opcode = 0xc1,
    .init_cpu = vmx_init_cpu,
    .vcpu_init = vmx_vcpu_init,
    .vcpu_exit = vmx_vcpu_exit,
    .enter = vmx_enter,
    .leave = vmx_leave,
    .resume = vmx_resume,
    .get_state = vmx_get_state,
    .set_state = vmx_set_state,
    .get_paging = vmx_get_paging,
    .inject = vmx_inject,
    .get_es_base = vmx_get_es_base,
    .set_cr2 = vmx_set_cr2,
    .set_efer = vmx_set_efer,
    .set_pat = vmx_set_pat,
    .get_pat = vmx_get_pat,
    .get_cr4 = vmx_get_cr4,
    .interrupts_on = vmx_interrupts_on,
    .dump = vmx_dump,
};
