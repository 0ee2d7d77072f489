/* SPDX-License-Identifier: MIT */
/*
 * What GICv2 and GICv3 share: which one there is, dispatch, and the distributor's banks. See gic.h.
 */
#include "hv/arch/arm/cpu/gic.h"

#include "hv/arch/arm/cpu/smp.h"
#include "hv/arch/arm/cpu/sysreg.h"
#include "hv/base/printk.h"
#include "hv/drivers/fdt.h"
#include "hv/upcalls.h"

#define GICD_CTLR      0x0000
#define GICD_TYPER     0x0004
#define GICD_ICENABLER 0x0180
#define GICD_ICPENDR   0x0280
#define GICD_ICACTIVER 0x0380
#define GICD_IPRIORITYR 0x0400
#define GICD_ICFGR     0x0c00

#define RWP            BIT(31) /* of GICD_CTLR */
#define SPURIOUS       1020U
#define PRIORITY       0xa0a0a0a0U

const struct gic_ops *gic;
struct gic_machine gic_machine;
volatile char *gic_dist;

static void (*handlers[GIC_IRQ_MAX])(unsigned int irq);

void gic_request(unsigned int irq, void (*fn)(unsigned int irq))
{
    BUG_ON(irq >= GIC_IRQ_MAX);
    handlers[irq] = fn;
    if (irq >= GIC_SPI_FIRST) {
        gic->set_cpu(irq, 0);
    }
    gic->enable(irq, true);
}

void gic_let_go(unsigned int irq)
{
    gic->enable(irq, false);
    mmio_write32(gic_dist + GICD_ICACTIVER + irq / 32 * 4, 1U << irq % 32);
}

bool gic_is_ours(unsigned int irq)
{
    return irq >= GIC_IRQ_MAX || handlers[irq] != NULL;
}

/* All shared interrupts off, levels as a guest finds them in its own distributor, same priority; security groups as
 * they are for the calling security state. */
void gic_dist_init(volatile char *dist)
{
    unsigned int count = ((mmio_read32(dist + GICD_TYPER) & 31) + 1) * 32;

    gic_dist = dist;
    gic_machine.irq_count = MIN(count, GIC_IRQ_MAX);
    for (unsigned int i = 32; i < gic_machine.irq_count; i += 32) {
        mmio_write32(dist + GICD_ICENABLER + i / 8, ~0U);
    }
    while ((mmio_read32(dist + GICD_CTLR) & RWP) != 0) { /* only what is off may change; a GICv2 has no such bit */
    }
    for (unsigned int i = 32; i < gic_machine.irq_count; i += 32) {
        mmio_write32(dist + GICD_ICFGR + i / 4, 0);
        mmio_write32(dist + GICD_ICFGR + i / 4 + 4, 0);
        mmio_write32(dist + GICD_ICPENDR + i / 8, ~0U);
        mmio_write32(dist + GICD_ICACTIVER + i / 8, ~0U);
    }
    for (unsigned int i = 32; i < gic_machine.irq_count; i += 4) {
        mmio_write32(dist + GICD_IPRIORITYR + i, PRIORITY);
    }
}

/* Its list registers are empty until a vcpu is loaded. */
static void start_cpu(void)
{
    gic->init_cpu();
    for (unsigned int i = 0; i < gic_machine.lr_count; i++) {
        gic->lr_write(i, 0);
    }
}

void gic_init(void)
{
    gic = gicv3_probe();
    if (gic == NULL) {
        gic = gicv2_probe();
    }
    if (gic == NULL) {
        panic("no interrupt controller: the device tree has neither a GICv3 nor a GICv2 with virtualisation");
    }
    start_cpu();
    log_info("GICv%u: %u interrupts, %u list registers\n", gic->version, gic_machine.irq_count,
             gic_machine.lr_count);
}

void gic_init_cpu(void)
{
    start_cpu();
    for (unsigned int irq = 0; irq < GIC_SPI_FIRST; irq++) {
        if (handlers[irq] != NULL) {
            gic->enable(irq, true);
        }
    }
}

void gic_interrupt(void)
{
    unsigned int irq;

    while ((irq = gic->ack()) < SPURIOUS) {
        gic->eoi(irq);
        if (irq < ARCH_IPI_COUNT) {
            gic->deactivate(irq);
            smp_ipi(irq);
        } else if (handlers[irq] != NULL) {
            handlers[irq](irq);
            gic->deactivate(irq);
        } else {
            upcall_guest_irq(irq);
        }
    }
}

/* ---- contract 1 ------------------------------------------------------------------------------- */

void arch_ipi_send(unsigned int cpu, enum arch_ipi what)
{
    dsb_ish(); /* what was written before is seen by who gets it */
    gic->send_sgi(cpu, what);
}

void arch_ipi_send_mask(const struct cpumask *cpus, enum arch_ipi what)
{
    unsigned int cpu;

    cpumask_for_each(cpu, cpus) {
        arch_ipi_send(cpu, what);
    }
}
