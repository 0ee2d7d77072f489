/* SPDX-License-Identifier: MIT */
/*
 * Plain instructions that write to page tables: a guest's level 1 tables are mapped read-only, the write
 * faults, and we carry it out with the checks of a hypercall. Anything we cannot decode or must refuse is
 * left to the guest as the page fault it was.
 *
 * Steps: fetch the instruction once; decode() it to struct insn (which registers, how long, what operand);
 * find the entry; compute the new value of the bytes written; write the whole entry if it is still the
 * one computed from, else compute again; then registers and flags.
 *
 * Instructions: mov, xchg, cmpxchg, xadd, add or and sub xor, inc dec not neg, bts btr btc, stos; memory
 * operand without fs/gs, 64-bit addressing, within one entry.
 */
#include "hv/arch/x86/cpu/traps.h"
#include "hv/arch/x86/guest/pv_mmu.h"
#include "hv/mm/guest_copy.h"
#include "hv/mm/map.h"

#define INSN_MAX     15
#define FLAGS_ARITH  0x8d5UL /* CF PF AF ZF SF OF */
#define FLAG_CF      0x001UL
#define FLAG_ZF      0x040UL
#define DR6_STEP     0x4000UL
#define REX_W        8
#define REX_R        4
#define REX_X        2
#define REX_B        1

enum operation {
    OP_NONE, OP_MOV, OP_XCHG, OP_CMPXCHG, OP_XADD, OP_ADD, OP_OR, OP_AND, OP_SUB, OP_XOR, OP_INC, OP_DEC,
    OP_NOT, OP_NEG, OP_BTS, OP_BTR, OP_BTC, OP_STOS
};

enum source { SRC_REG, SRC_IMM8, SRC_IMM, SRC_NONE, SRC_RAX };

struct insn {
    uint8_t bytes[INSN_MAX];
    unsigned int available; /* bytes fetched */
    unsigned int length;    /* bytes decoded so far */
    bool bad;               /* ran past what was fetched */
    bool operand16;
    bool rep;
    uint8_t rex;

    enum operation op;
    enum source source;
    bool byte;
    unsigned int size;      /* of the operand */
    unsigned int reg;       /* field of ModRM, with REX.R */
    unsigned long address;  /* of the memory operand */
    bool rip_relative;      /* the instruction's end is still to be added */
    uint64_t immediate;
};

/* ---- Fetching and registers ----------------------------------------------------------------------- */

static bool fetch(struct insn *in, unsigned long rip)
{
    unsigned long to_page_end = PAGE_SIZE - (rip & ~PAGE_MASK);

    in->available = INSN_MAX;
    if (copy_from_guest(in->bytes, guest_ptr_from_arg(rip), INSN_MAX) == 0) {
        return true;
    }
    in->available = (unsigned int)to_page_end;
    return to_page_end < INSN_MAX &&
           copy_from_guest(in->bytes, guest_ptr_from_arg(rip), to_page_end) == 0;
}

static uint8_t next_byte(struct insn *in)
{
    if (in->length >= in->available) {
        in->bad = true;
        return 0;
    }
    return in->bytes[in->length++];
}

/* A little-endian signed number. */
static int64_t next_signed(struct insn *in, unsigned int size)
{
    uint64_t value = 0;

    for (unsigned int i = 0; i < size; i++) {
        value |= (uint64_t)next_byte(in) << (8 * i);
    }
    return size == 8 ? (int64_t)value
                     : (int64_t)(value << (64 - 8 * size)) >> (64 - 8 * size);
}

static uint64_t *reg_of(struct cpu_user_regs *regs, unsigned int number)
{
    uint64_t *const table[16] = {
        &regs->rax, &regs->rcx, &regs->rdx, &regs->rbx, &regs->rsp, &regs->rbp,
        &regs->rsi, &regs->rdi, &regs->r8,  &regs->r9,  &regs->r10, &regs->r11,
        &regs->r12, &regs->r13, &regs->r14, &regs->r15,
    };

    return table[number & 15];
}

/* ah, ch, dh, bh: byte registers 4 to 7 without any REX prefix. */
static bool is_high_byte(const struct insn *in, unsigned int number)
{
    return in->byte && in->rex == 0 && number >= 4 && number < 8;
}

