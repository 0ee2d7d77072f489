/* SPDX-License-Identifier: MIT */
/*
 * Contract 1 in user space: two CPUs that are whatever thread says so, a clock that moves when
 * told, RAM that is a mapping. IPIs set the softirq bit their sender already set and are
 * counted; nothing happens behind a test's back.
 */
#include "hv/arch/fake/fake.h"

#include "hv/base/printk.h"
#include "hv/base/softirq.h"
#include "hv/base/timer.h"
#include "hv/lib/string.h"
#include "hv/mm/frame.h"
#include "hv/mm/page_alloc.h"

struct cpumask arch_cpus_online;
unsigned int arch_cpus_possible = FAKE_CPUS;
unsigned long arch_percpu_offsets[MAX_CPUS];

struct fake_cpu fake_cpus[FAKE_CPUS];
__thread struct fake_cpu *fake_this_cpu = &fake_cpus[0];
char *fake_ram;
unsigned long fake_frame_table;
struct fake_counts fake_counts;
char fake_guest_memory[FAKE_GUEST_BYTES] ALIGNED(4096);

static uint64_t clock_now;
extern char __start_percpu_area[];
extern char __stop_percpu_area[];

void fake_machine_init(void)
{
    unsigned long percpu_size = (unsigned long)(__stop_percpu_area - __start_percpu_area);

    fake_ram = fake_host_map(FAKE_FRAMES << PAGE_SHIFT);
    fake_frame_table = (unsigned long)fake_host_map(FAKE_FRAMES * sizeof(struct frame));
    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        char *area = cpu == 0 ? __start_percpu_area : fake_host_map(percpu_size);

        if (cpu != 0) {
            memcpy(area, __start_percpu_area, percpu_size);
        }
        arch_percpu_offsets[cpu] = (unsigned long)area - (unsigned long)__start_percpu_area;
        fake_cpus[cpu] = (struct fake_cpu){
            .id = cpu,
            .percpu_offset = arch_percpu_offsets[cpu],
            .irqs_on = true,
            .timer_deadline = ~0ULL,
        };
        softirq_words[cpu] = &fake_cpus[cpu].softirq;
        cpumask_set(&arch_cpus_online, cpu);
        timer_init_cpu(cpu);
    }
}

void fake_machine_add_ram(uint64_t first, uint64_t count)
{
    frame_table_add_range(_mfn(first), count);
    page_alloc_add_range(_mfn(first), count);
}

void fake_cpu_switch(unsigned int cpu)
{
    fake_this_cpu = &fake_cpus[cpu];
}

void fake_clock_set(uint64_t now)
{
    clock_now = now;
}

void fake_clock_advance(uint64_t ns)
{
    clock_now += ns;
}

guest_ptr_t fake_guest_ptr(const void *p)
{
    return (guest_ptr_t){ (unsigned long)p };
}

/* ---- CPUs -------------------------------------------------------------------------------- */
void arch_relax(void)
{
    fake_host_yield();
}

void arch_ipi_send(unsigned int cpu, enum arch_ipi what)
{
    fake_counts.ipis++;
    fake_cpus[cpu].ipis[what]++;
}

void arch_ipi_send_mask(const struct cpumask *cpus, enum arch_ipi what)
{
    unsigned int cpu;

    cpumask_for_each(cpu, cpus) {
        arch_ipi_send(cpu, what);
    }
}

void arch_idle(void)
{
    fake_host_stop("idle with nothing to do");
}

void arch_halt(void)
{
    fake_host_stop("halt");
}

/* ---- Time -------------------------------------------------------------------------------- */
uint64_t arch_clock_now(void)
{
    return clock_now;
}

uint64_t arch_clock_wall_at_boot(void)
{
    return 1000000000ULL * 1000000000ULL;
}

void arch_clock_set_timer(uint64_t deadline_ns)
{
    fake_this_cpu->timer_deadline = deadline_ns;
}

unsigned int arch_clock_cpu_khz(void)
{
    return 1000000;
}

/* ---- Memory ------------------------------------------------------------------------------ */
void arch_tlb_flush(const struct cpumask *cpus, unsigned long va)
{
    fake_counts.tlb_flushes++;
}

void arch_tlb_flush_local(unsigned long va)
{
    fake_counts.tlb_flushes++;
}

void *arch_map_device(paddr_t start, size_t bytes)
{
    return NULL;
}

void arch_page_clear(void *page)
{
    memset(page, 0, PAGE_SIZE);
}

void arch_bytes_copy(void *dst, const void *src, size_t size)
{
    memcpy(dst, src, size);
}

void arch_page_copy(void *dst, const void *src)
{
    memcpy(dst, src, PAGE_SIZE);
}

static bool guest_range_ok(unsigned long va, size_t bytes)
{
    unsigned long start = (unsigned long)fake_guest_memory;

    return bytes <= FAKE_GUEST_BYTES && va >= start && va - start <= FAKE_GUEST_BYTES - bytes;
}

size_t arch_copy_from_va(void *dst, unsigned long va, size_t bytes)
{
    if (!guest_range_ok(va, bytes)) {
        return bytes;
    }
    memcpy(dst, (const void *)va, bytes);
    return 0;
}

size_t arch_copy_to_va(unsigned long va, const void *src, size_t bytes)
{
    if (!guest_range_ok(va, bytes)) {
        return bytes;
    }
    memcpy((void *)va, src, bytes);
    return 0;
}

size_t arch_clear_va(unsigned long va, size_t bytes)
{
    if (!guest_range_ok(va, bytes)) {
        return bytes;
    }
    memset((void *)va, 0, bytes);
    return 0;
}

int copy_from_guest(void *dst, guest_ptr_t src, size_t bytes)
{
    return arch_copy_from_va(dst, src.va, bytes) == 0 ? 0 : -EFAULT;
}

long copy_u32_from_guest(guest_ptr_t src)
{
    uint32_t value;

    return copy_from_guest(&value, src, sizeof(value)) == 0 ? (long)value : -EFAULT;
}

int copy_pair_from_guest(uint64_t *pair, guest_ptr_t src)
{
    return copy_from_guest(pair, src, 2 * sizeof(*pair));
}

int copy_u64_to_guest(guest_ptr_t dst, uint64_t value)
{
    return copy_to_guest(dst, &value, sizeof(value));
}

int copy_to_guest(guest_ptr_t dst, const void *src, size_t bytes)
{
    return arch_copy_to_va(dst.va, src, bytes) == 0 ? 0 : -EFAULT;
}

int clear_guest(guest_ptr_t dst, size_t bytes)
{
    return arch_clear_va(dst.va, bytes) == 0 ? 0 : -EFAULT;
}

/* ---- Machine ----------------------------------------------------------------------------- */
void arch_reset(enum arch_reset how)
{
    fake_host_stop("reset");
}

void arch_dump_stack(void)
{
}

void arch_dump_regs(const struct cpu_user_regs *regs)
{
}

/* Called by panic(): shows the log and ends the process, without the wait before a reboot. */
void arch_stop_others(void)
{
    static char log[16384];
    uint32_t index = 0;
    size_t n = printk_ring_read(log, sizeof(log) - 1, &index, false, false);

    log[n] = '\0';
    fake_host_stop(log);
}
