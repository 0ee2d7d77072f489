/* SPDX-License-Identifier: MIT */
/*
 * Contract 1, down: what arch/X/cpu provides to everything above it.
 *
 * The inline part (arch_inline.h of the architecture) gives, without a call:
 *   arch_irq_save() / arch_irq_restore(flags) / arch_irq_enable() / arch_irq_disable() / arch_irq_enabled()
 *   arch_cpu_id()          this CPU's number, 0 is the boot CPU
 *   arch_percpu_offset()   what to add to a PERCPU symbol to reach this CPU's copy
 *   arch_current() / arch_set_current(v)   the vcpu this CPU runs
 *   arch_softirq_word()    pointer to this CPU's pending softirq bits (checked by the exit path)
 *   arch_relax()           pause in a spin loop
 *   arch_upcall_masked(info) / arch_upcall_open(info) / arch_upcall_info_init(info)   whether the guest takes the
 *                          upcall of events now; let it (current vcpu); a new vcpu's record
 *   arch_event_raised(v)   the upcall of v became due: tell its interrupt controller, if it has one
 *   arch_direct_map(mfn) / arch_direct_mfn(va)   a frame in the direct map and back
 */
#ifndef HV_ARCH_CPU_H
#define HV_ARCH_CPU_H

#include "hv/lib/bitmap.h"
#include "hv/lib/types.h"

struct vcpu;

#include <arch_inline.h>

/* ---- CPUs ---------------------------------------------------------------------------------- */
extern struct cpumask arch_cpus_online;
extern unsigned int arch_cpus_possible; /* CPUs numbered 0 .. possible - 1 may come online */
extern unsigned long arch_percpu_offsets[MAX_CPUS];

/* Interrupts: what a CPU can ask of another. Each is idempotent and never waits. */
enum arch_ipi {
    ARCH_IPI_SOFTIRQ, /* look at your softirq word */
    ARCH_IPI_CALL,    /* run upcall_ipi_call() */
    ARCH_IPI_FLUSH,   /* flush TLB as asked through arch_tlb_flush */
    ARCH_IPI_COUNT
};
void arch_ipi_send(unsigned int cpu, enum arch_ipi what);
void arch_ipi_send_mask(const struct cpumask *cpus, enum arch_ipi what);

/* Waits for an interrupt with interrupts enabled on return; caller checked for work with them off. */
void arch_idle(void);
NORETURN void arch_halt(void);

/* ---- Time ---------------------------------------------------------------------------------- */
uint64_t arch_clock_now(void);                  /* ns since boot, same on all CPUs, never goes back */
uint64_t arch_clock_wall_at_boot(void);         /* ns of UTC at clock zero */
void arch_clock_set_timer(uint64_t deadline_ns); /* raises SOFTIRQ_TIMER here; ~0 for never */
unsigned int arch_clock_cpu_khz(void);

/* ---- Memory -------------------------------------------------------------------------------- */
#define ARCH_FLUSH_ALL (~0UL)
/* Drops translations of va (one page), or all, on the given online CPUs; returns when they are gone. */
void arch_tlb_flush(const struct cpumask *cpus, unsigned long va);
void arch_tlb_flush_local(unsigned long va);
/* Maps device memory uncached for the hypervisor's lifetime; NULL when address space is out. */
void *arch_map_device(paddr_t start, size_t bytes);
void arch_page_clear(void *page);
void arch_page_copy(void *dst, const void *src);
/* Any number of bytes, upwards. */
void arch_bytes_copy(void *dst, const void *src, size_t size);
/* Copies between hypervisor and current guest's virtual addresses; returns bytes NOT copied. */
size_t arch_copy_from_va(void *dst, unsigned long va, size_t bytes);
size_t arch_copy_to_va(unsigned long va, const void *src, size_t bytes);
size_t arch_clear_va(unsigned long va, size_t bytes);

/* ---- Machine ------------------------------------------------------------------------------- */
enum arch_reset { ARCH_RESET_REBOOT, ARCH_RESET_POWEROFF, ARCH_RESET_HALT };
NORETURN void arch_reset(enum arch_reset how);
/* Prints registers and a symbolised trace of this CPU; fn of regs may be NULL. */
void arch_dump_stack(void);
struct cpu_user_regs;
void arch_dump_regs(const struct cpu_user_regs *regs);
/* Stops all other CPUs for good (panic, shutdown). */
void arch_stop_others(void);

#endif
