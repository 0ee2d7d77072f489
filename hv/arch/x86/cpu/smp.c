/* SPDX-License-Identifier: MIT */
/*
 * Asking things of other CPUs: IPIs and TLB flushes. hv/init/cpus.c starts them.
 *
 * A TLB flush is one request at a time (flush_lock): the requester names the CPUs in flush_waiting and spins,
 * with interrupts on, until each has cleared its bit.
 */
#include "hv/arch/x86/cpu/smp.h"

#include "hv/arch/x86/cpu/acpi.h"
#include "hv/arch/x86/cpu/apic.h"
#include "hv/arch/x86/cpu/instr.h"
#include "hv/base/lock.h"
#include "hv/base/printk.h"
#include "hv/upcalls.h"

struct cpumask arch_cpus_online;
unsigned int arch_cpus_possible = 1;
unsigned long arch_percpu_offsets[MAX_CPUS];
unsigned int smp_max_cpus;
paddr_t smp_trampoline_page;

static uint32_t apic_ids[MAX_CPUS];
static uint32_t acpi_ids[MAX_CPUS];
static bool stop_requested;

static struct spinlock flush_lock = SPINLOCK_INIT(LOCK_TLB_FLUSH);
static struct cpumask flush_waiting;
static unsigned long flush_va;

/* ---- IPIs ------------------------------------------------------------------------------------ */

uint32_t smp_apic_id(unsigned int cpu)
{
    return apic_ids[cpu];
}

uint32_t smp_acpi_id(unsigned int cpu)
{
    return acpi_ids[cpu];
}

void arch_ipi_send(unsigned int cpu, enum arch_ipi what)
{
    apic_send(apic_ids[cpu], VECTOR_IPI_SOFTIRQ + what);
}

void arch_ipi_send_mask(const struct cpumask *cpus, enum arch_ipi what)
{
    unsigned int self = arch_cpu_id();
    unsigned int cpu;

    cpumask_for_each (cpu, cpus) {
        if (cpu != self) {
            arch_ipi_send(cpu, what);
        }
    }
}

void upcall_ipi_call(void)
{
    if (READ_ONCE(stop_requested)) {
        cpumask_clear(&arch_cpus_online, arch_cpu_id());
        arch_halt();
    }
}

void arch_stop_others(void)
{
    WRITE_ONCE(stop_requested, true);
    arch_ipi_send_mask(&arch_cpus_online, ARCH_IPI_CALL);
    for (unsigned int i = 0; i < 100000; i++) {
        arch_relax();
    }
}

/* ---- TLB ------------------------------------------------------------------------------------- */

void arch_tlb_flush_local(unsigned long va)
{
    if (va == ARCH_FLUSH_ALL) {
        write_cr3(read_cr3());
    } else if (va == SMP_FLUSH_CACHE) {
        wbinvd();
    } else {
        __asm__ __volatile__("invlpg (%0)" ::"r"(va) : "memory");
    }
}

void smp_flush_requested(void)
{
    unsigned int self = arch_cpu_id();

    if (cpumask_test(&flush_waiting, self)) {
        arch_tlb_flush_local(flush_va);
        cpumask_clear(&flush_waiting, self); /* after the flush: pairs with the spin below */
    }
}

void arch_tlb_flush(const struct cpumask *cpus, unsigned long va)
{
    struct cpumask others = cpumask_and(cpus, &arch_cpus_online);
    unsigned int self = arch_cpu_id();

    if (cpumask_test(&others, self)) {
        arch_tlb_flush_local(va);
        cpumask_clear(&others, self);
    }
    if (cpumask_empty(&others)) {
        return;
    }
    ASSERT(arch_irq_enabled()); /* or two CPUs could wait for each other */
    /* Two CPUs may want each other to flush: take requests while waiting for the lock. */
    while (!spin_trylock(&flush_lock)) {
        smp_flush_requested();
        arch_relax();
    }
    flush_va = va;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    flush_waiting = others;
    arch_ipi_send_mask(&others, ARCH_IPI_FLUSH);
    while (!cpumask_empty((struct cpumask *)&flush_waiting)) {
        barrier();
        arch_relax();
    }
    __atomic_store_n(&flush_lock.owner, (uint16_t)(flush_lock.owner + 1), __ATOMIC_RELEASE);
}

/* ---- idling and halting ---------------------------------------------------------------------- */

void arch_idle(void)
{
    __asm__ __volatile__("sti; hlt" ::: "memory");
}

void arch_halt(void)
{
    for (;;) {
        __asm__ __volatile__("cli; hlt" ::: "memory");
    }
}

/* ---- numbering ------------------------------------------------------------------------------- */

void smp_init(void)
{
    uint32_t self = apic_id();
    unsigned int limit = smp_max_cpus == 0 ? MAX_CPUS : MIN(smp_max_cpus, MAX_CPUS);

    apic_ids[0] = self;
    for (unsigned int i = 0; i < acpi_machine.cpu_count; i++) {
        if (acpi_machine.apic_id[i] == self) {
            acpi_ids[0] = acpi_machine.acpi_id[i];
        } else if (arch_cpus_possible < limit) {
            apic_ids[arch_cpus_possible] = acpi_machine.apic_id[i];
            acpi_ids[arch_cpus_possible] = acpi_machine.acpi_id[i];
            arch_cpus_possible++;
        }
    }
}
