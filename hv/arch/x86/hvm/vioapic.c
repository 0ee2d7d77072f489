/* SPDX-License-Identifier: MIT */
/*
 * Registers as in ioapic.c (82093AA data sheet): index at +0, data at +0x10, two words a pin from register 0x10.
 *
 * The machine's interrupt handler only queues a tasklet, which gives the vector to the vlapics. A pin remembers the
 * vector it was delivered as, since the entry may be rewritten before that one ends.
 *
 * Lock: vioapic.lock (LOCK_PIRQ) for index, entries and binding. Handlers and delivery read entries without it.
 */
#include "hv/arch/x86/hvm/vioapic.h"

#include "hv/arch/x86/cpu/acpi.h"
#include "hv/arch/x86/cpu/ioapic.h"
#include "hv/arch/x86/cpu/irq.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/base/printk.h"
#include "hv/base/softirq.h"
#include "hv/core/rights.h"
#include "hv/mm/heap.h"

#define VERSION     0x11U /* without a register for ends of interrupts */
#define REG_ID      0x00U
#define REG_VERSION 0x01U
#define REG_ENTRIES 0x10U
#define CHIPS_MAX   ACPI_MAX_IOAPICS

#define ENTRY_MODE_SHIFT 8
#define ENTRY_LOGICAL    0x800UL
#define ENTRY_LOW        0x2000UL
#define ENTRY_WAITING    0x4000UL /* remote IRR: a level came and has not ended */
#define ENTRY_LEVEL      0x8000UL
#define ENTRY_MASKED     0x10000UL
#define ENTRY_WRITABLE   0xff0000000001afffUL

struct pin {
    struct domain *domain;
    struct tasklet tasklet;
    unsigned int gsi;
    uint64_t entry;
    bool bound;   /* the machine's interrupt comes here, */
    bool low;     /* with this polarity */
    bool waiting; /* atomic: as ENTRY_WAITING */
    uint8_t vector; /* it came as */
};

struct chip {
    uint64_t address;
    unsigned int gsi_base;
    unsigned int pins;
    unsigned int index;
    uint32_t id;
};

struct vioapic {
    struct spinlock lock;
    unsigned int chip_count;
    struct chip chips[CHIPS_MAX];
    unsigned int pin_count;
    struct pin pins[]; /* by GSI */
};

static struct vioapic *of(const struct domain *d)
{
    return d->arch->hvm->ioapic;
}

/* ---- Delivery ------------------------------------------------------------------------------- */

static void deliver(void *data)
{
    struct pin *p = data;
    uint64_t e = READ_ONCE(p->entry);
    bool level = READ_ONCE(p->waiting);

    WRITE_ONCE(p->vector, (uint8_t)e);
    vlapic_message(p->domain, (uint32_t)(e >> 56), e & ENTRY_LOGICAL, (unsigned int)(e >> ENTRY_MODE_SHIFT) & 7,
                   (unsigned int)e & 0xff, level);
}

/* Of the machine: a level is masked by now. */
static void interrupt(unsigned int irq, void *data)
{
    struct pin *p = data;

    if (irq_descs[irq].level) {
        WRITE_ONCE(p->waiting, true);
    }
    tasklet_schedule(&p->tasklet);
}

/* ---- Binding: the lock is held ---------------------------------------------------------------- */

static void release(struct pin *p)
{
    if (p->bound) {
        irq_release(p->gsi);
        p->bound = false;
        WRITE_ONCE(p->waiting, false);
    }
}

static void bind(struct pin *p)
{
    bool level = p->entry & ENTRY_LEVEL;
    int rc = rights_has(p->domain, RIGHT_IRQ, p->gsi, p->gsi) ? 0 : -EPERM;

    p->low = p->entry & ENTRY_LOW;
    if (rc == 0) {
        rc = ioapic_setup(p->gsi, level, p->low);
    }
    if (rc == 0) {
        rc = irq_request(p->gsi, interrupt, p);
    }
    if (rc == 0) {
        p->bound = true;
    } else {
        log_debug("dom0: GSI %u stays with the hypervisor (error %d)\n", p->gsi, -rc);
    }
}

/* The machine's interrupt as the entry says. */
static void update(struct pin *p)
{
    bool masked = p->entry & ENTRY_MASKED;

    if (p->bound && (irq_descs[p->gsi].level != ((p->entry & ENTRY_LEVEL) != 0) ||
                     p->low != ((p->entry & ENTRY_LOW) != 0))) {
        release(p);
    }
    if (!p->bound && !masked) {
        bind(p);
    }
    if (p->bound && (masked || READ_ONCE(p->waiting))) {
        irq_mask(p->gsi);
    } else if (p->bound) {
        irq_unmask(p->gsi);
    }
}

