/* SPDX-License-Identifier: MIT */
/*
 * The emulated registers of a guest's GIC: distributor of either version, GICv3's redistributors (Arm IHI 0048,
 * IHI 0069). One security state, everything in group 1. Registers of a bit or a field for each interrupt are one table;
 * what is in no row reads as zero and ignores writes, as the architecture has it for reserved ones.
 */
#include "hv/arch/arm/guest/vgic.h"

#define GICD_CTLR      0x0000
#define GICD_TYPER     0x0004
#define GICD_IIDR      0x0008
#define GICD_SGIR      0x0f00
#define GICD_PIDR2_V2  0x0fe8
#define GICD_IROUTER   0x6000
#define GICD_PIDR2_V3  0xffe8
#define CTLR_ARE_DS    0x50U /* affinity routing always, one security state */
#define TYPER_ID_BITS  (9U << 19)
#define IIDR           0x43bU /* Arm */

#define GICR_TYPER     0x0008
#define GICR_SGI       0x10000
#define GICR_FRAMES    0x20000
#define TYPER_LAST     0x10U

#define DIST_SIZE_V3   0x10000
#define DIST_SIZE_V2   0x1000

struct access {
    struct vcpu *v;     /* whose local interrupts are meant */
    bool locals;        /* interrupts below 32 are here (redistributor, or GICv2) */
    bool spis;
    bool is_write;
    unsigned int bytes;
    uint64_t value;
};

/* ---- fields of one interrupt ------------------------------------------------------------------ */

static uint32_t get_one(struct virq *q, struct vcpu *v)
{
    (void)q;
    (void)v;
    return 1;
}

static uint32_t get_enabled(struct virq *q, struct vcpu *v)
{
    (void)v;
    return q->enabled;
}

static void set_enabled(struct virq *q, struct vcpu *v, uint32_t bit)
{
    if (bit) {
        vgic_enable(q, v, true);
    }
}

static void clear_enabled(struct virq *q, struct vcpu *v, uint32_t bit)
{
    if (bit) {
        vgic_enable(q, v, false);
    }
}

static uint32_t get_pending(struct virq *q, struct vcpu *v)
{
    return vgic_is_pending(q, v);
}

static void set_pending(struct virq *q, struct vcpu *v, uint32_t bit)
{
    if (bit) {
        vgic_set_pending(q, v, true);
    }
}

static void clear_pending(struct virq *q, struct vcpu *v, uint32_t bit)
{
    if (bit) {
        vgic_set_pending(q, v, false);
    }
}

static uint32_t get_active(struct virq *q, struct vcpu *v)
{
    return vgic_is_active(q, v);
}

static void clear_active(struct virq *q, struct vcpu *v, uint32_t bit)
{
    if (bit) {
        vgic_deactivate(q, v);
    }
}

static uint32_t get_priority(struct virq *q, struct vcpu *v)
{
    (void)v;
    return q->priority;
}

static void set_priority(struct virq *q, struct vcpu *v, uint32_t value)
{
    (void)v;
    q->priority = (uint8_t)(value & 0xf8);
}

static uint32_t get_config(struct virq *q, struct vcpu *v)
{
    (void)v;
    return q->edge ? 2 : 0;
}

static void set_config(struct virq *q, struct vcpu *v, uint32_t value)
{
    (void)v;
    if (q->id >= 16) {
        vgic_set_edge(q, (value & 2) != 0);
    }
}

/* GICv2: a mask of CPUs; the lowest gets it. Local interrupts say which CPU asks. */
static uint32_t get_targets(struct virq *q, struct vcpu *v)
{
    return q->id < VIRQ_LOCALS ? 1U << v->id : 1U << (q->target != NULL ? q->target->id : 0);
}

static void set_targets(struct virq *q, struct vcpu *v, uint32_t mask)
{
    struct vcpu *target = mask == 0 ? NULL : vcpu_lookup(v->domain, (unsigned int)__builtin_ctz(mask));

    if (q->id >= VIRQ_LOCALS && target != NULL) {
        vgic_set_target(v->domain, q, target);
    }
}

/* GICv2: which CPUs an SGI pends from. There are eight, and only those a domain has can have sent it. */
static bool has_sources(const struct vcpu *v)
{
    return v->domain->arch->vgic.version == 2;
}

static uint32_t get_sources(struct virq *q, struct vcpu *v)
{
    return has_sources(v) ? vgic_sources(q) & 0xff : 0;
}

static void set_sources(struct virq *q, struct vcpu *v, uint32_t mask)
{
    mask &= (1U << MIN(v->domain->max_vcpus, 8U)) - 1;
    if (mask != 0 && has_sources(v)) {
        vgic_set_sources(q, v, (uint16_t)mask);
    }
}

