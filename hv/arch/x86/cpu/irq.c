/* SPDX-License-Identifier: MIT */
/*
 * Vectors, dispatch, IPIs. See irq.h. A level interrupt is masked and acknowledged at once and unmasked when
 * its user says the device is served, so nothing ever waits for a guest's EOI in the APIC.
 */
#include "hv/arch/x86/cpu/irq.h"

#include "abi/xen.h"
#include "hv/arch/x86/cpu/apic.h"
#include "hv/arch/x86/cpu/ioapic.h"
#include "hv/arch/x86/cpu/smp.h"
#include "hv/arch/x86/cpu/traps.h"
#include "hv/arch_cpu.h"
#include "hv/base/printk.h"
#include "hv/base/softirq.h"
#include "hv/upcalls.h"

struct irq_desc irq_descs[IRQ_MAX];
static uint16_t vector_irq[256];
static struct spinlock table_lock = SPINLOCK_INIT(LOCK_IRQ - 1);

int irq_vector_assign(unsigned int irq)
{
    int rc = -ENOSPC;
    unsigned long flags = spin_lock_irqsave(&table_lock);

    if (irq_descs[irq].vector != 0) {
        rc = 0;
    }
    for (unsigned int v = VECTOR_DEVICE_FIRST; rc != 0 && v <= VECTOR_DEVICE_LAST; v++) {
        if (vector_irq[v] == 0 && v != 0x80 && v != 0x82) {
            vector_irq[v] = (uint16_t)(irq + 1);
            irq_descs[irq].vector = v;
            rc = 0;
        }
    }
    spin_unlock_irqrestore(&table_lock, flags);
    return rc;
}

int irq_alloc_msi(void)
{
    for (unsigned int irq = irq_gsi_count(); irq < IRQ_MAX; irq++) {
        if (irq_descs[irq].vector == 0) {
            int rc = irq_vector_assign(irq);

            return rc != 0 ? rc : (int)irq;
        }
    }
    return -ENOSPC;
}

void irq_free_msi(unsigned int irq)
{
    unsigned long flags = spin_lock_irqsave(&table_lock);

    vector_irq[irq_descs[irq].vector] = 0;
    irq_descs[irq].vector = 0;
    irq_descs[irq].chip = NULL;
    irq_descs[irq].chip_data = NULL;
    spin_unlock_irqrestore(&table_lock, flags);
}

int irq_request(unsigned int irq, irq_fn fn, void *data)
{
    struct irq_desc *d = &irq_descs[irq];
    unsigned long flags;
    int rc = -EBUSY;

    flags = spin_lock_irqsave(&d->lock);
    if (d->fn == NULL) {
        d->fn = fn;
        d->data = data;
        rc = 0;
    }
    spin_unlock_irqrestore(&d->lock, flags);
    return rc;
}

void irq_release(unsigned int irq)
{
    struct irq_desc *d = &irq_descs[irq];
    unsigned long flags;

    irq_mask(irq);
    flags = spin_lock_irqsave(&d->lock);
    d->fn = NULL;
    spin_unlock_irqrestore(&d->lock, flags);
}

static void set_mask(unsigned int irq, bool masked)
{
    struct irq_desc *d = &irq_descs[irq];
    unsigned long flags = spin_lock_irqsave(&d->lock);

    if (d->chip != NULL) {
        d->masked = masked;
        (masked ? d->chip->mask : d->chip->unmask)(irq);
    }
    spin_unlock_irqrestore(&d->lock, flags);
}

void irq_mask(unsigned int irq)
{
    set_mask(irq, true);
}

void irq_unmask(unsigned int irq)
{
    set_mask(irq, false);
}

void irq_set_cpu(unsigned int irq, unsigned int cpu)
{
    struct irq_desc *d = &irq_descs[irq];
    unsigned long flags = spin_lock_irqsave(&d->lock);

    if (d->chip != NULL && d->cpu != cpu) {
        d->cpu = cpu;
        d->chip->set_cpu(irq, cpu);
    }
    spin_unlock_irqrestore(&d->lock, flags);
}

static void device_interrupt(unsigned int vector)
{
    unsigned int irq = vector_irq[vector] - 1U;
    struct irq_desc *d;
    irq_fn fn;
    void *data;

    if (vector_irq[vector] == 0) {
        apic_eoi();
        return;
    }
    d = &irq_descs[irq];
    spin_lock(&d->lock);
    d->count++;
    if (d->level && d->chip != NULL) {
        d->masked = true;
        d->chip->mask(irq);
    }
    fn = d->fn;
    data = d->data;
    spin_unlock(&d->lock);
    apic_eoi();
    if (fn != NULL) {
        fn(irq, data);
    }
}

void x86_interrupt(struct cpu_user_regs *regs)
{
    unsigned int vector = regs->entry_vector;

    switch (vector) {
    case VECTOR_TIMER:
        apic_eoi();
        softirq_raise(SOFTIRQ_TIMER);
        break;
    case VECTOR_IPI_SOFTIRQ:
        apic_eoi();
        break;
    case VECTOR_IPI_CALL:
        apic_eoi();
        upcall_ipi_call();
        break;
    case VECTOR_IPI_FLUSH:
        apic_eoi();
        smp_flush_requested();
        break;
    case VECTOR_SPURIOUS:
        break;
    case VECTOR_ERROR:
        apic_eoi();
        break;
    default:
        device_interrupt(vector);
        break;
    }
}

void irq_dump(void)
{
    for (unsigned int i = 0; i < IRQ_MAX; i++) {
        const struct irq_desc *d = &irq_descs[i];

        if (d->vector != 0) {
            printk("irq %u vector %02x %s cpu %u %s%s count %lu\n", i, d->vector,
                   d->chip == NULL ? "-" : d->chip->name, d->cpu, d->level ? "level" : "edge",
                   d->masked ? " masked" : "", d->count);
        }
    }
}

void irq_init(void)
{
    for (unsigned int i = 0; i < IRQ_MAX; i++) {
        spin_init(&irq_descs[i].lock, LOCK_IRQ);
        irq_descs[i].masked = true;
    }
    ioapic_init();
}