void vioapic_end_of_interrupt(struct domain *d, unsigned int vector)
{
    struct vioapic *a = of(d);

    for (unsigned int i = 0; a != NULL && i < a->pin_count; i++) {
        struct pin *p = &a->pins[i];

        if (READ_ONCE(p->waiting) && READ_ONCE(p->vector) == vector) {
            spin_lock(&a->lock);
            WRITE_ONCE(p->waiting, false);
            update(p);
            spin_unlock(&a->lock);
        }
    }
}

/* ---- Registers ------------------------------------------------------------------------------ */

static struct chip *chip_at(const struct vcpu *v, uint64_t gpa)
{
    struct vioapic *a = of(v->domain);

    for (unsigned int i = 0; a != NULL && i < a->chip_count; i++) {
        if (gpa >> PAGE_SHIFT == a->chips[i].address >> PAGE_SHIFT) {
            return &a->chips[i];
        }
    }
    return NULL;
}

bool vioapic_at(const struct vcpu *v, uint64_t gpa)
{
    return chip_at(v, gpa) != NULL;
}

/* The pin a register is a word of, or NULL. */
static struct pin *pin_of(struct vioapic *a, const struct chip *c, unsigned int reg)
{
    unsigned int n = (reg - REG_ENTRIES) / 2;

    return reg >= REG_ENTRIES && n < c->pins ? &a->pins[c->gsi_base + n] : NULL;
}

static uint32_t reg_read(struct vioapic *a, const struct chip *c)
{
    const struct pin *p = pin_of(a, c, c->index);

    if (p != NULL) {
        uint64_t e = p->entry | (READ_ONCE(p->waiting) ? ENTRY_WAITING : 0);

        return (uint32_t)(c->index & 1 ? e >> 32 : e);
    }
    switch (c->index) {
    case REG_ID:
        return c->id << 24;
    case REG_VERSION:
        return VERSION | (c->pins - 1) << 16;
    default:
        return 0;
    }
}

static void reg_write(struct vioapic *a, struct chip *c, uint32_t value)
{
    struct pin *p = pin_of(a, c, c->index);
    uint64_t e;

    if (p == NULL) {
        c->id = c->index == REG_ID ? value >> 24 & 0xf : c->id;
        return;
    }
    e = c->index & 1 ? (uint32_t)p->entry | (uint64_t)value << 32 : (p->entry & ~0xffffffffUL) | value;
    WRITE_ONCE(p->entry, e & ENTRY_WRITABLE);
    if (!(c->index & 1)) {
        update(p);
    }
}

uint64_t vioapic_read(struct vcpu *v, uint64_t gpa, unsigned int bytes)
{
    struct vioapic *a = of(v->domain);
    struct chip *c = chip_at(v, gpa);
    uint32_t value = 0;

    (void)bytes;
    spin_lock(&a->lock);
    switch (gpa - c->address) {
    case 0x00:
        value = c->index;
        break;
    case 0x10:
        value = reg_read(a, c);
        break;
    default:
        break;
    }
    spin_unlock(&a->lock);
    return value;
}

void vioapic_write(struct vcpu *v, uint64_t gpa, unsigned int bytes, uint64_t value)
{
    struct vioapic *a = of(v->domain);
    struct chip *c = chip_at(v, gpa);

    spin_lock(&a->lock);
    if (gpa == c->address) {
        c->index = (unsigned int)value & 0xff;
    } else if (gpa == c->address + 0x10 && bytes == 4) {
        reg_write(a, c, (uint32_t)value);
    }
    spin_unlock(&a->lock);
}

/* ---- Birth and end -------------------------------------------------------------------------- */

int vioapic_init(struct domain *d)
{
    unsigned int count = irq_gsi_count();
    struct vioapic *a = heap_alloc(sizeof(*a) + count * sizeof(a->pins[0]));
    struct chip *c;

    if (a == NULL) {
        return -ENOMEM;
    }
    spin_init(&a->lock, LOCK_PIRQ);
    for (unsigned int i = 0; i < CHIPS_MAX; i++) {
        c = &a->chips[a->chip_count];
        if (ioapic_describe(i, &c->address, &c->gsi_base, &c->pins)) {
            c->id = acpi_machine.ioapics[i].id;
            a->chip_count++;
        }
    }
    a->pin_count = count;
    for (unsigned int i = 0; i < count; i++) {
        a->pins[i].domain = d;
        a->pins[i].gsi = i;
        a->pins[i].entry = ENTRY_MASKED;
        tasklet_init(&a->pins[i].tasklet, deliver, &a->pins[i]);
    }
    d->arch->hvm->ioapic = a;
    return 0;
}

void vioapic_exit(struct domain *d)
{
    struct vioapic *a = of(d);

    for (unsigned int i = 0; a != NULL && i < a->pin_count; i++) {
        release(&a->pins[i]);
    }
    heap_free(a);
    d->arch->hvm->ioapic = NULL;
}
