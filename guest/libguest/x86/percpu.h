/* SPDX-License-Identifier: MIT */
/*
 * Data of one vcpu, found from the stack pointer: every vcpu runs on an aligned stack of
 * 1 << START_STACK_ORDER bytes and its struct percpu lies at the lowest address of it.
 */
#ifndef GUEST_LIBGUEST_X86_PERCPU_H
#define GUEST_LIBGUEST_X86_PERCPU_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/libguest/start.h"
#include "guest/libguest/x86/traps.h"

#define GUEST_IS_X86     true
#define GUEST_CAPABILITY "xen-3.0-x86_64"

struct percpu {
    unsigned int vcpu;
    struct trap_recovery *recovery; /* innermost trap_try in progress */
    struct trap_frame *user_exit;   /* where user_run() wants the user's registers */
    struct trap_note last;          /* the most recent trap that was caught */
    unsigned int caught;            /* how many traps were caught so far */
    unsigned int depth;             /* traps being handled, one inside the other */
    unsigned int upcalls;           /* event upcalls so far */
    struct vcpu_info *info;
};

static inline struct percpu *percpu(void)
{
    unsigned long sp;

    __asm__("mov %%rsp, %0" : "=r"(sp));
    return (struct percpu *)(sp & ~((1UL << START_STACK_ORDER) - 1));
}
#endif
