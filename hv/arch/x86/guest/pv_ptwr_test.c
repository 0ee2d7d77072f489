/* SPDX-License-Identifier: MIT */
/*
 * The emulated page table writes against the real CPU: random instructions of every form run once on this
 * machine, on plain memory at some address, and once through pv_ptwr_fault() on a level 1 table that is
 * mapped read-only at the same address in a fake guest. Memory, registers and flags must come out alike.
 */
#include "hv/arch/fake/fake.h"
#include "hv/arch/x86/cpu/traps.h"
#include "hv/arch/x86/guest/pv_mmu.h"
#include "hv/lib/string.h"
#include "hv/mm/map.h"
#include "tests/unit/pv/pv_world.h"
#include "tests/unit/unit.h"

#define TABLE_VA    0x200000000000UL /* where the table is, in the guest and on the host */
#define FLAGS_ARITH 0x8d5UL
#define RUNS        40000

/* rax to r15 in the CPU's order, then flags. */
uint64_t native_regs[17];
void *native_code;
void run_native(void);

__asm__(".text\n"
        "run_native:\n"
        "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "pushq native_regs+128(%rip)\n popfq\n"
        "mov native_regs+0(%rip), %rax\n mov native_regs+8(%rip), %rcx\n"
        "mov native_regs+16(%rip), %rdx\n mov native_regs+24(%rip), %rbx\n"
        "mov native_regs+40(%rip), %rbp\n mov native_regs+48(%rip), %rsi\n"
        "mov native_regs+56(%rip), %rdi\n mov native_regs+64(%rip), %r8\n"
        "mov native_regs+72(%rip), %r9\n mov native_regs+80(%rip), %r10\n"
        "mov native_regs+88(%rip), %r11\n mov native_regs+96(%rip), %r12\n"
        "mov native_regs+104(%rip), %r13\n mov native_regs+112(%rip), %r14\n"
        "mov native_regs+120(%rip), %r15\n"
        "call *native_code(%rip)\n"
        "mov %rax, native_regs+0(%rip)\n mov %rcx, native_regs+8(%rip)\n"
        "mov %rdx, native_regs+16(%rip)\n mov %rbx, native_regs+24(%rip)\n"
        "mov %rbp, native_regs+40(%rip)\n mov %rsi, native_regs+48(%rip)\n"
        "mov %rdi, native_regs+56(%rip)\n mov %r8, native_regs+64(%rip)\n"
        "mov %r9, native_regs+72(%rip)\n mov %r10, native_regs+80(%rip)\n"
        "mov %r11, native_regs+88(%rip)\n mov %r12, native_regs+96(%rip)\n"
        "mov %r13, native_regs+104(%rip)\n mov %r14, native_regs+112(%rip)\n"
        "mov %r15, native_regs+120(%rip)\n"
        "pushfq\n popq native_regs+128(%rip)\n cld\n"
        "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n");

/* ---- Making instructions -------------------------------------------------------------------------- */

struct form {
    uint8_t prefix;    /* 0x0f or 0 */
    uint8_t opcode;
    int field;         /* reg field of ModRM, -1: a register */
    uint8_t immediate; /* bytes; 4 means as the operand, at most 4 */
    bool byte;
    bool bit_register; /* the register says which bit */
    bool undefined_flags;
};