static uint64_t size_mask(unsigned int size)
{
    return size == 8 ? ~0ULL : (1ULL << (8 * size)) - 1;
}

static uint64_t reg_read(const struct insn *in, struct cpu_user_regs *regs, unsigned int number)
{
    if (is_high_byte(in, number)) {
        return *reg_of(regs, number - 4) >> 8 & 0xff;
    }
    return *reg_of(regs, number) & size_mask(in->size);
}

static void reg_write(const struct insn *in, struct cpu_user_regs *regs, unsigned int number,
                      uint64_t value)
{
    uint64_t *reg;

    if (is_high_byte(in, number)) {
        reg = reg_of(regs, number - 4);
        *reg = (*reg & ~0xff00ULL) | (value & 0xff) << 8;
        return;
    }
    reg = reg_of(regs, number);
    if (in->size >= 4) {
        *reg = value & size_mask(in->size); /* 32-bit results clear the upper half */
    } else {
        *reg = (*reg & ~size_mask(in->size)) | (value & size_mask(in->size));
    }
}

/* ---- Decoding --------------------------------------------------------------------------------------- */

static uint8_t decode_prefixes(struct insn *in)
{
    for (;;) {
        uint8_t b = next_byte(in);

        switch (b) {
        case 0x66:
            in->operand16 = true;
            break;
        case 0xf0: /* lock: all our writes are atomic */
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
            break;
        case 0xf2:
        case 0xf3:
            in->rep = true;
            break;
        case 0x40 ... 0x4f:
            in->rex = b;
            return next_byte(in);
        default:
            return b; /* 0x64, 0x65 and 0x67 among them: no opcode of ours */
        }
        if (in->bad) {
            return 0;
        }
    }
}

static unsigned long decode_sib(struct insn *in, struct cpu_user_regs *regs, unsigned int mod)
{
    uint8_t sib = next_byte(in);
    unsigned int index = (sib >> 3 & 7) | (in->rex & REX_X ? 8 : 0);
    unsigned int base = (sib & 7) | (in->rex & REX_B ? 8 : 0);
    unsigned long address = 0;

    if (index != 4) {
        address = *reg_of(regs, index) << (sib >> 6);
    }
    if ((sib & 7) == 5 && mod == 0) {
        return address + (unsigned long)next_signed(in, 4);
    }
    return address + *reg_of(regs, base);
}

/* ModRM with a memory operand; false for a register one. */
static bool decode_modrm(struct insn *in, struct cpu_user_regs *regs)
{
    uint8_t modrm = next_byte(in);
    unsigned int mod = modrm >> 6;
    unsigned int rm = modrm & 7;

    in->reg = (modrm >> 3 & 7) | (in->rex & REX_R ? 8 : 0);
    if (mod == 3) {
        return false;
    }
    if (rm == 4) {
        in->address = decode_sib(in, regs, mod);
    } else if (rm == 5 && mod == 0) {
        in->rip_relative = true;
        in->address = (unsigned long)next_signed(in, 4);
    } else {
        in->address = *reg_of(regs, rm | (in->rex & REX_B ? 8 : 0));
    }
    if (mod == 1) {
        in->address += (unsigned long)next_signed(in, 1);
    } else if (mod == 2) {
        in->address += (unsigned long)next_signed(in, 4);
    }
    return true;
}

static void set_op(struct insn *in, enum operation op, enum source source, bool byte)
{
    in->op = op;
    in->source = source;
    in->byte = byte;
}

static enum operation group1(unsigned int field)
{
    static const uint8_t ops[8] = { OP_ADD, OP_OR, OP_NONE, OP_NONE, OP_AND, OP_SUB, OP_XOR, OP_NONE };

    return (enum operation)ops[field & 7];
}

