/* SPDX-License-Identifier: MIT */
/*
 * The multicall hypercall: a list of hypercalls in guest memory, each run through the table and
 * its result written into its entry.
 *
 * Entries are fetched some at a time, each once and whole; what an entry does to the list
 * itself shows, or not, in those behind it. A call that wants to go on later has its new
 * arguments written into its entry, and the multicall is run again from that entry on; so is
 * one that has run long enough.
 */
#include "abi/xen.h"
#include "hv/calls/hypercall.h"
#include "hv/core/arch_guest.h"

BUILD_ASSERT(sizeof(struct multicall_entry) == 64);

#define BATCH 8U

static NOINLINE COLD long again(guest_ptr_t at, unsigned int left)
{
    return hypercall_continue(__HYPERVISOR_multicall, 2, (unsigned long)at.va,
                              (unsigned long)left);
}

/* The entry is to be run again with the arguments its call left. */
static NOINLINE COLD long continue_entry(struct vcpu_restart *r, struct multicall_entry *call,
                                         guest_ptr_t at, unsigned int left)
{
    r->pending = false;
    call->op = r->op;
    for (unsigned int i = 0; i < r->arg_count; i++) {
        call->args[i] = r->args[i];
    }
    return copy_to_guest(at, call, sizeof(*call)) != 0 ? -EFAULT : again(at, left);
}

static inline long call_one(const struct multicall_entry *call, bool translated)
{
    const unsigned long *a = call->args;

    if (unlikely(translated)) {
        return (long)arch_multicall_one(call->op, a); /* not every call is for every guest */
    }
    if (unlikely(call->op >= HYPERCALL_COUNT)) {
        return -ENOSYS;
    }
    return hypercall_table[call->op](a[0], a[1], a[2], a[3], a[4], a[5]);
}

static inline guest_ptr_t result_of(guest_ptr_t at)
{
    return (guest_ptr_t){ at.va + offsetof(struct multicall_entry, result) };
}

/* How many whole entries, of count, could be read. */
static inline unsigned int fetch(struct multicall_entry *calls, guest_ptr_t at,
                                 unsigned int count)
{
    size_t bytes = MIN(count, BATCH) * sizeof(*calls);

    return (unsigned int)((bytes - arch_copy_from_va(calls, at.va, bytes)) / sizeof(*calls));
}

/* 0 when all have run. */
static ALWAYS_INLINE long run_entries(struct vcpu_restart *r, guest_ptr_t at, unsigned int count,
                                      bool translated)
{
    struct multicall_entry calls[BATCH];
    struct multicall_entry *call = calls;
    struct multicall_entry *end = calls;

    for (unsigned int left = count; left > 0; left--, call++, at.va += sizeof(*call)) {
        if (call == end) {
            call = calls;
            end = calls + fetch(calls, at, left);
            if (unlikely(call == end)) {
                return -EFAULT;
            }
        }
        call->result = (unsigned long)call_one(call, translated);
        if (unlikely(r->pending)) {
            return continue_entry(r, call, at, left);
        }
        if (unlikely(call->op == __HYPERVISOR_iret)) {
            return (long)call->result; /* the registers are another context's now */
        }
        if (unlikely(copy_u64_to_guest(result_of(at), call->result) != 0)) {
            return -EFAULT;
        }
        if (unlikely(hypercall_preempt_check()) && left > 1) {
            return again((guest_ptr_t){ at.va + sizeof(*call) }, left - 1);
        }
    }
    return 0;
}

long do_multicall(guest_ptr_t calls, unsigned int count)
{
    struct vcpu_restart *r = &current_vcpu()->restart;
    long rc;

    if (r->in_multicall) {
        return -EINVAL; /* a list within a list */
    }
    r->in_multicall = true;
    /* Twice, so that a PV guest's list asks only once what kind of guest it is. */
    rc = current_domain()->is_translated ? run_entries(r, calls, count, true)
                                         : run_entries(r, calls, count, false);
    r->in_multicall = false;
    return rc;
}
