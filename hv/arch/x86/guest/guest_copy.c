/* SPDX-License-Identifier: MIT */
/*
 * Copies to and from addresses a guest gave: the current page tables are the guest's, and a fault on the
 * way ends the copy (entry.S). Addresses in the hypervisor's slice are refused before they are touched.
 * Guests under hardware virtualisation have tables of their own: hvm_copy.c walks them.
 */
#include "hv/mm/guest_copy.h"

#include "hv/arch/x86/hvm/hvm.h"
#include "hv/arch_cpu.h"

size_t raw_copy(void *dst, const void *src, size_t bytes);
size_t raw_copy8(void *dst, const void *src);
size_t raw_copy4(void *dst, const void *src);
size_t raw_clear(unsigned long va, size_t bytes);

/*
 * As signed numbers the hypervisor's slice and the hole of non-canonical addresses below it come first: what is at
 * HV_VIRT_END or above is the guest's. Copies go upwards, so the start decides: what begins in the lower half meets the
 * hole, and faults, before it could come into the slice. While a guest under hardware virtualisation is current the
 * limit is such that no address it could map passes: one compare for both questions.
 */
static inline bool guest_start_ok(unsigned long va)
{
    return (long)va >= cpu_local()->guest_limit;
}

static inline bool by_walking(void)
{
    return current_vcpu()->arch->hvm != NULL;
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
    if (likely(guest_start_ok(va))) {
        return copy_sized(dst, (const void *)va, bytes);
    }
    return by_walking() ? hvm_copy_from(dst, va, bytes) : bytes;
}

size_t arch_copy_to_va(unsigned long va, const void *src, size_t bytes)
{
    if (likely(guest_start_ok(va))) {
        return copy_sized((void *)va, src, bytes);
    }
    return by_walking() ? hvm_copy_to(va, src, bytes) : bytes;
}

size_t arch_clear_va(unsigned long va, size_t bytes)
{
    if (likely(guest_start_ok(va))) {
        return raw_clear(va, bytes);
    }
    return by_walking() ? hvm_clear(va, bytes) : bytes;
}

int copy_from_guest(void *dst, guest_ptr_t src, size_t bytes)
{
    return arch_copy_from_va(dst, src.va, bytes) == 0 ? 0 : -EFAULT;
}

/* What to add to instructions that touch guest memory: a fault at label from goes on at label to. */
#define FAULT_GOES(from, to) \
    ".pushsection .ex_table, \"a\"\n.balign 4\n.long " from " - .\n.long " to " - .\n.popsection\n"

static NOINLINE long u32_by_walking(guest_ptr_t src)
{
    uint32_t word;

    return by_walking() && hvm_copy_from(&word, src.va, sizeof(word)) == 0 ? (long)word : -EFAULT;
}

long copy_u32_from_guest(guest_ptr_t src)
{
    long value = -EFAULT; /* the load clears the upper half */

    if (unlikely(!guest_start_ok(src.va))) {
        return u32_by_walking(src);
    }
    __asm__ __volatile__("1: movl (%1), %k0\n2:\n" FAULT_GOES("1b", "2b") : "+&r"(value) : "r"(src.va));
    return value;
}

int copy_pair_from_guest(uint64_t *pair, guest_ptr_t src)
{
    int rc = -EFAULT;
    uint64_t first;
    uint64_t second;

    if (unlikely(!guest_start_ok(src.va))) {
        return copy_from_guest(pair, src, 2 * sizeof(*pair));
    }
    __asm__ __volatile__("1: mov (%3), %1\n2: mov 8(%3), %2\nxor %0, %0\n3:\n" FAULT_GOES("1b", "3b")
                             FAULT_GOES("2b", "3b")
                         : "+&r"(rc), "=&r"(first), "=&r"(second)
                         : "r"(src.va));
    if (rc == 0) {
        pair[0] = first;
        pair[1] = second;
    }
    return rc;
}

int copy_u64_to_guest(guest_ptr_t dst, uint64_t value)
{
    if (unlikely(!guest_start_ok(dst.va))) {
        return copy_to_guest(dst, &value, sizeof(value));
    }
    __asm__ goto("1: mov %1, (%0)\n" FAULT_GOES("1b", "%l[fault]")
                 :
                 : "r"(dst.va), "r"(value)
                 : "memory"
                 : fault);
    return 0;
fault:
    return -EFAULT;
}

int copy_to_guest(guest_ptr_t dst, const void *src, size_t bytes)
{
    return arch_copy_to_va(dst.va, src, bytes) == 0 ? 0 : -EFAULT;
}

int clear_guest(guest_ptr_t dst, size_t bytes)
{
    return arch_clear_va(dst.va, bytes) == 0 ? 0 : -EFAULT;
}
