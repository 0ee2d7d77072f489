/* SPDX-License-Identifier: MIT */
/*
 * What a guest's exits ask for, the same for all vendors: CPUID, MSRs, hypercalls, HLT, ports, memory that is not
 * there. Each is entered on the guest's own vcpu with its registers, skips the instruction when it is done, or
 * raises an exception instead.
 */
#include "hv/arch/x86/cpu/fpu.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/arch/x86/hvm/hvm_decode.h"
#include "hv/arch/x86/hvm/hvm_io.h"
#include "hv/calls/hypercall.h"
#include "hv/core/arch_guest.h"

#define XCR0_FP  0x1UL
#define XCR0_SSE 0x2UL
#define XCR0_AVX 0x4UL
#define XCR0_AVX512 0xe0UL

unsigned int hvm_instruction_length(struct vcpu *v, const struct cpu_user_regs *regs, unsigned int size)
{
    uint8_t bytes[HVM_INSTRUCTION_MAX];
    unsigned int count = hvm_fetch(v, regs->rip, bytes, 4);
    struct hvm_paging p;
    unsigned int prefixes;

    hvm->get_paging(v, &p);
    prefixes = hvm_decode_prefixes(bytes, count, p.code_bits);
    if (unlikely(prefixes == count && count != 0)) {
        count = hvm_fetch(v, regs->rip, bytes, HVM_INSTRUCTION_MAX);
        prefixes = hvm_decode_prefixes(bytes, count, p.code_bits);
    }
    return prefixes == count || prefixes + size > HVM_INSTRUCTION_MAX ? 0 : prefixes + size;
}

static uint64_t edx_eax(const struct cpu_user_regs *regs)
{
    return (uint64_t)(uint32_t)regs->rdx << 32 | (uint32_t)regs->rax;
}

void hvm_exit_cpuid(struct vcpu *v, struct cpu_user_regs *regs, unsigned int length)
{
    struct cpuid_leaf leaf;

    cpu_policy_cpuid(v, (uint32_t)regs->rax, (uint32_t)regs->rcx, &leaf);
    regs->rax = leaf.a;
    regs->rbx = leaf.b;
    regs->rcx = leaf.c;
    regs->rdx = leaf.d;
    regs->rip += length;
}

void hvm_exit_msr(struct vcpu *v, struct cpu_user_regs *regs, unsigned int length, bool write)
{
    uint32_t msr = (uint32_t)regs->rcx;
    uint64_t value = edx_eax(regs);

    if (length == 0) {
        return;
    }
    if (!(write ? hvm_msr_write(v, msr, value) : hvm_msr_read(v, msr, &value))) {
        hvm_inject_gp(v);
        return;
    }
    if (!write) {
        regs->rax = (uint32_t)value;
        regs->rdx = value >> 32;
    }
    regs->rip += length;
}

/* Without interrupts nothing but a startup message ends it: so an operating system takes a CPU offline. */
void hvm_exit_halt(struct vcpu *v, struct cpu_user_regs *regs, unsigned int length)
{
    regs->rip += length;
    if (length == 0) {
        return;
    }
    if (regs->rflags & X86_EFLAGS_IF) {
        vcpu_block();
    } else {
        vcpu_down(v);
    }
}

#define STRING_CHUNK 1024U /* elements of INS or OUTS an exit does */

/* ---- Hypercalls ---------------------------------------------------------------------------- */

#define CALL(name) (1UL << __HYPERVISOR_##name)

/* What a translated guest may call at all; the rest is for PV guests. */
#define CALLS                                                                                      \
    (CALL(memory_op) | CALL(multicall) | CALL(set_timer_op) | CALL(xen_version) |                  \
     CALL(console_io) | CALL(grant_table_op) | CALL(vm_assist) | CALL(vcpu_op) | CALL(xsm_op) |    \
     CALL(sched_op) | CALL(event_channel_op) | CALL(hvm_op) | CALL(sysctl) | CALL(domctl) |        \
     CALL(hypfs_op))
