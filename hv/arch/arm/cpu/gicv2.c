/* SPDX-License-Identifier: MIT */
/*
 * GICv2 with virtualisation extensions (Arm IHI 0048): everything in memory. Up to eight CPUs, each with a bit in the
 * distributor's target masks that only itself can read. See gic.h.
 */
#include "hv/arch/arm/cpu/gic.h"
#include "hv/arch/arm/cpu/sysreg.h"
#include "hv/base/percpu.h"
#include "hv/base/printk.h"
#include "hv/drivers/fdt.h"

#define GICD_CTLR       0x000
#define GICD_ISENABLER  0x100
#define GICD_ICENABLER  0x180
#define GICD_IPRIORITYR 0x400
#define GICD_ITARGETSR  0x800
#define GICD_ICFGR      0xc00
#define GICD_SGIR       0xf00

#define GICC_CTLR 0x0000
#define GICC_PMR  0x0004
#define GICC_BPR  0x0008
#define GICC_IAR  0x000c
#define GICC_EOIR 0x0010
#define GICC_DIR  0x1000
#define CTLR_ON   0x201U /* on; drop and deactivation apart */
#define IAR_IRQ   0x3ffU

#define GICH_HCR   0x000
#define GICH_VTR   0x004
#define GICH_VMCR  0x008
#define GICH_ELRSR 0x030
#define GICH_APR   0x0f0
#define GICH_LR    0x100
#define HCR_ON        1U
#define HCR_UNDERFLOW 2U

#define LR_HW      (1U << 31)
#define LR_ACTIVE  (1U << 29)
#define LR_PENDING (1U << 28)
#define LR_EOI     (1U << 19)

static volatile char *cpu_if, *hyp_if;
static uint8_t target_masks[MAX_CPUS];
static PERCPU(uint32_t, last_ack); /* of an SGI, ending it needs to know who sent it */

static void init_cpu(void)
{
    unsigned int cpu = arch_cpu_id();
    uint32_t mask = 0;

    for (unsigned int i = 0; i < GIC_SPI_FIRST; i += 4) {
        mask |= mmio_read32(gic_dist + GICD_ITARGETSR + i);
        mmio_write32(gic_dist + GICD_IPRIORITYR + i, i < 16 ? 0x90909090U : 0xa0a0a0a0U);
    }
    mask |= mask >> 16;
    mask |= mask >> 8;
    target_masks[cpu] = (uint8_t)((mask & 0xff) != 0 ? mask & 0xff : 1); /* one CPU: no masks */
    mmio_write32(gic_dist + GICD_ICENABLER, 0xffff0000U);
    mmio_write32(gic_dist + GICD_ISENABLER, 0xffffU);
    mmio_write32(cpu_if + GICC_PMR, 0xff);
    mmio_write32(cpu_if + GICC_BPR, 0);
    mmio_write32(cpu_if + GICC_CTLR, CTLR_ON);
    mmio_write32(hyp_if + GICH_HCR, 0);
    mmio_write32(hyp_if + GICH_VMCR, 0);
    for (unsigned int i = 0; i < gic_machine.lr_count; i++) {
        mmio_write32(hyp_if + GICH_LR + i * 4, 0);
    }
}

static unsigned int ack(void)
{
    this_cpu(last_ack) = mmio_read32(cpu_if + GICC_IAR);
    dsb_sy(); /* the acknowledge before what the handler does */
    return this_cpu(last_ack) & IAR_IRQ;
}

/* The number alone is not enough for an SGI. */
static uint32_t with_source(unsigned int irq)
{
    return irq < 16 ? this_cpu(last_ack) : irq;
}

static void eoi(unsigned int irq)
{
    mmio_write32(cpu_if + GICC_EOIR, with_source(irq));
}

static void deactivate(unsigned int irq)
{
    mmio_write32(cpu_if + GICC_DIR, with_source(irq));
}

static void enable(unsigned int irq, bool on)
{
    mmio_write32(gic_dist + (on ? GICD_ISENABLER : GICD_ICENABLER) + irq / 32 * 4, 1U << (irq % 32));
}

static void set_edge(unsigned int irq, bool edge)
{
    volatile char *at = gic_dist + GICD_ICFGR + irq / 16 * 4;
    uint32_t bit = 2U << (irq % 16 * 2);

    mmio_write32(at, (mmio_read32(at) & ~bit) | (edge ? bit : 0));
}

static void set_cpu(unsigned int irq, unsigned int cpu)
{
    if (irq >= GIC_SPI_FIRST) {
        *(volatile uint8_t *)(gic_dist + GICD_ITARGETSR + irq) = target_masks[cpu];
    }
}

static void send_sgi(unsigned int cpu, unsigned int sgi)
{
    mmio_write32(gic_dist + GICD_SGIR, (uint32_t)target_masks[cpu] << 16 | sgi);
}

/* ---- virtual CPU interface -------------------------------------------------------------------- */

static uint64_t lr_read(unsigned int i)
{
    return mmio_read32(hyp_if + GICH_LR + i * 4);
}

static void lr_write(unsigned int i, uint64_t raw)
{
    mmio_write32(hyp_if + GICH_LR + i * 4, (uint32_t)raw);
}

/* Guests of one security state use group 0 of the virtual interface. */
static uint64_t lr_make(unsigned int virq, unsigned int priority, unsigned int hw_irq, unsigned int source,
                        bool eoi_notice)
{
    uint32_t behind = hw_irq != 0 ? LR_HW | hw_irq << 10 : (source & 7) << 10 | (eoi_notice ? LR_EOI : 0);

    return LR_PENDING | (priority >> 3) << 23 | behind | virq;
}

