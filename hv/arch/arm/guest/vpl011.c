/* SPDX-License-Identifier: MIT */
/*
 * See vpl011.h. The transmitter is always empty, so its interrupt is due whenever the guest has it unmasked: it is
 * raised when the mask opens and after each byte.
 *
 * Lock: `lock` of the port for the mask and the unfinished line.
 */
#include "hv/arch/arm/guest/vpl011.h"

#include "hv/arch/arm/guest/vgic.h"
#include "hv/base/printk.h"
#include "hv/mm/heap.h"

#define REG_DATA  0x00
#define REG_FLAGS 0x18
#define REG_MASK  0x38
#define REG_RAW   0x3c
#define REG_MASKED 0x40

#define FLAGS_IDLE 0x90U /* nothing received, nothing to send */
#define INT_TX     0x20U
#define LINE_BYTES 160U

struct vpl011 {
    struct spinlock lock; /* LOCK_RIGHTS: a line is printed inside */
    uint32_t mask;
    unsigned int length;
    char line[LINE_BYTES];
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

/* No control characters but a tab: a guest shall not move the operator's cursor. */
static void put(const struct domain *d, struct vpl011 *u, char c)
{
    if (c == '\n' || u->length == LINE_BYTES - 1) {
        u->line[u->length] = '\0';
        u->length = 0;
        printk("%pd: %s\n", d, u->line);
    }
    if ((c >= 0x20 && c != 0x7f) || c == '\t') {
        u->line[u->length++] = c;
    }
}

bool vpl011_mmio(struct vcpu *v, uint64_t address, bool is_write, uint64_t *value)
{
    struct vpl011 *u = v->domain->arch->vpl011;
    unsigned int reg = (unsigned int)(address - GUEST_PL011_BASE);
    bool raise = false;

    if (u == NULL || address - GUEST_PL011_BASE >= GUEST_PL011_SIZE) {
        return false;
    }
    spin_lock(&u->lock);
    if (is_write && reg == REG_DATA) {
        put(v->domain, u, (char)*value);
        raise = (u->mask & INT_TX) != 0;
    } else if (is_write && reg == REG_MASK) {
        raise = (*value & ~(uint64_t)u->mask & INT_TX) != 0;
        u->mask = (uint32_t)*value & 0x7ff;
    } else if (!is_write) {
        *value = reg == REG_FLAGS    ? FLAGS_IDLE
                 : reg == REG_MASK   ? u->mask
                 : reg == REG_RAW    ? INT_TX
                 : reg == REG_MASKED ? INT_TX & u->mask
                                     : 0;
    }
    spin_unlock(&u->lock);
    if (raise) {
        vgic_inject_spi(v->domain, GUEST_VPL011_SPI);
    }
    return true;
}
