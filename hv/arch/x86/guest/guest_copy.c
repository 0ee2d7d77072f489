/* SPDX-License-Identifier: MIT */
/*
 * Copies to and from addresses a guest gave: the current page tables are the guest's, and a fault on the
 * way ends the copy (entry.S). Addresses in the hypervisor's slice are refused before they are touched.
 */
#include "hv/mm/guest_copy.h"

#include "hv/arch_cpu.h"

size_t raw_copy(void *dst, const void *src, size_t bytes);
size_t raw_copy8(void *dst, const void *src);
size_t raw_copy4(void *dst, const void *src);
size_t raw_clear(unsigned long va, size_t bytes);

/* Canonical, and wholly below or wholly above the hypervisor. */
static inline bool guest_range_ok(unsigned long va, size_t bytes)
{
    unsigned long end = va + bytes;

    return (end <= 1UL << 47 && end >= va) || (va >= HV_VIRT_END && (end >= va || end == 0));
}

static inline size_t copy_sized(void *dst, const void *src, size_t bytes)
{
    if (bytes == 8) {
        return raw_copy8(dst, src);
    }
    if (bytes == 4) {
        return raw_copy4(dst, src);
    }
    return raw_copy(dst, src, bytes);
}

size_t arch_copy_from_va(void *dst, unsigned long va, size_t bytes)
{
    return guest_range_ok(va, bytes) ? copy_sized(dst, (const void *)va, bytes) : bytes;
}

size_t arch_copy_to_va(unsigned long va, const void *src, size_t bytes)
{
    return guest_range_ok(va, bytes) ? copy_sized((void *)va, src, bytes) : bytes;
}

size_t arch_clear_va(unsigned long va, size_t bytes)
{
    return guest_range_ok(va, bytes) ? raw_clear(va, bytes) : bytes;
}

int copy_from_guest(void *dst, guest_ptr_t src, size_t bytes)
{
    return arch_copy_from_va(dst, src.va, bytes) == 0 ? 0 : -EFAULT;
}

int copy_to_guest(guest_ptr_t dst, const void *src, size_t bytes)
{
    return arch_copy_to_va(dst.va, src, bytes) == 0 ? 0 : -EFAULT;
}

int clear_guest(guest_ptr_t dst, size_t bytes)
{
    return arch_clear_va(dst.va, bytes) == 0 ? 0 : -EFAULT;
}
