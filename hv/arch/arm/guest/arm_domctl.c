/* SPDX-License-Identifier: MIT */
/*
 * Control operations on a domain that Arm answers itself: the pool of its stage 2 tables, which the toolstack sizes,
 * address size, caches, and a serial port whose other end is dom0's. What others there are, x86 guests have.
 */
#include "hv/arch/arm/cpu/paging.h"
#include "hv/arch/arm/guest/guest.h"
#include "hv/arch/arm/guest/vpl011.h"
#include "hv/calls/hypercall.h"
#include "hv/core/arch_guest.h"
#include "hv/core/p2m.h"
#include "hv/mm/page_alloc.h"

#define PAGES_PER_MB (1UL << (20 - PAGE_SHIFT))

static int paging_pool(struct xen_domctl_shadow_op *s, struct domain *d)
{
    switch (s->op) {
    case XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION:
        s->mb = (uint32_t)(d->arch->p2m_pool / PAGES_PER_MB);
        return 0;
    case XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION:
        d->arch->p2m_pool = s->mb * PAGES_PER_MB;
        d->p2m->table_limit = (uint32_t)d->arch->p2m_pool;
        return 0;
    default:
        return -EINVAL;
    }
}

static int set_pool_bytes(struct domain *d, uint64_t bytes)
{
    if ((bytes & ~PAGE_MASK) != 0 || bytes >> PAGE_SHIFT > UINT32_MAX) {
        return -EINVAL;
    }
    d->arch->p2m_pool = bytes >> PAGE_SHIFT;
    d->p2m->table_limit = (uint32_t)d->arch->p2m_pool;
    return 0;
}

/* What the toolstack wrote through its caches is for a guest whose own are off. A long range is done in pieces. */
static int cache_flush(struct xen_domctl *op, struct domain *d, guest_ptr_t u_op)
{
    struct xen_domctl_cacheflush *c = &op->u.cacheflush;

    if (c->nr_pfns > 1UL << PAGE_MAX_ORDER || c->start_pfn + c->nr_pfns < c->start_pfn) {
        return -EINVAL;
    }
    while (c->nr_pfns > 0) {
        struct frame *f = p2m_get_frame(d, _gfn(c->start_pfn), false);

        if (f != NULL) {
            paging_flush_cache(arch_direct_map(frame_mfn(f)), PAGE_SIZE);
            frame_put(f);
        }
        c->start_pfn++;
        c->nr_pfns--;
        if (c->start_pfn % 64 == 0 && c->nr_pfns > 0 && hypercall_preempt_check()) {
            return copy_to_guest(u_op, op, sizeof(*op)) != 0 ? -EFAULT : -ERESTART;
        }
    }
    paging_flush_instructions();
    return 0;
}

static int vuart(struct domain *d, struct xen_domctl_vuart_op *op)
{
    if (op->cmd != XEN_DOMCTL_VUART_OP_INIT) {
        return -EINVAL;
    }
    if (op->type != XEN_DOMCTL_VUART_TYPE_VPL011) {
        return -EOPNOTSUPP;
    }
    return vpl011_init_ring(d, op->console_domid, _gfn(op->gfn), &op->evtchn);
}

int arch_domctl(struct xen_domctl *op, struct domain *d, guest_ptr_t u_op, bool *copy_back)
{
    switch (op->cmd) {
    case XEN_DOMCTL_shadow_op:
        *copy_back = true;
        return paging_pool(&op->u.shadow_op, d);
    case XEN_DOMCTL_get_paging_mempool_size:
        op->u.paging_mempool.size = d->arch->p2m_pool << PAGE_SHIFT;
        *copy_back = true;
        return 0;
    case XEN_DOMCTL_set_paging_mempool_size:
        return set_pool_bytes(d, op->u.paging_mempool.size);
    case XEN_DOMCTL_set_address_size:
        return op->u.address_size.size == 64 ? 0 : -EINVAL;
    case XEN_DOMCTL_get_address_size:
        op->u.address_size.size = 64;
        *copy_back = true;
        return 0;
    case XEN_DOMCTL_cacheflush:
        return cache_flush(op, d, u_op);
    case XEN_DOMCTL_vuart_op:
        *copy_back = true;
        return vuart(d, &op->u.vuart_op);
    default:
        return -ENOSYS;
    }
}
