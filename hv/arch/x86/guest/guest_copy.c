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

/* Copies go upwards, so the start decides: what begins outside the hypervisor's slice meets the hole of
 * non-canonical addresses, and faults, before it could come into it. */
static inline bool guest_start_ok(unsigned long va)
{
    return va - HV_VIRT_START >= HV_VIRT_END - HV_VIRT_START;
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

static inline bool by_walking(void)
{
    return unlikely(current_vcpu()->arch->hvm != NULL);
}

size_t arch_copy_from_va(void *dst, unsigned long va, size_t bytes)
{
    if (by_walking()) {
        return hvm_copy_from(dst, va, bytes);
    }
    return guest_start_ok(va) ? copy_sized(dst, (const void *)va, bytes) : bytes;
}

size_t arch_copy_to_va(unsigned long va, const void *src, size_t bytes)
{
    if (by_walking()) {
        return hvm_copy_to(va, src, bytes);
    }
    return guest_start_ok(va) ? copy_sized((void *)va, src, bytes) : bytes;
}

size_t arch_clear_va(unsigned long va, size_t bytes)
{
    if (by_walking()) {
        return hvm_clear(va, bytes);
    }
    return guest_start_ok(va) ? raw_clear(va, bytes) : bytes;
}

int copy_from_guest(void *dst, guest_ptr_t src, size_t bytes)
{
    return arch_copy_from_va(dst, src.va, bytes) == 0 ? 0 : -EFAULT;
}

/* What to add to a function that touches guest memory itself: where a fault at label 1 goes on. */
#define FAULT_GOES_TO(label)                                                                     \
    ".pushsection .ex_table, \"a\"\n.balign 4\n.long 1b - .\n.long %l[" #label "] - .\n.popsection"

long copy_u32_from_guest(guest_ptr_t src)
{
    long value; /* the load clears the upper half */

    if (by_walking()) {
        uint32_t word;

        return hvm_copy_from(&word, src.va, sizeof(word)) == 0 ? (long)word : -EFAULT;
    }
    if (unlikely(!guest_start_ok(src.va))) {
        return -EFAULT;
    }
    __asm__ goto("1: movl (%1), %k0\n" FAULT_GOES_TO(fault) : "=r"(value) : "r"(src.va) : : fault);
    return value;
fault:
    return -EFAULT;
}

int copy_pair_from_guest(uint64_t *pair, guest_ptr_t src)
{
    uint64_t first;
    uint64_t second;

    if (by_walking()) {
        return hvm_copy_from(pair, src.va, 2 * sizeof(*pair)) == 0 ? 0 : -EFAULT;
    }
    if (unlikely(!guest_start_ok(src.va))) {
        return -EFAULT;
    }
    __asm__ goto("1: mov (%1), %0\n" FAULT_GOES_TO(fault) : "=r"(first) : "r"(src.va) : : fault);
    __asm__ goto("1: mov 8(%1), %0\n" FAULT_GOES_TO(fault) : "=r"(second) : "r"(src.va) : : fault);
    pair[0] = first;
    pair[1] = second;
    return 0;
fault:
    return -EFAULT;
}

int copy_u64_to_guest(guest_ptr_t dst, uint64_t value)
{
    if (by_walking()) {
        return hvm_copy_to(dst.va, &value, sizeof(value)) == 0 ? 0 : -EFAULT;
    }
    if (unlikely(!guest_start_ok(dst.va))) {
        return -EFAULT;
    }
    __asm__ goto("1: mov %1, (%0)\n" FAULT_GOES_TO(fault)
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