/* And the one that has the machine's devices and builds PV guests. */
#define CALLS_HARDWARE (CALL(platform_op) | CALL(physdev_op) | CALL(mmuext_op))

static bool may_call(const struct vcpu *v, uint64_t number)
{
    uint64_t calls = likely(!v->domain->is_hardware) ? CALLS : CALLS | CALLS_HARDWARE;

    return number < HYPERCALL_COUNT && (calls >> number & 1);
}

unsigned long arch_multicall_one(unsigned long op, const unsigned long args[6])
{
    if (!may_call(current_vcpu(), op)) {
        return (unsigned long)-ENOSYS;
    }
    return (unsigned long)hypercall_table[op](args[0], args[1], args[2], args[3], args[4], args[5]);
}

static NOINLINE void restart64(struct vcpu *v, struct cpu_user_regs *regs)
{
    const struct vcpu_restart *r = &v->restart;
    uint64_t *const into[6] = { &regs->rdi, &regs->rsi, &regs->rdx, &regs->r10, &regs->r8, &regs->r9 };

    if (!v->restart.pending) {
        return;
    }
    v->restart.pending = false;
    regs->rax = r->op;
    for (unsigned int i = 0; i < r->arg_count; i++) {
        *into[i] = r->args[i];
    }
}

void hvm_exit_hypercall(struct vcpu *v, struct cpu_user_regs *regs, unsigned int length)
{
    struct hvm_paging p;
    long rc = -ENOSYS;

    if (unlikely(length == 0)) {
        return;
    }
    hvm->get_paging(v, &p);
    if (unlikely(p.cpl != 0)) {
        regs->rax = (uint64_t)-EPERM;
        regs->rip += length;
        return;
    }
    if (unlikely(p.code_bits != 64)) {
        regs->rip += hvm_call32(v, regs) ? length : 0;
        return;
    }
    if (likely(may_call(v, regs->rax))) {
        rc = hypercall_table[regs->rax](regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9);
        if (unlikely(rc == -ERESTART)) {
            restart64(v, regs); /* the instruction runs again, with what is left to do */
            return;
        }
    }
    regs->rax = (uint64_t)rc;
    regs->rip += length;
}

/* ---- Extended state ------------------------------------------------------------------------ */

static bool xcr0_valid(uint64_t value, uint64_t allowed)
{
    if ((value & ~allowed) != 0 || !(value & XCR0_FP) || ((value & XCR0_AVX) && !(value & XCR0_SSE))) {
        return false;
    }
    return (value & XCR0_AVX512) == 0 || ((value & XCR0_AVX512) == XCR0_AVX512 && (value & XCR0_AVX));
}

void hvm_exit_xsetbv(struct vcpu *v, struct cpu_user_regs *regs, unsigned int length)
{
    struct arch_vcpu *a = v->arch;
    uint64_t value = edx_eax(regs);
    struct hvm_paging p;

    hvm->get_paging(v, &p);
    if (p.cpl != 0 || (uint32_t)regs->rcx != 0 || !xcr0_valid(value, cpu_policy_xstates(v->domain))) {
        hvm_inject_gp(v);
        return;
    }
    /* What becomes enabled must not show another domain's registers: all are loaded anew. */
    fpu_save(a->fpu, a->xcr0);
    a->xcr0 = value;
    a->xcr0_accum |= value;
    fpu_restore(a->fpu, a->xcr0);
    regs->rip += length;
}

/* ---- Ports and memory where nothing is -------------------------------------------------------- */

static uint64_t mask_of(unsigned int bytes)
{
    return bytes >= 8 ? ~0UL : (1UL << 8 * bytes) - 1;
}

