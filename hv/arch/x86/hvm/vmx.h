/* SPDX-License-Identifier: MIT */
/*
 * Intel VT-x: fields of the virtual machine control structure (VMCS), its control bits and exit reasons, and the
 * instructions on it (Intel SDM volume 3, chapters 24 to 30 and appendices A to C). A field's number says how wide
 * it is; what is as wide as a register is 64 bits here.
 */
#ifndef HV_ARCH_X86_HVM_VMX_H
#define HV_ARCH_X86_HVM_VMX_H

#include "hv/arch/x86/hvm/hvm.h"

enum vmcs_field {
    VMCS_VPID = 0x0000,
    VMCS_GUEST_ES = 0x0800, /* then CS, SS, DS, FS, GS, LDTR, TR: two apart, as are all their parts */
    VMCS_HOST_ES = 0x0c00,
    VMCS_HOST_CS = 0x0c02,
    VMCS_HOST_SS = 0x0c04,
    VMCS_HOST_DS = 0x0c06,
    VMCS_HOST_FS = 0x0c08,
    VMCS_HOST_GS = 0x0c0a,
    VMCS_HOST_TR = 0x0c0c,

    VMCS_IO_BITMAP_A = 0x2000,
    VMCS_IO_BITMAP_B = 0x2002,
    VMCS_MSR_BITMAP = 0x2004,
    VMCS_VIRTUAL_APIC = 0x2012,
    VMCS_EPT_POINTER = 0x201a,
    VMCS_GUEST_PHYSICAL_ADDRESS = 0x2400,
    VMCS_LINK_POINTER = 0x2800,
    VMCS_GUEST_DEBUGCTL = 0x2802,
    VMCS_GUEST_PAT = 0x2804,
    VMCS_GUEST_EFER = 0x2806,
    VMCS_GUEST_PDPTE0 = 0x280a, /* to 3 */
    VMCS_HOST_PAT = 0x2c00,
    VMCS_HOST_EFER = 0x2c02,

    VMCS_PIN_CONTROLS = 0x4000,
    VMCS_CPU_CONTROLS = 0x4002,
    VMCS_EXCEPTIONS = 0x4004,
    VMCS_EXIT_CONTROLS = 0x400c,
    VMCS_ENTRY_CONTROLS = 0x4012,
    VMCS_ENTRY_EVENT = 0x4016,
    VMCS_ENTRY_ERROR_CODE = 0x4018,
    VMCS_ENTRY_LENGTH = 0x401a,
    VMCS_TPR_THRESHOLD = 0x401c,
    VMCS_CPU_CONTROLS2 = 0x401e,
    VMCS_INSTRUCTION_ERROR = 0x4400,
    VMCS_EXIT_REASON = 0x4402,
    VMCS_EXIT_EVENT = 0x4404,
    VMCS_EXIT_ERROR_CODE = 0x4406,
    VMCS_VECTORING_EVENT = 0x4408,
    VMCS_VECTORING_ERROR_CODE = 0x440a,
    VMCS_EXIT_LENGTH = 0x440c,
    VMCS_EXIT_INSTRUCTION = 0x440e,
    VMCS_GUEST_ES_LIMIT = 0x4800,
    VMCS_GUEST_GDTR_LIMIT = 0x4810,
    VMCS_GUEST_IDTR_LIMIT = 0x4812,
    VMCS_GUEST_ES_RIGHTS = 0x4814,
    VMCS_GUEST_CS_RIGHTS = 0x4816,
    VMCS_GUEST_SS_RIGHTS = 0x4818,
    VMCS_GUEST_INTERRUPTIBILITY = 0x4824,
    VMCS_GUEST_SYSENTER_CS = 0x482a,
    VMCS_GUEST_TIMER = 0x482e,
    VMCS_HOST_SYSENTER_CS = 0x4c00,

