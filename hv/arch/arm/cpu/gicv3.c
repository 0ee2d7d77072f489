/* SPDX-License-Identifier: MIT */
/*
 * GICv3 (Arm IHI 0069): system registers for the CPU interfaces, a redistributor for each CPU, affinity routing.
 * Message interrupts (ITS, LPIs) are not driven. See gic.h.
 */
#include "hv/arch/arm/cpu/gic.h"
#include "hv/arch/arm/cpu/smp.h"
#include "hv/arch/arm/cpu/sysreg.h"
#include "hv/base/percpu.h"
#include "hv/base/printk.h"
#include "hv/drivers/fdt.h"

#define GICD_CTLR       0x0000
#define GICD_IGROUPR    0x0080
#define GICD_ISENABLER  0x0100
#define GICD_ICENABLER  0x0180
#define GICD_IPRIORITYR 0x0400
#define GICD_ICFGR      0x0c00
#define GICD_IROUTER    0x6000
#define GICD_CTLR_ARE   0x10U
#define GICD_CTLR_GROUP1 0x3U /* both of the non-secure view */
#define GICD_CTLR_RWP   0x80000000U

#define GICR_TYPER      0x0008
#define GICR_WAKER      0x0014
#define GICR_SGI        0x10000 /* the frame of SGIs and PPIs, with the distributor's offsets */
#define GICR_STRIDE     0x20000
#define GICD_SIZE       0x10000
#define WAKER_SLEEP     2U
#define WAKER_ASLEEP    4U
#define TYPER_LAST      0x10U
#define TYPER_VLPIS     2U /* a GICv4's has two more frames */

#define ICC_SRE_EL2   "S3_4_C12_C9_5"
#define ICC_SRE_EL1   "S3_0_C12_C12_5"
#define ICC_PMR_EL1   "S3_0_C4_C6_0"
#define ICC_BPR1_EL1  "S3_0_C12_C12_3"
#define ICC_CTLR_EL1  "S3_0_C12_C12_4"
#define ICC_IGRPEN1   "S3_0_C12_C12_7"
#define ICC_IAR1_EL1  "S3_0_C12_C12_0"
#define ICC_EOIR1_EL1 "S3_0_C12_C12_1"
#define ICC_DIR_EL1   "S3_0_C12_C11_1"
#define ICC_SGI1R_EL1 "S3_0_C12_C11_5"
#define ICH_HCR_EL2   "S3_4_C12_C11_0"
#define ICH_VTR_EL2   "S3_4_C12_C11_1"
#define ICH_VMCR_EL2  "S3_4_C12_C11_7"
#define ICH_ELRSR_EL2 "S3_4_C12_C11_5"

#define HCR_ON        1UL
#define HCR_UNDERFLOW 2UL
#define SRE_ALL       7UL /* system registers and no bypass; EL1 has them, but its ICC_SRE_EL1 traps: nobody saves it */

#define LR_PENDING    (1ULL << 62)
#define LR_ACTIVE     (1ULL << 63)
#define LR_HW         (1ULL << 61)
#define LR_GROUP1     (1ULL << 60)
#define LR_EOI        (1ULL << 41)

static volatile char *redist_regions;
static PERCPU(volatile char *, redist);
static unsigned int priority_registers; /* of each group: 1, 2 or 4 */

static volatile char *banked(unsigned int irq)
{
    return irq < GIC_SPI_FIRST ? this_cpu(redist) + GICR_SGI : gic_dist;
}

static void wait_for_writes(void)
{
    while (mmio_read32(gic_dist + GICD_CTLR) & GICD_CTLR_RWP) {
        arch_relax();
    }
}

static uint64_t affinity(uint64_t mpidr)
{
    return (mpidr & 0xffffff) | (mpidr >> 32 & 0xff) << 24;
}

