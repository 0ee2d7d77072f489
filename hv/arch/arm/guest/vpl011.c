/* SPDX-License-Identifier: MIT */
/*
 * See vpl011.h. The transmitter is always empty, so its interrupt is due whenever the guest has it unmasked: it is
 * raised when the mask opens and after each byte. The receiver's is raised with each byte that comes in and, as the
 * level stays while there is more, with each one read that was not the last.
 *
 * Lock: `lock` of the port for the mask, what was received and the unfinished line.
 */
#include "hv/arch/arm/guest/vpl011.h"

#include "hv/arch/arm/guest/serial_input.h"
#include "hv/arch/arm/guest/vgic.h"
#include "hv/base/printk.h"
#include "hv/lib/printf.h"
#include "hv/mm/heap.h"

#define REG_DATA  0x00
#define REG_FLAGS 0x18
#define REG_MASK  0x38
#define REG_RAW   0x3c
#define REG_MASKED 0x40

#define FLAG_TX_EMPTY 0x80U
#define FLAG_RX_FULL  0x40U
#define FLAG_RX_EMPTY 0x10U
#define INT_TX        0x20U
#define INT_RX        0x50U /* bytes are there; they have been for a while */
#define LINE_BYTES    160U
#define RING_BYTES    64U

struct vpl011 {
    struct spinlock lock; /* LOCK_RIGHTS: a line is printed inside */
    uint32_t mask;
    unsigned int length;
    char line[LINE_BYTES];
    bool in_line;              /* shown byte by byte: the last one ended no line */
    unsigned int in, out;      /* of the ring, ever growing */
    char ring[RING_BYTES];
};

int vpl011_init(struct domain *d)
{
    struct vpl011 *u = heap_alloc(sizeof(*u));

    if (u == NULL) {
        return -ENOMEM;
    }
    spin_init(&u->lock, LOCK_RIGHTS);
    d->arch->vpl011 = u;
    return 0;
}

void vpl011_exit(struct domain *d)
{
    heap_free(d->arch->vpl011);
    d->arch->vpl011 = NULL;
}

/* What the operator, who types for this guest, sees: everything, with the guest's name before each line. */
static void put_raw(const struct domain *d, struct vpl011 *u, char c)
{
    char text[LINE_BYTES + 16];
    int n = 0;

    if (!u->in_line) {
        u->line[u->length] = '\0';
        n = format_string(text, sizeof(text), "%pd: %s", d, u->line); /* and what it had begun before */
        u->length = 0;
    }
    text[n++] = c;
    u->in_line = c != '\n';
    printk_write(text, (size_t)n);
}

/* No control characters but a tab: a guest that nobody types for shall not move the operator's cursor. */
static void put(const struct domain *d, struct vpl011 *u, char c)
{
    if (serial_input_has(d)) {
        if (c != '\r' || u->in_line) {
            put_raw(d, u, c);
        }
        return;
    }
    if (u->in_line) {
        printk_write("\n", 1);
        u->in_line = false;
    }
    if (c == '\n' || u->length == LINE_BYTES - 1) {
        u->line[u->length] = '\0';
        u->length = 0;
        printk("%pd: %s\n", d, u->line);
    }
    if ((c >= 0x20 && c != 0x7f) || c == '\t') {
        u->line[u->length++] = c;
    }
}

static uint32_t interrupts(const struct vpl011 *u)
{
    return INT_TX | (u->in != u->out ? INT_RX : 0);
}

static uint32_t flags(const struct vpl011 *u)
{
    return FLAG_TX_EMPTY | (u->in == u->out ? FLAG_RX_EMPTY : 0) | (u->in - u->out == RING_BYTES ? FLAG_RX_FULL : 0);
}

static uint32_t take(struct vpl011 *u)
{
    return u->in != u->out ? (uint8_t)u->ring[u->out++ % RING_BYTES] : 0;
}

void vpl011_input(struct domain *d, char c)
{
    struct vpl011 *u = d->arch->vpl011;
    bool raise = false;

    if (u == NULL) {
        return;
    }
    spin_lock(&u->lock);
    if (u->in - u->out < RING_BYTES) {
        u->ring[u->in++ % RING_BYTES] = c;
        raise = (u->mask & INT_RX) != 0;
    }
    spin_unlock(&u->lock);
    if (raise) {
        vgic_inject_spi(d, GUEST_VPL011_SPI);
    }
}

bool vpl011_mmio(struct vcpu *v, uint64_t address, bool is_write, uint64_t *value)
{
    struct vpl011 *u = v->domain->arch->vpl011;
    unsigned int reg = (unsigned int)(address - GUEST_PL011_BASE);
    bool raise = false;

    if (u == NULL) {
        return false;
    }
    spin_lock(&u->lock);
    if (is_write && reg == REG_DATA) {
        put(v->domain, u, (char)*value);
        raise = (u->mask & INT_TX) != 0;
    } else if (is_write && reg == REG_MASK) {
        raise = (*value & ~(uint64_t)u->mask & interrupts(u)) != 0;
        u->mask = (uint32_t)*value & 0x7ff;
    } else if (!is_write) {
        *value = reg == REG_FLAGS    ? flags(u) /* most reads are of these */
                 : reg == REG_DATA   ? take(u)
                 : reg == REG_MASK   ? u->mask
                 : reg == REG_RAW    ? interrupts(u)
                 : reg == REG_MASKED ? interrupts(u) & u->mask
                                     : 0;
        raise = reg == REG_DATA && (interrupts(u) & u->mask & INT_RX) != 0;
    }
    spin_unlock(&u->lock);
    if (raise) {
        vgic_inject_spi(v->domain, GUEST_VPL011_SPI);
    }
    return true;
}
