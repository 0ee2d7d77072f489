/* SPDX-License-Identifier: MIT */
/*
 * Privileged instructions of PV guests. A PV kernel runs in ring 3, so these fault; what it may do with
 * them is done here, and for the rest the fault goes on to the guest.
 *
 * The instruction is fetched once, decoded by pv_decode(), and looked up in a table by opcode; rows marked
 * KERNEL are refused to user mode. Port instructions are for whoever the I/O privilege allows.
 */
#include "hv/arch/x86/cpu/fpu.h"
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch/x86/cpu/traps.h"
#include "hv/arch/x86/guest/guest.h"
#include "hv/arch/x86/guest/pv_mmu.h"
#include "hv/arch/x86/guest/pv_decode.h"
#include "hv/arch/x86/guest/pv_io.h"
#include "hv/arch/x86/guest/pv_trap.h"
#include "hv/arch_cpu.h"
#include "hv/calls/hypercall.h"
#include "hv/lib/string.h"

#define CR4_FIXED      0x620UL /* PAE, OSFXSR, OSXMMEXCPT: always on */
#define DR6_STEP       0x4000UL
#define STRING_BATCH   256     /* elements of a string instruction before interrupts get a turn */
#define MODRM_XSETBV   0xd1
#define MODRM_RDTSCP   0xf9
#define LAR_LONG       (1U << 21)
#define LAR_DEFAULT32  (1U << 22)
#define XSTATE_X87     0x1ULL
#define XSTATE_SSE     0x2ULL
#define XSTATE_AVX     0x4ULL
#define XSTATE_AVX512  0xe0ULL
#define PF_WRITE       2

enum result {
    DONE,    /* go on after the instruction */
    REFUSED, /* the guest gets its fault */
    STAYED   /* registers are right as they are: string not finished, or a fault was injected */
};

typedef enum result (*emulate_fn)(struct vcpu *v, struct cpu_user_regs *regs,
                                  const struct pv_instruction *in);

/* ---- registers ----------------------------------------------------------------------------- */

static const uint16_t register_offset[16] = {
    offsetof(struct cpu_user_regs, rax), offsetof(struct cpu_user_regs, rcx),
    offsetof(struct cpu_user_regs, rdx), offsetof(struct cpu_user_regs, rbx),
    offsetof(struct cpu_user_regs, rsp), offsetof(struct cpu_user_regs, rbp),
    offsetof(struct cpu_user_regs, rsi), offsetof(struct cpu_user_regs, rdi),
    offsetof(struct cpu_user_regs, r8),  offsetof(struct cpu_user_regs, r9),
    offsetof(struct cpu_user_regs, r10), offsetof(struct cpu_user_regs, r11),
    offsetof(struct cpu_user_regs, r12), offsetof(struct cpu_user_regs, r13),
    offsetof(struct cpu_user_regs, r14), offsetof(struct cpu_user_regs, r15),
};

static uint64_t *register_at(struct cpu_user_regs *regs, unsigned int number)
{
    return (uint64_t *)((char *)regs + register_offset[number & 15]);
}

/* Writes the low bytes of *reg as the CPU does: 4 bytes clear the upper half. */
static void set_low(uint64_t *reg, uint64_t value, unsigned int bytes)
{
    switch (bytes) {
    case 1:
        *reg = (*reg & ~0xffULL) | (value & 0xff);
        break;
    case 2:
        *reg = (*reg & ~0xffffULL) | (value & 0xffff);
        break;
    case 4:
        *reg = (uint32_t)value;
        break;
    default:
        *reg = value;
        break;
    }
}

static uint64_t edx_eax(const struct cpu_user_regs *regs)
{
    return (uint64_t)(uint32_t)regs->rdx << 32 | (uint32_t)regs->rax;
}

static void set_edx_eax(struct cpu_user_regs *regs, uint64_t value)
{
    regs->rax = (uint32_t)value;
    regs->rdx = value >> 32;
}

/* ---- ports --------------------------------------------------------------------------------- */

/* Bytes that a port instruction moves: opcodes come in pairs, the even one for a byte. */
static unsigned int port_bytes(const struct pv_instruction *in)
{
    return in->opcode & 1 ? MIN(in->operand_bytes, 4U) : 1;
}

static unsigned int port_number(const struct cpu_user_regs *regs, const struct pv_instruction *in)
{
    return in->opcode < 0xe8 && in->opcode >= 0xe4 ? in->immediate : (uint16_t)regs->rdx;
}