    VMCS_CR0_MASK = 0x6000,
    VMCS_CR4_MASK = 0x6002,
    VMCS_CR0_SHADOW = 0x6004,
    VMCS_CR4_SHADOW = 0x6006,
    VMCS_QUALIFICATION = 0x6400,
    VMCS_GUEST_CR0 = 0x6800,
    VMCS_GUEST_CR3 = 0x6802,
    VMCS_GUEST_CR4 = 0x6804,
    VMCS_GUEST_ES_BASE = 0x6806,
    VMCS_GUEST_CS_BASE = 0x6808,
    VMCS_GUEST_GDTR_BASE = 0x6816,
    VMCS_GUEST_IDTR_BASE = 0x6818,
    VMCS_GUEST_DR7 = 0x681a,
    VMCS_GUEST_RSP = 0x681c,
    VMCS_GUEST_RIP = 0x681e,
    VMCS_GUEST_RFLAGS = 0x6820,
    VMCS_GUEST_PENDING_DEBUG = 0x6822,
    VMCS_GUEST_SYSENTER_ESP = 0x6824,
    VMCS_GUEST_SYSENTER_EIP = 0x6826,
    VMCS_HOST_CR0 = 0x6c00,
    VMCS_HOST_CR3 = 0x6c02,
    VMCS_HOST_CR4 = 0x6c04,
    VMCS_HOST_FS_BASE = 0x6c06,
    VMCS_HOST_GS_BASE = 0x6c08,
    VMCS_HOST_TR_BASE = 0x6c0a,
    VMCS_HOST_GDTR_BASE = 0x6c0c,
    VMCS_HOST_IDTR_BASE = 0x6c0e,
    VMCS_HOST_SYSENTER_ESP = 0x6c10,
    VMCS_HOST_SYSENTER_EIP = 0x6c12,
    VMCS_HOST_RSP = 0x6c14,
    VMCS_HOST_RIP = 0x6c16
};
/* Bits 13 and 14 of a number are the width, 10 and 11 whose it is: an eye-slip above would show here. */
BUILD_ASSERT((VMCS_GUEST_EFER >> 13) == 1 && (VMCS_GUEST_EFER >> 10 & 3) == 2);
BUILD_ASSERT((VMCS_EXIT_REASON >> 13) == 2 && (VMCS_EXIT_REASON >> 10 & 3) == 1);
BUILD_ASSERT((VMCS_HOST_RIP >> 13) == 3 && (VMCS_HOST_RIP >> 10 & 3) == 3);

enum vmcs_segment { SEGMENT_ES, SEGMENT_CS, SEGMENT_SS, SEGMENT_DS, SEGMENT_FS, SEGMENT_GS, SEGMENT_LDTR, SEGMENT_TR };

#define VMX_UNUSABLE 0x10000U /* access rights */
#define VMX_LONG     0x2000U
#define VMX_DEFAULT32 0x4000U

#define PIN_INTERRUPT    (1U << 0)
#define PIN_NMI          (1U << 3)
#define PIN_VIRTUAL_NMI  (1U << 5)
#define PIN_TIMER        (1U << 6) /* the preemption timer */

#define CPU_INTERRUPT_WINDOW (1U << 2)
#define CPU_HLT          (1U << 7)
#define CPU_MWAIT        (1U << 10)
#define CPU_RDPMC        (1U << 11)
#define CPU_CR3_LOAD     (1U << 15)
#define CPU_CR3_STORE    (1U << 16)
#define CPU_TPR_SHADOW   (1U << 21)
#define CPU_NMI_WINDOW   (1U << 22)
#define CPU_IO_BITMAPS   (1U << 25)
#define CPU_MSR_BITMAP   (1U << 28)
#define CPU_MONITOR      (1U << 29)
#define CPU_CONTROLS2    (1U << 31)

#define CPU2_EPT          (1U << 1)
#define CPU2_VPID         (1U << 5)
#define CPU2_WBINVD       (1U << 6)
#define CPU2_UNRESTRICTED (1U << 7)
#define CPU2_INVPCID      (1U << 12)

#define EXIT_SAVE_DEBUG  (1U << 2)
#define EXIT_HOST_64     (1U << 9)
#define EXIT_SAVE_PAT    (1U << 18)
#define EXIT_LOAD_PAT    (1U << 19)
#define EXIT_SAVE_EFER   (1U << 20)
#define EXIT_LOAD_EFER   (1U << 21)

#define ENTRY_LOAD_DEBUG (1U << 2)
#define ENTRY_LONG_MODE  (1U << 9)
#define ENTRY_LOAD_PAT   (1U << 14)
#define ENTRY_LOAD_EFER  (1U << 15)

/* Events, into a guest and out of it: vector, type, and these. Types are enum hvm_event_type's, and: */
#define VMX_EVENT_VALID  (1U << 31)
#define VMX_EVENT_ERROR  (1U << 11)
#define VMX_EVENT_INT1   5U
#define VMX_NMI_UNBLOCKED (1U << 12)

#define BLOCKED_BY_STI   0x1U
#define BLOCKED_BY_SS    0x2U
#define BLOCKED_BY_NMI   0x8U
#define PENDING_SINGLE_STEP (1UL << 14)

