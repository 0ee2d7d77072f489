/* SPDX-License-Identifier: MIT */
/*
 * Page types through mmuext_op: pin and unpin at every level, what keeps a page from becoming a
 * table (a writable mapping, bad contents, another type), what a table forbids, new base
 * pointers, linear tables, TLB and cache operations, clear and copy page.
 */
#include "abi/xen.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/percpu.h"

#define UNMAPPED 0x0000200000000000UL

static long mmuext(unsigned int cmd, unsigned long arg1, const void *arg2)
{
    struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg1 };

    set_xen_guest_handle(op.arg2.vcpumask, (void *)(unsigned long)arg2);
    return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

/*
 * A page filled with 0xff.. is no valid table of any level; an empty page is valid at every
 * level.
 */
static void test_contents(void)
{
    uint64_t *table = memory_alloc();
    unsigned long mfn = memory_mfn(table);

    for (unsigned int level = 1; level <= 4; level++) {
        EXPECT(pagetable_pin(mfn, level) < 0); /* still mapped writable */
    }
    table[5] = ~0UL;
    EXPECT_EQ(pagetable_protect(table, PTE_RO), 0);
    for (unsigned int level = 1; level <= 4; level++) {
        EXPECT(pagetable_pin(mfn, level) < 0);
    }
    EXPECT_EQ(pagetable_protect(table, PTE_DATA), 0);
    table[5] = 0;
    EXPECT_EQ(pagetable_protect(table, PTE_RO), 0);
    for (unsigned int level = 1; level <= 4; level++) {
        EXPECT_EQ(pagetable_pin(mfn, level), 0);
        EXPECT_EQ(pagetable_pin(mfn, level), -EINVAL); /* pinned twice */
        EXPECT(pagetable_pin(mfn, level % 4 + 1) < 0);
        EXPECT(pagetable_protect(table, PTE_DATA) < 0);
        EXPECT_EQ(pagetable_unpin(mfn), 0);
        EXPECT_EQ(pagetable_unpin(mfn), -EINVAL);
    }
    EXPECT_EQ(pagetable_protect(table, PTE_DATA), 0);
    memory_free(table);
}

static void test_bad_frames(void)
{
    EXPECT_EQ(pagetable_pin(~0UL >> 12, 1), -EINVAL);
    EXPECT_EQ(pagetable_pin(0x7ffffff, 4), -EINVAL);
    EXPECT(pagetable_pin(start_info->shared_info >> 12, 1) < 0);
    EXPECT_EQ(pagetable_unpin(~0UL >> 12), -EINVAL);
}

/* An L1 that holds a writable mapping of itself or of another table can never be validated. */
static void test_self_map(void)
{
    uint64_t *l1 = memory_alloc();
    unsigned long mfn = memory_mfn(l1);

    l1[3] = pte_make(mfn, PTE_DATA);
    EXPECT_EQ(pagetable_protect(l1, PTE_RO), 0);
    EXPECT(pagetable_pin(mfn, 1) < 0);
    EXPECT_EQ(pagetable_protect(l1, PTE_DATA), 0);
    l1[3] = pte_make(mfn, PTE_RO);
    EXPECT_EQ(pagetable_protect(l1, PTE_RO), 0);
    EXPECT_EQ(pagetable_pin(mfn, 1), 0);
    EXPECT(pagetable_set(&l1[4], pte_make(memory_mfn(pagetable_root()), PTE_DATA)) < 0);
    EXPECT_EQ(pagetable_set(&l1[4], pte_make(memory_mfn(pagetable_root()), PTE_RO)), 0);
    EXPECT_EQ(pagetable_unpin(mfn), 0);
    EXPECT_EQ(pagetable_protect(l1, PTE_DATA), 0);
    memory_free(l1);
}

/* Linear page tables are off (the options file asks the peer for the same). */
static void test_linear(void)
{
    uint64_t *root = pagetable_root();
    uint64_t *l2 = memory_alloc();

    EXPECT(pagetable_set(&root[300], pte_make(memory_mfn(root), PTE_RO)) < 0);
    l2[7] = pte_make(memory_mfn(l2), PTE_RO);
    EXPECT_EQ(pagetable_protect(l2, PTE_RO), 0);
    EXPECT(pagetable_pin(memory_mfn(l2), 2) < 0);
    EXPECT_EQ(pagetable_protect(l2, PTE_DATA), 0);
    memory_free(l2);
}

static uint64_t *copy_root(void)
{
    uint64_t *copy = memory_alloc();

    for (unsigned int i = 0; i < 512; i++) {
        copy[i] = i >= 256 && i < 272 ? 0 : pagetable_root()[i];
    }
    EXPECT_EQ(pagetable_protect(copy, PTE_RO), 0);
    return copy;
}

static void test_base_pointer(void)
{
    uint64_t *copy = copy_root();
    unsigned long mfn = memory_mfn(copy);
    unsigned long old = memory_mfn(pagetable_root());
    char *plain = memory_alloc();

    EXPECT_EQ(mmuext(MMUEXT_NEW_BASEPTR, ~0UL >> 12, NULL), -EINVAL);
    EXPECT(mmuext(MMUEXT_NEW_BASEPTR, memory_mfn(plain), NULL) < 0);
    EXPECT_EQ(mmuext(MMUEXT_NEW_BASEPTR, mfn, NULL), 0);
    EXPECT(copy[256] != 0); /* the hypervisor put its own slots in */
    EXPECT_EQ(pagetable_pin(mfn, 4), 0);
    EXPECT_EQ(mmuext(MMUEXT_NEW_BASEPTR, old, NULL), 0);
    EXPECT(pagetable_protect(copy, PTE_DATA) < 0);
    EXPECT_EQ(pagetable_unpin(mfn), 0);
    EXPECT_EQ(pagetable_protect(copy, PTE_DATA), 0);
    memory_free(copy);
    memory_free(plain);
}