/* The redistributor that says it belongs to this CPU. */
static volatile char *redist_find(void)
{
    uint64_t self = affinity(SYSREG_READ("mpidr_el1"));

    for (uint64_t at = 0; at + GICR_STRIDE <= gic_machine.redist_size;) {
        uint64_t typer = mmio_read64(redist_regions + at + GICR_TYPER);

        if (typer >> 32 == self) {
            return redist_regions + at;
        }
        if (typer & TYPER_LAST) {
            break;
        }
        at += typer & TYPER_VLPIS ? 2 * GICR_STRIDE : GICR_STRIDE;
    }
    panic("CPU %u has no GIC redistributor", arch_cpu_id());
}

static void redist_init(volatile char *r)
{
    mmio_write32(r + GICR_WAKER, mmio_read32(r + GICR_WAKER) & ~WAKER_SLEEP);
    while (mmio_read32(r + GICR_WAKER) & WAKER_ASLEEP) {
        arch_relax();
    }
    mmio_write32(r + GICR_SGI + GICD_ICENABLER, 0xffff0000U);
    mmio_write32(r + GICR_SGI + GICD_IGROUPR, ~0U);
    for (unsigned int i = 0; i < GIC_SPI_FIRST; i += 4) {
        mmio_write32(r + GICR_SGI + GICD_IPRIORITYR + i, i < 16 ? 0x90909090U : 0xa0a0a0a0U);
    }
    mmio_write32(r + GICR_SGI + GICD_ISENABLER, 0xffffU);
}

static void init_cpu(void)
{
    this_cpu(redist) = redist_find();
    redist_init(this_cpu(redist));
    SYSREG_WRITE(ICC_SRE_EL2, SRE_ALL);
    isb();
    SYSREG_WRITE(ICC_SRE_EL1, 7);
    SYSREG_WRITE(ICC_PMR_EL1, 0xff);
    SYSREG_WRITE(ICC_BPR1_EL1, 0);
    SYSREG_WRITE(ICC_CTLR_EL1, 2); /* drop and deactivation apart */
    SYSREG_WRITE(ICC_IGRPEN1, 1);
    SYSREG_WRITE(ICH_VMCR_EL2, 0);
    SYSREG_WRITE(ICH_HCR_EL2, 0);
    isb();
}

static unsigned int ack(void)
{
    unsigned int irq = (unsigned int)SYSREG_READ(ICC_IAR1_EL1);

    dsb_sy(); /* the acknowledge before what the handler does */
    return irq;
}

static void eoi(unsigned int irq)
{
    SYSREG_WRITE(ICC_EOIR1_EL1, irq);
    isb();
}

static void deactivate(unsigned int irq)
{
    SYSREG_WRITE(ICC_DIR_EL1, irq);
    isb();
}

static void enable(unsigned int irq, bool on)
{
    unsigned int reg = on ? GICD_ISENABLER : GICD_ICENABLER;

    mmio_write32(banked(irq) + reg + irq / 32 * 4, 1U << (irq % 32));
    if (!on && irq >= GIC_SPI_FIRST) {
        wait_for_writes();
    }
}

static void set_edge(unsigned int irq, bool edge)
{
    volatile char *at = banked(irq) + GICD_ICFGR + irq / 16 * 4;
    uint32_t bit = 2U << (irq % 16 * 2);

    mmio_write32(at, (mmio_read32(at) & ~bit) | (edge ? bit : 0));
}

static void set_cpu(unsigned int irq, unsigned int cpu)
{
    uint64_t mpidr = smp_mpidr(cpu);

    if (irq >= GIC_SPI_FIRST) {
        mmio_write64(gic_dist + GICD_IROUTER + irq * 8UL, mpidr & 0xff00ffffffULL);
    }
}

static void send_sgi(unsigned int cpu, unsigned int sgi)
{
    uint64_t m = smp_mpidr(cpu);
    uint64_t value = (uint64_t)sgi << 24 | 1ULL << (m & 0xf) | (m >> 8 & 0xff) << 16 |
                     (m >> 16 & 0xff) << 32 | (m >> 32 & 0xff) << 48 | (m >> 4 & 0xf) << 44;

    SYSREG_WRITE(ICC_SGI1R_EL1, value);
    isb();
}

/* ---- virtual CPU interface -------------------------------------------------------------------- */

