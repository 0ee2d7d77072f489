/* SPDX-License-Identifier: MIT */
/*
 * The order of everything: from the boot loader's jump to a running dom0, one call a line.
 *
 * Runs on the boot CPU's own stack with interrupts off until irq_init() is done; the other CPUs join at
 * cpus_start() and idle until the scheduler gives them work.
 */
#include "hv/arch/x86/cpu/acpi.h"
#include "hv/arch/x86/cpu/apic.h"
#include "hv/arch/x86/cpu/clock.h"
#include "hv/arch/x86/cpu/e820.h"
#include "hv/arch/x86/cpu/efi.h"
#include "hv/arch/x86/cpu/fpu.h"
#include "hv/arch/x86/cpu/irq.h"
#include "hv/arch/x86/cpu/paging.h"
#include "hv/arch/x86/cpu/reset.h"
#include "hv/arch/x86/cpu/smp.h"
#include "hv/arch/x86/cpu/traps.h"
#include "hv/arch/x86/cpu/watchdog.h"
#include "hv/arch/x86/guest/numa.h"
#include "hv/arch/x86/guest/pv_memory.h"
#include "hv/arch/x86/guest/pv_mmu.h"
#include "hv/arch/x86/guest/pv_trap.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/base/printk.h"
#include "hv/base/rcu.h"
#include "hv/base/softirq.h"
#include "hv/base/symbols.h"
#include "hv/base/timer.h"
#include "hv/config.h"
#include "hv/core/console.h"
#include "hv/core/sched.h"
#include "hv/core/version.h"
#include "hv/init/bootinfo.h"
#include "hv/init/cmdline.h"
#include "hv/init/console_devices.h"
#include "hv/init/cpus.h"
#include "hv/init/dom0.h"
#include "hv/lib/printf.h"
#include "hv/lib/string.h"
#include "hv/mm/boot_alloc.h"
#include "hv/mm/frame.h"
#include "hv/mm/page_alloc.h"

#define CONRING_MAX_ORDER 12U /* 16 MiB */

NORETURN void boot_start(uint32_t magic, uint32_t info);

/* First, so that everything after it may ask which CPU it is on. */
static void boot_cpu_identify(void)
{
    struct cpu_local *local = cpu_local();

    local->percpu_offset = 0;
    local->current = NULL;
    local->softirq = 0;
    local->cpu = 0;
    arch_percpu_offsets[0] = 0;
    softirq_words[0] = &local->softirq;
    cpumask_set(&arch_cpus_online, 0);
}

static void modules_reserve(void)
{
    for (unsigned int i = 0; i < bootinfo.module_count; i++) {
        boot_alloc_reserve(bootinfo.modules[i].start, bootinfo.modules[i].end);
    }
}

/* Calls fn(first frame, count) for each RAM range of the machine's map. */
static void for_each_ram(void (*fn)(mfn_t first, uint64_t count))
{
    for (unsigned int i = 0; i < machine_e820.count; i++) {
        uint64_t start = ALIGN_UP(machine_e820.entries[i].start, PAGE_SIZE);
        uint64_t end = machine_e820.entries[i].start + machine_e820.entries[i].size;

        end = ALIGN_DOWN(end, PAGE_SIZE);
        if (machine_e820.entries[i].type == E820_RAM && start < end) {
            fn(_mfn(start >> PAGE_SHIFT), (end - start) >> PAGE_SHIFT);
        }
    }
}

static void frame_table_back(mfn_t first, uint64_t count)
{
    paging_back((unsigned long)frame_of(first), count * sizeof(struct frame), PTE_RW | PTE_NX);
}

static void memory_init(void)
{
    paging_boot_memory();
    modules_reserve();
    paging_init();
    for_each_ram(frame_table_back);
    for_each_ram(m2p_add_range);
    for_each_ram(frame_table_add_range);
    boot_alloc_finish(page_alloc_add_range);
}

/* A page of RAM below 1 MiB for starting CPUs: the highest below 640 KiB that is not the first. */
static void trampoline_choose(void)
{
    for (unsigned int i = 0; i < machine_e820.count; i++) {
        uint64_t end = machine_e820.entries[i].start + machine_e820.entries[i].size;

        end = ALIGN_DOWN(MIN(end, 0xa0000ULL), PAGE_SIZE);
        if (machine_e820.entries[i].type == E820_RAM &&
            end > machine_e820.entries[i].start + 4 * PAGE_SIZE) {
            smp_trampoline_page = _paddr(end - 2 * PAGE_SIZE);
        }
    }
}

