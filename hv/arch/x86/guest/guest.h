/* SPDX-License-Identifier: MIT */
/*
 * The x86 part of a domain and a vcpu: struct arch_domain and struct arch_vcpu, for arch/x86/guest only.
 *
 * PV guests: kernel and user run in ring 3 on two L4 tables; `kernel_mode` says which is loaded. Each PV
 * domain has one L3 table of its own hung into L4 slot 260 (PERDOMAIN_START) that holds, for every vcpu,
 * 16 pages of GDT (guest's 14, then the CPU's own page, then nothing) and 16 pages of LDT.
 */
#ifndef HV_ARCH_X86_GUEST_GUEST_H
#define HV_ARCH_X86_GUEST_GUEST_H

#include "hv/base/lock.h"
#include "hv/core/domain.h"
#include "hv/core/vcpu.h"

#define PV_GDT_FRAMES      14 /* guest frames; FIRST_RESERVED_GDT_PAGE */
#define PV_VCPU_AREA_PAGES 32
#define PV_LDT_PAGE_OFFSET 16

static inline unsigned long pv_gdt_va(unsigned int vcpu_id)
{
    return PERDOMAIN_START + (unsigned long)vcpu_id * PV_VCPU_AREA_PAGES * PAGE_SIZE;
}

static inline unsigned long pv_ldt_va(unsigned int vcpu_id)
{
    return pv_gdt_va(vcpu_id) + PV_LDT_PAGE_OFFSET * PAGE_SIZE;
}

struct cpu_policy;
struct hvm_domain;
struct hvm_vcpu;
struct pirq_table;

struct pv_callback {
    unsigned long address; /* 0: none */
    bool mask_events;      /* CALLBACKF_mask_events */
};

/* Offsets of the fields entry.S reads come from asm_offsets.c. */
struct arch_vcpu {
    struct cpu_user_regs regs; /* while the vcpu is not on a CPU */
    struct hvm_vcpu *hvm;      /* NULL for PV, of which most of the rest is */
    /* set by the guest, used by the entry paths: */
    bool kernel_mode;
    bool syscall_masks_events;
    bool syscall32_masks_events;
    bool fpu_initialised;
    bool ts_set;               /* guest's CR0.TS (fpu_taskswitch) */
    bool nmi_in_progress;
    bool mce_pending;
    unsigned long kernel_sp;
    unsigned long kernel_ss;
    struct pv_callback event;
    struct pv_callback failsafe;
    struct pv_callback syscall;
    struct pv_callback syscall32;
    struct pv_callback sysenter;
    unsigned long nmi_handler;

    struct trap_info traps[256]; /* cs, flags, address by vector; address 0: none */
    unsigned long cr[8];         /* as the guest sees them (ctrlreg of the ABI); cr[1]: user L4 */
    unsigned long dr[8];
    unsigned long fs_base;
    unsigned long gs_base_kernel;
    unsigned long gs_base_user;
    unsigned int iopl;           /* 0..3 */
    guest_ptr_t iobmp;           /* bitmap of allowed ports in guest memory */
    unsigned int iobmp_limit;

    /* Page tables: role and general references are held while set. Under the domain's mmu lock or by
     * the vcpu itself. */
    mfn_t guest_table;           /* kernel L4 */
    mfn_t guest_table_user;      /* user L4, INVALID_MFN for none */
    unsigned long cr3;           /* what to load now: one of the two */

    struct frame *gdt_frames[PV_GDT_FRAMES];
    unsigned int gdt_entries;
    unsigned long ldt_base;
    unsigned int ldt_entries;
    uint16_t ldt_mapped;         /* LDT pages mapped in so far (bit per page), they fault in */

    void *fpu;                   /* XSAVE area, 64 byte aligned */
    uint64_t xcr0;
    uint64_t xcr0_accum;
    uint64_t msr_spec_ctrl;
    uint32_t msr_tsc_aux;
};

