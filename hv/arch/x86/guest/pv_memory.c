/* SPDX-License-Identifier: MIT */
/*
 * Memory as PV guests count it: the machine-to-physical table, memory maps, and the answers of contract 3
 * for guests whose frame numbers are the machine's.
 *
 * The machine-to-physical table is one array for the machine, indexed by mfn: readable by all PV guests at
 * RO_M2P_START, written by us through RW_M2P_START. It is backed in blocks of 2 MiB (1 GiB of RAM each),
 * wherever there is RAM; other entries are not mapped, and a guest that reads them faults.
 */
#include "hv/arch/x86/guest/pv_memory.h"

#include "abi/memory.h"
#include "hv/arch/x86/cpu/e820.h"
#include "hv/arch/x86/cpu/paging.h"
#include "hv/arch/x86/guest/pv_mmu.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/calls/memory_op.h"
#include "hv/core/arch_guest.h"
#include "hv/core/grant.h"
#include "hv/core/p2m.h"
#include "hv/core/rights.h"
#include "hv/mm/boot_alloc.h"
#include "hv/mm/heap.h"

#define M2P_INVALID     (~0UL)
#define CHUNK_PAGES     512UL           /* of the table */
#define CHUNK_SHIFT     18              /* frames a chunk describes */
#define CHUNK_BYTES     (CHUNK_PAGES << PAGE_SHIFT)
#define CHUNKS          5120            /* 5 TiB of RAM */
#define RW_M2P          ((uint64_t *)RW_M2P_START)

/* First frame of each chunk, 0 where there is none; set once at boot. */
static uint32_t chunk_mfn[CHUNKS];

/* An entry of a memory map as the ABI has it. */
struct map_entry {
    uint64_t start;
    uint64_t size;
    uint32_t type;
} PACKED;

/* ---- The machine-to-physical table --------------------------------------------------------------- */

static void chunk_add(uint64_t chunk)
{
    mfn_t mfn = boot_alloc(CHUNK_PAGES);

    chunk_mfn[chunk] = (uint32_t)mfn_x(mfn);
    paging_map(RW_M2P_START + chunk * CHUNK_BYTES, mfn, CHUNK_PAGES, PTE_RW | PTE_NX);
    paging_map(RO_M2P_START + chunk * CHUNK_BYTES, mfn, CHUNK_PAGES, PTE_USER | PTE_NX);
    memset(arch_direct_map(mfn), 0xff, CHUNK_BYTES);
    for (uint64_t i = 0; i < CHUNK_PAGES; i++) {
        frame_share_boot_page(mfn_add(mfn, i));
    }
}

void m2p_add_range(mfn_t first, uint64_t count)
{
    uint64_t end = MIN(mfn_x(first) + count, (uint64_t)CHUNKS << CHUNK_SHIFT);

    for (uint64_t chunk = mfn_x(first) >> CHUNK_SHIFT; chunk << CHUNK_SHIFT < end; chunk++) {
        if (chunk_mfn[chunk] == 0) {
            chunk_add(chunk);
        }
    }
}

void arch_set_m2p(mfn_t mfn, uint64_t pfn)
{
    if (frame_valid(mfn)) {
        WRITE_ONCE(RW_M2P[mfn_x(mfn)], pfn);
    }
}

/* Of an extent from the allocator, all of which is RAM or nothing: that is asked for once. */
static void set_m2p_extent(mfn_t mfn, unsigned int order, uint64_t pfn)
{
    uint64_t *entry = &RW_M2P[mfn_x(mfn)], *end = entry + BIT(order);

    if (frame_valid(mfn) && frame_valid(mfn_add(mfn, BIT(order) - 1))) {
        for (; entry < end; entry++) {
            WRITE_ONCE(*entry, pfn++);
        }
    }
}

/* ---- Frame numbers --------------------------------------------------------------------------------- */

struct frame *arch_get_gfn(struct domain *d, gfn_t gfn, bool writable)
{
    struct frame *f;

    if (d->is_translated) {
        return p2m_get_frame(d, gfn, writable);
    }
    f = frame_get_mfn(_mfn(gfn_x(gfn)), d->id);
    if (f != NULL && writable && frame_get_role(f, ROLE_WRITABLE, false) != 0) {
        frame_put(f);
        return NULL;
    }
    return f;
}

