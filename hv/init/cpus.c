/* SPDX-License-Identifier: MIT */
/*
 * Starting the other CPUs, one at a time: INIT, SIPI to a page below 1 MiB, where trampoline.S takes the CPU
 * to long mode on a stack made here; it reports by setting its bit in arch_cpus_online, then idles.
 */
#include "hv/init/cpus.h"

#include "hv/arch/x86/cpu/apic.h"
#include "hv/arch/x86/cpu/clock.h"
#include "hv/arch/x86/cpu/fpu.h"
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch/x86/cpu/paging.h"
#include "hv/arch/x86/cpu/smp.h"
#include "hv/arch/x86/cpu/traps.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/base/percpu.h"
#include "hv/base/printk.h"
#include "hv/base/softirq.h"
#include "hv/base/timer.h"
#include "hv/core/sched.h"
#include "hv/lib/string.h"
#include "hv/mm/heap.h"
#include "hv/mm/page_alloc.h"

#define START_TIMEOUT_NS 5000000000ULL /* an emulated CPU may have to wait for a host CPU */
#define SIPI_GAP_NS      200000ULL

/* What trampoline.S reads, at the end of its page. */
struct trampoline_args {
    uint32_t cr3;
    uint32_t cr4;
    uint32_t efer;
    uint32_t pad;
    uint64_t stack;
    uint64_t entry;
};

extern const char trampoline_begin[], trampoline_end[], trampoline_args[];
extern char __start_percpu_area[], __stop_percpu_area[];

static void wait_ns(uint64_t ns)
{
    uint64_t end = arch_clock_now() + ns;

    while (arch_clock_now() < end) {
        arch_relax();
    }
}

static NORETURN void cpu_main(void)
{
    unsigned int cpu = arch_cpu_id();

    traps_init_cpu(cpu);
    paging_init_cpu();
    apic_init_cpu();
    clock_init_cpu();
    fpu_init_cpu();
    hvm_init_cpu();
    cpumask_set(&arch_cpus_online, cpu);
    arch_irq_enable();
    sched_idle_loop();
}

/* Everything a CPU needs before it runs a single instruction of ours: 0 or -ENOMEM. */
static int cpu_prepare(unsigned int cpu, struct cpu_local **local)
{
    mfn_t stack = page_alloc(STACK_ORDER, PAGE_ZERO);
    size_t area = (size_t)(__stop_percpu_area - __start_percpu_area);
    char *percpu = heap_alloc(MAX(area, PAGE_SIZE));
    struct gdt_page *gdt = heap_alloc_page();

    if (mfn_eq(stack, INVALID_MFN) || percpu == NULL || gdt == NULL) {
        return -ENOMEM; /* boot only: the CPU stays off, what was taken stays taken */
    }
    arch_percpu_offsets[cpu] = (unsigned long)percpu - (unsigned long)__start_percpu_area;
    *local = (struct cpu_local *)((char *)arch_direct_map(stack) + STACK_SIZE) - 1;
    (*local)->cpu = cpu;
    (*local)->percpu_offset = arch_percpu_offsets[cpu];
    softirq_words[cpu] = &(*local)->softirq;
    traps_prepare_cpu(cpu, gdt);
    timer_init_cpu(cpu);
    if (sched_init_cpu(cpu) != 0) {
        return -ENOMEM;
    }
    (*local)->current = sched_idle_vcpu[cpu];
    return 0;
}

static void trampoline_fill(struct cpu_local *local)
{
    char *page = arch_direct_map(paddr_to_mfn(smp_trampoline_page));
    struct trampoline_args args = {
        .cr3 = (uint32_t)mfn_to_paddr(paging_idle_l4_mfn()).v,
        .cr4 = (uint32_t)read_cr4() & 0x6f0U,
        .efer = (uint32_t)read_msr(MSR_EFER) & 0x901U,
        .stack = (uint64_t)local,
        .entry = (uint64_t)cpu_main,
    };

    memcpy(page, trampoline_begin, (size_t)(trampoline_end - trampoline_begin));
    memcpy(page + (trampoline_args - trampoline_begin), &args, sizeof(args));
}

static void cpu_start(unsigned int cpu)
{
    uint64_t end;
    struct cpu_local *local;

    if (cpu_prepare(cpu, &local) != 0) {
        log_error("CPU %u: no memory\n", cpu);
        return;
    }
    trampoline_fill(local);
    apic_send_init(smp_apic_id(cpu));
    wait_ns(SIPI_GAP_NS);
    for (unsigned int i = 0; i < 2 && !cpumask_test(&arch_cpus_online, cpu); i++) {
        apic_send_startup(smp_apic_id(cpu), (unsigned int)(smp_trampoline_page.v >> PAGE_SHIFT));
        wait_ns(SIPI_GAP_NS);
    }
    end = arch_clock_now() + START_TIMEOUT_NS;
    while (!cpumask_test(&arch_cpus_online, cpu) && arch_clock_now() < end) {
        arch_relax();
    }
    if (!cpumask_test(&arch_cpus_online, cpu)) {
        log_error("CPU %u (APIC %u) did not start\n", cpu, smp_apic_id(cpu));
        apic_send_init(smp_apic_id(cpu)); /* it shall not come late, on the next one's stack */
    }
}

void cpus_start(void)
{
    for (unsigned int cpu = 1; cpu < arch_cpus_possible; cpu++) {
        cpu_start(cpu);
    }
    log_info("%u CPUs online\n", bitmap_weight(arch_cpus_online.bits, MAX_CPUS));
}
