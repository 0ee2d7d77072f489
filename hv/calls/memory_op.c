/* SPDX-License-Identifier: MIT */
/*
 * HYPERVISOR_memory_op: a domain's pages. The command is in the low six bits of the first
 * argument, the progress of an interrupted call above it.
 *
 * Commands are a table by number; those it does not have belong to the architecture
 * (arch_memory_op), which answers -ENOSYS for what nobody knows.
 */
#include "hv/calls/memory_op.h"

#include "hv/calls/hypercall.h"
#include "hv/core/arch_guest.h"
#include "hv/core/memory_claim.h"
#include "hv/core/rights.h"
#include "hv/mm/page_alloc.h"

/* Orders, in pages: 1 GiB for a toolstack, 16 MiB for who drives devices, 2 MiB for everybody.
 */
#define MAX_ORDER_CONTROL  PAGE_MAX_ORDER
#define MAX_ORDER_HARDWARE 12
#define MAX_ORDER_GUEST    9

struct domain *memory_op_domain_get(domid_t domid, int *rc)
{
    struct domain *d = domain_get_or_self(domid);

    if (d == NULL) {
        *rc = -ESRCH;
        return NULL;
    }
    if (d != current_domain() && !rights_may_control(current_domain(), d)) {
        domain_put(d);
        *rc = -EPERM;
        return NULL;
    }
    return d;
}

unsigned int memory_op_max_order(void)
{
    const struct domain *caller = current_domain();

    return caller->is_control    ? MAX_ORDER_CONTROL
           : caller->is_hardware ? MAX_ORDER_HARDWARE
                                 : MAX_ORDER_GUEST;
}

bool memory_op_address_bits(unsigned int mem_flags, unsigned int *bits)
{
    *bits = XENMEMF_get_address_bits(mem_flags);
    if (*bits >= 64) {
        *bits = 0;
    }
    return *bits == 0 || *bits > PAGE_SHIFT;
}

mfn_t memory_op_alloc(struct domain *d, unsigned int order, unsigned int bits)
{
    mfn_t mfn;

    if (bits == 0) {
        return frame_alloc_for(&d->memory, order, 0);
    }
    mfn = page_alloc_below(order, 0, bits);
    if (!mfn_eq(mfn, INVALID_MFN) && frame_assign(&d->memory, mfn, order, false) != 0) {
        page_free(mfn, order, false);
        return INVALID_MFN;
    }
    return mfn;
}

static long maximum_ram_page(guest_ptr_t arg, unsigned long *start)
{
    return (long)frame_max;
}

/* The domain of a struct xen_memory_domain. */
static struct domain *asked_domain_get(guest_ptr_t arg, int *rc)
{
    struct xen_memory_domain asked;

    if (copy_from_guest(&asked, arg, sizeof(asked)) != 0) {
        *rc = -EFAULT;
        return NULL;
    }
    return memory_op_domain_get(asked.domid, rc);
}

static long current_reservation(guest_ptr_t arg, unsigned long *start)
{
    int rc = 0;
    struct domain *d = asked_domain_get(arg, &rc);
    long pages;

    if (d == NULL) {
        return rc;
    }
    pages = (long)READ_ONCE(d->memory.total);
    domain_put(d);
    return pages;
}

static long maximum_reservation(guest_ptr_t arg, unsigned long *start)
{
    int rc = 0;
    struct domain *d = asked_domain_get(arg, &rc);
    long pages;

    if (d == NULL) {
        return rc;
    }
    pages = (long)MIN(READ_ONCE(d->memory.max), (uint64_t)INT64_MAX);
    domain_put(d);
    return pages;
}

static long claim_pages(guest_ptr_t arg, unsigned long *start)
{
    struct xen_memory_reservation r;
    struct domain *d;
    int rc;

    if (copy_from_guest(&r, arg, sizeof(r)) != 0) {
        return -EFAULT;
    }
    if (!guest_ptr_is_null(guest_ptr(r.extent_start)) || r.extent_order != 0 ||
        r.mem_flags != 0) {
        return -EINVAL;
    }
    if (!rights_is_control(current_domain())) {
        return -EPERM;
    }
    d = domain_get_or_self(r.domid);
    if (d == NULL) {
        return -EINVAL;
    }
    rc = memory_claim_set(d, r.nr_extents);
    domain_put(d);
    return rc;
}

/* Nothing is ever shared between domains behind their backs, so no page was saved. */
static long sharing_count(guest_ptr_t arg, unsigned long *start)
{
    return 0;
}

static long not_supported(guest_ptr_t arg, unsigned long *start)
{
    return -EOPNOTSUPP;
}

/* Devices are not assigned by DMA remapping yet, so no memory is reserved for any. */
static long reserved_device_memory_map(guest_ptr_t arg, unsigned long *start)
{
    struct xen_reserved_device_memory_map map;

    if (copy_from_guest(&map, arg, sizeof(map)) != 0) {
        return -EFAULT;
    }
    if (map.flags & ~(uint32_t)XENMEM_RDM_ALL) {
        return -EINVAL;
    }
    map.nr_entries = 0;
    return copy_to_guest(arg, &map, sizeof(map));
}

struct memory_row {
    long (*fn)(guest_ptr_t arg, unsigned long *start);
    bool resumable;
};

static const struct memory_row rows[] = {
    [XENMEM_increase_reservation] = { memory_increase_reservation, true },
    [XENMEM_decrease_reservation] = { memory_decrease_reservation, true },
    [XENMEM_populate_physmap] = { memory_populate_physmap, true },
    [XENMEM_exchange] = { memory_exchange, false },
    [XENMEM_maximum_ram_page] = { maximum_ram_page, false },
    [XENMEM_current_reservation] = { current_reservation, false },
    [XENMEM_maximum_reservation] = { maximum_reservation, false },
    [XENMEM_add_to_physmap] = { memory_add_to_physmap, true },
    [XENMEM_add_to_physmap_batch] = { memory_add_to_physmap_batch, true },
    [XENMEM_remove_from_physmap] = { memory_remove_from_physmap, false },
    [XENMEM_claim_pages] = { claim_pages, false },
    [XENMEM_acquire_resource] = { memory_acquire_resource, true },
    [XENMEM_get_sharing_freed_pages] = { sharing_count, false },
    [XENMEM_get_sharing_shared_pages] = { sharing_count, false },
    [XENMEM_paging_op] = { not_supported, true },
    [XENMEM_access_op] = { not_supported, true },
    [XENMEM_sharing_op] = { not_supported, true },
    [XENMEM_get_vnumainfo] = { not_supported, false },
    [XENMEM_reserved_device_memory_map] = { reserved_device_memory_map, false },
};

long do_memory_op(unsigned long cmd, guest_ptr_t arg)
{
    unsigned int op = (unsigned int)(cmd & MEMOP_CMD_MASK);
    unsigned long start = cmd >> MEMOP_EXTENT_SHIFT;
    long rc;

    if (op >= ARRAY_SIZE(rows) || rows[op].fn == NULL) {
        return arch_memory_op((unsigned int)cmd, arg);
    }
    if (start != 0 && !rows[op].resumable) {
        return -EINVAL;
    }
    rc = rows[op].fn(arg, &start);
    if (rc == -ERESTART) {
        return hypercall_continue(__HYPERVISOR_memory_op, 2, op | start << MEMOP_EXTENT_SHIFT,
                                  (unsigned long)arg.va);
    }
    return rc;
}
