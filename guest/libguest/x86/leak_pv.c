/* SPDX-License-Identifier: MIT */
/*
 * The context of a PV domain's first vcpu, for leak tests. See leak_pv.h.
 */
#include "guest/libguest/x86/leak_pv.h"

#include "guest/libguest/leak.h"
#include "guest/libguest/string.h"

long leak_pv_context(xen_pfn_t table)
{
    static struct vcpu_guest_context ctx;

    memset(&ctx, 0, sizeof(ctx));
    ctx.flags = VGCF_in_kernel;
    ctx.user_regs.cs = FLAT_KERNEL_CS;
    ctx.user_regs.ss = FLAT_KERNEL_SS;
    ctx.ctrlreg[3] = xen_pfn_to_cr3(table);
    leak_domctl.u.vcpucontext.vcpu = 0;
    set_xen_guest_handle(leak_domctl.u.vcpucontext.ctxt, (void *)&ctx);
    return leak_call(XEN_DOMCTL_setvcpucontext);
}