static void lr_fill(unsigned int i, unsigned int virq, unsigned int priority, unsigned int hw_irq, unsigned int source,
                    bool eoi_notice)
{
    lr_write(i, lr_make(virq, priority, hw_irq, source, eoi_notice));
}

static uint64_t lr_encode(const struct gic_lr *lr)
{
    return lr->virq | (uint32_t)(lr->priority >> 3) << 23 | (lr->pending ? LR_PENDING : 0) |
           (lr->active ? LR_ACTIVE : 0) |
           (lr->is_hw ? LR_HW | lr->hw_irq << 10
                      : (uint32_t)(lr->source & 7) << 10 | (lr->eoi_notice ? LR_EOI : 0));
}

static void lr_decode(uint64_t raw, struct gic_lr *lr)
{
    *lr = (struct gic_lr){ .virq = raw & 0x3ff,
                           .hw_irq = raw & LR_HW ? (unsigned int)(raw >> 10) & 0x3ff : 0,
                           .source = raw & LR_HW ? 0 : (uint8_t)(raw >> 10 & 7),
                           .priority = (uint8_t)((raw >> 23 & 31) << 3),
                           .pending = (raw & LR_PENDING) != 0,
                           .active = (raw & LR_ACTIVE) != 0,
                           .is_hw = (raw & LR_HW) != 0,
                           .eoi_notice = !(raw & LR_HW) && (raw & LR_EOI) };
}

static uint64_t elrsr(void)
{
    return mmio_read32(hyp_if + GICH_ELRSR);
}

static void underflow_notice(bool on)
{
    mmio_write32(hyp_if + GICH_HCR, on ? HCR_ON | HCR_UNDERFLOW : HCR_ON);
}

static void switch_off(void)
{
    mmio_write32(hyp_if + GICH_HCR, 0);
}

static void save(struct gic_vcpu_state *s, uint64_t *lr, uint32_t set)
{
    s->vmcr = mmio_read32(hyp_if + GICH_VMCR);
    s->ap0r[0] = mmio_read32(hyp_if + GICH_APR);
    for (unsigned int i = 0; set >> i != 0; i++) {
        if ((set >> i & 1) != 0) {
            lr[i] = lr_read(i);
        }
    }
}

static void restore(const struct gic_vcpu_state *s, const uint64_t *lr, uint32_t set)
{
    mmio_write32(hyp_if + GICH_HCR, HCR_ON);
    mmio_write32(hyp_if + GICH_VMCR, (uint32_t)s->vmcr);
    mmio_write32(hyp_if + GICH_APR, (uint32_t)s->ap0r[0]);
    for (unsigned int i = 0; set >> i != 0; i++) {
        if ((set >> i & 1) != 0) {
            lr_write(i, lr[i]);
        }
    }
}

static const struct gic_ops gicv2_ops = {
    .version = 2,
    .init_cpu = init_cpu,
    .ack = ack,
    .eoi = eoi,
    .deactivate = deactivate,
    .enable = enable,
    .set_edge = set_edge,
    .set_cpu = set_cpu,
    .send_sgi = send_sgi,
    .lr_read = lr_read,
    .lr_write = lr_write,
    .lr_fill = lr_fill,
    .lr_make = lr_make,
    .lr_encode = lr_encode,
    .lr_decode = lr_decode,
    .lr_pending = LR_PENDING,
    .lr_active = LR_ACTIVE,
    .elrsr = elrsr,
    .underflow_notice = underflow_notice,
    .save = save,
    .restore = restore,
    .switch_off = switch_off,
};

static bool find(struct gic_machine *g)
{
    static const char *const names[] = { "arm,gic-400", "arm,cortex-a15-gic", NULL };
    uint64_t base;
    uint64_t size;
    bool edge;
    int node = fdt_find(-1, names);

    if (node < 0 || !fdt_reg(node, 0, &g->dist_base, &g->dist_size) ||
        !fdt_reg(node, 1, &g->cpu_base, &g->cpu_size) || !fdt_reg(node, 2, &base, &size) ||
        !fdt_reg(node, 3, &g->vcpu_base, &g->vcpu_size) || g->dist_size < PAGE_SIZE ||
        size < PAGE_SIZE) {
        return false;
    }
    if (!fdt_interrupt(node, 0, &g->maintenance_irq, &edge)) {
        g->maintenance_irq = 25;
    }
    g->node = node;
    g->version = 2;
    gic_dist = arch_map_device(_paddr(g->dist_base), PAGE_SIZE);
    cpu_if = arch_map_device(_paddr(g->cpu_base), 2 * PAGE_SIZE);
    hyp_if = arch_map_device(_paddr(base), PAGE_SIZE);
    if (gic_dist == NULL || cpu_if == NULL || hyp_if == NULL) {
        panic("GIC: no room for its registers");
    }
    return true;
}

const struct gic_ops *gicv2_probe(void)
{
    struct gic_machine *g = &gic_machine;

    if (!find(g)) {
        return NULL;
    }
    mmio_write32(gic_dist + GICD_CTLR, 0);
    gic_dist_init(gic_dist);
    g->lr_count = MIN((mmio_read32(hyp_if + GICH_VTR) & 63) + 1, GIC_LR_MAX);
    mmio_write32(gic_dist + GICD_CTLR, 1);
    return &gicv2_ops;
}
