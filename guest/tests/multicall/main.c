/* SPDX-License-Identifier: MIT */
/*
 * Multicalls: results of each entry, argument passing, order, nesting, unknown numbers inside,
 * bad pointers, and a batch long enough to be preempted.
 */
#include "abi/event_channel.h"
#include "abi/sched.h"
#include "abi/version.h"
#include "abi/xen.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/percpu.h"

#define UNMAPPED 0x0000200000000000UL

enum { LONG = 60 };

static void test_results(void)
{
    char extra[16] = { 0 };
    struct multicall_entry calls[4] = {
        { .op = __HYPERVISOR_xen_version, .args = { XENVER_version } },
        { .op = __HYPERVISOR_xen_version,
          .args = { XENVER_extraversion, (unsigned long)extra } },
        { .op = __HYPERVISOR_xen_version, .args = { 999 } },
        { .op = __HYPERVISOR_sched_op, .args = { SCHEDOP_yield } },
    };

    EXPECT_EQ(hypercall_multicall(calls, 4), 0);
    EXPECT(calls[0].result >= 4 << 16);
    EXPECT_EQ(calls[1].result, 0);
    EXPECT(extra[0] != '\0');
    EXPECT_EQ(calls[2].result, -ENOSYS);
    EXPECT_EQ(calls[3].result, 0);
    EXPECT_EQ(calls[0].op, __HYPERVISOR_xen_version);
    EXPECT_EQ(hypercall_multicall(calls, 0), 0);
}

static void test_page_tables(void)
{
    char *page = memory_alloc();
    unsigned long va = (unsigned long)page;
    struct mmu_update update = { .ptr = memory_maddr(pagetable_l1(page)),
                                 .val = pte_make(memory_mfn(page), PTE_DATA) };
    struct multicall_entry calls[3] = {
        { .op = __HYPERVISOR_update_va_mapping,
          .args = { va, pte_make(memory_mfn(page), PTE_RO), UVMF_INVLPG } },
        { .op = __HYPERVISOR_mmu_update, .args = { (unsigned long)&update, 1, 0, DOMID_SELF } },
        { .op = __HYPERVISOR_update_va_mapping, .args = { UNMAPPED, 0, 0 } },
    };

    EXPECT_EQ(hypercall_multicall(calls, 3), 0);
    EXPECT_EQ(calls[0].result, 0);
    EXPECT_EQ(calls[1].result, 0);
    EXPECT_EQ(calls[2].result, -EINVAL);
    EXPECT_EQ(*pagetable_l1(page) & PTE_RW, PTE_RW);
    memory_free(page);
}

static void test_bad_entries(void)
{
    struct multicall_entry inner = { .op = __HYPERVISOR_xen_version };
    struct multicall_entry calls[4] = {
        { .op = __HYPERVISOR_multicall, .args = { (unsigned long)&inner, 1 } },
        { .op = 63 },
        { .op = ~0UL },
        { .op = __HYPERVISOR_xen_version, .args = { XENVER_version } },
    };

    EXPECT_EQ(hypercall_multicall(calls, 4), 0);
    EXPECT((long)calls[0].result < 0);
    EXPECT_EQ(calls[1].result, -ENOSYS);
    EXPECT_EQ(calls[2].result, -ENOSYS);
    EXPECT(calls[3].result >= 4 << 16);
}

static void test_bad_pointers(void)
{
    char *last = memory_alloc();
    struct multicall_entry *edge = pagetable_reserve_va();

    EXPECT_EQ(hypercall_multicall((void *)UNMAPPED, 1), -EFAULT);
    EXPECT_EQ(hypercall_multicall((void *)HYPERVISOR_VIRT_START, 1), -EFAULT);
    EXPECT_EQ(hypercall_multicall((void *)0x0001000000000000UL, 1), -EFAULT);
    EXPECT_EQ(hypercall_multicall((void *)16, ~0U), -EFAULT);
    /* One good entry at the end of a page, the next on an unmapped page. */
    EXPECT_EQ(hypercall_update_va_mapping((unsigned long)edge,
                                          pte_make(memory_mfn(last), PTE_DATA), UVMF_INVLPG),
              0);
    edge += MEMORY_PAGE / sizeof(*edge) - 1;
    edge->op = __HYPERVISOR_xen_version;
    EXPECT_EQ(hypercall_multicall(edge, 2), -EFAULT);
    EXPECT(edge->result >= 4 << 16);
    /* A list in read-only memory cannot take results. */
    EXPECT_EQ(hypercall_update_va_mapping((unsigned long)edge & ~4095UL,
                                          pte_make(memory_mfn(last), PTE_RO), UVMF_INVLPG),
              0);
    EXPECT_EQ(hypercall_multicall(edge, 1), -EFAULT);
}

static void test_long(void)
{
    static struct multicall_entry calls[LONG];

    for (unsigned int round = 0; round < 200; round++) {
        for (unsigned int i = 0; i < LONG; i++) {
            calls[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version, .result = 77 };
        }
        EXPECT_EQ(hypercall_multicall(calls, LONG), 0);
        EXPECT(calls[LONG - 1].result >= 4 << 16);
    }
}

void test_main(void)
{
    test_results();
    test_page_tables();
    test_bad_entries();
    test_bad_pointers();
    test_long();
}
