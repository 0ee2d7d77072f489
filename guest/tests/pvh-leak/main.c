/* SPDX-License-Identifier: MIT */
/*
 * What a toolstack in a PVH dom0 does for a PV and for a PVH domain: memory, pages of the domain's and of its
 * grant table shown in dom0's space, page tables pinned, vcpus, event channels; created as far as every step and
 * destroyed, free memory compared exactly. See guest/libguest/leak.h for the command line. Built as dom0 alone.
 */
#include "abi/grant_table.h"
#include "abi/memory.h"
#include "abi/xen.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/leak.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/leak_pv.h"
#include "guest/libguest/x86/pagetable.h"

#define SHOWN 0x1000000UL /* frames of dom0's space where nothing is */

static long set_pool(void)
{
    leak_domctl.u.paging_mempool.size = 1 << 20;
    return leak_call(XEN_DOMCTL_set_paging_mempool_size);
}

static long show(uint64_t frame, unsigned long gfn)
{
    xen_ulong_t idxs = frame;
    xen_pfn_t gpfns = gfn;
    int error = 0;
    struct xen_add_to_physmap_batch b = { .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = 1 };
    long rc;

    b.u.foreign_domid = LEAK_DOM;
    set_xen_guest_handle(b.idxs, &idxs);
    set_xen_guest_handle(b.gpfns, &gpfns);
    set_xen_guest_handle(b.errs, &error);
    rc = hypercall_memory_op(XENMEM_add_to_physmap_batch, &b);
    return rc != 0 ? rc : error;
}

static long hide(unsigned long gfn)
{
    struct xen_remove_from_physmap r = { .domid = DOMID_SELF, .gpfn = gfn };

    return hypercall_memory_op(XENMEM_remove_from_physmap, &r);
}

static volatile uint64_t *window(unsigned long gfn)
{
    static uint64_t *va;

    va = va != NULL ? va : pagetable_reserve_va();
    pagetable_set(pagetable_l1(va), pte_make(gfn, PTE_DATA));
    pagetable_flush(va);
    return va;
}

/* A page is written and hidden again, so that it can become a page table; another stays till the domain's end. */
static long show_memory(void)
{
    long rc = show(leak_frames[2], SHOWN);

    rc = rc != 0 ? rc : show(leak_frames[3], SHOWN + 1);
    if (rc == 0) {
        window(SHOWN)[5] = 0x4000;
        EXPECT_EQ(window(SHOWN)[5], 0x4000);
        rc = hide(SHOWN);
    }
    return rc;
}

static void let_go(void)
{
    (void)hide(SHOWN + 1);
}

/* Its shared page, as the builder writes it. */
static long show_shared_info(void)
{
    long rc = leak_call(XEN_DOMCTL_getdomaininfo);

    rc = rc != 0 ? rc : show(leak_domctl.u.getdomaininfo.shared_info_frame, SHOWN + 2);
    if (rc == 0) {
        window(SHOWN + 2)[0] = 0;
        rc = hide(SHOWN + 2);
    }
    return rc;
}

static long show_grants(void)
{
    struct xen_mem_acquire_resource a = {
        .domid = LEAK_DOM,
        .type = XENMEM_resource_grant_table,
        .id = XENMEM_resource_grant_table_id_shared,
        .nr_frames = 1,
    };
    xen_pfn_t gfn = SHOWN + 3;
    long rc;

    set_xen_guest_handle(a.frame_list, &gfn);
    rc = hypercall_memory_op(XENMEM_acquire_resource, &a);
    if (rc == 0) {
        EXPECT_EQ(window(gfn)[100], 0);
        rc = hide(gfn);
    }
    return rc;
}

/* A page is cleared that holds what would be no table, then it is one. */
static long page_tables(void)
{
    struct mmuext_op ops[] = {
        { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = leak_frames[2] },
        { .cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = leak_frames[2] },
        { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = leak_frames[2] },
        { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = leak_frames[1] },
    };

    EXPECT_EQ(hypercall_mmuext_op(ops, 1, NULL, DOMID_SELF), -EINVAL);
    return hypercall_mmuext_op(ops + 1, 3, NULL, LEAK_DOM);
}

static long vcpu_context(void)
{
    return leak_pv_context(leak_frames[2]);
}

void test_main(void)
{
    static long (*const pv_steps[])(void) = {
        leak_max_vcpus, leak_max_mem, leak_populate, show_memory,  show_shared_info,
        show_grants,    leak_event_channels, page_tables, vcpu_context, leak_run,
    };
    static long (*const pvh_steps[])(void) = {
        set_pool,    leak_max_vcpus,      leak_max_mem, leak_populate, show_memory,
        show_grants, leak_event_channels, leak_run,
    };
    static const struct leak_plan pv = {
        .steps = pv_steps, .step_count = sizeof(pv_steps) / sizeof(pv_steps[0]), .let_go = let_go,
    };
    static const struct leak_plan pvh = {
        .config = { .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
                    .arch.emulation_flags = XEN_X86_EMU_LAPIC },
        .steps = pvh_steps, .step_count = sizeof(pvh_steps) / sizeof(pvh_steps[0]), .let_go = let_go,
    };

    leak_test(&pv);
    leak_test(&pvh);
}