/* mem=: RAM above is not used, but what the loader put there must stay reachable. */
static void memory_limit(void)
{
    uint64_t limit = cmdline.mem;

    if (limit == 0) {
        return;
    }
    for (unsigned int i = 0; i < bootinfo.module_count; i++) {
        limit = MAX(limit, bootinfo.modules[i].end);
    }
    if (limit > cmdline.mem) {
        log_warning("command line: mem is raised to %lu MiB, where the modules end\n",
                    (unsigned long)(DIV_ROUND_UP(limit, 1UL << 20)));
    }
    bootinfo_limit_memory(ALIGN_UP(limit, PAGE_SIZE));
}

/* conring_size=: rounded up to a power of two; at most what fits CONRING_MAX_ORDER. */
static void log_ring_grow(void)
{
    unsigned int order = 0;
    mfn_t mfn;

    if (cmdline.conring_size == 0) {
        return;
    }
    while (order < CONRING_MAX_ORDER && PAGE_SIZE << order < cmdline.conring_size) {
        order++;
    }
    mfn = page_alloc(order, PAGE_NO_SCRUB);
    if (!mfn_eq(mfn, INVALID_MFN)) {
        printk_set_ring(arch_direct_map(mfn), PAGE_SIZE << order);
        log_info("Log ring: %lu KiB\n", (unsigned long)(PAGE_SIZE << order) >> 10);
    }
}

static void cmdline_apply(void)
{
    printk_set_level(false, cmdline.loglvl);
    printk_set_level(true, cmdline.guest_loglvl);
    printk_set_timestamps(cmdline.console_timestamps);
    printk_set_raw_to_ring(cmdline.console_to_ring);
    panic_set_reboot(!cmdline.noreboot);
    domain_set_reboot(!cmdline.noreboot);
    domain_limits.grant_frames = cmdline.gnttab_max_frames;
    domain_limits.maptrack_frames = cmdline.gnttab_max_maptrack_frames;
    domain_limits.grant_version = cmdline.gnttab_max_version;
    domain_limits.grant_transitive = cmdline.gnttab_transitive;
    console_set_switch(cmdline.conswitch);
    version_command_line = bootinfo.cmdline;
    pv_frame_linear_allowed = cmdline.pv_linear_pt;
    reset_set_method(cmdline.reboot[0]);
    smp_max_cpus = cmdline.smp ? cmdline.maxcpus : 1;
    if (cmdline.clocksource[0] != '\0' && strcmp(cmdline.clocksource, "tsc") != 0) {
        log_warning("command line: clocksource %s is not offered; using the TSC\n", cmdline.clocksource);
    }
}

NORETURN void boot_start(uint32_t magic, uint32_t info)
{
    boot_cpu_identify();
    if (bootinfo_parse(magic, _paddr(info)) != 0) { /* modules, memory map, command line */
        arch_halt();
    }
    cmdline_parse(bootinfo.cmdline, &cmdline);
    console_devices_init();                /* output from here on */
    traps_init_cpu(0);                     /* faults are dumped from here on */
    printf_set_pointer_format('s', symbols_format);
    cmdline_apply();
    printk("Proxenos " PROXENOS_VERSION " (x86_64)\n");
    log_info("Command line: %s\n", bootinfo.cmdline);
    cmdline_report(&cmdline);              /* unknown options, in one warning */
    paging_init_cpu();
    memory_limit();
    memory_init();                         /* direct map, frame table, M2P, allocator */

    log_ring_grow();
    softirq_init();
    frame_init();
    rcu_init();
    timer_init_module();
    acpi_init(bootinfo_rsdp());            /* CPUs, interrupt controllers, timers */
    efi_init(_paddr(bootinfo.efi_system_table)); /* what dom0 asks of UEFI firmware */
    numa_init();
    apic_init();
    smp_init();                            /* numbers the CPUs */
    irq_init();
    clock_init();
    fpu_init_cpu();
    hvm_init_cpu();                        /* hardware virtualisation, where there is some */
    domain_init();                         /* special domains */
    sched_init(cmdline.sched[0] == 0 ? NULL : cmdline.sched);
    if (sched_init_cpu(0) != 0) {
        panic("no memory for the boot CPU's idle vcpu");
    }
    arch_set_current(sched_idle_vcpu[0]);
    arch_irq_enable();
    trampoline_choose();
    cpus_start();                          /* the other CPUs */
    if (cmdline.watchdog) {
        watchdog_start(cmdline.watchdog_timeout);
    }
    paging_drop_identity();
    console_init();
    console_devices_start_input();
    dom0_build();
    console_devices_give_up_screen();
    stack_reset_and_call(sched_idle_loop); /* the scheduler finds dom0 runnable */
}