struct arch_domain {
    struct hvm_domain *hvm;    /* NULL for PV */
    bool is_pv;
    bool is_32bit;
    struct spinlock mmu_lock;  /* LOCK_ARCH_DOMAIN: one mmu operation at a time */
    /* under mmu_lock: tables that nothing uses any more and whose release goes on in the next operation */
    struct frame *stale_tables[16];
    unsigned int stale_count;
    unsigned int relinquish_pass; /* see pv_mmu_relinquish() */
    uint64_t relinquish_left;     /* frames still to be looked at in this pass */
    mfn_t perdomain_l3;        /* hung into every L4 of the domain at slot 260 */
    uint64_t *perdomain_l2;
    uint64_t *perdomain_l1[DOMAIN_MAX_VCPUS * PV_VCPU_AREA_PAGES / 512];
    struct cpu_policy *policy; /* what CPUID and MSR reads show */
    struct pirq_table *pirqs;
    struct e820_map *memory_map; /* XENMEM_set_memory_map, NULL until set */
    unsigned int physaddr_bits;
    unsigned int tsc_mode;
    uint64_t tsc_khz;
    uint32_t tsc_incarnation;
    guest_ptr_t pirq_eoi_map;
    mfn_t pirq_eoi_mfn;
    unsigned long *pirq_eoi;   /* pirq_eoi_gmfn page, mapped */
    bool pirq_auto_unmask;     /* gmfn_v1 semantics */
    uint64_t pci_cf8;          /* CONFIG_ADDRESS the domain last wrote */
    uint8_t cmos_index;        /* CMOS index port, likewise */
};

/* ---- pv_mmu.c, pv_frame.c: page tables ------------------------------------------------------ */
/* Writes the hypervisor's slots into an L4 page of d (kept in step with the idle table). */
void pv_mmu_fill_l4(struct domain *d, uint64_t *l4);
/* Loads v's current L4 on this CPU. */
void pv_mmu_load_cr3(struct vcpu *v);
/* Between kernel and user tables on return paths: flips v->arch->kernel_mode, cr3 and GS bases. */
void pv_toggle_mode(struct vcpu *v);
/* A guest page fault on a mapped, read-only page table page that is a plain write: emulated? */
bool pv_ptwr_fault(struct vcpu *v, unsigned long va, struct cpu_user_regs *regs);
/* Sets guest tables for a new context: takes references; INVALID_MFN user for none. */
MUST_CHECK int pv_mmu_set_tables(struct vcpu *v, mfn_t kernel, mfn_t user);
/* Pins a page table of d as the guest itself would (builders). */
MUST_CHECK int pv_mmu_pin(struct domain *d, mfn_t mfn, unsigned int level);
void pv_mmu_drop_tables(struct vcpu *v);
/* Relinquishes all pages of a dying PV domain. Preemptible. */
MUST_CHECK int pv_mmu_relinquish(struct domain *d);
/* The leaf entry that maps va in the tables of the current vcpu; 0 when there is none. */
uint64_t pv_mmu_leaf_entry(unsigned long va);
/* Per-domain area: maps (mfn INVALID: unmaps) one page at PERDOMAIN va. */
MUST_CHECK int pv_perdomain_init(struct domain *d);
void pv_perdomain_exit(struct domain *d);
MUST_CHECK int pv_perdomain_prepare(struct domain *d, unsigned int vcpu_id); /* tables for a vcpu */
void pv_perdomain_set(struct domain *d, unsigned long va, mfn_t mfn, bool writable);

/* ---- pv_descriptor.c ------------------------------------------------------------------------ */
MUST_CHECK int pv_set_gdt(struct vcpu *v, const uint64_t *frames, unsigned int entries);
void pv_destroy_gdt(struct vcpu *v);
/* Makes a guest descriptor harmless (or refuses it): no system segments, DPL 3. */
bool pv_descriptor_check(uint64_t *descriptor);
/* The guest's LDT: entries 0 for none. Pages are mapped in by faults. */
MUST_CHECK int pv_set_ldt(struct vcpu *v, unsigned long base, unsigned int entries);
void pv_drop_ldt(struct vcpu *v);
/* A fault inside the LDT area: maps the guest's LDT page in; false: let the guest have the fault. */
bool pv_ldt_fault(struct vcpu *v, unsigned long offset);

/* ---- pv_trap.c: exceptions and callbacks ----------------------------------------------------- */
/* Makes the current vcpu enter its handler for a trap when it next runs. */
void pv_inject_trap(unsigned int vector, uint32_t error_code);
void pv_inject_page_fault(unsigned long va, uint32_t error_code);

/* ---- pv_emulate.c ---------------------------------------------------------------------------- */
/* Privileged instruction at a #GP (or forced-emulation prefix at a #UD): true when dealt with. */
bool pv_emulate_privileged(struct cpu_user_regs *regs);
bool pv_emulate_forced_cpuid(struct cpu_user_regs *regs);

/* ---- cpu_policy.c ---------------------------------------------------------------------------- */
struct cpuid_leaf {
    uint32_t a, b, c, d;
};
MUST_CHECK int cpu_policy_init(struct domain *d);
void cpu_policy_exit(struct domain *d);
void cpu_policy_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid_leaf *out);
/* XCR0 bits the domain may set; 0: no XSAVE. */
uint64_t cpu_policy_xstates(struct domain *d);

#endif
