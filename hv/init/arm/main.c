/* SPDX-License-Identifier: MIT */
/*
 * The order of everything on Arm: from the boot loader's jump to a running dom0, one call a line.
 *
 * Runs on the boot CPU's own stack with interrupts off until the clock ticks; the other CPUs join at cpus_start()
 * and idle until the scheduler gives them work.
 */
#include "hv/init/arm/main.h"

#include <libfdt.h>

#include "hv/arch/arm/cpu/clock.h"
#include "hv/arch/arm/cpu/errata.h"
#include "hv/arch/arm/cpu/gic.h"
#include "hv/arch/arm/cpu/machine.h"
#include "hv/arch/arm/cpu/paging.h"
#include "hv/arch/arm/cpu/psci.h"
#include "hv/arch/arm/cpu/smp.h"
#include "hv/arch/arm/cpu/traps.h"
#include "hv/arch/arm/guest/guest.h"
#include "hv/arch/arm/guest/serial_input.h"
#include "hv/base/printk.h"
#include "hv/base/rcu.h"
#include "hv/base/softirq.h"
#include "hv/base/symbols.h"
#include "hv/base/timer.h"
#include "hv/config.h"
#include "hv/core/console.h"
#include "hv/core/sched.h"
#include "hv/core/version.h"
#include "hv/drivers/fdt.h"
#include "hv/drivers/ns16550.h"
#include "hv/drivers/pl011.h"
#include "hv/init/arm/bootinfo.h"
#include "hv/init/arm/early_uart.h"
#include "hv/init/arm/passthrough.h"
#include "hv/init/cmdline.h"
#include "hv/lib/printf.h"
#include "hv/lib/string.h"
#include "hv/mm/boot_alloc.h"
#include "hv/mm/frame.h"
#include "hv/mm/page_alloc.h"

extern const char image_begin[], image_end[];
NORETURN void boot_start(uint64_t fdt_start, uint64_t image_start);

/* First, so that everything after it may ask which CPU it is on. */
static void boot_cpu_identify(void)
{
    struct cpu_local *local = cpu_local();

    *local = (struct cpu_local){ .cpu = 0 };
    arch_percpu_offsets[0] = 0;
    softirq_words[0] = &local->softirq;
    cpumask_set(&arch_cpus_online, 0);
}

/* Registers four bytes apart are written four bytes wide where nothing else is said. */
static bool ns16550_start(int node, void *registers)
{
    struct ns16550_settings s = { .data_bits = 8, .parity = 'n', .stop_bits = 1, .access = &ns16550_mmio,
                                  .base = (unsigned long)registers,
                                  .reg_shift = (unsigned int)fdt_number(node, "reg-shift", 0) & 3 };

    s.reg_bytes = (unsigned int)fdt_number(node, "reg-io-width", s.reg_shift == 2 ? 4 : 1) == 4 ? 4 : 1;
    if (ns16550_init(0, &s) != 0) {
        return false;
    }
    ns16550_set_input(serial_input);
    ns16550_enable_input(0);
    printk_add_device(ns16550_console(0));
    return true;
}

static bool pl011_start(int node, void *registers)
{
    (void)node;
    pl011_init(registers);
    pl011_set_input(serial_input);
    printk_add_device(pl011_console());
    return true;
}

static const struct serial_driver {
    const char *compatible;
    bool (*start)(int node, void *registers);
    void (*start_polling)(void);
} serial_drivers[] = {
    { "arm,pl011", pl011_start, pl011_start_polling },
    { "ns16550a", ns16550_start, ns16550_start_polling },
    { "ns16550", ns16550_start, ns16550_start_polling },
    { "snps,dw-apb-uart", ns16550_start, ns16550_start_polling },
};

static const struct serial_driver *console_driver; /* NULL: there is no console */

static bool console_try(int node)
{
    uint64_t address;
    uint64_t size;
    void *registers;

    for (unsigned int i = 0; i < ARRAY_SIZE(serial_drivers); i++) {
        const struct serial_driver *driver = &serial_drivers[i];

        if (!fdt_is(node, driver->compatible) || !fdt_reg(node, 0, &address, &size)) {
            continue;
        }
        registers = arch_map_device(_paddr(address), PAGE_SIZE);
        if (registers != NULL && driver->start(node, registers)) {
            early_uart_stop();
            console_node = node;
            console_driver = driver;
            return true;
        }
    }
    return false;
}

/* The serial port of the command line; else what /chosen names; else the first that there is. */
static void console_devices_init(void)
{
    int node = bootinfo_console(cmdline.dtuart);

    if (node >= 0 && console_try(node)) {
        return;
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(serial_drivers); i++) {
        const char *const names[] = { serial_drivers[i].compatible, NULL };

        node = fdt_find(-1, names);
        if (node >= 0 && console_try(node)) {
            return;
        }
    }
}

