/* SPDX-License-Identifier: MIT */
/*
 * NMI and machine check. An NMI is the watchdog's, which finds this CPU stuck, or the chipset's, whose reason is
 * reported. A machine check of a CPU that can't go on ends the machine with a dump.
 */
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch/x86/cpu/traps.h"
#include "hv/arch/x86/cpu/watchdog.h"
#include "hv/arch_cpu.h"
#include "hv/base/printk.h"

#define MSR_MCG_CAP    0x179
#define MSR_MCG_STATUS 0x17a
#define MSR_MC0_STATUS 0x401
#define MCI_VALID      (1UL << 63)
#define NMI_PORT       0x61
#define NMI_REASONS    0xc0U

void x86_nmi(struct cpu_user_regs *regs)
{
    uint32_t reason = arch_port_in(NMI_PORT, 1);

    watchdog_nmi(regs);
    if (reason & NMI_REASONS) {
        printk_force_unlock();
        log_error("NMI on CPU %u, reason %02x\n", arch_cpu_id(), reason);
        arch_port_out(NMI_PORT, (reason & 0xf) | 0xc, 1); /* acknowledge: clear and re-enable */
        arch_port_out(NMI_PORT, reason & 0x3, 1);
    }
}

void x86_machine_check(struct cpu_user_regs *regs)
{
    unsigned int banks = read_msr(MSR_MCG_CAP) & 0xff;

    printk_force_unlock();
    printk("Machine check on CPU %u, status %lx\n", arch_cpu_id(),
           (unsigned long)read_msr(MSR_MCG_STATUS));
    for (unsigned int i = 0; i < banks; i++) {
        uint64_t status = read_msr(MSR_MC0_STATUS + 4 * i);

        if (status & MCI_VALID) {
            printk("  bank %u: %016lx\n", i, (unsigned long)status);
        }
    }
    arch_dump_regs(regs);
    panic("machine check");
}
