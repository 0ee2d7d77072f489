/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables, exception entry and faults of the hypervisor itself.
 *
 * Selectors lie at 0xe000 and up (guest GDT entries come below), so one descriptor page per CPU is
 * mapped as page 14 of whatever GDT is loaded.
 */
#ifndef HV_ARCH_X86_CPU_TRAPS_H
#define HV_ARCH_X86_CPU_TRAPS_H

#ifndef __ASSEMBLY__
#include "abi/xen.h"
#include "hv/lib/types.h"
#endif

#define SEL_GDT_FIRST 0xe000 /* first byte of the hypervisor's descriptor page */
#define SEL_HV_CS     0xe008
#define SEL_HV_DS     0xe010
#define SEL_USER_CS32 0xe023 /* FLAT_RING3_CS32 */
#define SEL_USER_DS   0xe02b /* FLAT_RING3_DS32, SS */
#define SEL_USER_CS64 0xe033 /* FLAT_RING3_CS64 */
#define SEL_TSS       0xe040
#define SEL_LDT       0xe050

#define VECTOR_NMI        2
#define VECTOR_INT80      0x80
#define VECTOR_SYSCALL    256 /* entry_vector of a frame made by syscall: sysret may leave it */
#define VECTOR_SYSCALL32  257
#define VECTOR_SYSENTER   258

#define X86_EFLAGS_TF   0x00000100
#define X86_EFLAGS_IF   0x00000200
#define X86_EFLAGS_DF   0x00000400
#define X86_EFLAGS_IOPL 0x00003000
#define X86_EFLAGS_NT   0x00004000
#define X86_EFLAGS_RF   0x00010000
#define X86_EFLAGS_VM   0x00020000
#define X86_EFLAGS_AC   0x00040000

#ifndef __ASSEMBLY__

enum exception {
    EXC_DE = 0, EXC_DB = 1, EXC_NMI = 2, EXC_BP = 3, EXC_OF = 4, EXC_BR = 5, EXC_UD = 6, EXC_NM = 7,
    EXC_DF = 8, EXC_TS = 10, EXC_NP = 11, EXC_SS = 12, EXC_GP = 13, EXC_PF = 14, EXC_MF = 16,
    EXC_AC = 17, EXC_MC = 18, EXC_XF = 19
};

struct gdt_page {
    uint64_t entry[PAGE_SIZE / 8];
};

/* Puts this CPU's GDT, TSS with IST stacks, IDT and syscall MSRs in place. Runs on the CPU's own stack,
 * whose cpu_local is already filled in. */
void traps_init_cpu(unsigned int cpu);
/* Boot CPU: gives a CPU that will come up its zeroed descriptor page. */
void traps_prepare_cpu(unsigned int cpu, struct gdt_page *page);
/* The machine frame of a CPU's descriptor page, for the per-vcpu GDT areas. */
mfn_t traps_gdt_mfn(unsigned int cpu);
/* Loads the plain GDT (idle and boot), or the one at gdt_va where page 14 is this CPU's. */
void traps_load_gdt(unsigned long gdt_va);
void traps_load_plain_gdt(void);
void traps_set_ldt(unsigned long base, unsigned int entries);
/* Vector of a fault inside an instruction with a recovery address: true and regs changed. */
bool traps_fixup(struct cpu_user_regs *regs);

/* Entry points (entry.S). */
extern const char syscall_common[], syscall32_common[], sysenter_common[];
NORETURN void exit_to_guest(void);

/* C side of entry.S. */
void x86_exception(struct cpu_user_regs *regs);      /* taken in the hypervisor */
void x86_interrupt(struct cpu_user_regs *regs);      /* irq.c */
void x86_nmi(struct cpu_user_regs *regs);            /* nmi.c */
void x86_machine_check(struct cpu_user_regs *regs);  /* nmi.c */
NORETURN void x86_double_fault(struct cpu_user_regs *regs);

#endif
#endif
