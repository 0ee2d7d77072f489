/* SPDX-License-Identifier: MIT */
/*
 * Guests under hardware virtualisation: what the files of this folder share. Everything here is the same for AMD and
 * Intel; struct hvm_ops is what differs, chosen once at boot (svm.c, vmx.c).
 *
 * While a vcpu runs, its general registers, rip, rsp and rflags are in guest_regs() between exits; all other state
 * is the vendor's control block, read and written whole as the ABI's struct hvm_hw_cpu. d->arch->hvm and
 * v->arch->hvm are NULL for what is not a guest of this kind.
 *
 * Nothing here trusts what a guest left in its registers, tables or code: decoding is bounded, instruction bytes are
 * fetched once, and what cannot be done raises an exception in the guest or ends that guest alone.
 */
#ifndef HV_ARCH_X86_HVM_HVM_H
#define HV_ARCH_X86_HVM_HVM_H

#include "abi/hvm_params.h"
#include "abi/hvm_save.h"
#include "hv/arch/x86/cpu/traps.h"
#include "hv/arch/x86/guest/guest.h"
#include "hv/arch/x86/hvm/vlapic.h"
#include "hv/core/p2m.h"

#define CR0_PE 0x00000001UL
#define CR0_ET 0x00000010UL
#define CR0_NW 0x20000000UL
#define CR0_CD 0x40000000UL
#define CR0_PG 0x80000000UL
#define CR4_PSE 0x00000010UL
#define CR4_PAE 0x00000020UL
#define CR4_PCIDE 0x00020000UL
#define EFER_SCE 0x001UL
#define EFER_LME 0x100UL
#define EFER_LMA 0x400UL
#define EFER_NXE 0x800UL
#define EFER_SVME 0x1000UL

/* What a data or instruction access is, in the bits of a page fault's error code. */
#define HVM_ACCESS_WRITE 0x2U
#define HVM_ACCESS_USER  0x4U
#define HVM_ACCESS_FETCH 0x10U

/* How the guest translates addresses now. */
struct hvm_paging {
    uint64_t cr0;
    uint64_t cr3;
    uint64_t cr4;
    uint64_t efer;
    unsigned int cpl;
    unsigned int code_bits; /* 16, 32, 64 */
    uint64_t cs_base;       /* 0 in 64-bit code */
};

enum hvm_event_type { /* as both vendors number them */
    HVM_EVENT_INTERRUPT = 0,
    HVM_EVENT_NMI = 2,
    HVM_EVENT_EXCEPTION = 3
};

struct hvm_ops {
    const char *name;
    uint8_t call_opcode; /* 0f 01 and this is the instruction of a hypercall */
    /* A CPU that comes up: the same table, or NULL when it is not like the boot CPU. */
    const struct hvm_ops *(*init_cpu)(void);
    MUST_CHECK int (*vcpu_init)(struct vcpu *v);
    void (*vcpu_exit)(struct vcpu *v);
    /* The vcpu begins and ends to use this CPU. */
    void (*enter)(struct vcpu *v);
    void (*leave)(struct vcpu *v);
    /* Into the guest whose registers are in guest_regs(). */
    NORETURN void (*resume)(void);
    /* The whole state; v does not run. set: -EINVAL for what the CPU would refuse. General registers too. */
    void (*get_state)(const struct vcpu *v, struct hvm_hw_cpu *c);
    MUST_CHECK int (*set_state)(struct vcpu *v, const struct hvm_hw_cpu *c);
    /* Of the current vcpu: */
    void (*get_paging)(const struct vcpu *v, struct hvm_paging *p);
    void (*inject)(struct vcpu *v, unsigned int vector, enum hvm_event_type type, bool has_error, uint32_t error);
    uint64_t (*get_es_base)(const struct vcpu *v);
    void (*set_cr2)(struct vcpu *v, uint64_t cr2);
    void (*set_efer)(struct vcpu *v, uint64_t efer);
    void (*set_pat)(struct vcpu *v, uint64_t pat);
    uint64_t (*get_pat)(const struct vcpu *v);
    uint64_t (*get_cr4)(const struct vcpu *v);
    bool (*interrupts_on)(const struct vcpu *v); /* RFLAGS.IF, and no shadow of STI or MOV SS */
    /* Prints the control block. */
    void (*dump)(const struct vcpu *v);
};

extern const struct hvm_ops *hvm; /* NULL: no hardware virtualisation */

#define HVM_TRANSLATIONS 64U
#define HVM_WINDOW       (1UL << 62) /* an address no guest can map */

struct hvm_translation {
    uint64_t gfn;
    uint64_t generation; /* of the p2m when it was found; 0: none */
    char *page;
    bool writable;
};

#define HVM_MTRR_FIXED 11
#define HVM_MTRR_VARIABLE 16