static void clear_sources(struct virq *q, struct vcpu *v, uint32_t mask)
{
    if (mask != 0 && has_sources(v)) {
        vgic_clear_sources(q, v, (uint16_t)mask);
    }
}

static const struct bank {
    uint16_t offset;
    uint16_t bits;  /* an interrupt */
    uint16_t count; /* of interrupts */
    uint32_t (*get)(struct virq *q, struct vcpu *v);
    void (*set)(struct virq *q, struct vcpu *v, uint32_t value); /* NULL: writes are ignored */
} banks[] = {
    { 0x080, 1, 1024, get_one, NULL },
    { 0x100, 1, 1024, get_enabled, set_enabled },
    { 0x180, 1, 1024, get_enabled, clear_enabled },
    { 0x200, 1, 1024, get_pending, set_pending },
    { 0x280, 1, 1024, get_pending, clear_pending },
    { 0x300, 1, 1024, get_active, NULL },
    { 0x380, 1, 1024, get_active, clear_active },
    { 0x400, 8, 1024, get_priority, set_priority },
    { 0x800, 8, 1024, get_targets, set_targets },
    { 0xc00, 2, 1024, get_config, set_config },
    { 0xf10, 8, 16, get_sources, clear_sources },
    { 0xf20, 8, 16, get_sources, set_sources },
};

static bool bank_access(struct access *a, unsigned int offset)
{
    const struct bank *b = NULL;
    unsigned int first;
    unsigned int count;
    uint64_t result = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(banks); i++) {
        if (offset >= banks[i].offset && offset - banks[i].offset < banks[i].count * banks[i].bits / 8U) {
            b = &banks[i];
        }
    }
    if (b == NULL) {
        return false;
    }
    first = (offset - b->offset) * 8 / b->bits;
    count = a->bytes * 8 / b->bits;
    for (unsigned int i = 0; i < count; i++) {
        unsigned int irq = first + i;
        struct virq *q = (irq < VIRQ_LOCALS ? a->locals : a->spis) ? vgic_find(a->v, irq) : NULL;

        if (q == NULL) {
            continue;
        }
        if (!a->is_write) {
            result |= (uint64_t)b->get(q, a->v) << (i * b->bits);
        } else if (b->set != NULL) {
            b->set(q, a->v, (uint32_t)(a->value >> (i * b->bits)) & ((1U << b->bits) - 1));
        }
    }
    if (!a->is_write) {
        a->value = result;
    }
    return true;
}

/* ---- distributor ------------------------------------------------------------------------------ */

static struct vcpu *vcpu_of_affinity(const struct domain *d, uint64_t affinity)
{
    unsigned int id = (unsigned int)((affinity & 0xf) | (affinity >> 8 & 0xff) << 4);

    return (affinity & 0xff00ff00f0ULL) != 0 ? NULL : vcpu_lookup(d, id);
}

static void router_access(struct access *a, unsigned int offset)
{
    struct virq *q = vgic_find(a->v, (offset - GICD_IROUTER) / 8);
    unsigned int shift = (offset & 4) * 8;
    struct vcpu *target;
    uint64_t affinity;

    if (q == NULL || q->id < VIRQ_LOCALS) {
        a->value = 0;
        return;
    }
    target = q->target != NULL ? q->target : a->v->domain->vcpu[0];
    affinity = target->arch->vmpidr & 0xff00ffffffULL;
    if (!a->is_write) {
        a->value = affinity >> shift;
        return;
    }
    if (a->bytes == 8) {
        affinity = a->value;
    } else {
        affinity = (affinity & ~(0xffffffffULL << shift)) | (a->value & 0xffffffff) << shift;
    }
    target = vcpu_of_affinity(a->v->domain, affinity);
    if (target != NULL) {
        vgic_set_target(a->v->domain, q, target);
    }
}

/* GICv2: to a list of CPUs, to all others, or to oneself. */
static void sgir_write(struct vcpu *v, uint32_t value)
{
    unsigned int filter = value >> 24 & 3;
    struct vcpu *to;

    domain_for_each_vcpu (v->domain, to) {
        bool wanted = filter == 0   ? to->id < 8 && (value >> (16 + to->id) & 1)
                      : filter == 1 ? to != v
                                    : to == v;

        if (wanted && filter != 3 && to->arch->online) {
            vgic_send_sgi(to, value & 15, (uint16_t)BIT(v->id));
        }
    }
}

static uint32_t typer(const struct domain *d)
{
    const struct vgic *g = &d->arch->vgic;
    unsigned int lines = g->spi_count / 32;

    return g->version == 3 ? lines | TYPER_ID_BITS : lines | (MIN(d->max_vcpus, 8U) - 1) << 5;
}