#define EACH_LR(X) \
    X(0, 12, 0) X(1, 12, 1) X(2, 12, 2) X(3, 12, 3) X(4, 12, 4) X(5, 12, 5) X(6, 12, 6) X(7, 12, 7) \
    X(8, 13, 0) X(9, 13, 1) X(10, 13, 2) X(11, 13, 3) X(12, 13, 4) X(13, 13, 5) X(14, 13, 6) X(15, 13, 7)

static uint64_t lr_read(unsigned int i)
{
    switch (i) {
#define READ(n, crm, op2) case n: return SYSREG_READ("S3_4_C12_C" #crm "_" #op2);
    EACH_LR(READ)
    default:
        return 0;
    }
}

static void lr_write(unsigned int i, uint64_t raw)
{
    switch (i) {
#define WRITE(n, crm, op2) case n: SYSREG_WRITE("S3_4_C12_C" #crm "_" #op2, raw); break;
    EACH_LR(WRITE)
    default:
        break;
    }
}

/* Without senders. */
static uint64_t lr_make(unsigned int virq, unsigned int priority, unsigned int hw_irq, unsigned int source,
                        bool eoi_notice)
{
    uint64_t behind = hw_irq != 0 ? LR_HW | (uint64_t)hw_irq << 32 : eoi_notice ? LR_EOI : 0;

    (void)source;
    return LR_PENDING | LR_GROUP1 | (uint64_t)priority << 48 | behind | virq;
}

static void lr_fill(unsigned int i, unsigned int virq, unsigned int priority, unsigned int hw_irq, unsigned int source,
                    bool eoi_notice)
{
    lr_write(i, lr_make(virq, priority, hw_irq, source, eoi_notice));
}

static uint64_t lr_encode(const struct gic_lr *lr)
{
    return lr->virq | (uint64_t)lr->priority << 48 | (lr->pending ? LR_PENDING : 0) |
           (lr->active ? LR_ACTIVE : 0) | (lr->group1 ? LR_GROUP1 : 0) |
           (lr->is_hw ? LR_HW | (uint64_t)lr->hw_irq << 32 : lr->eoi_notice ? LR_EOI : 0);
}

static void lr_decode(uint64_t raw, struct gic_lr *lr)
{
    *lr = (struct gic_lr){ .virq = (uint32_t)raw,
                           .hw_irq = raw & LR_HW ? (unsigned int)(raw >> 32) & 0x3ff : 0,
                           .priority = (uint8_t)(raw >> 48),
                           .pending = (raw & LR_PENDING) != 0,
                           .active = (raw & LR_ACTIVE) != 0,
                           .group1 = (raw & LR_GROUP1) != 0,
                           .is_hw = (raw & LR_HW) != 0,
                           .eoi_notice = !(raw & LR_HW) && (raw & LR_EOI) };
}

static uint64_t elrsr(void)
{
    isb(); /* list registers written just now are seen in it */
    return SYSREG_READ(ICH_ELRSR_EL2);
}

static void underflow_notice(bool on)
{
    uint64_t hcr = SYSREG_READ(ICH_HCR_EL2);

    SYSREG_WRITE(ICH_HCR_EL2, on ? hcr | HCR_UNDERFLOW : hcr & ~HCR_UNDERFLOW);
}

static void switch_off(void)
{
    SYSREG_WRITE(ICH_HCR_EL2, 0);
    isb();
}

