/* SPDX-License-Identifier: MIT */
/*
 * CPUs by the device tree's /cpus, started by PSCI. hv/init/arm/cpus.c gives each what it needs first. See smp.h.
 */
#include "hv/arch/arm/cpu/smp.h"

#include "hv/arch/arm/cpu/paging.h"
#include "hv/arch/arm/cpu/psci.h"
#include "hv/arch/arm/cpu/sysreg.h"
#include "hv/base/printk.h"
#include "hv/drivers/fdt.h"
#include "hv/lib/string.h"
#include "hv/upcalls.h"

#define MPIDR_AFFINITY 0xff00ffffffULL

extern const char secondary_start[];

struct cpumask arch_cpus_online;
unsigned int arch_cpus_possible = 1;
unsigned long arch_percpu_offsets[MAX_CPUS];
unsigned int smp_max_cpus;

static uint64_t mpidrs[MAX_CPUS];
static unsigned int stopping;

uint64_t smp_mpidr(unsigned int cpu)
{
    return mpidrs[cpu];
}

void smp_init(void)
{
    unsigned int limit = smp_max_cpus == 0 ? MAX_CPUS : MIN(smp_max_cpus, MAX_CPUS);
    uint64_t self = SYSREG_READ("mpidr_el1") & MPIDR_AFFINITY;
    uint64_t id;
    int node = -1;

    mpidrs[0] = self;
    while ((node = fdt_next_of_type(node, "cpu")) >= 0) {
        if (!fdt_cpu_id(node, &id) || (id & MPIDR_AFFINITY) == self || !fdt_enabled(node)) {
            continue;
        }
        if (arch_cpus_possible < limit) {
            mpidrs[arch_cpus_possible++] = id & MPIDR_AFFINITY;
        }
    }
}

int smp_start(unsigned int cpu, struct cpu_local *local)
{
    paging_clean_cache(local, sizeof(*local));
    return psci_cpu_on(mpidrs[cpu], paging_virt_to_phys(secondary_start).v, (unsigned long)local);
}

void smp_ipi(unsigned int what)
{
    if (READ_ONCE(stopping)) {
        arch_halt();
    }
    if (what == ARCH_IPI_CALL) {
        upcall_ipi_call();
    }
}

void arch_stop_others(void)
{
    struct cpumask others = arch_cpus_online;

    cpumask_clear(&others, arch_cpu_id());
    WRITE_ONCE(stopping, 1);
    arch_ipi_send_mask(&others, ARCH_IPI_CALL);
}

/* Interrupts are off: one that comes wakes all the same, and is taken afterwards. */
void arch_idle(void)
{
    dsb_sy();
    __asm__ __volatile__("wfi" ::: "memory");
    arch_irq_enable();
}

void arch_halt(void)
{
    arch_irq_disable();
    for (;;) {
        __asm__ __volatile__("wfi" ::: "memory");
    }
}
