/* SPDX-License-Identifier: MIT */
/*
 * AMD-V: layout of the virtual machine control block, intercepts and exit codes (AMD APM volume 2, appendix B and
 * C). A VMCB is a page; VMRUN takes its physical address.
 */
#ifndef HV_ARCH_X86_HVM_SVM_H
#define HV_ARCH_X86_HVM_SVM_H

#include "hv/lib/types.h"

struct svm_segment {
    uint16_t selector;
    uint16_t attributes; /* bits 40..47 and 52..55 of a descriptor */
    uint32_t limit;
    uint64_t base;
};

struct vmcb {
    uint32_t cr_intercepts;
    uint32_t dr_intercepts;
    uint32_t exception_intercepts;
    uint32_t intercepts1;
    uint32_t intercepts2;
    uint8_t pad0[0x40 - 0x14];
    uint64_t iopm_base;
    uint64_t msrpm_base;
    uint64_t tsc_offset;
    uint32_t asid;
    uint32_t tlb_control;
    uint64_t vintr;
    uint64_t interrupt_shadow;
    uint64_t exitcode;
    uint64_t exitinfo1;
    uint64_t exitinfo2;
    uint64_t exitintinfo;
    uint64_t np_control;
    uint8_t pad1[0xa8 - 0x98];
    uint64_t eventinj;
    uint64_t nested_cr3;
    uint64_t lbr_control;
    uint32_t clean;
    uint32_t pad2;
    uint64_t next_rip;
    uint8_t pad3[0x400 - 0xd0];

    struct svm_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
    uint8_t pad4[0x4cb - 0x4a0];
    uint8_t cpl;
    uint32_t pad5;
    uint64_t efer;
    uint8_t pad6[0x548 - 0x4d8];
    uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
    uint8_t pad7[0x5d8 - 0x580];
    uint64_t rsp;
    uint8_t pad8[0x5f8 - 0x5e0];
    uint64_t rax, star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip, cr2;
    uint8_t pad9[0x668 - 0x648];
    uint64_t pat;
    uint64_t debugctl;
    uint8_t pad10[0x1000 - 0x678];
} PACKED;
BUILD_ASSERT(offsetof(struct vmcb, vintr) == 0x60);
BUILD_ASSERT(offsetof(struct vmcb, eventinj) == 0xa8);
BUILD_ASSERT(offsetof(struct vmcb, next_rip) == 0xc8);
BUILD_ASSERT(offsetof(struct vmcb, tr) == 0x490);
BUILD_ASSERT(offsetof(struct vmcb, efer) == 0x4d0);
BUILD_ASSERT(offsetof(struct vmcb, rip) == 0x578);
BUILD_ASSERT(offsetof(struct vmcb, cr2) == 0x640);
BUILD_ASSERT(sizeof(struct vmcb) == PAGE_SIZE);

/* intercepts1 */
#define SVM_INTERCEPT_INTR     (1U << 0)
#define SVM_INTERCEPT_NMI      (1U << 1)
#define SVM_INTERCEPT_SMI      (1U << 2)
#define SVM_INTERCEPT_INIT     (1U << 3)
#define SVM_INTERCEPT_VINTR    (1U << 4)
#define SVM_INTERCEPT_RDPMC    (1U << 15)
#define SVM_INTERCEPT_CPUID    (1U << 18)
#define SVM_INTERCEPT_RSM      (1U << 19)
#define SVM_INTERCEPT_INVD     (1U << 22)
#define SVM_INTERCEPT_HLT      (1U << 24)
#define SVM_INTERCEPT_INVLPGA  (1U << 26)
#define SVM_INTERCEPT_IO       (1U << 27)
#define SVM_INTERCEPT_MSR      (1U << 28)
#define SVM_INTERCEPT_TASK     (1U << 29)
#define SVM_INTERCEPT_FERR     (1U << 30)
#define SVM_INTERCEPT_SHUTDOWN (1U << 31)
/* intercepts2: bits 0 to 13 are VMRUN, VMMCALL, VMLOAD, VMSAVE, STGI, CLGI, SKINIT, RDTSCP, ICEBP, WBINVD, MONITOR,
 * MWAIT, MWAIT when armed, XSETBV */