/* Opcodes whose operation is in the reg field of ModRM. */
static void decode_group(struct insn *in, uint8_t opcode)
{
    static const uint8_t unary[8] = { OP_NONE, OP_NONE, OP_NOT, OP_NEG };
    unsigned int field = in->reg & 7;

    switch (opcode) {
    case 0x80:
        set_op(in, group1(field), SRC_IMM8, true);
        break;
    case 0x81:
        set_op(in, group1(field), SRC_IMM, false);
        break;
    case 0x83:
        set_op(in, group1(field), SRC_IMM8, false);
        break;
    case 0xc6:
        set_op(in, field == 0 ? OP_MOV : OP_NONE, SRC_IMM8, true);
        break;
    case 0xc7:
        set_op(in, field == 0 ? OP_MOV : OP_NONE, SRC_IMM, false);
        break;
    case 0xf6:
    case 0xf7:
        set_op(in, (enum operation)unary[field], SRC_NONE, opcode == 0xf6);
        break;
    case 0xfe:
    case 0xff:
        set_op(in, field == 0 ? OP_INC : field == 1 ? OP_DEC : OP_NONE, SRC_NONE, opcode == 0xfe);
        break;
    default:
        break;
    }
}

static void decode_one_byte(struct insn *in, struct cpu_user_regs *regs, uint8_t opcode)
{
    switch (opcode) {
    case 0x00 ... 0x01:
    case 0x08 ... 0x09:
    case 0x20 ... 0x21:
    case 0x28 ... 0x29:
    case 0x30 ... 0x31:
        set_op(in, group1(opcode >> 3), SRC_REG, !(opcode & 1));
        break;
    case 0x86 ... 0x87:
        set_op(in, OP_XCHG, SRC_REG, opcode == 0x86);
        break;
    case 0x88 ... 0x89:
        set_op(in, OP_MOV, SRC_REG, opcode == 0x88);
        break;
    case 0x80 ... 0x81:
    case 0x83:
    case 0xc6 ... 0xc7:
    case 0xf6 ... 0xf7:
    case 0xfe ... 0xff:
        if (decode_modrm(in, regs)) {
            decode_group(in, opcode);
        }
        return;
    case 0xa2 ... 0xa3:
        set_op(in, OP_MOV, SRC_RAX, opcode == 0xa2);
        in->address = (unsigned long)next_signed(in, 8);
        return;
    case 0xaa ... 0xab:
        set_op(in, OP_STOS, SRC_RAX, opcode == 0xaa);
        in->address = regs->rdi;
        return;
    default:
        return;
    }
    if (!decode_modrm(in, regs)) {
        in->op = OP_NONE;
    }
}

static void decode_two_byte(struct insn *in, struct cpu_user_regs *regs, uint8_t opcode)
{
    static const uint8_t bit_ops[8] = { [5] = OP_BTS, [6] = OP_BTR, [7] = OP_BTC };

    switch (opcode) {
    case 0xab:
        set_op(in, OP_BTS, SRC_REG, false);
        break;
    case 0xb3:
        set_op(in, OP_BTR, SRC_REG, false);
        break;
    case 0xbb:
        set_op(in, OP_BTC, SRC_REG, false);
        break;
    case 0xb0 ... 0xb1:
        set_op(in, OP_CMPXCHG, SRC_REG, opcode == 0xb0);
        break;
    case 0xc0 ... 0xc1:
        set_op(in, OP_XADD, SRC_REG, opcode == 0xc0);
        break;
    case 0xba:
        if (decode_modrm(in, regs)) {
            set_op(in, (enum operation)bit_ops[in->reg & 7], SRC_IMM8, false);
        }
        return;
    default:
        return;
    }
    if (!decode_modrm(in, regs)) {
        in->op = OP_NONE;
    }
}

/* With a register as bit number the operand lies that many bits from the address. */
static void adjust_bit_address(struct insn *in, struct cpu_user_regs *regs)
{
    unsigned int bits = 8 * in->size;
    int64_t offset = (int64_t)(*reg_of(regs, in->reg) << (64 - bits)) >> (64 - bits);

    in->address += (unsigned long)(offset >> (in->size == 8 ? 6 : in->size == 4 ? 5 : 4)) * in->size;
}

static bool decode(struct insn *in, struct cpu_user_regs *regs)
{
    uint8_t opcode = decode_prefixes(in);

    if (opcode == 0x0f) {
        decode_two_byte(in, regs, next_byte(in));
    } else {
        decode_one_byte(in, regs, opcode);
    }
    if (in->op == OP_NONE || in->bad || (in->rep && in->op != OP_STOS)) {
        return false;
    }
    in->size = in->byte ? 1 : in->rex & REX_W ? 8 : in->operand16 ? 2 : 4;
    if (in->source == SRC_IMM8) {
        in->immediate = (uint64_t)next_signed(in, 1);
    } else if (in->source == SRC_IMM) {
        in->immediate = (uint64_t)next_signed(in, in->size == 2 ? 2 : 4);
    }
    if (in->rip_relative) {
        in->address += regs->rip + in->length;
    }
    if (in->source == SRC_REG && in->op >= OP_BTS && in->op <= OP_BTC) {
        adjust_bit_address(in, regs);
    }
    return !in->bad;
}

