/* SPDX-License-Identifier: MIT */
/* A domain's memory: give and take pages, claims, guest-physical mappings, dirty logs, PV page tables. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ctrl/internal.h"

/* Populate and decrease: the extent list goes in, for a PV domain machine frames come out. */
static long reservation(struct ctrl *c, unsigned int cmd, domid_t domid, unsigned int order,
                        unsigned int mem_flags, size_t count, struct bounce *frames)
{
    long rc = bounce_begin(c, frames);
    if (rc == 0) {
        struct xen_memory_reservation arg = {
            .nr_extents = count,
            .extent_order = order,
            .mem_flags = mem_flags,
            .domid = domid,
        };
        set_xen_guest_handle(arg.extent_start, frames->p);
        rc = ctrl_memory_op(c, cmd, &arg, sizeof(arg));
    }
    bounce_end(c, frames, rc < 0 ? -1 : 0);
    return rc;
}

long ctrl_populate(struct ctrl *c, domid_t domid, unsigned int order, unsigned int mem_flags, size_t count,
                   xen_pfn_t *frames)
{
    struct bounce b = BOUNCE(frames, count * sizeof(*frames), BOUNCE_IN | BOUNCE_OUT);
    return reservation(c, XENMEM_populate_physmap, domid, order, mem_flags, count, &b);
}

long ctrl_depopulate(struct ctrl *c, domid_t domid, unsigned int order, size_t count, const xen_pfn_t *frames)
{
    struct bounce b = BOUNCE(frames, count * sizeof(*frames), BOUNCE_IN);
    return reservation(c, XENMEM_decrease_reservation, domid, order, 0, count, &b);
}

int ctrl_claim_pages(struct ctrl *c, domid_t domid, uint64_t pages)
{
    struct xen_memory_reservation arg = { .nr_extents = pages, .domid = domid };
    return (int)ctrl_memory_op(c, XENMEM_claim_pages, &arg, sizeof(arg));
}

int ctrl_add_to_physmap(struct ctrl *c, domid_t domid, unsigned int space, unsigned long index, xen_pfn_t gfn)
{
    struct xen_add_to_physmap arg = { .domid = domid, .space = space, .idx = index, .gpfn = gfn };
    return (int)ctrl_memory_op(c, XENMEM_add_to_physmap, &arg, sizeof(arg));
}

int ctrl_maximum_gfn(struct ctrl *c, domid_t domid, xen_pfn_t *gfn)
{
    long rc = ctrl_memory_op(c, XENMEM_maximum_gpfn, &domid, sizeof(domid));
    if (rc < 0) {
        return (int)rc;
    }
    *gfn = rc;
    return 0;
}

int ctrl_maximum_ram_page(struct ctrl *c, unsigned long *mfn)
{
    long rc = ctrl_memory_op(c, XENMEM_maximum_ram_page, NULL, 0);
    if (rc < 0) {
        return (int)rc;
    }
    *mfn = rc;
    return 0;
}

static int pod_target(struct ctrl *c, unsigned int cmd, domid_t domid, uint64_t pages,
                      struct xen_pod_target *result)
{
    struct xen_pod_target arg = { .domid = domid, .target_pages = pages };
    int rc = (int)ctrl_memory_op(c, cmd, &arg, sizeof(arg));
    if (rc == 0 && result) {
        *result = arg;
    }
    return rc;
}

int ctrl_pod_target_set(struct ctrl *c, domid_t domid, uint64_t pages, struct xen_pod_target *result)
{
    return pod_target(c, XENMEM_set_pod_target, domid, pages, result);
}

int ctrl_pod_target_get(struct ctrl *c, domid_t domid, struct xen_pod_target *result)
{
    return pod_target(c, XENMEM_get_pod_target, domid, 0, result);
}

int ctrl_page_frame_info(struct ctrl *c, domid_t domid, xen_pfn_t *types, size_t count)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_getpageframeinfo3, .domain = domid };
    struct bounce b = BOUNCE(types, count * sizeof(*types), BOUNCE_IN | BOUNCE_OUT);
    int rc = bounce_begin(c, &b);
    if (rc == 0) {
        op.u.getpageframeinfo3.num = count;
        set_xen_guest_handle(op.u.getpageframeinfo3.array, b.p);
        rc = ctrl_domctl(c, &op);
    }
    bounce_end(c, &b, rc);
    return rc;
}

int ctrl_machphys_frames(struct ctrl *c, xen_pfn_t *frames, unsigned int max)
{
    struct xen_machphys_mfn_list arg = { .max_extents = max };
    struct bounce b = BOUNCE(frames, max * sizeof(*frames), BOUNCE_OUT);
    int rc = bounce_begin(c, &b);
    if (rc == 0) {
        set_xen_guest_handle(arg.extent_start, b.p);
        rc = (int)ctrl_memory_op(c, XENMEM_machphys_mfn_list, &arg, sizeof(arg));
    }
    bounce_end(c, &b, rc);
    return rc < 0 ? rc : (int)arg.nr_extents;
}

int ctrl_shadow_op(struct ctrl *c, domid_t domid, uint32_t op_number, uint32_t mode, uint8_t *bitmap,
                   uint64_t *pages, struct xen_domctl_shadow_op_stats *stats)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_shadow_op, .domain = domid };
    struct bounce b = BOUNCE(bitmap, bitmap ? (*pages + 7) / 8 : 0, BOUNCE_OUT);
    int rc = bounce_begin(c, &b);
    if (rc == 0) {
        op.u.shadow_op.op = op_number;
        op.u.shadow_op.mode = mode;
        op.u.shadow_op.pages = pages ? *pages : 0;
        set_xen_guest_handle(op.u.shadow_op.dirty_bitmap, b.p);
        rc = ctrl_domctl(c, &op);
    }
    bounce_end(c, &b, rc);
    if (rc >= 0) {
        if (pages) {
            *pages = op.u.shadow_op.pages;
        }
        if (stats) {
            *stats = op.u.shadow_op.stats;
        }
    }
    return rc;
}

int ctrl_mmuext_op(struct ctrl *c, domid_t domid, struct mmuext_op *ops, unsigned int count)
{
    struct bounce b = BOUNCE(ops, count * sizeof(*ops), BOUNCE_IN);
    int rc = bounce_begin(c, &b);
    if (rc == 0) {
        rc = ctrl_hypercall(c, __HYPERVISOR_mmuext_op, (uintptr_t)b.p, count, 0, domid);
    }
    bounce_end(c, &b, rc);
    return rc;
}

int ctrl_mmu_update(struct ctrl *c, domid_t domid, struct mmu_update *updates, unsigned int count)
{
    struct bounce b = BOUNCE(updates, count * sizeof(*updates), BOUNCE_IN);
    int rc = bounce_begin(c, &b);
    if (rc == 0) {
        rc = ctrl_hypercall(c, __HYPERVISOR_mmu_update, (uintptr_t)b.p, count, 0, domid);
    }
    bounce_end(c, &b, rc);
    return rc;
}