void arch_put_gfn(struct frame *f, bool writable)
{
    if (writable) {
        frame_put_with_role(f);
    } else {
        frame_put(f);
    }
}

int arch_p2m_add(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    int rc = d->is_translated ? p2m_set(d, gfn, mfn, order, P2M_RAM) : 0;

    if (rc != 0) {
        return rc;
    }
    set_m2p_extent(mfn, order, gfn_x(gfn));
    return 0;
}

int arch_p2m_remove(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    int rc = d->is_translated ? p2m_remove(d, gfn, mfn, order) : 0;

    if (rc != 0) {
        return rc;
    }
    for (uint64_t i = 0; i < 1UL << order; i++) {
        arch_set_m2p(mfn_add(mfn, i), M2P_INVALID);
    }
    return 0;
}

gfn_t arch_mfn_to_gfn(struct domain *d, mfn_t mfn)
{
    if (!d->is_translated) {
        return _gfn(mfn_x(mfn));
    }
    return frame_valid(mfn) ? _gfn(READ_ONCE(RW_M2P[mfn_x(mfn)])) : INVALID_GFN;
}

/* A PV guest's physical space is its own table. */
int arch_add_to_physmap(struct domain *d, unsigned int space, struct domain *foreign,
                        unsigned long idx, gfn_t gfn)
{
    return d->is_translated ? p2m_add_to_physmap(d, space, foreign, idx, gfn) : -EOPNOTSUPP;
}

int arch_acquire_resource(struct domain *d, unsigned int type, unsigned int id,
                          unsigned int frame, mfn_t *mfn)
{
    if (type != XENMEM_resource_grant_table) {
        return -EOPNOTSUPP;
    }
    if (id != XENMEM_resource_grant_table_id_shared &&
        id != XENMEM_resource_grant_table_id_status) {
        return -EINVAL;
    }
    return grant_get_frame(d, id == XENMEM_resource_grant_table_id_status, frame, mfn);
}

/* ---- Memory maps ------------------------------------------------------------------------------------ */

static int map_write(const struct e820_map *map, guest_ptr_t buffer, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        struct map_entry entry = { .start = map->entries[i].start,
                                   .size = map->entries[i].size,
                                   .type = map->entries[i].type };

        if (copy_to_guest(guest_ptr_at(buffer, i, sizeof(entry)), &entry, sizeof(entry)) != 0) {
            return -EFAULT;
        }
    }
    return 0;
}

/* A null buffer asks for the number of entries. */
static int map_report(guest_ptr_t arg, const struct e820_map *map, bool count_only_ok)
{
    struct xen_memory_map request;
    unsigned int count;
    int rc = 0;

    if (copy_from_guest(&request, arg, sizeof(request)) != 0) {
        return -EFAULT;
    }
    if (count_only_ok && guest_ptr_is_null(guest_ptr(request.buffer))) {
        count = map->count;
    } else {
        count = MIN(request.nr_entries, map->count);
        rc = map_write(map, guest_ptr(request.buffer), count);
    }
    if (rc == 0) {
        request.nr_entries = count;
        rc = copy_to_guest(arg, &request, sizeof(request));
    }
    return rc;
}

static int memory_map(guest_ptr_t arg)
{
    struct domain *d = current_domain();
    struct e820_map *copy;
    int rc = -ENOSYS;

    copy = heap_alloc(sizeof(*copy));
    if (copy == NULL) {
        return -ENOMEM;
    }
    spin_lock(&d->lock);
    if (d->arch->memory_map != NULL) {
        *copy = *d->arch->memory_map;
        rc = 0;
    }
    spin_unlock(&d->lock);
    if (rc == 0) {
        rc = map_report(arg, copy, false);
    }
    heap_free(copy);
    return rc;
}

static int map_read(struct e820_map *map, guest_ptr_t buffer, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        struct map_entry entry;

        if (copy_from_guest(&entry, guest_ptr_at(buffer, i, sizeof(entry)), sizeof(entry)) != 0) {
            return -EFAULT;
        }
        map->entries[i] = (struct e820_entry){ entry.start, entry.size, entry.type };
    }
    map->count = count;
    return 0;
}