/*
 * A table that is in use stays a table: its level cannot change and it cannot become writable.
 */
static void test_in_use(void)
{
    uint64_t *l1 = memory_alloc();
    char *va = pagetable_reserve_va();
    uint64_t *l2 = pagetable_slot(pagetable_root(), (unsigned long)va, 2);
    uint64_t *next = l2 + 1;

    EXPECT_EQ(pagetable_protect(l1, PTE_RO), 0);
    EXPECT_EQ(pagetable_set(next, pte_make(memory_mfn(l1), PTE_DATA)), 0);
    EXPECT(pagetable_protect(l1, PTE_DATA) < 0);
    EXPECT(pagetable_pin(memory_mfn(l1), 2) < 0);
    EXPECT_EQ(pagetable_pin(memory_mfn(l1), 1), 0);
    EXPECT_EQ(pagetable_unpin(memory_mfn(l1)), 0);
    EXPECT_EQ(pagetable_set(next, 0), 0);
    EXPECT_EQ(pagetable_protect(l1, PTE_DATA), 0);
    memory_free(l1);
}

static void test_flushes(void)
{
    unsigned long mask = 1;

    EXPECT_EQ(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, NULL), 0);
    EXPECT_EQ(mmuext(MMUEXT_TLB_FLUSH_ALL, 0, NULL), 0);
    EXPECT_EQ(mmuext(MMUEXT_INVLPG_LOCAL, (unsigned long)&mask, NULL), 0);
    EXPECT_EQ(mmuext(MMUEXT_INVLPG_ALL, (unsigned long)&mask, NULL), 0);
    EXPECT_EQ(mmuext(MMUEXT_INVLPG_LOCAL, HYPERVISOR_VIRT_START, NULL), 0);
    EXPECT_EQ(mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, &mask), 0);
    EXPECT_EQ(mmuext(MMUEXT_INVLPG_MULTI, (unsigned long)&mask, &mask), 0);
    EXPECT(mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, (void *)UNMAPPED) < 0);
    EXPECT(mmuext(MMUEXT_INVLPG_MULTI, 0, (void *)HYPERVISOR_VIRT_START) < 0);
    EXPECT_EQ(mmuext(MMUEXT_FLUSH_CACHE, 0, NULL), start_is_dom0() ? 0 : -EACCES);
    EXPECT_EQ(mmuext(MMUEXT_FLUSH_CACHE_GLOBAL, 0, NULL), start_is_dom0() ? 0 : -EINVAL);
    EXPECT_EQ(mmuext(MMUEXT_MARK_SUPER, 0, NULL), -EOPNOTSUPP);
    EXPECT_EQ(mmuext(MMUEXT_UNMARK_SUPER, 0, NULL), -EOPNOTSUPP);
    EXPECT_EQ(mmuext(999, 0, NULL), -ENOSYS);
}

static void test_clear_copy(void)
{
    char *a = memory_alloc();
    char *b = memory_alloc();

    memset(a, 0x5a, MEMORY_PAGE);
    EXPECT_EQ(mmuext(MMUEXT_COPY_PAGE, memory_mfn(b), (void *)memory_mfn(a)), 0);
    EXPECT_EQ(memcmp(a, b, MEMORY_PAGE), 0);
    EXPECT_EQ(mmuext(MMUEXT_CLEAR_PAGE, memory_mfn(b), NULL), 0);
    EXPECT_EQ(b[0] | b[4095], 0);
    EXPECT(mmuext(MMUEXT_CLEAR_PAGE, memory_mfn(pagetable_root()), NULL) < 0);
    EXPECT(mmuext(MMUEXT_COPY_PAGE, memory_mfn(pagetable_root()), (void *)memory_mfn(a)) < 0);
    EXPECT(mmuext(MMUEXT_COPY_PAGE, memory_mfn(b), (void *)(~0UL >> 12)) < 0);
    EXPECT(mmuext(MMUEXT_CLEAR_PAGE, ~0UL >> 12, NULL) < 0);
    memory_free(a);
    memory_free(b);
}

static void test_batches(void)
{
    struct mmuext_op ops[3] = {
        { .cmd = MMUEXT_TLB_FLUSH_LOCAL },
        { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = ~0UL >> 12 },
        { .cmd = MMUEXT_TLB_FLUSH_LOCAL },
    };
    unsigned int done = 99;

    EXPECT_EQ(hypercall_mmuext_op(ops, 3, &done, DOMID_SELF), -EINVAL);
    EXPECT_EQ(done, 1);
    EXPECT_EQ(hypercall_mmuext_op(ops, 0, &done, DOMID_SELF), 0);
    EXPECT_EQ(hypercall_mmuext_op((void *)UNMAPPED, 1, NULL, DOMID_SELF), -EFAULT);
    EXPECT_EQ(hypercall_mmuext_op(ops, 1, NULL, 77), -ESRCH);
}

void test_main(void)
{
    test_contents();
    test_bad_frames();
    test_self_map();
    test_linear();
    test_base_pointer();
    test_in_use();
    test_flushes();
    test_clear_copy();
    test_batches();
}