/* ---- Computing --------------------------------------------------------------------------------------- */

/* The CPU does the arithmetic at the operand's size, for the flags. */
#define ALU_SIZED(insn, suffix, type, a, b, flags)                                               \
    do {                                                                                         \
        type result_ = (type)(a);                                                                \
        __asm__(insn suffix " %2, %0; pushf; pop %1"                                             \
                : "+r"(result_), "=r"(flags)                                                     \
                : "r"((type)(b))                                                                 \
                : "cc");                                                                         \
        (a) = result_;                                                                           \
    } while (0)

#define ALU(insn, size, a, b, flags)                                                             \
    do {                                                                                         \
        switch (size) {                                                                          \
        case 1:                                                                                  \
            ALU_SIZED(insn, "b", uint8_t, a, b, flags);                                          \
            break;                                                                               \
        case 2:                                                                                  \
            ALU_SIZED(insn, "w", uint16_t, a, b, flags);                                         \
            break;                                                                               \
        case 4:                                                                                  \
            ALU_SIZED(insn, "l", uint32_t, a, b, flags);                                         \
            break;                                                                               \
        default:                                                                                 \
            ALU_SIZED(insn, "q", uint64_t, a, b, flags);                                         \
            break;                                                                               \
        }                                                                                        \
    } while (0)

/* What an instruction does to the operand and to the machine. */
struct outcome {
    uint64_t value;       /* new operand */
    bool writes;          /* false: a cmpxchg that did not match */
    unsigned long flags;  /* arithmetic flags afterwards */
};

static uint64_t source_value(const struct insn *in, struct cpu_user_regs *regs)
{
    switch (in->source) {
    case SRC_REG:
        return reg_read(in, regs, in->reg);
    case SRC_RAX:
        return regs->rax & size_mask(in->size);
    default:
        return in->immediate & size_mask(in->size);
    }
}

static void compute_bit(const struct insn *in, uint64_t src, uint64_t old, struct outcome *o)
{
    uint64_t bit = 1ULL << (src & (8 * in->size - 1));

    o->flags = (o->flags & ~FLAG_CF) | (old & bit ? FLAG_CF : 0);
    o->value = in->op == OP_BTS ? old | bit : in->op == OP_BTR ? old & ~bit : old ^ bit;
}

static void compute(const struct insn *in, struct cpu_user_regs *regs, uint64_t old,
                    struct outcome *o)
{
    uint64_t src = source_value(in, regs);
    uint64_t a = old;
    unsigned long flags = regs->rflags;

    *o = (struct outcome){ .value = src, .writes = true, .flags = regs->rflags };
    switch (in->op) {
    case OP_ADD:
    case OP_XADD:
        ALU("add", in->size, a, src, flags);
        break;
    case OP_SUB:
        ALU("sub", in->size, a, src, flags);
        break;
    case OP_AND:
        ALU("and", in->size, a, src, flags);
        break;
    case OP_OR:
        ALU("or", in->size, a, src, flags);
        break;
    case OP_XOR:
        ALU("xor", in->size, a, src, flags);
        break;
    case OP_INC:
        ALU("add", in->size, a, 1, flags);
        flags = (flags & ~FLAG_CF) | (regs->rflags & FLAG_CF);
        break;
    case OP_DEC:
        ALU("sub", in->size, a, 1, flags);
        flags = (flags & ~FLAG_CF) | (regs->rflags & FLAG_CF);
        break;
    case OP_NEG:
        a = 0;
        ALU("sub", in->size, a, old, flags);
        break;
    case OP_NOT:
        o->value = ~old & size_mask(in->size);
        return;
    case OP_CMPXCHG:
        a = regs->rax & size_mask(in->size);
        o->writes = a == old;
        ALU("sub", in->size, a, old, flags);
        o->flags = flags;
        return;
    case OP_BTS ... OP_BTC:
        compute_bit(in, src, old, o);
        return;
    default:
        return;
    }
    o->value = a;
    o->flags = flags;
}

