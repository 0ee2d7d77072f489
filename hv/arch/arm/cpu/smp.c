/* SPDX-License-Identifier: MIT */
/*
 * CPUs by the device tree's /cpus, started by PSCI; or, where firmware has none, released from a spin table: they
 * wait until an address stands where they look, and jump there. hv/init/arm/cpus.c gives each what it needs first.
 */
#include "hv/arch/arm/cpu/smp.h"

#include "hv/arch/arm/arm64/sysreg_values.h"
#include "hv/arch/arm/cpu/machine.h"
#include "hv/arch/arm/cpu/paging.h"
#include "hv/arch/arm/cpu/psci.h"
#include "hv/arch/arm/cpu/sysreg.h"
#include "hv/base/printk.h"
#include "hv/drivers/fdt.h"
#include "hv/lib/string.h"
#include "hv/upcalls.h"

extern const char secondary_start[], secondary_start_released[];

struct cpumask arch_cpus_online;
unsigned int arch_cpus_possible = 1;
unsigned long arch_percpu_offsets[MAX_CPUS];
unsigned int smp_max_cpus;

/* For CPUs that firmware tells nothing: head.S looks for its own, with the MMU off, until it is there; one without
 * local ends the list. */
struct released {
    uint64_t mpidr;
    struct cpu_local *local;
};
extern struct released smp_released[];
struct released smp_released[MAX_CPUS + 1];

static uint64_t mpidrs[MAX_CPUS];
static uint64_t release_at[MAX_CPUS]; /* 0: by PSCI */
static unsigned int released_count;
static unsigned int stopping;

uint64_t smp_mpidr(unsigned int cpu)
{
    return mpidrs[cpu];
}

/* It is written as memory. */
static bool may_be_released_at(uint64_t at)
{
    for (unsigned int i = 0; i < machine.ram_count; i++) {
        if (at >= machine.ram[i].start && at < machine.ram[i].end) {
            return at != 0 && (at & 7) == 0;
        }
    }
    return false;
}

static void add_cpu(int node, uint64_t id)
{
    const char *method = fdt_text(node, "enable-method");
    uint64_t at = 0;

    if (method != NULL && strcmp(method, "spin-table") == 0) {
        at = fdt_number(node, "cpu-release-addr", 0);
        if (!may_be_released_at(at)) {
            log_error("the CPU with MPIDR 0x%lx stays off: its cpu-release-addr makes no sense\n", (unsigned long)id);
            return;
        }
    }
    release_at[arch_cpus_possible] = at;
    mpidrs[arch_cpus_possible++] = id;
}

void smp_init(void)
{
    unsigned int limit = smp_max_cpus == 0 ? MAX_CPUS : MIN(smp_max_cpus, MAX_CPUS);
    uint64_t self = SYSREG_READ("mpidr_el1") & MPIDR_AFFINITY;
    uint64_t id;
    int node = -1;

    mpidrs[0] = self;
    while ((node = fdt_next_of_type(node, "cpu")) >= 0 && arch_cpus_possible < limit) {
        if (fdt_cpu_id(node, &id) && (id & MPIDR_AFFINITY) != self && fdt_enabled(node)) {
            add_cpu(node, id & MPIDR_AFFINITY);
        }
    }
}

/* What it reads has to be in memory: it looks with its caches off. */
static int release(unsigned int cpu, struct cpu_local *local)
{
    volatile uint64_t *at = paging_map_memory(_paddr(release_at[cpu]), sizeof(*at));

    if (at == NULL) {
        return -ENOMEM;
    }
    smp_released[released_count].mpidr = mpidrs[cpu];
    dsb_ish(); /* a CPU that another's release brought may be looking */
    WRITE_ONCE(smp_released[released_count++].local, local);
    paging_clean_cache(smp_released, sizeof(smp_released));
    *at = paging_virt_to_phys(secondary_start_released).v;
    paging_clean_cache((const void *)at, sizeof(*at));
    __asm__ __volatile__("sev" ::: "memory");
    return 0;
}

int smp_start(unsigned int cpu, struct cpu_local *local)
{
    paging_clean_cache(local, sizeof(*local));
    if (release_at[cpu] != 0) {
        return release(cpu, local);
    }
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