enum vmx_exit {
    VMX_EXIT_EXCEPTION = 0,
    VMX_EXIT_INTERRUPT = 1,
    VMX_EXIT_TRIPLE_FAULT = 2,
    VMX_EXIT_INIT = 3,
    VMX_EXIT_INTERRUPT_WINDOW = 7,
    VMX_EXIT_NMI_WINDOW = 8,
    VMX_EXIT_TASK_SWITCH = 9,
    VMX_EXIT_CPUID = 10,
    VMX_EXIT_GETSEC = 11,
    VMX_EXIT_HLT = 12,
    VMX_EXIT_INVD = 13,
    VMX_EXIT_RDPMC = 15,
    VMX_EXIT_RSM = 17,
    VMX_EXIT_VMCALL = 18,
    VMX_EXIT_VMCLEAR = 19, /* and seven more instructions of VMX */
    VMX_EXIT_VMXON = 27,
    VMX_EXIT_CR = 28,
    VMX_EXIT_IO = 30,
    VMX_EXIT_RDMSR = 31,
    VMX_EXIT_WRMSR = 32,
    VMX_EXIT_BAD_GUEST_STATE = 33,
    VMX_EXIT_BAD_MSRS = 34,
    VMX_EXIT_MWAIT = 36,
    VMX_EXIT_MONITOR = 39,
    VMX_EXIT_ENTRY_MACHINE_CHECK = 41,
    VMX_EXIT_TPR = 43,
    VMX_EXIT_EPT_VIOLATION = 48,
    VMX_EXIT_EPT_MISCONFIGURED = 49,
    VMX_EXIT_INVEPT = 50,
    VMX_EXIT_TIMER = 52,
    VMX_EXIT_INVVPID = 53,
    VMX_EXIT_WBINVD = 54,
    VMX_EXIT_XSETBV = 55,
    VMX_EXIT_COUNT = 64
};
#define VMX_ENTRY_FAILED (1U << 31) /* beside a reason: the guest was not entered */

/* Qualification of an EPT violation. */
#define EPT_WRITE 0x2UL

/* Qualification of an access to a port: bytes less one in bits 0 to 2. */
#define VMX_IO_IN     0x8UL
#define VMX_IO_STRING 0x10UL
#define VMX_IO_REPEAT 0x20UL
#define VMX_IO_PORT_SHIFT 16
#define VMX_IO_ADDRESS_SHIFT 7 /* of the instruction's information: 0, 1, 2 for 16, 32, 64 bits */

/* A failure leaves carry or zero set; none of these fails on a VMCS that is loaded. */
static inline uint64_t vmcs_read(unsigned int field)
{
    uint64_t value;

    __asm__ __volatile__("vmread %1, %0" : "=rm"(value) : "r"((uint64_t)field) : "cc", "memory");
    return value;
}

static inline void vmcs_write(unsigned int field, uint64_t value)
{
    __asm__ __volatile__("vmwrite %1, %0" ::"r"((uint64_t)field), "rm"(value) : "cc", "memory");
}

static inline bool vmx_on(uint64_t pa)
{
    bool failed;

    __asm__ __volatile__("vmxon %1" : "=@ccbe"(failed) : "m"(pa) : "memory");
    return !failed;
}

static inline void vmcs_clear(uint64_t pa)
{
    __asm__ __volatile__("vmclear %0" ::"m"(pa) : "cc", "memory");
}

static inline void vmcs_load(uint64_t pa)
{
    __asm__ __volatile__("vmptrld %0" ::"m"(pa) : "cc", "memory");
}

static inline void ept_invalidate(uint64_t kind, uint64_t ept_pointer)
{
    const uint64_t what[2] = { ept_pointer, 0 };

    __asm__ __volatile__("invept %0, %1" ::"m"(what), "r"(kind) : "cc", "memory");
}

/* vmx.c, whose ops these are; of the current vcpu: */
struct vcpu;
void vmx_inject(struct vcpu *v, unsigned int vector, enum hvm_event_type type, bool has_error, uint32_t error);
void vmx_dump(const struct vcpu *v);
/* A MOV to CR0 that changes a bit which is not the guest's own, as a whole. False: #GP. */
MUST_CHECK bool vmx_write_cr0(struct vcpu *v, uint64_t value);
/* The task priority as the guest left it. */
uint8_t vmx_guest_tpr(const struct vcpu *v);

/* vmx_entry.S */
NORETURN void vmx_resume(void);
extern const char vmx_exit_entry[]; /* where exits arrive */
struct cpu_user_regs;
/* Called from there: before an entry (interrupts off; false: begin again), after an exit, and when VMLAUNCH or
 * VMRESUME itself failed. */
bool vmx_prepare(struct cpu_user_regs *regs);
void vmx_exit(struct cpu_user_regs *regs);
void vmx_entry_refused(struct cpu_user_regs *regs);

#endif