/* Registers and flags after the write. */
static void retire(struct insn *in, struct cpu_user_regs *regs, uint64_t old,
                   const struct outcome *o)
{
    bool done = true;

    if (in->op == OP_XCHG || in->op == OP_XADD) {
        reg_write(in, regs, in->reg, old);
    } else if (in->op == OP_CMPXCHG && !o->writes) {
        in->byte = false; /* register 0 has no high byte form, but be plain about it */
        reg_write(in, regs, 0, old);
    } else if (in->op == OP_STOS) {
        regs->rdi += regs->rflags & X86_EFLAGS_DF ? 0UL - in->size : in->size;
        done = !in->rep || --regs->rcx == 0;
    }
    regs->rflags = (regs->rflags & ~(FLAGS_ARITH | X86_EFLAGS_RF)) | (o->flags & FLAGS_ARITH);
    if (done) {
        regs->rip += in->length;
    }
}

/* ---- The write ---------------------------------------------------------------------------------------- */

/* The entry in a level 1 table that va maps to; NULL when va is not such a table. mmu_lock is held. */
static uint64_t *find_entry(struct vcpu *v, unsigned long va)
{
    uint64_t pte = pv_mmu_leaf_entry(va);
    const struct frame *f;

    if (!(pte & PTE_PRESENT) || !frame_valid(pte_mfn(pte))) {
        return NULL;
    }
    f = frame_of(pte_mfn(pte));
    if (f->owner != v->domain->id || frame_role(f) != ROLE_L1 ||
        !pv_table_role(READ_ONCE(f->role))) {
        return NULL;
    }
    return (uint64_t *)((char *)map_frame(pte_mfn(pte)) + (va & ~PAGE_MASK & ~7UL));
}

static bool write_entry(struct vcpu *v, struct insn *in, struct cpu_user_regs *regs)
{
    struct domain *d = v->domain;
    uint64_t *slot;
    uint64_t seen;
    unsigned int shift = 8 * (in->address & 7);
    uint64_t mask = size_mask(in->size) << shift;
    struct outcome o;
    uint64_t old;
    int rc;

    spin_lock(&d->arch->mmu_lock);
    slot = find_entry(v, in->address);
    if (slot == NULL) {
        spin_unlock(&d->arch->mmu_lock);
        return false;
    }
    do {
        rc = 0;
        seen = READ_ONCE(*slot);
        old = (seen & mask) >> shift;
        compute(in, regs, old, &o);
        if (o.writes) {
            rc = pv_frame_set_leaf(d, d, slot, (seen & ~mask) | (o.value << shift & mask),
                                   (struct pv_write){ PV_WRITE_COMPARE, seen });
        }
    } while (rc == -EAGAIN);
    spin_unlock(&d->arch->mmu_lock);
    if (rc == 0) {
        retire(in, regs, old, &o);
    }
    return rc == 0;
}

/* Writes to device pages that are read-only for guests have no effect. */
static bool ignore_device_write(struct insn *in, unsigned long va, struct cpu_user_regs *regs)
{
    mfn_t mfn = pte_mfn(pv_mmu_leaf_entry(va));

    if (in->op != OP_MOV || frame_valid(mfn) || !pv_frame_is_read_only_device(mfn)) {
        return false;
    }
    regs->rip += in->length;
    return true;
}

static void single_step(struct vcpu *v, const struct cpu_user_regs *regs)
{
    if (regs->rflags & X86_EFLAGS_TF) {
        v->arch->dr[6] |= DR6_STEP;
        pv_inject_trap(EXC_DB, 0);
    }
}

bool pv_ptwr_fault(struct vcpu *v, unsigned long va, struct cpu_user_regs *regs)
{
    struct insn in = { .op = OP_NONE };

    if (!pv_va_is_guest(va) || !fetch(&in, regs->rip) || !decode(&in, regs)) {
        return false;
    }
    /* The fault must be this operand's, and the operand within one entry. */
    if (va - in.address >= in.size || (in.address & 7) + in.size > 8) {
        return false;
    }
    if (!write_entry(v, &in, regs) && !ignore_device_write(&in, va, regs)) {
        return false;
    }
    single_step(v, regs);
    return true;
}
