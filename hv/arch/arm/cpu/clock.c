/* SPDX-License-Identifier: MIT */
/* The clock and this CPU's timer. See clock.h. */
#include "hv/arch/arm/cpu/clock.h"

#include "hv/arch/arm/cpu/gic.h"
#include "hv/arch/arm/cpu/sysreg.h"
#include "hv/arch_cpu.h"
#include "hv/base/printk.h"
#include "hv/base/softirq.h"
#include "hv/drivers/fdt.h"

#define NS_PER_SECOND 1000000000ULL
#define TIMER_ON      1
#define TIMER_MASKED  2

struct clock_irqs clock_irqs = { 30, 27, 26 };

static uint64_t ticks_at_boot;
static uint64_t ns_per_tick;  /* 32.32 fixed point */
static uint64_t ticks_per_ns; /* 0.64 fixed point, rounded up */
static uint64_t wall_at_boot;
static uint32_t hz;

uint64_t clock_ticks(void)
{
    isb(); /* not earlier than what came before */
    return SYSREG_READ("cntpct_el0");
}

uint32_t clock_hz(void)
{
    return hz;
}

uint64_t clock_ticks_to_now(uint64_t ticks)
{
    uint64_t since = ticks - ticks_at_boot;

    if ((int64_t)since < 0) {
        return 0;
    }
    return (uint64_t)((unsigned __int128)since * ns_per_tick >> 32);
}

uint64_t arch_clock_now(void)
{
    return hz == 0 ? 0 : clock_ticks_to_now(clock_ticks());
}

uint64_t arch_clock_wall_at_boot(void)
{
    return wall_at_boot;
}

unsigned int arch_clock_cpu_khz(void)
{
    return hz / 1000;
}

void arch_clock_set_timer(uint64_t deadline_ns)
{
    if (deadline_ns == ~0ULL) {
        SYSREG_WRITE("cnthp_ctl_el2", 0);
    } else {
        uint64_t ticks = (uint64_t)((unsigned __int128)deadline_ns * ticks_per_ns >> 64);

        SYSREG_WRITE("cnthp_cval_el2", ticks_at_boot + ticks + 1);
        SYSREG_WRITE("cnthp_ctl_el2", TIMER_ON);
    }
    isb();
}

static void timer_interrupt(unsigned int irq)
{
    (void)irq;
    SYSREG_WRITE("cnthp_ctl_el2", 0);
    isb();
    softirq_raise(SOFTIRQ_TIMER);
}

/* A PL031 real time clock, if there is one, counts seconds of UTC. */
static void wall_init(void)
{
    static const char *const names[] = { "arm,pl031", NULL };
    uint64_t address;
    uint64_t size;
    int node = fdt_find(-1, names);
    void *rtc = NULL;

    if (node >= 0 && fdt_reg(node, 0, &address, &size)) {
        rtc = arch_map_device(_paddr(address), PAGE_SIZE);
    }
    if (rtc != NULL) {
        wall_at_boot = mmio_read32(rtc) * NS_PER_SECOND - arch_clock_now();
    }
}

void clock_init(void)
{
    static const char *const names[] = { "arm,armv8-timer", NULL };
    int node = fdt_find(-1, names);
    bool edge;

    hz = (uint32_t)fdt_number(node, "clock-frequency", SYSREG_READ("cntfrq_el0"));
    if (hz == 0) {
        panic("the generic timer has no frequency");
    }
    ns_per_tick = (NS_PER_SECOND << 32) / hz;
    /* hz << 64 / NS_PER_SECOND, by two divisions of 64 bits. */
    ticks_per_ns = (((uint64_t)hz << 32) / NS_PER_SECOND) << 32 |
                   ((((uint64_t)hz << 32) % NS_PER_SECOND) << 32) / NS_PER_SECOND;
    ticks_at_boot = SYSREG_READ("cntpct_el0");
    if (node < 0 || !fdt_interrupt(node, 1, &clock_irqs.physical, &edge) ||
        !fdt_interrupt(node, 2, &clock_irqs.virtual, &edge) ||
        !fdt_interrupt(node, 3, &clock_irqs.hyp, &edge)) {
        log_warning("no interrupts of the generic timer in the device tree: the usual ones\n");
    }
    wall_init();
    gic_request(clock_irqs.hyp, timer_interrupt);
    clock_init_cpu();
    log_info("Generic timer: %u kHz\n", hz / 1000);
}

void clock_init_cpu(void)
{
    SYSREG_WRITE("cnthp_ctl_el2", 0);
    SYSREG_WRITE("cntv_ctl_el0", 0);
    SYSREG_WRITE("cntp_ctl_el0", 0);
    SYSREG_WRITE("cntvoff_el2", 0);
    SYSREG_WRITE("cnthctl_el2", 1); /* guests read the counter; the physical timer is ours to emulate */
    isb();
}