/* Seldom more than the first. */
static void lrs_save(uint64_t *lr, uint32_t set)
{
#define SAVE(n, crm, op2) \
    if (set >> n == 0) { \
        return; \
    } \
    if ((set >> n & 1) != 0) { \
        lr[n] = SYSREG_READ("S3_4_C12_C" #crm "_" #op2); \
    }
    EACH_LR(SAVE)
}

static void lrs_restore(const uint64_t *lr, uint32_t set)
{
#define RESTORE(n, crm, op2) \
    if (set >> n == 0) { \
        return; \
    } \
    if ((set >> n & 1) != 0) { \
        SYSREG_WRITE("S3_4_C12_C" #crm "_" #op2, lr[n]); \
    }
    EACH_LR(RESTORE)
}

static void save(struct gic_vcpu_state *s, uint64_t *lr, uint32_t set)
{
    s->vmcr = SYSREG_READ(ICH_VMCR_EL2);
    s->ap0r[0] = SYSREG_READ("S3_4_C12_C8_0");
    s->ap1r[0] = SYSREG_READ("S3_4_C12_C9_0");
    if (priority_registers > 1) {
        s->ap0r[1] = SYSREG_READ("S3_4_C12_C8_1");
        s->ap1r[1] = SYSREG_READ("S3_4_C12_C9_1");
    }
    if (priority_registers > 2) {
        s->ap0r[2] = SYSREG_READ("S3_4_C12_C8_2");
        s->ap1r[2] = SYSREG_READ("S3_4_C12_C9_2");
        s->ap0r[3] = SYSREG_READ("S3_4_C12_C8_3");
        s->ap1r[3] = SYSREG_READ("S3_4_C12_C9_3");
    }
    lrs_save(lr, set);
}

static void restore(const struct gic_vcpu_state *s, const uint64_t *lr, uint32_t set)
{
    SYSREG_WRITE(ICH_HCR_EL2, HCR_ON); /* seen by the guest after the next isb() or eret */
    SYSREG_WRITE(ICH_VMCR_EL2, s->vmcr);
    SYSREG_WRITE("S3_4_C12_C8_0", s->ap0r[0]);
    SYSREG_WRITE("S3_4_C12_C9_0", s->ap1r[0]);
    if (priority_registers > 1) {
        SYSREG_WRITE("S3_4_C12_C8_1", s->ap0r[1]);
        SYSREG_WRITE("S3_4_C12_C9_1", s->ap1r[1]);
    }
    if (priority_registers > 2) {
        SYSREG_WRITE("S3_4_C12_C8_2", s->ap0r[2]);
        SYSREG_WRITE("S3_4_C12_C9_2", s->ap1r[2]);
        SYSREG_WRITE("S3_4_C12_C8_3", s->ap0r[3]);
        SYSREG_WRITE("S3_4_C12_C9_3", s->ap1r[3]);
    }
    lrs_restore(lr, set);
}

static const struct gic_ops gicv3_ops = {
    .version = 3,
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

static void dist_init(void)
{
    mmio_write32(gic_dist + GICD_CTLR, 0);
    wait_for_writes();
    for (unsigned int i = GIC_SPI_FIRST; i < gic_machine.irq_count; i += 32) {
        mmio_write32(gic_dist + GICD_IGROUPR + i / 8, ~0U);
    }
    mmio_write32(gic_dist + GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_GROUP1);
    wait_for_writes();
    for (unsigned int i = GIC_SPI_FIRST; i < gic_machine.irq_count; i++) {
        set_cpu(i, 0);
    }
}

const struct gic_ops *gicv3_probe(void)
{
    static const char *const names[] = { "arm,gic-v3", NULL };
    struct gic_machine *g = &gic_machine;
    uint64_t vtr;
    bool edge;
    int node = fdt_find(-1, names);

    if (node < 0 || !fdt_reg(node, 0, &g->dist_base, &g->dist_size) ||
        !fdt_reg(node, 1, &g->redist_base, &g->redist_size) || g->dist_size < GICD_SIZE ||
        g->redist_size < GICR_STRIDE) {
        return NULL;
    }
    if (!fdt_interrupt(node, 0, &g->maintenance_irq, &edge)) {
        g->maintenance_irq = 25;
    }
    g->node = node;
    g->version = 3;
    redist_regions = arch_map_device(_paddr(g->redist_base), g->redist_size);
    gic_dist = arch_map_device(_paddr(g->dist_base), g->dist_size);
    if (redist_regions == NULL || gic_dist == NULL) {
        panic("GIC: no room for its registers");
    }
    gic_dist_init(gic_dist);
    dist_init();
    vtr = SYSREG_READ(ICH_VTR_EL2);
    g->lr_count = MIN((unsigned int)(vtr & 31) + 1, GIC_LR_MAX);
    priority_registers = 1U << ((vtr >> 26 & 7) < 4 ? 0 : (vtr >> 26 & 7) - 4);
    return &gicv3_ops;
}
