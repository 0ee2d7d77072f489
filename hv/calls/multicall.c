/* SPDX-License-Identifier: MIT */
/*
 * The multicall hypercall: a list of hypercalls in guest memory, each run through the table and its result
 * written into its entry.
 *
 * An entry is fetched when its turn comes and whole. A call that wants to go on later has its new arguments
 * written into the entry, and the multicall is run again from that entry on; so is one that has run long
 * enough.
 */
#include "abi/xen.h"
#include "hv/calls/hypercall.h"

BUILD_ASSERT(sizeof(struct multicall_entry) == 64);

static long again(guest_ptr_t at, unsigned int left)
{
    return hypercall_continue(__HYPERVISOR_multicall, 2, (unsigned long)at.va,
                              (unsigned long)left);
}

/* The entry is to be run again with the arguments its call left. */
static long continue_entry(struct vcpu_restart *r, struct multicall_entry *call, guest_ptr_t at,
                           unsigned int left)
{
    r->pending = false;
    call->op = r->op;
    for (unsigned int i = 0; i < r->arg_count; i++) {
        call->args[i] = r->args[i];
    }
    return copy_to_guest(at, call, sizeof(*call)) != 0 ? -EFAULT : again(at, left);
}

/* 0: to the next entry. */
static long run_entries(struct vcpu_restart *r, guest_ptr_t at, unsigned int count)
{
    struct multicall_entry call;

    for (unsigned int left = count; left > 0; left--, at.va += sizeof(call)) {
        const unsigned long *a = call.args;

        if (unlikely(hypercall_preempt_check()) && left != count) {
            return again(at, left);
        }
        if (unlikely(copy_from_guest(&call, at, sizeof(call)) != 0)) {
            return -EFAULT;
        }
        if (unlikely(call.op >= HYPERCALL_COUNT)) {
            call.result = (unsigned long)-ENOSYS;
        } else {
            call.result = (unsigned long)hypercall_table[call.op](a[0], a[1], a[2], a[3], a[4],
                                                                  a[5]);
        }
        if (unlikely(r->pending)) {
            return continue_entry(r, &call, at, left);
        }
        if (unlikely(call.op == __HYPERVISOR_iret)) {
            return (long)call.result; /* the registers are another context's now */
        }
        if (unlikely(copy_to_guest((guest_ptr_t){ at.va + offsetof(struct multicall_entry, result) },
                                   &call.result, sizeof(call.result)) != 0)) {
            return -EFAULT;
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
    rc = run_entries(r, calls, count);
    r->in_multicall = false;
    return rc;
}
