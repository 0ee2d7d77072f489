/* SPDX-License-Identifier: MIT */
/*
 * What the CPU does not enter a guest with: a reserved bit of CR4. QEMU 7.2's AMD-V answers the write itself with the
 * exit of a failed entry: the hypervisor shows the control block and ends the guest alone. Where the bit is refused as
 * it should be, by #GP, the guest goes on and says so.
 */
#include "guest/libguest/console.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/cpu.h"
#include "guest/libguest/x86/percpu.h"
#include "guest/libguest/x86/traps.h"

#define CR4_RESERVED 0x80000000UL

void test_main(void)
{
    uint64_t cr4;

    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    console_drain();
    EXPECT_EQ(TRAP_PROBE("mov %0, %%cr4", NOTHING, "r"(cr4 | CR4_RESERVED)), TRAP_GP);
    cpu_cpuid_native(0, 0); /* an exit, and an entry */
    test_note("refused");
}