static uint32_t dist_ctlr(const struct vgic *g)
{
    return g->version == 3 ? (g->enabled ? 2 : 0) | CTLR_ARE_DS : g->enabled;
}

/* Registers that say what the distributor is. */
static uint32_t dist_read(const struct domain *d, unsigned int offset)
{
    const struct vgic *g = &d->arch->vgic;

    switch (offset) {
    case GICD_TYPER:
        return typer(d);
    case GICD_CTLR:
        return dist_ctlr(g);
    case GICD_IIDR:
        return IIDR;
    case GICD_PIDR2_V2:
        return g->version == 3 ? 0 : 0x2b;
    case GICD_PIDR2_V3:
        return 0x3b;
    default:
        return 0;
    }
}

static void dist_access(struct access *a, unsigned int offset)
{
    struct domain *d = a->v->domain;
    bool is_v3 = d->arch->vgic.version == 3;

    if (is_v3 && offset >= GICD_IROUTER && offset < GICD_IROUTER + 1020 * 8) {
        router_access(a, offset);
    } else if (!is_v3 && offset == GICD_SGIR && a->is_write) {
        sgir_write(a->v, (uint32_t)a->value);
    } else if (offset == GICD_CTLR && a->is_write) {
        vgic_dist_enable(d, (a->value & 3) != 0);
    } else if (!bank_access(a, offset) && !a->is_write) {
        a->value = dist_read(d, offset);
    }
}

/* ---- redistributors --------------------------------------------------------------------------- */

static void redist_access(struct access *a, uint64_t offset)
{
    struct domain *d = a->v->domain;
    struct vcpu *v = vcpu_lookup(d, (unsigned int)(offset / GICR_FRAMES));
    unsigned int reg = (unsigned int)(offset % GICR_FRAMES);
    uint64_t m;

    if (v == NULL) {
        a->value = 0;
        return;
    }
    a->v = v;
    if (reg >= GICR_SGI) {
        a->locals = true;
        a->spis = false;
        if (!bank_access(a, reg - GICR_SGI) && !a->is_write) {
            a->value = 0;
        }
        return;
    }
    if (a->is_write) {
        return;
    }
    m = v->arch->vmpidr;
    m = ((m & 0xffffff) | (m >> 32 & 0xff) << 24) << 32 | (uint64_t)v->id << 8 |
        (v->id + 1 == d->max_vcpus ? TYPER_LAST : 0);
    a->value = (reg & ~4U) == GICR_TYPER ? m >> ((reg & 4) * 8)
               : reg == GICD_PIDR2_V3    ? 0x3b
               : reg == 4                ? IIDR
                                         : 0;
}

static NOINLINE bool any_access(struct vcpu *v, uint64_t address, unsigned int bytes, bool is_write, uint64_t *value)
{
    const struct vgic *g = &v->domain->arch->vgic;
    struct access a = { .v = v, .locals = g->version == 2, .spis = true, .is_write = is_write,
                        .bytes = bytes, .value = *value };

    if (address - g->dist_base < (g->version == 3 ? DIST_SIZE_V3 : DIST_SIZE_V2)) {
        dist_access(&a, (unsigned int)(address - g->dist_base));
    } else if (g->version == 3 && address - g->redist_base < g->redist_size) {
        redist_access(&a, address - g->redist_base);
    } else {
        return false;
    }
    *value = a.value;
    return true;
}

/* What kernels read in passing is below the first bank. */
bool vgic_mmio(struct vcpu *v, uint64_t address, unsigned int bytes, bool is_write, uint64_t *value)
{
    uint64_t offset = address - v->domain->arch->vgic.dist_base;

    if (offset < banks[0].offset && !is_write) {
        *value = dist_read(v->domain, (unsigned int)offset);
        return true;
    }
    return any_access(v, address, bytes, is_write, value);
}

/* ---- ICC_SGI1R_EL1 ---------------------------------------------------------------------------- */

void vgic_sgi1r(struct vcpu *v, uint64_t value)
{
    unsigned int sgi = value >> 24 & 15;
    unsigned int cluster = (value >> 16 & 0xff) * 16;
    struct vcpu *to;

    if (value >> 40 & 1) {
        domain_for_each_vcpu (v->domain, to) {
            if (to != v && to->arch->online) {
                vgic_send_sgi(to, sgi, 0);
            }
        }
        return;
    }
    if ((value & 0x00fff0ff00000000ULL) != 0) {
        return; /* an affinity no vcpu has: the third and fourth level, or above 15 of the first */
    }
    for (unsigned int list = value & 0xffff; list != 0; list &= list - 1) {
        to = vcpu_lookup(v->domain, cluster + (unsigned int)__builtin_ctz(list));
        if (to != NULL && to->arch->online) {
            vgic_send_sgi(to, sgi, 0);
        }
    }
}
