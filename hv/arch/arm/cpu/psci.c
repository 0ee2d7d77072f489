/* SPDX-License-Identifier: MIT */
/* PSCI calls to firmware, and the end of the machine. See psci.h. */
#include "hv/arch/arm/cpu/psci.h"

#include "hv/arch_cpu.h"
#include "hv/base/printk.h"
#include "hv/drivers/fdt.h"
#include "hv/lib/string.h"

static enum { CONDUIT_NONE, CONDUIT_SMC, CONDUIT_HVC } conduit;

/* The call keeps x4 to x17 by SMCCC 1.1, but not by 1.0: all that a call may change is named. */
static long call(uint64_t function, uint64_t a1, uint64_t a2, uint64_t a3)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = a1;
    register uint64_t x2 __asm__("x2") = a2;
    register uint64_t x3 __asm__("x3") = a3;

    if (conduit == CONDUIT_NONE) {
        return PSCI_NOT_SUPPORTED;
    }
    if (conduit == CONDUIT_SMC) {
        __asm__ __volatile__("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"x4", "x5", "x6", "x7", "x8",
                             "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "memory");
    } else {
        __asm__ __volatile__("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"x4", "x5", "x6", "x7", "x8",
                             "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "memory");
    }
    return (long)x0;
}

void psci_init(void)
{
    static const char *const names[] = { "arm,psci-1.0", "arm,psci-0.2", NULL };
    int node = fdt_find(-1, names);
    const char *method = node < 0 ? NULL : fdt_text(node, "method");

    if (method == NULL) {
        log_warning("no PSCI in the device tree: the machine can be neither reset nor switched off\n");
    } else {
        conduit = strcmp(method, "hvc") == 0 ? CONDUIT_HVC : CONDUIT_SMC;
    }
}

int psci_cpu_on(uint64_t mpidr, uint64_t entry, uint64_t context)
{
    return (int)call(PSCI_CPU_ON | PSCI_64, mpidr, entry, context);
}

void arch_reset(enum arch_reset how)
{
    arch_stop_others();
    if (how != ARCH_RESET_HALT && conduit == CONDUIT_NONE) {
        printk("Without PSCI the machine cannot be %s: it stands still.\n",
               how == ARCH_RESET_REBOOT ? "reset" : "switched off");
    } else if (how == ARCH_RESET_REBOOT) {
        call(PSCI_SYSTEM_RESET, 0, 0, 0);
    } else if (how == ARCH_RESET_POWEROFF) {
        call(PSCI_SYSTEM_OFF, 0, 0, 0);
    }
    arch_halt();
}
