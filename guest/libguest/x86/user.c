/* SPDX-License-Identifier: MIT */
/*
 * The user address space of a test; see user.h. While user code runs, the kernel stack pointer
 * known to the hypervisor lies well below the frame that waits in user_run(), so that a trap
 * does not overwrite it.
 */
#include "guest/libguest/x86/user.h"

#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/percpu.h"

enum { STACK_GAP = 2048 };

static uint64_t *root, *table_l1;
static char *code_page, *data_page;

static void fill_table(uint64_t *table, unsigned int index, const void *next, uint64_t flags)
{
    table[index] = pte_make(memory_mfn(next), flags);
}

void user_init(void)
{
    uint64_t *l3 = memory_alloc();
    uint64_t *l2 = memory_alloc();
    char *stack = memory_alloc();
    struct mmuext_op ops[2];

    root = memory_alloc();
    table_l1 = memory_alloc();
    code_page = memory_alloc();
    data_page = memory_alloc();
    fill_table(table_l1, pagetable_index(USER_CODE, 1), code_page, PTE_RO);
    fill_table(table_l1, pagetable_index(USER_DATA, 1), data_page, PTE_DATA);
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

void user_load(struct trap_frame *frame, const char *code, const char *code_end)
{
    memcpy(code_page, code, code_end - code);
    *frame = (struct trap_frame){
        .rip = USER_CODE,
        .cs = FLAT_USER_CS64,
        .rflags = 0x2,
        .rsp = USER_STACK_TOP,
        .ss = FLAT_USER_SS64,
    };
}

static void enter(void *frame)
{
    struct trap_frame copy = *(struct trap_frame *)frame;
    unsigned long below = ((unsigned long)&copy - STACK_GAP) & ~63UL;

    if (hypercall_stack_switch(FLAT_KERNEL_SS, below) != 0) {
        test_broken("stack_switch refused");
    }
    trap_return_to(&copy);
}

void user_run(struct trap_frame *frame)
{
    struct percpu *cpu = percpu();
    struct trap_recovery recovery = { .outer = cpu->recovery };

    cpu->recovery = &recovery;
    cpu->user_exit = frame;
    if (trap_try_call(&recovery, enter, frame) == 0 || cpu->user_exit != NULL) {
        test_broken("user mode was not entered");
    }
    cpu->recovery = recovery.outer;
}

void *user_data(void)
{
    return data_page;
}

uint64_t *user_root(void)
{
    return root;
}

uint64_t *user_l1_slot(unsigned long va)
{
    return &table_l1[pagetable_index(va, 1)];
}
