/* SPDX-License-Identifier: MIT */
/*
 * Starting the other CPUs, one at a time: each comes to secondary_start (head.S) on a stack made here and reports by
 * setting its bit in arch_cpus_online, then idles.
 */
#include "hv/arch/arm/cpu/clock.h"
#include "hv/arch/arm/cpu/errata.h"
#include "hv/arch/arm/cpu/gic.h"
#include "hv/arch/arm/cpu/paging.h"
#include "hv/arch/arm/cpu/smp.h"
#include "hv/arch/arm/cpu/traps.h"
#include "hv/arch/arm/guest/guest.h"
#include "hv/base/percpu.h"
#include "hv/base/printk.h"
#include "hv/base/softirq.h"
#include "hv/base/timer.h"
#include "hv/core/sched.h"
#include "hv/init/arm/main.h"
#include "hv/mm/heap.h"
#include "hv/mm/page_alloc.h"

#define START_TIMEOUT_NS 500000000ULL

extern char __start_percpu_area[], __stop_percpu_area[];
NORETURN void smp_secondary_main(void);

void smp_secondary_main(void)
{
    errata_init_cpu();
    traps_init_cpu();
    paging_init_cpu();
    gic_init_cpu();
    clock_init_cpu();
    guest_init_cpu();
    cpumask_set(&arch_cpus_online, arch_cpu_id());
    arch_irq_enable();
    sched_idle_loop();
}

/* Everything a CPU needs before it runs a single instruction of ours: 0 or -ENOMEM. */
static int cpu_prepare(unsigned int cpu, struct cpu_local **local)
{
    mfn_t stack = page_alloc(STACK_ORDER, PAGE_ZERO);
    size_t area = (size_t)(__stop_percpu_area - __start_percpu_area);
    char *percpu = heap_alloc(MAX(area, PAGE_SIZE));

    if (mfn_eq(stack, INVALID_MFN) || percpu == NULL) {
        return -ENOMEM; /* boot only: the CPU stays off, what was taken stays taken */
    }
    arch_percpu_offsets[cpu] = (unsigned long)percpu - (unsigned long)__start_percpu_area;
    *local = (struct cpu_local *)((char *)arch_direct_map(stack) + STACK_SIZE) - 1;
    (*local)->cpu = cpu;
    (*local)->percpu_offset = arch_percpu_offsets[cpu];
    softirq_words[cpu] = &(*local)->softirq;
    timer_init_cpu(cpu);
    if (sched_init_cpu(cpu) != 0) {
        return -ENOMEM;
    }
    (*local)->current = sched_idle_vcpu[cpu];
    return 0;
}

static void cpu_start(unsigned int cpu)
{
    uint64_t end = arch_clock_now() + START_TIMEOUT_NS;
    struct cpu_local *local;
    int rc = cpu_prepare(cpu, &local);

    if (rc != 0) {
        log_error("CPU %u: no memory\n", cpu);
        return;
    }
    rc = smp_start(cpu, local);
    if (rc != 0) {
        log_error("CPU %u cannot be started (%d)\n", cpu, rc);
        return;
    }
    while (!cpumask_test(&arch_cpus_online, cpu) && arch_clock_now() < end) {
        arch_relax();
    }
    if (!cpumask_test(&arch_cpus_online, cpu)) {
        log_error("CPU %u did not start\n", cpu);
    }
}

void cpus_start(void)
{
    for (unsigned int cpu = 1; cpu < arch_cpus_possible; cpu++) {
        cpu_start(cpu);
    }
    log_info("%u CPUs online\n", bitmap_weight(arch_cpus_online.bits, MAX_CPUS));
}