struct hvm_vcpu {
    void *block;            /* the vendor's: struct svm_vcpu, struct vmx_vcpu */
    uint8_t upcall_vector;  /* HVMOP_set_evtchn_upcall_vector, 0: none */
    bool upcall_edge;       /* atomic: an upcall became due since one was given to the vlapic */
    bool waits_for_startup; /* atomic: INIT came, no startup message yet */
    bool init_pending;      /* atomic: INIT is to be done by the vcpu itself */
    uint16_t startup;       /* atomic: startup message to be obeyed, bit 8 set; 0: none */
    struct vlapic vlapic;
    uint64_t mtrr_def_type;
    uint64_t mtrr_fixed[HVM_MTRR_FIXED];
    uint64_t mtrr_variable[HVM_MTRR_VARIABLE];
    uint64_t dr[4];
    char *window;           /* a page for the records of 32-bit calls; NULL before the first */
    uint64_t missing;       /* frame a copy stopped at */
    bool window_open;       /* such a call is under way: copies find it at HVM_WINDOW */
    struct hvm_translation translations[HVM_TRANSLATIONS]; /* by gfn; the current vcpu's own */
};

struct hvm_domain {
    uint64_t params[HVM_NR_PARAMS];
    uint8_t callback_vector; /* HVM_PARAM_CALLBACK_IRQ of type vector, 0: none */
    struct vioapic *ioapic;  /* of the hardware domain, else NULL */
    struct vmsi *functions;  /* that the hardware domain has interrupt messages of */
};

/* ---- hvm.c ---------------------------------------------------------------------------------- */
void hvm_init_cpu(void);
MUST_CHECK int hvm_check_config(const struct xen_domctl_createdomain *config);
MUST_CHECK int hvm_domain_init(struct domain *d);
void hvm_domain_exit(struct domain *d);
MUST_CHECK int hvm_domain_relinquish(struct domain *d);
MUST_CHECK int hvm_vcpu_init(struct vcpu *v);
void hvm_vcpu_exit(struct vcpu *v);
void hvm_vcpu_reset(struct vcpu *v);
void hvm_enter(struct vcpu *v);
void hvm_leave(struct vcpu *v);
/* Learns the current vcpu's XCR0 from the CPU. */
void hvm_sync_xcr0(struct vcpu *v);
NORETURN void hvm_run_guest(void);
/* What other vcpus left for the current one to do before it goes on. */
void hvm_process_notes(struct vcpu *v);
/* INIT and startup messages from another vcpu. */
void hvm_vcpu_wait_for_startup(struct vcpu *v);
void hvm_vcpu_startup(struct vcpu *v, unsigned int page);
/* The next interrupt for v, -1: none. One that comes by the vlapic is accepted there (vlapic_accept()) when taken. */
int hvm_next_interrupt(struct vcpu *v, bool *by_apic);
/* Exceptions into the current vcpu. */
void hvm_inject_exception(struct vcpu *v, unsigned int vector);
void hvm_inject_gp(struct vcpu *v);
void hvm_inject_page_fault(struct vcpu *v, uint64_t va, uint32_t error);
MUST_CHECK int hvm_param_set(struct domain *d, unsigned int index, uint64_t value);

/* ---- hvm_context.c: records of the control ABI ---------------------------------------------- */
MUST_CHECK int hvm_get_context(struct domain *d, guest_ptr_t buffer, uint32_t *size);
MUST_CHECK int hvm_set_context(struct domain *d, guest_ptr_t buffer, uint32_t size);
MUST_CHECK int hvm_get_context_partial(struct domain *d, uint32_t type, uint32_t instance, guest_ptr_t buffer,
                                       uint64_t *size);
/* Registers by the record of PV guests, as debuggers do: what such a vcpu has of them. The domain is paused. */
MUST_CHECK int hvm_set_guest_context(struct vcpu *v, guest_ptr_t context);
void hvm_fill_guest_context(const struct vcpu *v, struct vcpu_guest_context *c);
/* v, which has not run yet, starts in flat 32-bit mode without paging: as a PVH kernel is entered. */
MUST_CHECK int hvm_start_flat(struct vcpu *v, uint32_t rip, uint32_t rbx);
/* VCPUOP_initialise: v has the registers of a struct vcpu_hvm_context, and is still down. */
MUST_CHECK int hvm_vcpu_initialise(struct vcpu *v, guest_ptr_t context);
/* A CPU's state after INIT (startup: with its vector), or after a PC's reset. */
void hvm_reset_state(struct hvm_hw_cpu *c);