void hvm_exit_port(struct vcpu *v, struct cpu_user_regs *regs, uint16_t port, unsigned int bytes, bool in,
                   uint64_t next_rip)
{
    uint32_t value;

    if (in) {
        value = hvm_io_port_read(v, port, bytes);
        regs->rax = bytes == 4 ? value : (regs->rax & ~mask_of(bytes)) | (value & mask_of(bytes));
    } else {
        hvm_io_port_write(v, port, bytes, (uint32_t)(regs->rax & mask_of(bytes)));
    }
    regs->rip = next_rip;
}

static void add_to_reg(uint64_t *reg, int64_t delta, unsigned int bits)
{
    uint64_t mask = mask_of(bits / 8);
    uint64_t value = (*reg + (uint64_t)delta) & mask;

    *reg = bits == 16 ? (*reg & ~mask) | value : value;
}

/* One element between a port and memory at va. What a device gives is taken only when it can be put down, as it
 * gives it once. */
static bool move_element(struct vcpu *v, const struct hvm_string_io *io, uint64_t va, unsigned int user)
{
    uint32_t value;

    if (io->in) {
        if (!hvm_may_write_as(user, va, io->bytes)) {
            return false;
        }
        value = hvm_io_port_read(v, io->port, io->bytes);
        return hvm_copy_to_as(user, va, &value, io->bytes) == 0;
    }
    value = 0;
    if (hvm_copy_from_as(user, &value, va, io->bytes) != 0) {
        return false;
    }
    hvm_io_port_write(v, io->port, io->bytes, value);
    return true;
}

/* What INS reads goes to ES:rDI, what OUTS writes comes from rSI, in a segment that begins at 0. How many
 * elements were moved: the instruction runs again for the rest, and meets the fault first. */
static uint64_t move_string(struct vcpu *v, struct cpu_user_regs *regs, const struct hvm_string_io *io,
                            uint64_t mask, uint64_t count, const struct hvm_paging *p)
{
    bool down = regs->rflags & X86_EFLAGS_DF;
    unsigned int user = p->cpl == 3 ? HVM_ACCESS_USER : 0;

    for (uint64_t i = 0; i < count; i++) {
        uint64_t offset = ((io->in ? regs->rdi : regs->rsi) + (down ? -i : i) * io->bytes) & mask;
        uint64_t va = p->code_bits == 64 ? offset : (uint32_t)((io->in ? hvm->get_es_base(v) : 0) + offset);

        if (!move_element(v, io, va, user)) {
            if (i == 0) {
                hvm_inject_page_fault(v, va, (io->in ? HVM_ACCESS_WRITE : 0) | user);
            }
            return i;
        }
    }
    return count;
}

void hvm_exit_string_port(struct vcpu *v, struct cpu_user_regs *regs, struct hvm_string_io io, uint64_t next_rip)
{
    struct hvm_paging p;
    uint64_t mask;
    uint64_t left;
    uint64_t count = 1;
    int64_t moved;

    hvm->get_paging(v, &p);
    io.address_bits = io.address_bits != 0 ? io.address_bits : p.code_bits;
    mask = mask_of(io.address_bits / 8);
    left = regs->rcx & mask;
    if (io.repeat) {
        count = MIN(left, (uint64_t)STRING_CHUNK);
    }
    if (count > 0 && (io.in || v->domain->is_hardware)) {
        count = move_string(v, regs, &io, mask, count, &p);
        if (count == 0) {
            return;
        }
    }
    moved = (int64_t)(count * io.bytes);
    add_to_reg(io.in ? &regs->rdi : &regs->rsi, regs->rflags & X86_EFLAGS_DF ? -moved : moved, io.address_bits);
    if (io.repeat) {
        add_to_reg(&regs->rcx, -(int64_t)count, io.address_bits);
    }
    if (!io.repeat || count == left) {
        regs->rip = next_rip;
    }
}