static const struct form forms[] = {
    { 0, 0x00, -1, 0, true, false, false },  { 0, 0x01, -1, 0, false, false, false },
    { 0, 0x08, -1, 0, true, false, false },  { 0, 0x09, -1, 0, false, false, false },
    { 0, 0x20, -1, 0, true, false, false },  { 0, 0x21, -1, 0, false, false, false },
    { 0, 0x28, -1, 0, true, false, false },  { 0, 0x29, -1, 0, false, false, false },
    { 0, 0x30, -1, 0, true, false, false },  { 0, 0x31, -1, 0, false, false, false },
    { 0, 0x86, -1, 0, true, false, false },  { 0, 0x87, -1, 0, false, false, false },
    { 0, 0x88, -1, 0, true, false, false },  { 0, 0x89, -1, 0, false, false, false },
    { 0, 0x80, 0, 1, true, false, false },   { 0, 0x80, 1, 1, true, false, false },
    { 0, 0x80, 4, 1, true, false, false },   { 0, 0x81, 5, 4, false, false, false },
    { 0, 0x81, 6, 4, false, false, false },  { 0, 0x83, 0, 1, false, false, false },
    { 0, 0x83, 4, 1, false, false, false },  { 0, 0xc6, 0, 1, true, false, false },
    { 0, 0xc7, 0, 4, false, false, false },  { 0, 0xf6, 2, 0, true, false, false },
    { 0, 0xf7, 2, 0, false, false, false },  { 0, 0xf7, 3, 0, false, false, false },
    { 0, 0xfe, 0, 0, true, false, false },   { 0, 0xff, 0, 0, false, false, false },
    { 0, 0xff, 1, 0, false, false, false },  { 0x0f, 0xb0, -1, 0, true, false, false },
    { 0x0f, 0xb1, -1, 0, false, false, false }, { 0x0f, 0xc0, -1, 0, true, false, false },
    { 0x0f, 0xc1, -1, 0, false, false, false }, { 0x0f, 0xab, -1, 0, false, true, true },
    { 0x0f, 0xb3, -1, 0, false, true, true },  { 0x0f, 0xbb, -1, 0, false, true, true },
    { 0x0f, 0xba, 5, 1, false, false, true },  { 0x0f, 0xba, 6, 1, false, false, true },
    { 0x0f, 0xba, 7, 1, false, false, true },
};

struct made {
    uint8_t bytes[20];
    unsigned int length;
    unsigned int size;
    unsigned long address; /* of the bytes written */
};

static void emit(struct made *m, uint8_t byte)
{
    m->bytes[m->length++] = byte;
}

static void emit_number(struct made *m, uint64_t value, unsigned int size)
{
    for (unsigned int i = 0; i < size; i++) {
        emit(m, (uint8_t)(value >> (8 * i)));
    }
}

static unsigned int random_register(void)
{
    unsigned int r;

    do {
        r = unit_random_below(16);
    } while (r == 4);
    return r;
}

/* Register values such that the operand lies at target; false when this choice cannot. */
static bool make(const struct form *f, uint64_t regs[17], unsigned int offset, struct made *m)
{
    unsigned int base = random_register();
    unsigned int index = random_register();
    unsigned int reg = f->field >= 0 ? (unsigned int)f->field : random_register();
    unsigned int mod = unit_random_below(3);
    unsigned int scale = unit_random_below(4);
    bool sib = unit_random_below(2) || (base & 7) == 4;
    bool wide = !f->byte && unit_random_below(2);
    bool half = !f->byte && !wide && unit_random_below(3) == 0;
    int64_t disp = mod == 1 ? (int8_t)unit_random() : mod == 2 ? (int32_t)unit_random() : 0;
    uint64_t target;
    uint8_t rex;

    if (((base & 7) == 5 && mod == 0) || (sib && (index == base || index == 4))) {
        return false;
    }
    m->size = f->byte ? 1 : wide ? 8 : half ? 2 : 4;
    m->length = 0;
    target = TABLE_VA + offset * 8 + unit_random_below(8 / m->size) * m->size;
    m->address = target;
    if (f->bit_register) {
        unsigned int bits = 8 * m->size;
        int64_t bit = (int64_t)unit_random_below(1024) - 512;

        if (reg == base || (sib && reg == index)) {
            return false;
        }
        regs[reg] = (regs[reg] & ~(bits == 64 ? ~0ULL : (1ULL << bits) - 1)) |
                    ((uint64_t)bit & (bits == 64 ? ~0ULL : (1ULL << bits) - 1));
        target -= (uint64_t)((bit - (int64_t)((uint64_t)bit & (bits - 1))) / 8);
    }
    regs[base] = target - (uint64_t)disp - (sib ? regs[index] << scale : 0);
    if (unit_random_below(3) == 0 && f->opcode != 0x88 && f->opcode != 0x89 && f->opcode != 0xc6 &&
        f->opcode != 0xc7) {
        emit(m, 0xf0);
    }
    if (half) {
        emit(m, 0x66);
    }
    rex = (uint8_t)(0x40 | (wide ? 8 : 0) | (reg & 8 && f->field < 0 ? 4 : 0) |
                    (sib && (index & 8) ? 2 : 0) | (base & 8 ? 1 : 0));
    if (rex != 0x40 || unit_random_below(2)) {
        emit(m, rex);
    }
    if (f->prefix != 0) {
        emit(m, f->prefix);
    }
    emit(m, f->opcode);
    emit(m, (uint8_t)(mod << 6 | (reg & 7) << 3 | (sib ? 4 : base & 7)));
    if (sib) {
        emit(m, (uint8_t)(scale << 6 | (index & 7) << 3 | (base & 7)));
    }
    emit_number(m, (uint64_t)disp, mod == 1 ? 1 : mod == 2 ? 4 : 0);
    emit_number(m, unit_random(), f->immediate == 4 ? MIN(m->size, 4U) : f->immediate);
    return true;
}

