/* SPDX-License-Identifier: MIT */
/*
 * See vmsi.h. (PCI 3.0, 6.8.1 MSI and 6.8.2 MSI-X.)
 *
 * A function has a record for each of the two capabilities that was written to: its sources, one for MSI (more than
 * one message is not offered), one an entry for MSI-X, each with the four words of a table entry as the domain wrote
 * them: address low, high, data, control.
 *
 * Lock: vmsi_lock (LOCK_PIRQ) for all records; they are never freed before the domain, so finding one needs none.
 */
#include "hv/arch/x86/hvm/vmsi.h"

#include "hv/arch/x86/cpu/irq.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/base/printk.h"
#include "hv/base/softirq.h"
#include "hv/drivers/msi.h"
#include "hv/drivers/pci.h"
#include "hv/lib/string.h"
#include "hv/mm/heap.h"

#define CAP_MSI        0x05U
#define CAP_MSIX       0x11U
#define CAPS_FIRST     0x40U
#define REG_CONTROL    2U
#define MSI_ENABLE     0x1U
#define MSI_COUNTS     0x7eU /* messages it can have and has */
#define MSI_WIDE       0x80U
#define MSI_MASKABLE   0x100U
#define MSI_BYTES      24U   /* at most */
#define MSIX_COUNT     0x7ffU
#define MSIX_MASK_ALL  0x4000U
#define MSIX_ENABLE    0x8000U
#define ENTRY_BYTES    16U
#define ENTRY_MASKED   1U

enum { WORD_ADDRESS, WORD_HIGH, WORD_DATA, WORD_CONTROL };

struct source {
    struct domain *domain;
    struct tasklet tasklet;
    int irq; /* -1: none */
    uint32_t word[4];
};

struct vmsi {
    struct vmsi *next;
    unsigned int bdf;
    bool msix;
    unsigned int cap;     /* where the capability is */
    uint16_t control;     /* of the machine's, as last written */
    uint8_t shown[MSI_BYTES]; /* MSI: the capability as the domain has it */
    uint64_t table;       /* MSI-X: its address, 0 before it was enabled */
    unsigned int count;
    struct source sources[];
};

static struct spinlock vmsi_lock = SPINLOCK_INIT(LOCK_PIRQ);

/* ---- A message ------------------------------------------------------------------------------ */

static void deliver(void *data)
{
    struct source *s = data;
    uint32_t address = READ_ONCE(s->word[WORD_ADDRESS]);
    uint32_t message = READ_ONCE(s->word[WORD_DATA]);

    vlapic_message(s->domain, address >> 12 & 0xff, address >> 2 & 1, message >> 8 & 7, message & 0xff, false);
}

static void interrupt(unsigned int irq, void *data)
{
    struct source *s = data;

    (void)irq;
    tasklet_schedule(&s->tasklet);
}

static void stop(struct source *s)
{
    if (s->irq >= 0) {
        irq_release((unsigned int)s->irq);
        msi_release((unsigned int)s->irq);
        s->irq = -1;
    }
}

/* The machine's message for a source whose own one is to come. */
static void start(const struct vmsi *m, struct source *s)
{
    int irq;

    if (s->irq >= 0) {
        return;
    }
    irq = msi_setup(m->bdf, m->msix, (unsigned int)(s - m->sources));
    if (irq >= 0) {
        int rc = irq_request((unsigned int)irq, interrupt, s);

        if (rc != 0) {
            msi_release((unsigned int)irq);
            irq = rc;
        }
    }
    if (irq < 0) {
        log_warning("dom0: no interrupt for PCI function %02x:%02x.%u (error %d)\n", m->bdf >> 8, m->bdf >> 3 & 31,
                    m->bdf & 7, -irq);
    }
    s->irq = irq < 0 ? -1 : irq;
}

static void set_masked(const struct source *s, bool masked)
{
    if (s->irq >= 0 && masked) {
        irq_mask((unsigned int)s->irq);
    } else if (s->irq >= 0) {
        irq_unmask((unsigned int)s->irq);
    }
}

/* ---- Records -------------------------------------------------------------------------------- */

static struct vmsi *find(const struct domain *d, unsigned int bdf, bool msix)
{
    for (struct vmsi *m = READ_ONCE(d->arch->hvm->functions); m != NULL; m = m->next) {
        if (m->bdf == bdf && m->msix == msix) {
            return m;
        }
    }
    return NULL;
}