static enum result do_in(struct vcpu *v, struct cpu_user_regs *regs,
                         const struct pv_instruction *in)
{
    unsigned int bytes = port_bytes(in);
    unsigned int port = port_number(regs, in);

    if (!pv_io_allowed(v, port, bytes)) {
        return REFUSED;
    }
    set_low(register_at(regs, 0), pv_io_read(v, port, bytes), bytes);
    return DONE;
}

static enum result do_out(struct vcpu *v, struct cpu_user_regs *regs,
                          const struct pv_instruction *in)
{
    unsigned int bytes = port_bytes(in);
    unsigned int port = port_number(regs, in);
    uint32_t value = (uint32_t)regs->rax;

    if (!pv_io_allowed(v, port, bytes)) {
        return REFUSED;
    }
    pv_io_write(v, port, bytes, bytes == 4 ? value : value & ((1U << (8 * bytes)) - 1));
    return DONE;
}

static uint64_t segment_base(enum pv_segment segment)
{
    switch (segment) {
    case PV_SEG_FS:
        return read_msr(MSR_FS_BASE);
    case PV_SEG_GS:
        return read_msr(MSR_GS_BASE);
    default:
        return 0; /* flat, as all PV kernels and their 32-bit programs have it */
    }
}

static uint64_t address_mask(const struct pv_instruction *in)
{
    return in->address_bytes == 8 ? ~0ULL : (1ULL << (8 * in->address_bytes)) - 1;
}

/* One element between port and memory; 0 or the fault to inject. */
static bool string_element(struct vcpu *v, unsigned int port, unsigned int bytes, bool input,
                           uint64_t va)
{
    uint32_t value = 0;

    if (input) {
        /* Memory is probed first: what a port gave cannot be put back. */
        if (copy_from_guest(&value, guest_ptr_from_arg(va), bytes) != 0) {
            return false;
        }
        value = pv_io_read(v, port, bytes);
        return copy_to_guest(guest_ptr_from_arg(va), &value, bytes) == 0;
    }
    if (copy_from_guest(&value, guest_ptr_from_arg(va), bytes) != 0) {
        return false;
    }
    pv_io_write(v, port, bytes, value);
    return true;
}

/* ins and outs, with or without rep: counters and pointers move with each element, so that stopping
 * anywhere leaves what the CPU would. */
static enum result do_string(struct vcpu *v, struct cpu_user_regs *regs,
                             const struct pv_instruction *in)
{
    bool input = in->opcode < 0x6e;
    unsigned int bytes = port_bytes(in);
    unsigned int port = (uint16_t)regs->rdx;
    uint64_t *pointer = input ? &regs->rdi : &regs->rsi;
    uint64_t mask = address_mask(in);
    uint64_t base = input ? 0 : segment_base(in->segment);
    uint64_t step = regs->rflags & X86_EFLAGS_DF ? 0 - (uint64_t)bytes : bytes;

    if (!pv_io_allowed(v, port, bytes)) {
        return REFUSED;
    }
    for (unsigned int n = 0; n < STRING_BATCH; n++) {
        uint64_t va = base + (*pointer & mask);

        if (in->repeat && (regs->rcx & mask) == 0) {
            return DONE;
        }
        if (!string_element(v, port, bytes, input, va)) {
            pv_inject_page_fault(va, input ? PF_WRITE : 0);
            return STAYED;
        }
        set_low(pointer, *pointer + step, in->address_bytes);
        if (!in->repeat) {
            return DONE;
        }
        set_low(&regs->rcx, regs->rcx - 1, in->address_bytes);
    }
    return STAYED;
}

/* Interrupts are events for a PV kernel: nothing to switch. */
static enum result do_cli_sti(struct vcpu *v, struct cpu_user_regs *regs,
                              const struct pv_instruction *in)
{
    return pv_io_privileged(v) ? DONE : REFUSED;
}

/* ---- control and debug registers ------------------------------------------------------------- */

static unsigned long guest_cr0(const struct vcpu *v)
{
    return (v->arch->cr[0] & ~CR0_TS) | (v->arch->ts_set ? CR0_TS : 0);
}

static enum result do_read_cr(struct vcpu *v, struct cpu_user_regs *regs,
                              const struct pv_instruction *in)
{
    uint64_t *to = register_at(regs, in->rm);

    switch (in->reg) {
    case 0:
        *to = guest_cr0(v);
        return DONE;
    case 2:
        *to = v->info->arch.cr2;
        return DONE;
    case 3:
        *to = mfn_to_paddr(v->arch->guest_table).v;
        return DONE;
    case 4:
        *to = v->arch->cr[4] | CR4_FIXED;
        return DONE;
    default:
        return REFUSED;
    }
}