static void cmdline_apply(void)
{
    printk_set_level(false, cmdline.loglvl);
    printk_set_level(true, cmdline.guest_loglvl);
    printk_set_timestamps(cmdline.console_timestamps);
    panic_set_reboot(!cmdline.noreboot);
    domain_set_reboot(!cmdline.noreboot);
    domain_limits.grant_frames = cmdline.gnttab_max_frames;
    domain_limits.maptrack_frames = cmdline.gnttab_max_maptrack_frames;
    domain_limits.grant_version = cmdline.gnttab_max_version;
    console_set_switch(cmdline.conswitch);
    serial_input_set_switch(cmdline.conswitch);
    version_command_line = bootinfo.cmdline;
    smp_max_cpus = cmdline.smp ? cmdline.maxcpus : 1;
}

/* The last that is said counts, and force is a value that acpi= has on Arm alone. */
static void acpi_check(void)
{
    const char *line = bootinfo.cmdline;
    const char *last = NULL;

    for (const char *at = strstr(line, "acpi"); at != NULL; at = strstr(at + 4, "acpi")) {
        if ((at == line || at[-1] == ' ' || at[-1] == '-') && strchr(" =", at[4]) != NULL) {
            last = at;
        }
    }
    if (last != NULL && strncmp(last, "acpi=force", 10) == 0 && strchr(" ", last[10]) != NULL) {
        panic("acpi=force is refused: ACPI is not supported on Arm");
    }
    if (last != NULL && cmdline.acpi) {
        log_warning("acpi: ACPI is not supported on Arm, the device tree is used\n");
    }
}

static void for_each_ram(void (*fn)(mfn_t first, uint64_t count))
{
    for (unsigned int i = 0; i < machine.ram_count; i++) {
        fn(_mfn(machine.ram[i].start >> PAGE_SHIFT),
           (machine.ram[i].end - machine.ram[i].start) >> PAGE_SHIFT);
    }
}

static void frame_table_back(mfn_t first, uint64_t count)
{
    paging_back((unsigned long)frame_of(first), count * sizeof(struct frame));
}

static void memory_init(void)
{
    paging_boot_memory();
    boot_alloc_reserve(bootinfo.fdt_start, bootinfo.fdt_start + fdt_machine_size());
    for (unsigned int i = 0; i < bootinfo.module_count; i++) {
        boot_alloc_reserve(bootinfo.modules[i].start, bootinfo.modules[i].end);
    }
    paging_init();
    for_each_ram(frame_table_back);
    for_each_ram(frame_table_add_range);
    boot_alloc_finish(page_alloc_add_range);
}

static void iommus_report(void)
{
    static const char *const names[] = { PASSTHROUGH_IOMMUS, NULL };
    int node = -1;

    while ((node = fdt_find(node, names)) >= 0) {
        if (fdt_enabled(node)) {
            log_warning("%s is left aside: dom0 does not see this SMMU, and devices reach all of memory\n",
                        fdt_get_name(fdt_machine, node, NULL));
        }
    }
}

NORETURN void boot_start(uint64_t fdt_start, uint64_t image_start)
{
    const char *why = NULL;
    bool has_dom0;
    int rc;

    boot_cpu_identify();
    machine.image_start = image_start;
    machine.image_size = (uint64_t)(image_end - image_begin);
    traps_init_cpu();                      /* faults are dumped, once there is a console */
    early_uart_start();
    rc = bootinfo_parse(paging_map_fdt(fdt_start), fdt_start, &why);
    if (fdt_machine == NULL) {
        early_uart_no_tree(fdt_start);     /* nothing tells where a console would be */
        arch_halt();
    }
    cmdline_parse(bootinfo.cmdline, &cmdline);
    console_devices_init();                /* output from here on */
    printf_set_pointer_format('s', symbols_format);
    cmdline_apply();
    printk("Proxenos " PROXENOS_VERSION " (arm64)\n");
    if (rc != 0) {
        panic("the device tree is refused: %s", why);
    }
    log_info("Command line: %s\n", bootinfo.cmdline);
    acpi_check();
    cmdline_report(&cmdline);              /* unknown options, in one warning */
    memory_init();                         /* direct map, frame table, allocator */
    paging_init_cpu();

    softirq_init();
    frame_init();
    rcu_init();
    timer_init_module();
    psci_init();
    smp_init();                            /* numbers the CPUs */
    gic_init();
    clock_init();
    guest_init();                          /* stage 2, what guests see of the CPU */
    errata_init_cpu();
    guest_init_cpu();
    domain_init();                         /* special domains */
    sched_init(cmdline.sched[0] == 0 ? NULL : cmdline.sched);
    if (sched_init_cpu(0) != 0) {
        panic("no memory for the boot CPU's idle vcpu");
    }
    arch_set_current(sched_idle_vcpu[0]);
    arch_irq_enable();
    cpus_start();                          /* the other CPUs */
    errata_report();
    iommus_report();
    paging_drop_identity();
    console_init();
    if (console_driver != NULL) {
        console_driver->start_polling();
    }
    dom0less_read_devices();
    has_dom0 = dom0_build();
    if (dom0less_build() == 0 && !has_dom0) {
        panic("there is nothing to run: neither a dom0 nor a guest in the device tree");
    }
    if (has_dom0) {
        dom0_start();
    }
    serial_input_start();
    stack_reset_and_call(sched_idle_loop); /* the scheduler finds dom0 runnable */
}