static struct vmsi *create(struct domain *d, unsigned int bdf, bool msix, unsigned int cap)
{
    uint16_t control = (uint16_t)pci_read(bdf, cap + REG_CONTROL, 2);
    unsigned int count = msix ? (control & MSIX_COUNT) + 1 : 1;
    struct vmsi *m = heap_alloc(sizeof(*m) + count * sizeof(m->sources[0]));

    if (m == NULL) {
        return NULL;
    }
    m->bdf = bdf;
    m->msix = msix;
    m->cap = cap;
    m->control = control;
    m->count = count;
    for (unsigned int i = 0; !msix && i < MSI_BYTES; i += 4) {
        uint32_t word = pci_read(bdf, cap + i, 4);

        memcpy(m->shown + i, &word, sizeof(word));
    }
    m->shown[REG_CONTROL] &= (uint8_t)~MSI_COUNTS;
    for (unsigned int i = 0; i < count; i++) {
        m->sources[i].domain = d;
        m->sources[i].irq = -1;
        m->sources[i].word[WORD_CONTROL] = ENTRY_MASKED;
        tasklet_init(&m->sources[i].tasklet, deliver, &m->sources[i]);
    }
    m->next = d->arch->hvm->functions;
    __atomic_store_n(&d->arch->hvm->functions, m, __ATOMIC_RELEASE);
    return m;
}

static unsigned int length_of(const struct vmsi *m)
{
    unsigned int plain = m->control & MSI_WIDE ? 14 : 10;

    return m->msix ? 4 : m->control & MSI_MASKABLE ? plain + 6 : plain;
}

/* The capability of this kind that a register is in; the record is made when it is about to be written. */
static struct vmsi *vmsi_of(struct domain *d, unsigned int bdf, unsigned int reg, unsigned int bytes, bool msix,
                            bool may_create)
{
    struct vmsi *m = find(d, bdf, msix);
    unsigned int cap;

    if (m == NULL && may_create) {
        cap = pci_capability(bdf, msix ? CAP_MSIX : CAP_MSI);
        m = cap != 0 && reg + bytes > cap && reg < cap + MSI_BYTES ? create(d, bdf, msix, cap) : NULL;
    }
    return m != NULL && reg + bytes > m->cap && reg < m->cap + length_of(m) ? m : NULL;
}

/* ---- MSI ------------------------------------------------------------------------------------ */

static uint32_t shown_word(const struct vmsi *m, unsigned int at, unsigned int bytes)
{
    uint32_t value = 0;

    memcpy(&value, m->shown + at, bytes);
    return value;
}

/* The machine's capability as the shown one asks for. */
static void msi_update(struct vmsi *m)
{
    struct source *s = &m->sources[0];
    unsigned int data = m->control & MSI_WIDE ? 12 : 8;
    bool enabled = m->shown[REG_CONTROL] & MSI_ENABLE;

    WRITE_ONCE(s->word[WORD_ADDRESS], shown_word(m, 4, 4));
    WRITE_ONCE(s->word[WORD_DATA], shown_word(m, data, 2));
    if (enabled) {
        start(m, s);
    } else {
        stop(s);
    }
    m->control = (uint16_t)((m->control & ~(MSI_COUNTS & 0x70U) & ~MSI_ENABLE) | (s->irq >= 0 ? MSI_ENABLE : 0));
    pci_write(m->bdf, m->cap + REG_CONTROL, 2, m->control);
    set_masked(s, (m->control & MSI_MASKABLE) && (shown_word(m, data + 4, 4) & 1));
}

static void msi_write(struct vmsi *m, unsigned int reg, unsigned int bytes, uint32_t value)
{
    unsigned int end = length_of(m);

    for (unsigned int i = 0; i < bytes; i++) {
        unsigned int at = reg + i - m->cap;
        uint8_t byte = (uint8_t)(value >> 8 * i);

        if (at == REG_CONTROL) {
            m->shown[at] = (uint8_t)((m->shown[at] & ~MSI_ENABLE) | (byte & MSI_ENABLE));
        } else if (at > REG_CONTROL + 1 && at < end) {
            m->shown[at] = byte;
        }
    }
    msi_update(m);
}

/* ---- MSI-X ---------------------------------------------------------------------------------- */

static bool is_enabled(const struct vmsi *m)
{
    return m->control & MSIX_ENABLE;
}

