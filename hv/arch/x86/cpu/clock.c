/* SPDX-License-Identifier: MIT */
/*
 * The clock is the TSC, scaled once at boot against the PM timer or the PIT, whichever there is. The APIC
 * timer is calibrated in the same window. The wall clock comes from the CMOS once.
 */
#include "hv/arch/x86/cpu/clock.h"

#include "hv/arch/x86/cpu/apic.h"
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch_cpu.h"
#include "hv/base/printk.h"
#include "hv/arch/x86/cpu/acpi.h"

#define PM_TIMER_HZ 3579545ULL
#define PIT_HZ      1193182ULL
#define WINDOW_US   1500ULL
#define TRIES       5
#define NS          1000000000ULL

static struct clock_pv scale;
static uint64_t tsc_hz;
static uint64_t apic_hz;
static uint64_t wall_at_boot;

static uint64_t scale_ticks(uint64_t ticks)
{
    ticks = scale.tsc_shift >= 0 ? ticks << scale.tsc_shift : ticks >> -scale.tsc_shift;
    return (uint64_t)((unsigned __int128)ticks * scale.tsc_to_system_mul >> 32);
}

uint64_t arch_clock_now(void)
{
    return scale.system_time + scale_ticks(read_tsc() - scale.tsc_timestamp);
}

uint64_t arch_clock_wall_at_boot(void)
{
    return wall_at_boot;
}

unsigned int arch_clock_cpu_khz(void)
{
    return (unsigned int)(tsc_hz / 1000);
}

uint64_t clock_tsc_khz(void)
{
    return tsc_hz / 1000;
}

void clock_get_pvclock(struct clock_pv *out)
{
    *out = scale;
    out->tsc_timestamp = read_tsc();
    out->system_time = scale.system_time + scale_ticks(out->tsc_timestamp - scale.tsc_timestamp);
}

void arch_clock_set_timer(uint64_t deadline)
{
    uint64_t now;
    uint64_t ticks;

    if (deadline == ~0ULL) {
        apic_timer_start(0);
        return;
    }
    now = arch_clock_now();
    if (deadline <= now) {
        apic_timer_start(1);
        return;
    }
    ticks = deadline - now > NS ? apic_hz : (deadline - now) * apic_hz / NS + 1;
    apic_timer_start((uint32_t)MIN(ticks, 0xffffffffULL));
}

/* Finds mul and shift so that (ticks << shift) * mul >> 32 is ns, with mul using all its 32 bits. */
static void scale_set(uint64_t hz)
{
    int shift = 0;
    uint64_t per_second = NS;

    while (hz > 2 * NS) {
        hz >>= 1;
        shift--;
    }
    while (hz <= NS) {
        hz <<= 1;
        shift++;
    }
    scale.tsc_shift = (int8_t)shift;
    scale.tsc_to_system_mul = (uint32_t)((per_second << 32) / hz);
}

static uint32_t pm_timer(void)
{
    return (uint32_t)arch_port_in(acpi_machine.pm_timer_port, 4) & 0xffffff;
}

static void wait_pm_timer(uint64_t ticks)
{
    uint32_t start = pm_timer();

    while (((pm_timer() - start) & 0xffffff) < ticks) {
        arch_relax();
    }
}

/* PIT channel 2 in mode 0; its output appears in bit 5 of port 0x61. */
static void wait_pit(uint64_t ticks)
{
    arch_port_out(0x61, (arch_port_in(0x61, 1) & ~2U) | 1, 1);
    arch_port_out(0x43, 0xb0, 1);
    arch_port_out(0x42, ticks & 0xff, 1);
    arch_port_out(0x42, ticks >> 8, 1);
    while (!(arch_port_in(0x61, 1) & 0x20)) {
        arch_relax();
    }
}

struct rates {
    uint64_t tsc;
    uint64_t apic;
};

static struct rates measure(void)
{
    bool pm = acpi_machine.pm_timer_port != 0;
    uint64_t hz = pm ? PM_TIMER_HZ : PIT_HZ;
    uint64_t ticks = hz * WINDOW_US / 1000000;
    uint32_t apic = apic_timer_now();
    uint64_t tsc = read_tsc();

    if (pm) {
        wait_pm_timer(ticks);
    } else {
        wait_pit(ticks);
    }
    tsc = read_tsc() - tsc;
    apic -= apic_timer_now();
    return (struct rates){ tsc * hz / ticks, apic * hz / ticks };
}

/* A window that something interrupted (firmware, a busy host) comes out too long, never too short: the
 * smallest of a few is the best. */
static void calibrate(void)
{
    tsc_hz = ~0ULL;
    apic_timer_run_free();
    for (unsigned int i = 0; i < TRIES; i++) {
        struct rates r = measure();

        if (r.tsc < tsc_hz) {
            tsc_hz = r.tsc;
            apic_hz = r.apic;
        }
    }
    apic_timer_start(0);
}

static unsigned int cmos(unsigned int reg)
{
    arch_port_out(0x70, reg, 1);
    return arch_port_in(0x71, 1);
}

static unsigned int from_bcd(unsigned int v, bool binary)
{
    return binary ? v : (v >> 4) * 10 + (v & 15);
}

static uint64_t days_since_1970(unsigned int y, unsigned int m, unsigned int d)
{
    y -= m <= 2;
    m += m <= 2 ? 9 : -3U;
    return 365ULL * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + d - 1 - 719468;
}

static uint64_t read_cmos_seconds(void)
{
    bool binary;
    unsigned int v[6];
    static const uint8_t regs[6] = { 0, 2, 4, 7, 8, 9 };

    while (cmos(0xa) & 0x80) {
        arch_relax();
    }
    binary = cmos(0xb) & 4;
    for (unsigned int i = 0; i < 6; i++) {
        v[i] = from_bcd(cmos(regs[i]), binary);
    }
    return days_since_1970(2000 + v[5], v[4], v[3]) * 86400 + v[2] * 3600ULL + v[1] * 60ULL + v[0];
}

void clock_init_cpu(void)
{
}

void clock_init(void)
{
    calibrate();
    scale_set(tsc_hz);
    scale.tsc_timestamp = read_tsc();
    scale.system_time = 0;
    wall_at_boot = read_cmos_seconds() * NS;
    log_info("Clock: TSC %lu kHz, APIC timer %lu kHz\n", (unsigned long)(tsc_hz / 1000),
             (unsigned long)(apic_hz / 1000));
}
