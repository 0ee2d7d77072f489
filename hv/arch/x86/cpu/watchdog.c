/* SPDX-License-Identifier: MIT */
/*
 * CPUs in a ring, each looking at the one after it once a second: see watchdog.h.
 *
 * A CPU's beat is the time its own timer ran last. Only that CPU writes it; its neighbour reads it. Timers run as
 * softirqs, so a CPU that serves interrupts but never leaves the hypervisor counts as stuck as well.
 */
#include "hv/arch/x86/cpu/watchdog.h"

#include "hv/arch/x86/cpu/apic.h"
#include "hv/arch/x86/cpu/smp.h"
#include "hv/arch_cpu.h"
#include "hv/base/percpu.h"
#include "hv/base/printk.h"
#include "hv/base/timer.h"

#define NS          1000000000ULL
#define NO_CPU      (~0U)
#define TIMEOUT_MIN 2U /* a beat comes every second */

struct watch {
    struct timer timer;
    uint64_t beat;
    unsigned int next; /* the CPU this one looks at */
};

static PERCPU(struct watch, watch);
static uint64_t timeout_ns;
static unsigned int stuck = NO_CPU; /* set once, by the CPU that noticed */

static unsigned int stuck_seconds(unsigned int cpu)
{
    return (unsigned int)((arch_clock_now() - READ_ONCE(per_cpu(watch, cpu).beat)) / NS);
}

/* The NMI should not return there; when the CPU does not even take it, this one speaks for it. */
static void bark(unsigned int cpu)
{
    unsigned int nobody = NO_CPU;
    uint64_t end = arch_clock_now() + NS;
    unsigned long flags;

    if (!__atomic_compare_exchange_n(&stuck, &nobody, cpu, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        return;
    }
    flags = arch_irq_save();
    apic_send_nmi(smp_apic_id(cpu));
    arch_irq_restore(flags);
    while (arch_clock_now() < end) {
        arch_relax();
    }
    panic("watchdog: CPU %u has been stuck for %u seconds and takes no NMI", cpu, stuck_seconds(cpu));
}

static void beat(void *data)
{
    struct watch *w = data;
    uint64_t now = arch_clock_now();
    uint64_t theirs = READ_ONCE(per_cpu(watch, w->next).beat);

    WRITE_ONCE(w->beat, now);
    if (now > theirs && now - theirs > timeout_ns) {
        bark(w->next);
    }
    timer_set(&w->timer, now + NS);
}

void watchdog_nmi(const struct cpu_user_regs *regs)
{
    unsigned int cpu = arch_cpu_id();

    if (READ_ONCE(stuck) == cpu) {
        printk_force_unlock();
        arch_dump_regs(regs);
        panic("watchdog: CPU %u has been stuck for %u seconds", cpu, stuck_seconds(cpu));
    }
}

void watchdog_start(unsigned int timeout_seconds)
{
    unsigned int first = NO_CPU;
    unsigned int last = NO_CPU;
    unsigned int cpu;

    timeout_ns = MAX(timeout_seconds, TIMEOUT_MIN) * NS;
    cpumask_for_each (cpu, &arch_cpus_online) {
        struct watch *w = &per_cpu(watch, cpu);

        timer_init(&w->timer, beat, w, cpu);
        w->beat = arch_clock_now();
        if (first == NO_CPU) {
            first = cpu;
        } else {
            per_cpu(watch, last).next = cpu;
        }
        last = cpu;
    }
    if (first == last) {
        log_warning("Watchdog: needs two CPUs; off\n");
        return;
    }
    per_cpu(watch, last).next = first;
    cpumask_for_each (cpu, &arch_cpus_online) {
        timer_set(&per_cpu(watch, cpu).timer, arch_clock_now() + NS);
    }
    log_info("Watchdog: %lu seconds\n", (unsigned long)(timeout_ns / NS));
}