static void entry_update(struct vmsi *m, struct source *s)
{
    bool masked = !is_enabled(m) || (s->word[WORD_CONTROL] & ENTRY_MASKED);

    if (!masked) {
        start(m, s);
    }
    set_masked(s, masked);
}

/* Where the table is now; true: its pages are to be trapped. */
static bool table_find(struct vmsi *m)
{
    uint32_t at = pci_read(m->bdf, m->cap + 4, 4);
    uint64_t bar = pci_memory_bar(m->bdf, at & 7);
    uint64_t table = bar == 0 ? 0 : bar + (at & ~7U);

    if (table == m->table) {
        return false;
    }
    WRITE_ONCE(m->table, table);
    return table != 0;
}

static void msix_disable(struct vmsi *m)
{
    for (unsigned int i = 0; i < m->count; i++) {
        stop(&m->sources[i]);
    }
}

/* The lock is held. True: the pages of the table have to go from the domain's space. */
static bool msix_control(struct vmsi *m, uint16_t control)
{
    bool trap = false;

    if (control & MSIX_ENABLE) {
        trap = table_find(m);
    } else {
        msix_disable(m);
    }
    m->control = (uint16_t)((m->control & ~(MSIX_ENABLE | MSIX_MASK_ALL)) | (control & (MSIX_ENABLE | MSIX_MASK_ALL)));
    pci_write(m->bdf, m->cap + REG_CONTROL, 2, m->control);
    for (unsigned int i = 0; is_enabled(m) && i < m->count; i++) {
        entry_update(m, &m->sources[i]);
    }
    return trap;
}

static uint64_t table_end(const struct vmsi *m)
{
    return m->table + m->count * ENTRY_BYTES;
}

static void trap_table(struct domain *d, const struct vmsi *m)
{
    for (uint64_t a = m->table & PAGE_MASK; a < table_end(m); a += PAGE_SIZE) {
        int rc = p2m_remove_any(d, _gfn(a >> PAGE_SHIFT));

        if (rc != 0 && rc != -ENOENT) {
            log_warning("dom0: the MSI-X table at %lx cannot be watched (error %d)\n", (unsigned long)a, -rc);
        }
    }
}

static void msix_write(struct domain *d, struct vmsi *m, unsigned int reg, unsigned int bytes, uint32_t value)
{
    uint16_t control;
    bool trap;

    spin_lock(&vmsi_lock);
    control = m->control;
    for (unsigned int i = 0; i < bytes; i++) {
        unsigned int at = reg + i - m->cap;

        if (at == REG_CONTROL || at == REG_CONTROL + 1) {
            unsigned int shift = 8 * (at - REG_CONTROL);

            control = (uint16_t)((control & ~(0xffU << shift)) | (value >> 8 * i & 0xff) << shift);
        }
    }
    trap = msix_control(m, control);
    spin_unlock(&vmsi_lock);
    if (trap) {
        trap_table(d, m);
    }
}

/* ---- Configuration space ---------------------------------------------------------------------- */

static unsigned int bdf_of(uint32_t cf8)
{
    return cf8 >> 8 & 0xffff;
}

uint32_t vmsi_config_read(struct domain *d, uint32_t cf8, unsigned int offset, unsigned int bytes)
{
    unsigned int reg = (cf8 & 0xfc) + offset;
    uint32_t value = pci_cf8_read(cf8, offset, bytes);
    const struct vmsi *m =
        reg < CAPS_FIRST || (cf8 >> 24 & 0xf) != 0 ? NULL : vmsi_of(d, bdf_of(cf8), reg, bytes, false, false);

    for (unsigned int i = 0; m != NULL && i < bytes; i++) {
        unsigned int at = reg + i - m->cap;

        if (at >= REG_CONTROL && at < length_of(m)) {
            value = (value & ~(0xffU << 8 * i)) | (uint32_t)m->shown[at] << 8 * i;
        }
    }
    return value;
}

void vmsi_config_write(struct domain *d, uint32_t cf8, unsigned int offset, unsigned int bytes, uint32_t value)
{
    unsigned int reg = (cf8 & 0xfc) + offset;
    struct vmsi *m = NULL;

    if (reg >= CAPS_FIRST && (cf8 >> 24 & 0xf) == 0) {
        spin_lock(&vmsi_lock);
        m = vmsi_of(d, bdf_of(cf8), reg, bytes, false, true);
        if (m != NULL) {
            msi_write(m, reg, bytes, value);
            spin_unlock(&vmsi_lock);
            return;
        }
        m = vmsi_of(d, bdf_of(cf8), reg, bytes, true, true);
        spin_unlock(&vmsi_lock);
    }
    if (m != NULL) {
        msix_write(d, m, reg, bytes, value);
    } else {
        pci_cf8_write(cf8, offset, bytes, value);
    }
}

