/* SPDX-License-Identifier: MIT */
/*
 * Plain instructions that write to a read-only level-1 table: the hypervisor emulates and
 * validates them. mov, xchg, lock bts/btr, lock cmpxchg, and/or/xor/add; an entry it would
 * refuse by hypercall faults instead and changes nothing; upper-level tables and other read-
 * only pages always fault.
 */
#include "abi/xen.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/percpu.h"

#define PTE_FLAGS          0xfffUL
#define WRITE(insn, value) TRAP_PROBE(insn, NOTHING, "r"(slot)COMMA "r"((uint64_t)(value)))

static char *page;
static unsigned long mfn;
static uint64_t *slot;
static uint64_t good, read_only;

static uint64_t entry(void)
{
    return *(volatile uint64_t *)slot;
}

static uint64_t flags(void)
{
    return entry() & PTE_FLAGS;
}

/* The emulation is an assist: dom0 has it from the start, a domU asks for it. */
static void test_assist(void)
{
    if (!start_is_dom0()) {
        EXPECT_EQ(WRITE("movq %1, (%0)", good), TRAP_PF);
    }
    EXPECT_EQ(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    EXPECT_EQ(WRITE("movq %1, (%0)", good), -1);
}

static void test_mov(void)
{
    EXPECT_EQ(WRITE("movq %1, (%0)", 0), -1);
    EXPECT_EQ(entry(), 0);
    EXPECT_EQ(WRITE("movq %1, (%0)", good), -1);
    EXPECT_EQ(pte_mfn(entry()), mfn);
    EXPECT_EQ(flags() & (PTE_P | PTE_RW), PTE_P | PTE_RW);
    page[0] = 'x';
    EXPECT_EQ(TRAP_PROBE("movq $0, (%0)", NOTHING, "r"(slot)), -1);
    EXPECT_EQ(entry(), 0);
    EXPECT_EQ(TRAP_PROBE("movq $0x1230, 8(%0,%1,8)", NOTHING, "r"(slot)COMMA "r"(-1L)), -1);
    EXPECT_EQ(entry(), 0x1230);
    EXPECT_EQ(TRAP_PROBE("movl $0, (%0)", NOTHING, "r"(slot)), -1);
    EXPECT_EQ(entry(), 0);
    EXPECT_EQ(WRITE("movq %1, (%0)", read_only), -1);
    pagetable_flush(page); /* as on bare hardware, a write to a table flushes nothing */
    EXPECT_EQ(TRAP_PROBE("movb $1, (%0)", NOTHING, "r"(page)), TRAP_PF);
    EXPECT_EQ(WRITE("movq %1, (%0)", good), -1);
    EXPECT_EQ(TRAP_PROBE("movb $1, (%0)", NOTHING, "r"(page)), -1);
}

static void test_xchg(void)
{
    uint64_t value = read_only;

    EXPECT_EQ(TRAP_PROBE("xchg %0, (%1)", "+r"(value), "r"(slot)), -1);
    EXPECT_EQ(pte_mfn(value), mfn);
    EXPECT_EQ(value & PTE_RW, PTE_RW);
    EXPECT_EQ(flags() & (PTE_P | PTE_RW), PTE_P);
    value = 0;
    EXPECT_EQ(TRAP_PROBE("xchg %0, (%1)", "+r"(value), "r"(slot)), -1);
    EXPECT_EQ(pte_mfn(value), mfn);
    EXPECT_EQ(entry(), 0);
    value = good;
    EXPECT_EQ(TRAP_PROBE("xchg %0, (%1)", "+r"(value), "r"(slot)), -1);
    EXPECT_EQ(value, 0);
    EXPECT_EQ(flags() & (PTE_P | PTE_RW), PTE_P | PTE_RW);
}

static void test_bit_ops(void)
{
    uint8_t carry = 2;

    EXPECT_EQ(TRAP_PROBE("lock btrq $1, (%1); setc %0", "=q"(carry), "r"(slot)), -1);
    EXPECT_EQ(carry, 1);
    EXPECT_EQ(flags() & PTE_RW, 0);
    EXPECT_EQ(TRAP_PROBE("lock btrq $1, (%1); setc %0", "=q"(carry), "r"(slot)), -1);
    EXPECT_EQ(carry, 0);
    pagetable_flush(page); /* as on bare hardware, a write to a table flushes nothing */
    EXPECT_EQ(TRAP_PROBE("movb $1, (%0)", NOTHING, "r"(page)), TRAP_PF);
    EXPECT_EQ(TRAP_PROBE("lock btsq %2, (%1); setc %0", "=q"(carry), "r"(slot)COMMA "r"(1UL)),
              -1);
    EXPECT_EQ(carry, 0);
    EXPECT_EQ(flags() & PTE_RW, PTE_RW);
    pagetable_flush(page);
    page[2] = 1;
    EXPECT_EQ(flags() & (PTE_A | PTE_D), PTE_A | PTE_D);
    EXPECT_EQ(TRAP_PROBE("lock btrq %2, (%1); setc %0", "=q"(carry), "r"(slot)COMMA "r"(5UL)),
              -1);
    EXPECT_EQ(carry, 1);
    EXPECT_EQ(flags() & (PTE_A | PTE_D), PTE_D);
    EXPECT_EQ(TRAP_PROBE("lock btrw $6, (%1); setc %0", "=q"(carry), "r"(slot)), -1);
    EXPECT_EQ(flags() & (PTE_A | PTE_D), 0);
}

static void test_cmpxchg(void)
{
    uint64_t old = entry();
    uint8_t zero = 2;

    EXPECT_EQ(TRAP_PROBE("lock cmpxchgq %3, (%2); setz %1", "+a"(old)COMMA "=q"(zero),
                         "r"(slot)COMMA "r"(read_only)),
              -1);
    EXPECT_EQ(zero, 1);
    EXPECT_EQ(flags() & (PTE_P | PTE_RW), PTE_P);
    old = 0x123;
    EXPECT_EQ(TRAP_PROBE("lock cmpxchgq %3, (%2); setz %1", "+a"(old)COMMA "=q"(zero),
                         "r"(slot)COMMA "r"(0UL)),
              -1);
    EXPECT_EQ(zero, 0);
    EXPECT_EQ(old, entry());
    EXPECT_EQ(pte_mfn(entry()), mfn);
    EXPECT_EQ(TRAP_PROBE("lock cmpxchgq %3, (%2); setz %1", "+a"(old)COMMA "=q"(zero),
                         "r"(slot)COMMA "r"(good)),
              -1);
    EXPECT_EQ(zero, 1);
    EXPECT_EQ(flags() & (PTE_P | PTE_RW), PTE_P | PTE_RW);
}

static void test_logic(void)
{
    EXPECT_EQ(WRITE("lock andq %1, (%0)", ~PTE_RW), -1);
    EXPECT_EQ(flags() & (PTE_P | PTE_RW), PTE_P);
    EXPECT_EQ(WRITE("lock orq %1, (%0)", PTE_RW), -1);
    EXPECT_EQ(flags() & (PTE_P | PTE_RW), PTE_P | PTE_RW);
    EXPECT_EQ(TRAP_PROBE("andq $-3, (%0)", NOTHING, "r"(slot)), -1);
    EXPECT_EQ(flags() & (PTE_P | PTE_RW), PTE_P);
    EXPECT_EQ(TRAP_PROBE("orq $2, (%0)", NOTHING, "r"(slot)), -1);
    EXPECT_EQ(TRAP_PROBE("xorl $2, (%0)", NOTHING, "r"(slot)), -1);
    EXPECT_EQ(TRAP_PROBE("addq $2, (%0)", NOTHING, "r"(slot)), -1);
    EXPECT_EQ(TRAP_PROBE("subq $2, (%0)", NOTHING, "r"(slot)), -1);
    EXPECT_EQ(TRAP_PROBE("orb $2, (%0)", NOTHING, "r"(slot)), -1);
    EXPECT_EQ(flags() & (PTE_P | PTE_RW), PTE_P | PTE_RW);
    EXPECT_EQ(pte_mfn(entry()), mfn);
}

static void test_refused(void)
{
    uint64_t *root = pagetable_root();
    uint64_t before = entry();
    uint64_t bad = pte_make(memory_mfn(root), PTE_DATA);
    uint64_t value = bad;

    EXPECT_EQ(WRITE("movq %1, (%0)", bad), TRAP_PF);
    EXPECT_EQ(percpu()->last.error & (PF_PRESENT | PF_WRITE), PF_PRESENT | PF_WRITE);
    EXPECT_EQ(percpu()->last.cr2, (long)slot);
    EXPECT_EQ(entry(), (long)before);
    EXPECT_EQ(TRAP_PROBE("xchg %0, (%1)", "+r"(value), "r"(slot)), TRAP_PF);
    EXPECT_EQ(value, (long)bad);
    EXPECT_EQ(WRITE("movq %1, (%0)", pte_make(0xfffffffff, PTE_DATA)), TRAP_PF);
    EXPECT_EQ(entry(), (long)before);
    /* Tables above level 1 only change by hypercall. */
    EXPECT_EQ(TRAP_PROBE("lock orq $0, (%0)", NOTHING,
                         "r"(pagetable_slot(root, (unsigned long)page, 2))),
              TRAP_PF);
    EXPECT_EQ(TRAP_PROBE("movq $0, (%0)", NOTHING, "r"(&root[0])), TRAP_PF);
    /* A write across two entries. */
    EXPECT_EQ(TRAP_PROBE("movq $0, (%0)", NOTHING, "r"((char *)slot + 4)), TRAP_PF);
    EXPECT_EQ(entry(), (long)before);
}

/* A table that is pinned but in no address space of ours: same rules. */
static void test_detached(void)
{
    uint64_t *l1 = memory_alloc();

    slot = &l1[17];
    EXPECT_EQ(pagetable_protect(l1, PTE_RO), 0);
    /* Not yet a table: a plain read-only page, so the write faults. */
    EXPECT_EQ(WRITE("movq %1, (%0)", good), TRAP_PF);
    EXPECT_EQ(pagetable_pin(memory_mfn(l1), 1), 0);
    EXPECT_EQ(WRITE("movq %1, (%0)", good), -1);
    EXPECT_EQ(pte_mfn(entry()), mfn);
    EXPECT_EQ(WRITE("movq %1, (%0)", pte_make(memory_mfn(l1), PTE_DATA)), TRAP_PF);
    EXPECT_EQ(pagetable_unpin(memory_mfn(l1)), 0);
    EXPECT_EQ(pagetable_protect(l1, PTE_DATA), 0);
    memory_free(l1);
}

void test_main(void)
{
    page = memory_alloc();
    mfn = memory_mfn(page);
    slot = pagetable_l1(page);
    good = pte_make(mfn, PTE_DATA);
    read_only = pte_make(mfn, PTE_RO);
    test_assist();
    test_mov();
    test_xchg();
    test_bit_ops();
    test_cmpxchg();
    test_logic();
    test_refused();
    test_detached();
}
