/* SPDX-License-Identifier: MIT */
/* User mode of a PV test (user.h): a page table tree of its own, switched to by the hypervisor, and its selectors. */
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/user.h"

static uint64_t *root, *table_l1;

static void fill_table(uint64_t *table, unsigned int index, const void *next, uint64_t flags)
{
    table[index] = pte_make(memory_mfn(next), flags);
}

void user_make_space(struct user_space *space)
{
    uint64_t *l3 = memory_alloc();
    uint64_t *l2 = memory_alloc();
    char *stack = memory_alloc();
    struct mmuext_op ops[2];

    space->base = USER_CODE;
    space->cs = FLAT_USER_CS64;
    space->ss = FLAT_USER_SS64;
    root = memory_alloc();
    table_l1 = memory_alloc();
    fill_table(table_l1, pagetable_index(USER_CODE, 1), space->code, PTE_RO);
    fill_table(table_l1, pagetable_index(USER_DATA, 1), space->data, PTE_DATA);
    fill_table(table_l1, pagetable_index(USER_STACK_TOP - 1, 1), stack, PTE_DATA);
    fill_table(l2, pagetable_index(USER_CODE, 2), table_l1, PTE_DATA);
    fill_table(l3, 0, l2, PTE_DATA);
    fill_table(root, 0, l3, PTE_DATA);
    if (pagetable_protect(table_l1, PTE_RO) != 0 || pagetable_protect(l2, PTE_RO) != 0 ||
        pagetable_protect(l3, PTE_RO) != 0 || pagetable_protect(root, PTE_RO) != 0) {
        test_broken("cannot protect the user page tables");
    }
    ops[0] = (struct mmuext_op){ .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = memory_mfn(root) };
    ops[1] = (struct mmuext_op){ .cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = memory_mfn(root) };
    if (hypercall_mmuext_op(ops, 2, NULL, DOMID_SELF) != 0) {
        test_broken("cannot install the user page tables");
    }
}

void user_set_trap_stack(unsigned long top)
{
    if (hypercall_stack_switch(FLAT_KERNEL_SS, top) != 0) {
        test_broken("stack_switch refused");
    }
}

uint64_t *user_root(void)
{
    return root;
}

uint64_t *user_l1_slot(unsigned long va)
{
    return &table_l1[pagetable_index(va, 1)];
}