static enum result do_write_cr(struct vcpu *v, struct cpu_user_regs *regs,
                               const struct pv_instruction *in)
{
    uint64_t value = *register_at(regs, in->rm);

    switch (in->reg) {
    case 0:
        if ((value ^ guest_cr0(v)) & ~CR0_TS) {
            return REFUSED;
        }
        return do_fpu_taskswitch((value & CR0_TS) != 0) == 0 ? DONE : REFUSED;
    case 2:
        v->info->arch.cr2 = value;
        return DONE;
    case 3: {
        int rc = pv_mmu_new_base(_mfn(xen_cr3_to_pfn(value)));

        if (rc == -ERESTART) {
            return STAYED; /* the instruction runs again */
        }
        return rc == 0 ? DONE : REFUSED;
    }
    case 4:
        /* Kept for reading back and for OSXSAVE; the machine's register does not change. */
        v->arch->cr[4] = value | CR4_FIXED;
        return DONE;
    default:
        return REFUSED;
    }
}

static enum result do_read_dr(struct vcpu *v, struct cpu_user_regs *regs,
                              const struct pv_instruction *in)
{
    if (in->reg > 7) {
        return REFUSED;
    }
    *register_at(regs, in->rm) = do_get_debugreg((int)in->reg);
    return DONE;
}

static enum result do_write_dr(struct vcpu *v, struct cpu_user_regs *regs,
                               const struct pv_instruction *in)
{
    return in->reg <= 7 && do_set_debugreg((int)in->reg, *register_at(regs, in->rm)) == 0
               ? DONE
               : REFUSED;
}

static enum result do_clts(struct vcpu *v, struct cpu_user_regs *regs,
                           const struct pv_instruction *in)
{
    return do_fpu_taskswitch(0) == 0 ? DONE : REFUSED;
}

/* ---- the rest ------------------------------------------------------------------------------ */

/* Only a domain with devices has a reason to write caches back. */
static enum result do_cache_flush(struct vcpu *v, struct cpu_user_regs *regs,
                                  const struct pv_instruction *in)
{
    if (v->domain->is_hardware) {
        __asm__ __volatile__("wbinvd" ::: "memory");
    }
    return DONE;
}

static enum result do_rdmsr(struct vcpu *v, struct cpu_user_regs *regs,
                            const struct pv_instruction *in)
{
    uint64_t value;

    if (!pv_msr_read(v, (uint32_t)regs->rcx, &value)) {
        return REFUSED;
    }
    set_edx_eax(regs, value);
    return DONE;
}

static enum result do_wrmsr(struct vcpu *v, struct cpu_user_regs *regs,
                            const struct pv_instruction *in)
{
    return pv_msr_write(v, (uint32_t)regs->rcx, edx_eax(regs)) ? DONE : REFUSED;
}