/* ---- Running them both ways ------------------------------------------------------------------------ */

static uint64_t *field_of(struct cpu_user_regs *r, unsigned int i)
{
    uint64_t *const table[16] = { &r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp,
                                  &r->rsi, &r->rdi, &r->r8,  &r->r9,  &r->r10, &r->r11,
                                  &r->r12, &r->r13, &r->r14, &r->r15 };

    return table[i];
}

static void one_run(struct vcpu *v, uint64_t *table)
{
    const struct form *f = &forms[unit_random_below(ARRAY_SIZE(forms))];
    unsigned int entry = unit_random_below(400) + 50;
    uint64_t *host = (uint64_t *)TABLE_VA;
    struct cpu_user_regs regs = { 0 };
    uint64_t before[17];
    struct made m;

    for (unsigned int i = 0; i < 16; i++) {
        before[i] = unit_random();
    }
    before[16] = (unit_random() & FLAGS_ARITH) | 0x202;
    table[entry] = unit_random() & ~PTE_PRESENT;
    before[0] = unit_random_below(2) ? before[0] : table[entry]; /* a cmpxchg that matches */
    if (!make(f, before, entry, &m)) {
        table[entry] = 0;
        return;
    }
    host[entry] = table[entry];
    memcpy(fake_guest_memory, m.bytes, m.length);
    fake_guest_memory[m.length] = (char)0xc3;
    memcpy(native_regs, before, sizeof(before));
    native_code = fake_guest_memory;
    run_native();
    if (host[entry] & PTE_PRESENT) {
        table[entry] = 0;
        return; /* that would be a mapping */
    }
    for (unsigned int i = 0; i < 16; i++) {
        *field_of(&regs, i) = before[i];
    }
    regs.rflags = before[16];
    regs.rip = (unsigned long)fake_guest_memory;
    EXPECT(pv_ptwr_fault(v, m.address, &regs));
    EXPECT_EQ(table[entry], host[entry]);
    EXPECT_EQ(regs.rip, (unsigned long)fake_guest_memory + m.length);
    for (unsigned int i = 0; i < 16; i++) {
        if (i != 4) {
            EXPECT_EQ(*field_of(&regs, i), native_regs[i]);
        }
    }
    EXPECT_EQ(regs.rflags & (f->undefined_flags ? 1 : FLAGS_ARITH),
              native_regs[16] & (f->undefined_flags ? 1 : FLAGS_ARITH));
    table[entry] = 0;
}

TEST(pv_ptwr_like_the_cpu)
{
    struct vcpu *v = pv_world_address_space(TABLE_VA);

    pv_world_map_host(TABLE_VA, fake_guest_memory);
    for (unsigned int i = 0; i < RUNS; i++) {
        one_run(v, pv_world_table());
    }
}