#define SVM_INTERCEPTS2        0x3eff
#define SVM_INTERCEPT_RDTSCP   (1U << 7)

#define SVM_VINTR_TPR     0xffUL
#define SVM_VINTR_IRQ     (1UL << 8)
#define SVM_VINTR_PRIO    (0xfUL << 16)
#define SVM_VINTR_IGN_TPR (1UL << 20)
#define SVM_VINTR_MASKING (1UL << 24)

#define SVM_EVENT_VALID   (1UL << 31)
#define SVM_EVENT_ERROR   (1UL << 11)

#define SVM_TLB_FLUSH_ALL 1U

/* Parts of the VMCB that a CPU may have kept since the last exit: what changes one clears its bit. */
#define SVM_CLEAN_VINTR   (1U << 3)
#define SVM_CLEAN_NP      (1U << 4) /* and the PAT */
#define SVM_CLEAN_CR      (1U << 5) /* and EFER */
#define SVM_CLEAN_CR2     (1U << 9)
#define SVM_CLEAN_ALL     0x3ffU

/* Exit codes below SVM_EXIT_NPF are consecutive; the table in svm.c is indexed by them. */
enum svm_exit {
    SVM_EXIT_EXCEPTION = 0x40,
    SVM_EXIT_INTR = 0x60,
    SVM_EXIT_NMI,
    SVM_EXIT_SMI,
    SVM_EXIT_INIT,
    SVM_EXIT_VINTR,
    SVM_EXIT_RDTSC = 0x6e,
    SVM_EXIT_RDPMC,
    SVM_EXIT_CPUID = 0x72,
    SVM_EXIT_RSM,
    SVM_EXIT_INVD = 0x76,
    SVM_EXIT_HLT = 0x78,
    SVM_EXIT_INVLPGA = 0x7a,
    SVM_EXIT_IO,
    SVM_EXIT_MSR,
    SVM_EXIT_TASK,
    SVM_EXIT_FERR,
    SVM_EXIT_SHUTDOWN,
    SVM_EXIT_VMRUN,
    SVM_EXIT_VMMCALL,
    SVM_EXIT_VMLOAD,
    SVM_EXIT_VMSAVE,
    SVM_EXIT_STGI,
    SVM_EXIT_CLGI,
    SVM_EXIT_SKINIT,
    SVM_EXIT_RDTSCP,
    SVM_EXIT_ICEBP,
    SVM_EXIT_WBINVD,
    SVM_EXIT_MONITOR,
    SVM_EXIT_MWAIT,
    SVM_EXIT_MWAIT_ARMED,
    SVM_EXIT_XSETBV,
    SVM_EXIT_COUNT,
    SVM_EXIT_NPF = 0x400
};

/* Error code of a nested page fault, besides the bits of a page fault. */
#define SVM_NPF_WRITE 0x2UL

/* EXITINFO1 of an access to a port. */
#define SVM_IO_IN      0x1UL
#define SVM_IO_STRING  0x4UL
#define SVM_IO_REPEAT  0x8UL
#define SVM_IO_ADDRESS_SHIFT 7 /* one of three bits: 16, 32, 64 */
#define SVM_IO_SIZE_SHIFT 4 /* one of three bits: 1, 2, 4 bytes */
#define SVM_IO_PORT_SHIFT 16

/* svm_entry.S */
NORETURN void svm_resume(void);
struct cpu_user_regs;
/* Called from there: before an entry (interrupts off; false: begin again), and after an exit. */
bool svm_prepare(struct cpu_user_regs *regs);
void svm_exit(struct cpu_user_regs *regs);

#endif