static uint64_t tsc_now(void)
{
    uint32_t low, high;

    __asm__ __volatile__("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static enum result do_rdtsc(struct vcpu *v, struct cpu_user_regs *regs,
                            const struct pv_instruction *in)
{
    set_edx_eax(regs, tsc_now());
    return DONE;
}

static void set_cpuid(struct vcpu *v, struct cpu_user_regs *regs)
{
    struct cpuid_leaf l;

    cpu_policy_cpuid(v, (uint32_t)regs->rax, (uint32_t)regs->rcx, &l);
    regs->rax = l.a;
    regs->rbx = l.b;
    regs->rcx = l.c;
    regs->rdx = l.d;
}

static enum result do_cpuid(struct vcpu *v, struct cpu_user_regs *regs,
                            const struct pv_instruction *in)
{
    set_cpuid(v, regs);
    return DONE;
}

static bool xcr0_valid(uint64_t value, uint64_t allowed)
{
    uint64_t wide = value & XSTATE_AVX512;

    return (value & ~allowed) == 0 && (value & XSTATE_X87) &&
           (!(value & XSTATE_AVX) || (value & XSTATE_SSE)) &&
           (wide == 0 || (wide == XSTATE_AVX512 && (value & XSTATE_AVX)));
}

/* A component that becomes enabled must not show what another domain left in its registers: everything
 * is loaded anew, and what the guest never had starts in its initial state. */
static enum result do_xsetbv(struct vcpu *v, struct cpu_user_regs *regs)
{
    struct arch_vcpu *a = v->arch;
    uint64_t value = edx_eax(regs);

    if ((uint32_t)regs->rcx != 0 || !xcr0_valid(value, cpu_policy_xstates(v->domain))) {
        return REFUSED;
    }
    clear_ts();
    fpu_save(a->fpu, a->xcr0);
    a->xcr0 = value;
    a->xcr0_accum |= value;
    fpu_restore(a->fpu, a->xcr0);
    if (a->ts_set) {
        set_ts();
    }
    return DONE;
}

static enum result do_group_0f01(struct vcpu *v, struct cpu_user_regs *regs,
                                 const struct pv_instruction *in)
{
    switch (in->modrm) {
    case MODRM_XSETBV:
        return v->arch->kernel_mode ? do_xsetbv(v, regs) : REFUSED;
    case MODRM_RDTSCP:
        set_edx_eax(regs, tsc_now());
        regs->rcx = v->arch->msr_tsc_aux;
        return DONE;
    default:
        return REFUSED;
    }
}

/* ---- dispatch ------------------------------------------------------------------------------ */

#define ANY    false
#define KERNEL true

static const struct {
    uint16_t first;
    uint16_t last;
    bool kernel_only;
    emulate_fn fn;
} table[] = {
    { 0x006c, 0x006f, ANY, do_string },
    { 0x00e4, 0x00e5, ANY, do_in },
    { 0x00e6, 0x00e7, ANY, do_out },
    { 0x00ec, 0x00ed, ANY, do_in },
    { 0x00ee, 0x00ef, ANY, do_out },
    { 0x00fa, 0x00fb, ANY, do_cli_sti },
    { 0x0f01, 0x0f01, ANY, do_group_0f01 },
    { 0x0f06, 0x0f06, KERNEL, do_clts },
    { 0x0f09, 0x0f09, KERNEL, do_cache_flush },
    { 0x0f20, 0x0f20, KERNEL, do_read_cr },
    { 0x0f21, 0x0f21, KERNEL, do_read_dr },
    { 0x0f22, 0x0f22, KERNEL, do_write_cr },
    { 0x0f23, 0x0f23, KERNEL, do_write_dr },
    { 0x0f30, 0x0f30, KERNEL, do_wrmsr },
    { 0x0f31, 0x0f31, ANY, do_rdtsc },
    { 0x0f32, 0x0f32, KERNEL, do_rdmsr },
    { 0x0fa2, 0x0fa2, ANY, do_cpuid },
};

static emulate_fn find(const struct vcpu *v, const struct pv_instruction *in)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(table); i++) {
        if (in->opcode >= table[i].first && in->opcode <= table[i].last) {
            return table[i].kernel_only && !v->arch->kernel_mode ? NULL : table[i].fn;
        }
    }
    return NULL;
}

/* 64, 32 or 16, by the code segment's descriptor. */
static unsigned int code_bits(const struct cpu_user_regs *regs)
{
    uint32_t rights = 0;

    if (regs->cs == SEL_USER_CS64) {
        return 64;
    }
    __asm__("lar %1, %0" : "+r"(rights) : "r"((uint32_t)regs->cs) : "cc");
    return rights & LAR_LONG ? 64 : rights & LAR_DEFAULT32 ? 32 : 16;
}

/* Ends an emulated instruction as the CPU would. */
static void retire(struct vcpu *v, struct cpu_user_regs *regs, unsigned int length)
{
    regs->rip += length;
    regs->rflags &= ~(uint64_t)X86_EFLAGS_RF;
    if (regs->rflags & X86_EFLAGS_TF) {
        v->arch->dr[6] |= DR6_STEP;
        pv_inject_trap(EXC_DB, 0);
    }
}

bool pv_emulate_privileged(struct cpu_user_regs *regs)
{
    struct vcpu *v = current_vcpu();
    uint8_t bytes[PV_INSTRUCTION_MAX];
    struct pv_instruction in;
    enum result result;
    unsigned int count;
    emulate_fn fn;

    if (regs->error_code != 0) {
        return false; /* a selector was at fault */
    }
    count = sizeof(bytes) - (unsigned int)arch_copy_from_va(bytes, regs->rip, sizeof(bytes));
    if (!pv_decode(bytes, count, code_bits(regs), &in) || in.lock) {
        return false;
    }
    fn = find(v, &in);
    if (fn == NULL) {
        return false;
    }
    result = fn(v, regs, &in);
    if (result == DONE) {
        retire(v, regs, in.length);
    }
    return result != REFUSED;
}

bool pv_emulate_forced_cpuid(struct cpu_user_regs *regs)
{
    static const uint8_t expected[] = { 0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2 };
    uint8_t bytes[sizeof(expected)];
    struct vcpu *v = current_vcpu();

    if (arch_copy_from_va(bytes, regs->rip, sizeof(bytes)) != 0 ||
        memcmp(bytes, expected, sizeof(bytes)) != 0) {
        return false;
    }
    set_cpuid(v, regs);
    retire(v, regs, sizeof(expected));
    return true;
}