/* ---- hvm_copy.c: addresses of the current guest ---------------------------------------------- */
/* Bytes NOT copied. */
size_t hvm_copy_from(void *dst, uint64_t va, size_t bytes);
size_t hvm_copy_to(uint64_t va, const void *src, size_t bytes);
size_t hvm_clear(uint64_t va, size_t bytes);
/* With a user's rights where access says HVM_ACCESS_USER. */
size_t hvm_copy_from_as(unsigned int access, void *dst, uint64_t va, size_t bytes);
size_t hvm_copy_to_as(unsigned int access, uint64_t va, const void *src, size_t bytes);
/* Whether that copy would be done, unless another vcpu changes the tables meanwhile. */
bool hvm_may_write_as(unsigned int access, uint64_t va, size_t bytes);
/* Up to count bytes of the instruction at rip: how many there are. */
unsigned int hvm_fetch(struct vcpu *v, uint64_t rip, uint8_t *bytes, unsigned int count);

/* ---- hvm_exit.c: what exits ask for, whatever the vendor calls them -------------------------- */
/* length: of the instruction, which these skip when they are done. */
void hvm_exit_cpuid(struct vcpu *v, struct cpu_user_regs *regs, unsigned int length);
void hvm_exit_msr(struct vcpu *v, struct cpu_user_regs *regs, unsigned int length, bool write);
void hvm_exit_hypercall(struct vcpu *v, struct cpu_user_regs *regs, unsigned int length);
void hvm_exit_halt(struct vcpu *v, struct cpu_user_regs *regs, unsigned int length);
void hvm_exit_xsetbv(struct vcpu *v, struct cpu_user_regs *regs, unsigned int length);
void hvm_exit_port(struct vcpu *v, struct cpu_user_regs *regs, uint16_t port, unsigned int bytes, bool in,
                   uint64_t next_rip);
/* INS and OUTS; address_bits 0: those of the code. */
struct hvm_string_io {
    uint16_t port;
    unsigned int bytes;
    unsigned int address_bits;
    bool in;
    bool repeat;
};
void hvm_exit_string_port(struct vcpu *v, struct cpu_user_regs *regs, struct hvm_string_io io, uint64_t next_rip);
/* A guest physical address that nothing, or a read-only page, is behind. delivering: the CPU was on its way to a
 * handler of the guest's, and no instruction is to blame. */
void hvm_exit_memory(struct vcpu *v, struct cpu_user_regs *regs, uint64_t gpa, bool write, bool delivering);
/* A general register by its number in an instruction. */
uint64_t *hvm_register(struct cpu_user_regs *regs, unsigned int n);
/* Length of an instruction of size bytes behind its prefixes; 0 when its bytes cannot be read. */
unsigned int hvm_instruction_length(struct vcpu *v, const struct cpu_user_regs *regs, unsigned int size);

/* ---- hvm_call32.c --------------------------------------------------------------------------- */
/* A 32-bit kernel's hypercall, by its registers: false when it is to run again. */
bool hvm_call32(struct vcpu *v, struct cpu_user_regs *regs);
/* v's domain takes the width of the code v, the current one, is in: when it does what kernels do first. */
void hvm_latch_width(struct vcpu *v);

/* ---- hvm_pod.c ------------------------------------------------------------------------------ */
/* XENMEM_get_pod_target and XENMEM_set_pod_target. */
MUST_CHECK long hvm_pod_target(unsigned int cmd, guest_ptr_t arg);

/* ---- hvm_msr.c ------------------------------------------------------------------------------ */
MUST_CHECK bool hvm_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
MUST_CHECK bool hvm_msr_write(struct vcpu *v, uint32_t msr, uint64_t value);
bool hvm_pat_valid(uint64_t pat);

/* ---- svm.c ---------------------------------------------------------------------------------- */
/* The machine's AMD-V, or NULL and why in a log line. Boot CPU first. */
const struct hvm_ops *svm_init_cpu(void);

/* ---- vmx.c ---------------------------------------------------------------------------------- */
/* The machine's VT-x, likewise. */
const struct hvm_ops *vmx_init_cpu(void);

/* The current vcpu, with interrupts off before it is entered: true when others have left something to do, which is done
 * now, and it must be asked again. */
static inline bool hvm_take_notes(struct vcpu *v, const struct hvm_vcpu *h)
{
    if (likely(!READ_ONCE(h->init_pending) && READ_ONCE(h->startup) == 0)) {
        return false;
    }
    arch_irq_enable();
    hvm_process_notes(v);
    return true;
}

static inline bool hvm_exception_has_error(unsigned int vector)
{
    return (1U << EXC_DF | 1U << EXC_TS | 1U << EXC_NP | 1U << EXC_SS | 1U << EXC_GP | 1U << EXC_PF |
            1U << EXC_AC) >> vector & 1;
}

static inline struct hvm_vcpu *hvm_vcpu(const struct vcpu *v)
{
    return v->arch->hvm;
}

#endif
