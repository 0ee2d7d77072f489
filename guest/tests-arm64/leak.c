/* SPDX-License-Identifier: MIT */
/*
 * Arm domains with a pool for tables, vcpus, memory, pages of it and of its grant table mapped here, caches, events;
 * created as far as every step and destroyed, free memory compared exactly. See guest/libguest/leak.h for the command
 * line.
 */
#include "abi/grant_table.h"
#include "abi/memory.h"
#include "guest/arm64/guest.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/leak.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"

#define WINDOW  0x3000000000UL /* where the domain's pages are shown: nothing else is there */
#define RAM_GFN (GUEST_RAM0_BASE >> 12)

static long set_pool(void)
{
    leak_domctl.u.paging_mempool.size = 1 << 20;
    return leak_call(XEN_DOMCTL_set_paging_mempool_size);
}

static long add_batch(unsigned int space, uint64_t idx, uint64_t gfn, unsigned int foreign)
{
    xen_ulong_t idxs = idx;
    xen_pfn_t gpfns = gfn;
    int error = 0;
    struct xen_add_to_physmap_batch b = { .domid = DOMID_SELF, .space = (uint16_t)space, .size = 1 };
    long rc;

    b.u.foreign_domid = (domid_t)foreign;
    set_xen_guest_handle(b.idxs, &idxs);
    set_xen_guest_handle(b.gpfns, &gpfns);
    set_xen_guest_handle(b.errs, &error);
    rc = hypercall_memory_op(XENMEM_add_to_physmap_batch, &b);
    return rc != 0 ? rc : error;
}

static long unmap(uint64_t gfn)
{
    struct xen_remove_from_physmap r = { .domid = DOMID_SELF, .gpfn = gfn };

    return hypercall_memory_op(XENMEM_remove_from_physmap, &r);
}

/* Two of the domain's pages are shown here and written; one of them stays until the domain is gone. */
static long foreign_map(void)
{
    static char *window;
    long rc = add_batch(XENMAPSPACE_gmfn_foreign, RAM_GFN, WINDOW >> 12, LEAK_DOM);

    window = window != NULL ? window : arm_map_gigabyte(WINDOW);
    rc = rc != 0 ? rc : add_batch(XENMAPSPACE_gmfn_foreign, RAM_GFN + 1, (WINDOW >> 12) + 1, LEAK_DOM);
    if (rc == 0) {
        window[0] = 1;
        window[4096] = 2;
        rc = unmap(WINDOW >> 12);
    }
    return rc;
}

static void let_go(void)
{
    (void)unmap((WINDOW >> 12) + 1);
}

static long grant_frames(void)
{
    struct xen_mem_acquire_resource a = { .domid = LEAK_DOM, .type = XENMEM_resource_grant_table, .nr_frames = 1,
                                          .id = XENMEM_resource_grant_table_id_shared };
    xen_pfn_t gfn = (WINDOW >> 12) + 2;
    long rc;

    set_xen_guest_handle(a.frame_list, &gfn);
    rc = hypercall_memory_op(XENMEM_acquire_resource, &a);
    return rc != 0 ? rc : unmap((WINDOW >> 12) + 2);
}

static long flush(xen_pfn_t start, xen_pfn_t count)
{
    leak_domctl.u.cacheflush.start_pfn = start;
    leak_domctl.u.cacheflush.nr_pfns = count;
    return leak_call(XEN_DOMCTL_cacheflush);
}

/* Its memory and what there is not; ranges that make no sense. */
static long cache_flush(void)
{
    long rc = flush(RAM_GFN - 16, LEAK_PAGES + 32);

    EXPECT_EQ(flush(~0UL - 1, 3), -EINVAL);
    EXPECT_EQ(flush(RAM_GFN, 1UL << 40), -EINVAL);
    return rc;
}

static long vcpu_context(void)
{
    static struct vcpu_guest_context ctx;

    memset(&ctx, 0, sizeof(ctx));
    ctx.flags = VGCF_online;
    ctx.user_regs.pc64 = GUEST_RAM0_BASE;
    ctx.user_regs.cpsr = PSR_GUEST64_INIT;
    ctx.sctlr = SCTLR_GUEST_INIT;
    leak_domctl.u.vcpucontext.vcpu = 0;
    set_xen_guest_handle(leak_domctl.u.vcpucontext.ctxt, (void *)&ctx);
    return leak_call(XEN_DOMCTL_setvcpucontext);
}

void test_main(void)
{
    static long (*const steps[])(void) = {
        set_pool,     leak_max_vcpus, leak_max_mem, leak_populate, foreign_map, leak_event_channels,
        cache_flush,  grant_frames,   vcpu_context, leak_run,
    };
    static const struct leak_plan plan = {
        .config = { .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap, .arch.nr_spis = 32 },
        .first_gfn = RAM_GFN, .steps = steps, .step_count = sizeof(steps) / sizeof(steps[0]), .let_go = let_go,
    };

    leak_test(&plan);
}
