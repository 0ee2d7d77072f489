/* SPDX-License-Identifier: MIT */
/*
 * Local APIC registers (Intel SDM volume 3, chapter "APIC"; AMD APM volume 2, chapter 16). In x2APIC mode
 * register 0xR0 is MSR 0x800 + R.
 */
#include "hv/arch/x86/cpu/apic.h"

#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch_cpu.h"
#include "hv/base/printk.h"
#include "hv/arch/x86/cpu/acpi.h"

#define REG_ID       0x020
#define REG_TPR      0x080
#define REG_EOI      0x0b0
#define REG_LDR      0x0d0
#define REG_DFR      0x0e0
#define REG_SPURIOUS 0x0f0
#define REG_ESR      0x280
#define REG_ICR_LOW  0x300
#define REG_ICR_HIGH 0x310
#define REG_LVT_TIMER 0x320
#define REG_LVT_LINT0 0x350
#define REG_LVT_LINT1 0x360
#define REG_LVT_ERROR 0x370
#define REG_TIMER_INITIAL 0x380
#define REG_TIMER_CURRENT 0x390
#define REG_TIMER_DIVIDE  0x3e0

#define BASE_ENABLE 0x800UL
#define BASE_X2APIC 0x400UL
#define SPURIOUS_ENABLE 0x100U
#define LVT_MASKED 0x10000U
#define LVT_NMI 0x400U
#define ICR_BUSY 0x1000U
#define ICR_ASSERT 0x4000U
#define ICR_INIT 0x500U
#define ICR_STARTUP 0x600U
#define ICR_NMI 0x400U
#define DIVIDE_BY_1 0xbU

static volatile uint32_t *registers; /* NULL in x2APIC mode */

uint32_t apic_read(unsigned int reg)
{
    return registers == NULL ? (uint32_t)read_msr(0x800 + reg / 16) : registers[reg / 4];
}

static void apic_write(unsigned int reg, uint32_t v)
{
    if (registers == NULL) {
        write_msr(0x800 + reg / 16, v);
    } else {
        registers[reg / 4] = v;
    }
}

uint32_t apic_id(void)
{
    return registers == NULL ? apic_read(REG_ID) : apic_read(REG_ID) >> 24;
}

void apic_eoi(void)
{
    apic_write(REG_EOI, 0);
}

static void icr_write(uint32_t to, uint32_t low)
{
    if (registers == NULL) {
        /* Unlike the store to memory below, this write does not wait for earlier stores, and the other CPU
         * looks at what they say (SDM volume 3, "WRMSR in x2APIC mode"). */
        __asm__ __volatile__("mfence; lfence" ::: "memory");
        write_msr(0x800 + REG_ICR_LOW / 16, (uint64_t)to << 32 | low);
        return;
    }
    while (apic_read(REG_ICR_LOW) & ICR_BUSY) {
        arch_relax();
    }
    apic_write(REG_ICR_HIGH, to << 24);
    apic_write(REG_ICR_LOW, low);
}

void apic_send(uint32_t to, unsigned int vector)
{
    unsigned long flags = arch_irq_save();

    icr_write(to, ICR_ASSERT | vector);
    arch_irq_restore(flags);
}

void apic_send_init(uint32_t to)
{
    icr_write(to, ICR_ASSERT | ICR_INIT);
}

void apic_send_startup(uint32_t to, unsigned int page)
{
    icr_write(to, ICR_ASSERT | ICR_STARTUP | page);
}

void apic_send_nmi(uint32_t to)
{
    icr_write(to, ICR_ASSERT | ICR_NMI);
}

void apic_timer_start(uint32_t ticks)
{
    apic_write(REG_TIMER_INITIAL, ticks);
}

uint32_t apic_timer_now(void)
{
    return apic_read(REG_TIMER_CURRENT);
}

void apic_timer_run_free(void)
{
    apic_write(REG_TIMER_INITIAL, ~0U);
}

void apic_init_cpu(void)
{
    uint64_t base = read_msr(MSR_APIC_BASE) | BASE_ENABLE;

    write_msr(MSR_APIC_BASE, registers == NULL ? base | BASE_X2APIC : base);
    apic_write(REG_TPR, 0);
    if (registers != NULL) {
        apic_write(REG_DFR, ~0U);
    }
    apic_write(REG_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    apic_write(REG_LVT_LINT0, LVT_MASKED);
    apic_write(REG_LVT_LINT1, LVT_NMI | (arch_cpu_id() == 0 ? 0 : LVT_MASKED));
    apic_write(REG_LVT_ERROR, VECTOR_ERROR);
    apic_write(REG_TIMER_DIVIDE, DIVIDE_BY_1);
    apic_write(REG_LVT_TIMER, VECTOR_TIMER);
    apic_eoi();
}

/* Before LINT0 is masked, so that a request of the 8259 that waits already is withdrawn. */
static void pic_off(void)
{
    arch_port_out(0x21, 0xff, 1);
    arch_port_out(0xa1, 0xff, 1);
}

void apic_init(void)
{
    uint64_t base = read_msr(MSR_APIC_BASE);

    pic_off();
    if (!(base & BASE_X2APIC)) {
        registers = arch_map_device(_paddr(base & 0xffffff000UL), PAGE_SIZE);
        BUG_ON(registers == NULL);
    }
    apic_init_cpu();
    log_info("APIC: boot CPU %u, %s\n", apic_id(), registers == NULL ? "x2APIC" : "xAPIC");
}