uint64_t *hvm_register(struct cpu_user_regs *regs, unsigned int n)
{
    uint64_t *const all[16] = { &regs->rax, &regs->rcx, &regs->rdx, &regs->rbx, &regs->rsp, &regs->rbp,
                                &regs->rsi, &regs->rdi, &regs->r8,  &regs->r9,  &regs->r10, &regs->r11,
                                &regs->r12, &regs->r13, &regs->r14, &regs->r15 };

    return all[n & 15];
}

static uint64_t source_of(struct cpu_user_regs *regs, const struct hvm_instruction *in)
{
    uint64_t value = in->move == HVM_STORE_CONSTANT ? in->constant : *hvm_register(regs, in->reg);

    return (in->high ? value >> 8 : value) & mask_of(in->bytes);
}

static void result_to(struct cpu_user_regs *regs, const struct hvm_instruction *in, uint64_t value)
{
    uint64_t *reg = hvm_register(regs, in->reg);
    unsigned int shift = in->high ? 8 : 0;
    uint64_t mask = mask_of(in->dest_bytes);

    value &= mask_of(in->bytes);
    if (in->sign && (value >> (8 * in->bytes - 1) & 1)) {
        value |= ~mask_of(in->bytes);
    }
    if (in->dest_bytes == 4) {
        *reg = (uint32_t)value; /* the upper half is cleared */
    } else {
        *reg = (*reg & ~(mask << shift)) | (value & mask) << shift;
    }
}

static void emulate(struct vcpu *v, struct cpu_user_regs *regs, uint64_t gpa)
{
    uint8_t bytes[HVM_INSTRUCTION_MAX];
    unsigned int count = hvm_fetch(v, regs->rip, bytes, sizeof(bytes));
    struct hvm_instruction in;
    struct hvm_paging p;
    uint64_t old;

    if (count == 0) {
        return; /* the fetch will fault when it runs again */
    }
    hvm->get_paging(v, &p);
    if (!hvm_decode(bytes, count, p.code_bits, &in)) {
        hvm_inject_exception(v, EXC_UD);
        return;
    }
    if (in.move == HVM_LOAD) {
        result_to(regs, &in, hvm_io_read(v, gpa, in.bytes));
    } else {
        old = in.move == HVM_EXCHANGE ? hvm_io_read(v, gpa, in.bytes) : 0;
        hvm_io_write(v, gpa, in.bytes, source_of(regs, &in));
        if (in.move == HVM_EXCHANGE) {
            result_to(regs, &in, old);
        }
    }
    regs->rip += in.length;
}

static void populate(struct domain *d, gfn_t gfn)
{
    if (p2m_populate(d, gfn) == -ENOMEM) {
        domain_crash(d, "no page left for a first touch at frame %lx: its balloon is not full yet",
                     (unsigned long)gfn_x(gfn));
    }
}

void hvm_exit_memory(struct vcpu *v, struct cpu_user_regs *regs, uint64_t gpa, bool write, bool delivering)
{
    enum p2m_type type;

    p2m_lookup(v->domain, _gfn(gpa >> PAGE_SHIFT), &type);
    switch (type) {
    case P2M_NONE:
        if (delivering) {
            domain_crash(v->domain, "exception or interrupt by way of frame %lx, which is not there",
                         (unsigned long)(gpa >> PAGE_SHIFT));
        } else if (!hvm_io_map(v, gpa)) {
            emulate(v, regs, gpa);
        }
        break;
    case P2M_ON_DEMAND:
        populate(v->domain, _gfn(gpa >> PAGE_SHIFT));
        break;
    case P2M_RAM_LOGGED:
        if (write) {
            p2m_log_write(v->domain, _gfn(gpa >> PAGE_SHIFT));
        }
        break;
    case P2M_RAM_RO:
    case P2M_GRANT_RO:
    case P2M_FOREIGN_RO:
        if (write) {
            hvm_inject_gp(v);
        }
        break;
    default:
        break; /* it has come meanwhile */
    }
}
