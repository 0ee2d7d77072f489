/* SPDX-License-Identifier: MIT */
/*
 * The trap table of a PV kernel. Every vector is open to software interrupts of user mode only where a test asks
 * for it by its own set_trap_table; the default table opens 3 and 4, as kernels do, and masks events on page faults
 * never: tests keep events masked unless they say so.
 */
#include <stddef.h>

#include "abi/xen.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/print.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/percpu.h"
#include "guest/libguest/x86/traps.h"

const uint16_t trap_kernel_cs = FLAT_KERNEL_CS & ~3;
const uint16_t trap_kernel_ss = FLAT_KERNEL_SS;

uint64_t trap_cr2(void)
{
    return percpu()->info != NULL ? percpu()->info->arch.cr2 : 0;
}

void traps_fill_table(struct trap_info *table, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        table[i] = (struct trap_info){
            .vector = i,
            .flags = i == TRAP_BP || i == TRAP_OF ? 3 : 0,
            .cs = FLAT_KERNEL_CS,
            .address = (unsigned long)trap_stubs + i * TRAP_STUB_SIZE,
        };
    }
}

static void register_callback(unsigned int type, const char *entry, unsigned int flags)
{
    struct callback_register reg = {
        .type = type,
        .flags = flags,
        .address = (unsigned long)entry,
    };

    if (hypercall_callback_op(CALLBACKOP_register, &reg) != 0) {
        print("note: callback type %u refused\n", type);
    }
}

void traps_init(void)
{
    static struct trap_info table[257];

    traps_fill_table(table, 256);
    if (hypercall_set_trap_table(table) != 0) {
        test_broken("set_trap_table refused");
    }
    register_callback(CALLBACKTYPE_event, entry_event, 0);
    register_callback(CALLBACKTYPE_failsafe, entry_failsafe, CALLBACKF_mask_events);
    register_callback(CALLBACKTYPE_syscall, entry_syscall, CALLBACKF_mask_events);
}