static int set_memory_map(guest_ptr_t arg)
{
    struct xen_foreign_memory_map request;
    struct e820_map *fresh;
    struct e820_map *old;
    struct domain *d;
    int rc;

    if (copy_from_guest(&request, arg, sizeof(request)) != 0) {
        return -EFAULT;
    }
    if (request.map.nr_entries > E820_MAX) {
        return -EINVAL;
    }
    d = memory_op_domain_get(request.domid, &rc);
    if (d == NULL) {
        return rc;
    }
    fresh = heap_alloc(sizeof(*fresh));
    rc = fresh == NULL ? -ENOMEM
                       : map_read(fresh, guest_ptr(request.map.buffer), request.map.nr_entries);
    if (rc == 0) {
        spin_lock(&d->lock);
        old = d->arch->memory_map;
        d->arch->memory_map = fresh;
        spin_unlock(&d->lock);
        fresh = old;
    }
    heap_free(fresh);
    domain_put(d);
    return rc;
}

/* ---- Where the table is ------------------------------------------------------------------------------ */

static int machphys_mapping(guest_ptr_t arg)
{
    struct xen_machphys_mapping mapping = {
        .v_start = MACH2PHYS_VIRT_START,
        .v_end = MACH2PHYS_VIRT_END,
        .max_mfn = frame_max - 1,
    };

    return copy_to_guest(arg, &mapping, sizeof(mapping));
}

static int machphys_mfn_list(guest_ptr_t arg)
{
    unsigned int chunks = (unsigned int)DIV_ROUND_UP(frame_max, 1UL << CHUNK_SHIFT);
    struct xen_machphys_mfn_list list;

    if (!rights_is_control(current_domain())) {
        return -EPERM;
    }
    if (copy_from_guest(&list, arg, sizeof(list)) != 0) {
        return -EFAULT;
    }
    list.nr_extents = MIN(chunks, list.max_extents);
    for (unsigned int i = 0; i < list.nr_extents; i++) {
        xen_pfn_t mfn = chunk_mfn[i];

        if (copy_to_guest(guest_ptr_at(guest_ptr(list.extent_start), i, sizeof(mfn)), &mfn,
                          sizeof(mfn)) != 0) {
            return -EFAULT;
        }
    }
    return copy_to_guest(arg, &list, sizeof(list));
}

/* There is no table for 32-bit guests. */
static int machphys_compat_mfn_list(guest_ptr_t arg)
{
    struct xen_machphys_mfn_list list;

    if (copy_from_guest(&list, arg, sizeof(list)) != 0) {
        return -EFAULT;
    }
    list.nr_extents = 0;
    return copy_to_guest(arg, &list, sizeof(list));
}

static int maximum_gpfn(guest_ptr_t arg)
{
    struct domain *d;
    domid_t domid;
    int rc;

    if (copy_from_guest(&domid, arg, sizeof(domid)) != 0) {
        return -EFAULT;
    }
    d = memory_op_domain_get(domid, &rc);
    if (d == NULL) {
        return rc;
    }
    rc = (int)((d->is_translated ? p2m_end(d) : READ_ONCE(d->shared_info->arch.max_pfn)) - 1);
    domain_put(d);
    return rc;
}

int arch_memory_op(unsigned int cmd, guest_ptr_t arg)
{
    switch (cmd) {
    case XENMEM_memory_map:
        return memory_map(arg);
    case XENMEM_set_memory_map:
        return set_memory_map(arg);
    case XENMEM_machine_memory_map:
        return rights_is_control(current_domain()) ? map_report(arg, &machine_e820, true) : -EPERM;
    case XENMEM_machphys_mapping:
        return machphys_mapping(arg);
    case XENMEM_machphys_mfn_list:
        return machphys_mfn_list(arg);
    case XENMEM_machphys_compat_mfn_list:
        return machphys_compat_mfn_list(arg);
    case XENMEM_maximum_gpfn:
        return maximum_gpfn(arg);
    case XENMEM_set_pod_target:
    case XENMEM_get_pod_target:
        return (int)hvm_pod_target(cmd, arg);
    default:
        return -ENOSYS;
    }
}