/* ---- The table ------------------------------------------------------------------------------ */

static struct vmsi *table_at(const struct domain *d, uint64_t gpa)
{
    for (struct vmsi *m = READ_ONCE(d->arch->hvm->functions); m != NULL; m = m->next) {
        uint64_t table = READ_ONCE(m->table);

        if (table != 0 && gpa >= (table & PAGE_MASK) && gpa < ALIGN_UP(table_end(m), PAGE_SIZE)) {
            return m;
        }
    }
    return NULL;
}

bool vmsi_at(const struct vcpu *v, uint64_t gpa)
{
    return v->domain->is_hardware && table_at(v->domain, gpa) != NULL;
}

static uint32_t *word_at(struct vmsi *m, uint64_t gpa, struct source **s)
{
    uint64_t offset = gpa - m->table;

    if (gpa < m->table || gpa >= table_end(m)) {
        return NULL;
    }
    *s = &m->sources[offset / ENTRY_BYTES];
    return &(*s)->word[offset % ENTRY_BYTES / 4];
}

/* Beside the table: the machine's own registers. */
static uint64_t beside_read(uint64_t gpa, unsigned int bytes)
{
    volatile void *p = msi_map(gpa);

    switch (p == NULL ? 0 : bytes) {
    case 1:
        return *(volatile uint8_t *)p;
    case 2:
        return *(volatile uint16_t *)p;
    case 4:
        return *(volatile uint32_t *)p;
    case 8:
        return *(volatile uint64_t *)p;
    default:
        return ~0UL;
    }
}

static void beside_write(uint64_t gpa, unsigned int bytes, uint64_t value)
{
    volatile void *p = msi_map(gpa);

    switch (p == NULL ? 0 : bytes) {
    case 1:
        *(volatile uint8_t *)p = (uint8_t)value;
        break;
    case 2:
        *(volatile uint16_t *)p = (uint16_t)value;
        break;
    case 4:
        *(volatile uint32_t *)p = (uint32_t)value;
        break;
    case 8:
        *(volatile uint64_t *)p = value;
        break;
    default:
        break;
    }
}

/* Only whole words of a table are defined. */
static bool is_word(uint64_t gpa, unsigned int bytes)
{
    return (bytes == 4 || bytes == 8) && (gpa & (bytes - 1)) == 0;
}

uint64_t vmsi_read(struct vcpu *v, uint64_t gpa, unsigned int bytes)
{
    struct vmsi *m = table_at(v->domain, gpa);
    struct source *s;
    const uint32_t *word = word_at(m, gpa, &s);

    if (word == NULL) {
        return (gpa & (bytes - 1)) == 0 ? beside_read(gpa, bytes) : ~0UL;
    }
    if (!is_word(gpa, bytes)) {
        return ~0UL;
    }
    return bytes == 4 ? word[0] : word[0] | (uint64_t)word[1] << 32;
}

void vmsi_write(struct vcpu *v, uint64_t gpa, unsigned int bytes, uint64_t value)
{
    struct vmsi *m = table_at(v->domain, gpa);
    struct source *s;
    uint32_t *word = word_at(m, gpa, &s);

    if (word == NULL) {
        if ((gpa & (bytes - 1)) == 0) {
            beside_write(gpa, bytes, value);
        }
        return;
    }
    if (!is_word(gpa, bytes)) {
        return;
    }
    spin_lock(&vmsi_lock);
    WRITE_ONCE(word[0], (uint32_t)value);
    if (bytes == 8) {
        WRITE_ONCE(word[1], (uint32_t)(value >> 32));
    }
    entry_update(m, s);
    spin_unlock(&vmsi_lock);
}

void vmsi_exit(struct domain *d)
{
    struct vmsi *m = d->arch->hvm->functions;

    while (m != NULL) {
        struct vmsi *next = m->next;

        msix_disable(m); /* of MSI as well: all its sources */
        heap_free(m);
        m = next;
    }
    d->arch->hvm->functions = NULL;
}
