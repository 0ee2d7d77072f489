/* SPDX-License-Identifier: MIT */
/*
 * Birth and end of Arm domains and vcpus, the switch from one vcpu to another, and what each CPU sets up to run
 * guests: stage 2 translation and traps (Arm ARM D17.2, HCR_EL2 and its neighbours).
 */
#include "hv/arch/arm/cpu/clock.h"
#include "hv/arch/arm/cpu/errata.h"
#include "hv/arch/arm/cpu/sysreg.h"
#include "hv/arch/arm/cpu/traps.h"
#include "hv/arch/arm/guest/vgic.h"
#include "hv/arch/arm/guest/vpl011.h"
#include "hv/base/printk.h"
#include "hv/base/softirq.h"
#include "hv/core/arch_guest.h"
#include "hv/core/p2m.h"
#include "hv/core/sched.h"
#include "hv/lib/string.h"
#include "hv/mm/heap.h"

/* HCR_EL2 */
#define HCR_VM   (1ULL << 0)  /* stage 2 */
#define HCR_SWIO (1ULL << 1)  /* invalidating by set and way also cleans */
#define HCR_PTW  (1ULL << 2)  /* no tables of stage 1 in a device: AT, which we use, would read its registers */
#define HCR_FMO  (1ULL << 3)  /* interrupts and SErrors come to us */
#define HCR_IMO  (1ULL << 4)
#define HCR_AMO  (1ULL << 5)
#define HCR_FB   (1ULL << 9)  /* TLB maintenance reaches all CPUs */
#define HCR_BSU  (1ULL << 10) /* barriers at least inner shareable */
#define HCR_TWI  (1ULL << 13) /* WFI, ID registers, SMC, implementation defined, set and way */
#define HCR_TID3 (1ULL << 18)
#define HCR_TSC  (1ULL << 19)
#define HCR_TIDCP (1ULL << 20)
#define HCR_TACR (1ULL << 21)
#define HCR_RW   (1ULL << 31) /* EL1 is AArch64 */
#define HCR_GUEST (HCR_VM | HCR_SWIO | HCR_PTW | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU | HCR_TWI | \
                   HCR_TID3 | HCR_TSC | HCR_TIDCP | HCR_TACR | HCR_RW)
/*
 * Of extensions that guests are not told of, only where the CPU has them: limited ordering regions, error records,
 * who made the memory tags. What HCR_EL2 allows when set stays off: tags (ATA), pointer authentication (API, APK),
 * SCXTNUM (ENSCXT), fault injection (FIEN).
 */
#define HCR_TLOR (1ULL << 35)
#define HCR_TERR (1ULL << 36)
#define HCR_TID5 (1ULL << 58)
#define CPTR_TAM (1ULL << 30)  /* activity monitors */
#define MDCR_TPMS (1ULL << 14) /* statistical profiling; its buffer's registers trap as E2PB is 0 */
#define MDCR_TTRF (1ULL << 19) /* the trace filter; the trace buffer's registers trap as E2TB is 0 */
#define MPAM2_TRAPS (3ULL << 48)
#define TCR_NO_WALKS (1ULL << 7 | 1ULL << 23)
#define SCTLR_MMU    1ULL
#define HCR_IDLE (HCR_FMO | HCR_IMO | HCR_AMO | HCR_RW)

#define CPTR_VALUE 0x1033ffULL                 /* trace, SVE and SME trap; FP and SIMD do not */
#define MDCR_TRAPS 0xe60ULL                    /* debug and performance registers trap */
/* 40 bits from two tables of 1 GiB entries, walks inner shareable and cached. */
#define VTCR_VALUE (0x80000000ULL | 24 | 1ULL << 6 | 1ULL << 8 | 1ULL << 10 | 3ULL << 12)
#define VMID_MAX   255U

int console_node = -1;

static uint64_t hcr_guest = HCR_GUEST;
static uint64_t cptr = CPTR_VALUE;
static uint64_t mdcr = MDCR_TRAPS;
static bool has_sme; /* guests are not told, but cannot be kept from its TPIDR2_EL0 */
static bool has_ras; /* nor from DISR_EL1, which is VDISR_EL2 to them */

static unsigned long vmids[BITMAP_LONGS(VMID_MAX + 1)] = { 1 }; /* 0 is nobody's */
static struct spinlock vmid_lock = SPINLOCK_INIT(LOCK_LEAF);

/* ---- machine ----------------------------------------------------------------------------------- */

/*
 * Its cause has to go before it is ended, or it comes again at once. When it is late and nobody's list registers are in
 * use it has none, and a notice taken back would switch a GICv2's interface on again.
 */
static void maintenance_interrupt(unsigned int irq)
{
    struct vcpu *v = current_vcpu();

    (void)irq;
    if (!vcpu_is_idle(v) && v->arch->vgic.loaded) {
        gic->underflow_notice(false);
        v->arch->vgic.notice = false;
        vgic_flush(v);
    }
}

static void virtual_timer_interrupt(unsigned int irq)
{
    (void)irq;
    vtimer_interrupt(current_vcpu());
}

static bool has(uint64_t id, unsigned int shift)
{
    return (id >> shift & 15) != 0;
}

static void choose_traps(void)
{
    uint64_t pfr0 = SYSREG_READ("id_aa64pfr0_el1"), pfr1 = SYSREG_READ("id_aa64pfr1_el1");
    uint64_t dfr0 = SYSREG_READ("id_aa64dfr0_el1");

    hcr_guest |= has(SYSREG_READ("id_aa64mmfr1_el1"), 16) ? HCR_TLOR : 0;
    hcr_guest |= has(pfr0, 28) ? HCR_TERR : 0;
    hcr_guest |= (pfr1 >> 8 & 15) >= 2 ? HCR_TID5 : 0;
    cptr |= has(pfr0, 44) ? CPTR_TAM : 0;
    mdcr |= has(dfr0, 32) ? MDCR_TPMS : 0;
    mdcr |= has(dfr0, 40) ? MDCR_TTRF : 0;
    has_sme = has(pfr1, 24);
    has_ras = has(pfr0, 28);
}

/* Registers of EL2 that reset leaves undefined, which say what guests may do of extensions: nothing. */
static void extensions_off(void)
{
    if (has(SYSREG_READ("id_aa64pfr0_el1"), 40) || has(SYSREG_READ("id_aa64pfr1_el1"), 16)) {
        SYSREG_WRITE("S3_4_C10_C5_0", MPAM2_TRAPS); /* MPAM2_EL2: all in the default partition */
    }
    if (has(SYSREG_READ("id_aa64mmfr1_el1"), 40)) {
        SYSREG_WRITE("S3_4_C1_C2_2", 0); /* HCRX_EL2 */
    }
    if (has(SYSREG_READ("id_aa64mmfr0_el1"), 56)) { /* fine-grained traps; what 0 traps is nothing guests know of */
        SYSREG_WRITE("S3_4_C1_C1_4", 0);            /* HFGRTR_EL2, HFGWTR_EL2, HFGITR_EL2 */
        SYSREG_WRITE("S3_4_C1_C1_5", 0);
        SYSREG_WRITE("S3_4_C1_C1_6", 0);
        SYSREG_WRITE("S3_4_C3_C1_4", 0);            /* HDFGRTR_EL2, HDFGWTR_EL2 */
        SYSREG_WRITE("S3_4_C3_C1_5", 0);
    }
}

void guest_init(void)
{
    choose_traps();
    gic_request(gic_machine.maintenance_irq, maintenance_interrupt);
    gic_request(clock_irqs.virtual, virtual_timer_interrupt);
}

/*
 * Nothing is translated on speculation while EL1's registers and VTTBR_EL2 are not of one guest: with the MMU on and
 * no walks allowed there is nothing to find. In this order, as the MMU may be off and the tables anywhere.
 */
void guest_walks_off(uint64_t sctlr)
{
    SYSREG_WRITE("tcr_el1", TCR_NO_WALKS);
    isb();
    if (unlikely((sctlr & SCTLR_MMU) == 0)) {
        SYSREG_WRITE("sctlr_el1", sctlr | SCTLR_MMU);
        isb();
    }
}

void guest_walks_on(uint64_t sctlr, uint64_t tcr)
{
    SYSREG_WRITE("sctlr_el1", sctlr);
    isb();
    SYSREG_WRITE("tcr_el1", tcr);
    isb();
}

void guest_init_cpu(void)
{
    uint64_t range = MIN(SYSREG_READ("id_aa64mmfr0_el1") & 0xf, 5ULL);

    if (range < 2) {
        panic("CPU %u has fewer than 40 bits of physical addresses", arch_cpu_id());
    }
    SYSREG_WRITE("vtcr_el2", VTCR_VALUE | range << 16);
    SYSREG_WRITE("hcr_el2", HCR_IDLE);
    SYSREG_WRITE("cptr_el2", cptr);
    SYSREG_WRITE("mdcr_el2", (SYSREG_READ("mdcr_el2") & 0x1f) | mdcr);
    extensions_off();
    SYSREG_WRITE("hstr_el2", 0);
    SYSREG_WRITE("vpidr_el2", SYSREG_READ("midr_el1"));
    SYSREG_WRITE("vttbr_el2", 0);
    isb();
    if (errata_speculative_walk) {
        guest_walks_off(0);
    }
    __asm__ __volatile__("tlbi alle1; dsb nsh; isb" ::: "memory");
}

int guest_vmid_alloc(struct domain *d)
{
    unsigned int id;

    spin_lock(&vmid_lock);
    id = bitmap_next_clear(vmids, VMID_MAX + 1, 0);
    if (id <= VMID_MAX) {
        bit_set(vmids, id);
    }
    spin_unlock(&vmid_lock);
    if (id > VMID_MAX) {
        return -EBUSY;
    }
    d->arch->vmid = id;
    return 0;
}

void guest_vmid_free(struct domain *d)
{
    if (d->arch->vmid != 0) {
        spin_lock(&vmid_lock);
        bit_clear(vmids, d->arch->vmid);
        spin_unlock(&vmid_lock);
    }
}

/* ---- domains ----------------------------------------------------------------------------------- */

int arch_domain_check_config(struct xen_domctl_createdomain *config)
{
    unsigned int native = gic_machine.version == 3 ? XEN_DOMCTL_CONFIG_GIC_V3 : XEN_DOMCTL_CONFIG_GIC_V2;
    const uint32_t allowed = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap | XEN_DOMCTL_CDF_xs_domain;

    if ((config->flags & ~allowed) != 0 || (config->flags & XEN_DOMCTL_CDF_hvm) == 0 ||
        config->max_vcpus > (gic_machine.version == 3 ? GUEST_VCPUS_MAX : 8) ||
        config->arch.nr_spis > GIC_IRQ_MAX - VIRQ_LOCALS || config->arch.tee_type != XEN_DOMCTL_CONFIG_TEE_NONE) {
        return -EINVAL;
    }
    if (config->arch.gic_version == XEN_DOMCTL_CONFIG_GIC_NATIVE) {
        config->arch.gic_version = (uint8_t)native;
    }
    config->arch.clock_frequency = 0;
    return config->arch.gic_version == native ? 0 : -EINVAL;
}

/* Where the toolstack's device tree has it; of a GICv2 the guest's CPU interface is a page of the machine's. */
static int guest_layout(struct domain *d)
{
    struct vgic *g = &d->arch->vgic;
    int rc = 0;

    if (g->version == 3) {
        g->dist_base = GUEST_GICV3_GICD_BASE;
        g->redist_base = GUEST_GICV3_GICR0_BASE;
        g->redist_size = GUEST_GICV3_GICR0_SIZE;
    } else {
        g->dist_base = GUEST_GICD_BASE;
        g->cpu_base = GUEST_GICC_BASE;
    }
    for (uint64_t at = 0; rc == 0 && g->version == 2 && d->id != 0 && at < GUEST_GICC_SIZE; at += PAGE_SIZE) {
        rc = p2m_set(d, _gfn((GUEST_GICC_BASE + at) >> PAGE_SHIFT),
                     _mfn((gic_machine.vcpu_base + at) >> PAGE_SHIFT), 0, P2M_DEVICE);
    }
    return rc;
}

int arch_domain_init(struct domain *d)
{
    struct arch_domain *a = heap_alloc(sizeof(*a));
    int rc;

    if (a == NULL) {
        return -ENOMEM;
    }
    d->arch = a;
    a->evtchn_irq = GUEST_EVTCHN_PPI;
    a->counter_offset = d->id == 0 ? 0 : clock_ticks();
    rc = guest_vmid_alloc(d);
    if (rc == 0) {
        rc = p2m_domain_init(d);
    }
    if (rc == 0) {
        rc = vgic_domain_init(d, ALIGN_UP(d->config.arch.nr_spis, 32U));
    }
    if (rc == 0) {
        d->p2m->hardware_id = (uint16_t)a->vmid;
        a->vttbr = guest_vttbr(d->p2m);
        rc = guest_layout(d);
    }
    if (rc != 0) {
        arch_domain_exit(d);
    }
    return rc;
}

void arch_domain_exit(struct domain *d)
{
    if (d->arch == NULL) {
        return;
    }
    vpl011_exit(d);
    vgic_domain_exit(d);
    if (d->p2m != NULL) {
        arch_p2m_flush(d); /* its tables are freed, and the VMID becomes another's */
    }
    p2m_domain_exit(d);
    guest_vmid_free(d);
    heap_free(d->arch);
    d->arch = NULL;
}

/* ---- vcpus ------------------------------------------------------------------------------------- */

int arch_vcpu_init(struct vcpu *v)
{
    struct arch_vcpu *a;

    if (vcpu_is_idle(v)) {
        return 0;
    }
    a = heap_alloc(sizeof(*a));
    if (a == NULL) {
        return -ENOMEM;
    }
    v->arch = a;
    /* Sixteen to a cluster: an SGI's target list is that long. */
    a->vmpidr = 1ULL << 31 | (v->id & 15) | (uint64_t)(v->id >> 4) << 8;
    vgic_vcpu_init(v);
    vtimer_vcpu_init(v);
    return 0;
}

void arch_vcpu_exit(struct vcpu *v)
{
    if (v->arch != NULL) {
        vtimer_vcpu_exit(v);
        heap_free(v->arch);
        v->arch = NULL;
    }
}

void arch_vcpu_reset(struct vcpu *v)
{
    v->arch->online = false;
    vgic_vcpu_reset(v);
}

void arch_event_raised(struct vcpu *v)
{
    if (v->arch != NULL) {
        vgic_inject(v, v->domain->arch->evtchn_irq);
    }
}

bool arch_interrupt_due(const struct vcpu *v)
{
    return READ_ONCE(v->arch->exit_work) != 0 || vgic_due(v);
}

/* ---- the switch -------------------------------------------------------------------------------- */

/* Neighbours in the structure, so that one instruction moves both. */
#define SAVE(s, first, first_name, second, second_name)                                          \
    do {                                                                                         \
        uint64_t save_first = SYSREG_READ(first_name), save_second = SYSREG_READ(second_name);   \
                                                                                                 \
        (s)->first = save_first;                                                                 \
        (s)->second = save_second;                                                               \
    } while (0)
#define RESTORE(s, first, first_name, second, second_name)                                       \
    do {                                                                                         \
        uint64_t restore_first = (s)->first, restore_second = (s)->second;                       \
                                                                                                 \
        SYSREG_WRITE(first_name, restore_first);                                                 \
        SYSREG_WRITE(second_name, restore_second);                                               \
    } while (0)

static void sysregs_save(struct arch_sysregs *s)
{
    SAVE(s, sp_el0, "sp_el0", sp_el1, "sp_el1");
    SAVE(s, elr_el1, "elr_el1", spsr_el1, "spsr_el1");
    SAVE(s, sctlr, "sctlr_el1", cpacr, "cpacr_el1");
    SAVE(s, ttbr0, "ttbr0_el1", ttbr1, "ttbr1_el1");
    SAVE(s, mair, "mair_el1", amair, "amair_el1");
    SAVE(s, tcr, "tcr_el1", esr, "esr_el1");
    SAVE(s, far, "far_el1", afsr0, "afsr0_el1");
    SAVE(s, afsr1, "afsr1_el1", vbar, "vbar_el1");
    SAVE(s, contextidr, "contextidr_el1", tpidr_el0, "tpidr_el0");
    SAVE(s, tpidrro_el0, "tpidrro_el0", tpidr_el1, "tpidr_el1");
    SAVE(s, csselr, "csselr_el1", par, "par_el1");
    SAVE(s, cntkctl, "cntkctl_el1", mdscr, "mdscr_el1");
}

static void sysregs_restore(const struct arch_sysregs *s)
{
    RESTORE(s, sp_el0, "sp_el0", sp_el1, "sp_el1");
    RESTORE(s, elr_el1, "elr_el1", spsr_el1, "spsr_el1");
    RESTORE(s, sctlr, "sctlr_el1", cpacr, "cpacr_el1");
    RESTORE(s, ttbr0, "ttbr0_el1", ttbr1, "ttbr1_el1");
    RESTORE(s, mair, "mair_el1", amair, "amair_el1");
    if (unlikely(errata_speculative_walk)) {
        isb(); /* what TCR_EL1 uses is there */
    }
    RESTORE(s, tcr, "tcr_el1", esr, "esr_el1");
    RESTORE(s, far, "far_el1", afsr0, "afsr0_el1");
    RESTORE(s, afsr1, "afsr1_el1", vbar, "vbar_el1");
    RESTORE(s, contextidr, "contextidr_el1", tpidr_el0, "tpidr_el0");
    RESTORE(s, tpidrro_el0, "tpidrro_el0", tpidr_el1, "tpidr_el1");
    RESTORE(s, csselr, "csselr_el1", par, "par_el1");
    RESTORE(s, cntkctl, "cntkctl_el1", mdscr, "mdscr_el1");
}

_Static_assert(sizeof(struct cpu_user_regs) == 18 * 16, "regs_copy() copies all of them, and no more");

static void leave_vcpu(struct vcpu *v)
{
    struct arch_vcpu *a = v->arch;

    vgic_save(v);
    vtimer_save(v);
    sysregs_save(&a->sys);
    fpu_save(&a->fpu);
    regs_copy(&a->regs, guest_regs());
}

/* To their guest two vcpus are two CPUs: what the one cached for itself, under the same VMID and perhaps the same ASID,
 * the other must not see. VTTBR_EL2 is the domain's. */
static void forget_other_vcpu(const struct vcpu *v)
{
    uint8_t *last = &v->domain->arch->last_vcpu[arch_cpu_id()];
    uint8_t self = (uint8_t)(v->id + 1);

    if (*last != self) {
        if (*last != 0) {
            isb(); /* the VMID before the invalidation */
            __asm__ __volatile__("tlbi vmalle1; dsb nsh" ::: "memory");
        }
        *last = self;
    }
}

static void enter_domain(const struct domain *d)
{
    SYSREG_WRITE("vttbr_el2", d->arch->vttbr);
    SYSREG_WRITE("hcr_el2", hcr_guest);
    if (unlikely(errata_speculative_walk)) {
        isb(); /* walks begin again with SCTLR_EL1, which must not come before the VMID */
    }
}

static void enter_vcpu(struct vcpu *v)
{
    struct arch_vcpu *a = v->arch;

    forget_other_vcpu(v);
    SYSREG_WRITE("vmpidr_el2", a->vmpidr);
    sysregs_restore(&a->sys);
    if (has_sme) {
        SYSREG_WRITE("S3_3_C13_C0_5", 0);
    }
    if (has_ras) {
        SYSREG_WRITE("S3_4_C12_C1_1", 0);
    }
    regs_copy(guest_regs(), &a->regs);
    fpu_restore(&a->fpu);
    vtimer_restore(v);
    vgic_load(v);
    isb();
}

static void enter_idle(void)
{
    gic->switch_off();
    SYSREG_WRITE("hcr_el2", HCR_IDLE);
    SYSREG_WRITE("vttbr_el2", 0);
    isb();
}

void arch_switch(struct vcpu *prev, struct vcpu *next)
{
    bool is_other_domain = next->domain != prev->domain;

    if (!vcpu_is_idle(prev)) {
        leave_vcpu(prev);
        if (is_other_domain) {
            exit_settle_serror(prev->domain);
        }
        if (unlikely(errata_speculative_walk)) {
            guest_walks_off(prev->arch->sys.sctlr);
        }
    }
    arch_set_current(next);
    if (vcpu_is_idle(next)) {
        enter_idle();
    } else {
        if (is_other_domain) {
            enter_domain(next->domain);
        }
        enter_vcpu(next);
    }
    sched_switch_finished(prev);
    arch_irq_enable();
    if (vcpu_is_idle(next)) {
        stack_reset_and_call(sched_idle_loop);
    }
    vcpu_runstate_publish(next);
    stack_reset_and_call(resume_guest);
}

void arch_sync_vcpu_state(struct vcpu *v)
{
    (void)v; /* nothing is left behind on a CPU: arch_switch() saves all */
}

/* ---- contexts of the control ABI ---------------------------------------------------------------- */

static void context_set(struct vcpu *v, const struct vcpu_guest_context *c)
{
    struct arch_vcpu *a = v->arch;

    vcpu_start_at(v, c->user_regs.pc64, 0);
    memcpy(a->regs.x, &c->user_regs, sizeof(a->regs.x));
    a->regs.spsr = (c->user_regs.cpsr & ~0x1fULL) | ((c->user_regs.cpsr & 0x1f) == 0 ? 0 : PSR_EL1H);
    a->sys.sp_el0 = c->user_regs.sp_el0;
    a->sys.sp_el1 = c->user_regs.sp_el1;
    a->sys.elr_el1 = c->user_regs.elr_el1;
    a->sys.spsr_el1 = c->user_regs.spsr_el1;
    a->sys.sctlr = c->sctlr;
    a->sys.ttbr0 = c->ttbr0;
    a->sys.ttbr1 = c->ttbr1;
    a->sys.tcr = c->ttbcr;
    if (!(c->flags & VGCF_online)) {
        a->online = false;
        __atomic_fetch_or(&v->pause_flags, BIT(VCPU_DOWN), __ATOMIC_SEQ_CST);
    }
}

int arch_vcpu_set_context(struct vcpu *v, guest_ptr_t context)
{
    struct vcpu_guest_context c;

    if (copy_from_guest(&c, context, sizeof(c)) != 0) {
        return -EFAULT;
    }
    if (c.user_regs.cpsr & PSR_MODE_BIT) {
        return -EINVAL; /* 32-bit guests are not supported */
    }
    context_set(v, &c);
    return 0;
}

/* A guest's vcpus start by PSCI. */
int arch_vcpu_initialise(struct vcpu *v, guest_ptr_t context)
{
    (void)v;
    (void)context;
    return -EINVAL;
}

int arch_vcpu_get_context(struct vcpu *v, guest_ptr_t context)
{
    const struct arch_vcpu *a = v->arch;
    struct vcpu_guest_context c = { .flags = a->online ? VGCF_online : 0 };

    memcpy(&c.user_regs, a->regs.x, sizeof(a->regs.x));
    c.user_regs.pc64 = a->regs.pc;
    c.user_regs.cpsr = a->regs.spsr;
    c.user_regs.sp_el0 = a->sys.sp_el0;
    c.user_regs.sp_el1 = a->sys.sp_el1;
    c.user_regs.elr_el1 = a->sys.elr_el1;
    c.user_regs.spsr_el1 = a->sys.spsr_el1;
    c.sctlr = a->sys.sctlr;
    c.ttbr0 = a->sys.ttbr0;
    c.ttbr1 = a->sys.ttbr1;
    c.ttbcr = a->sys.tcr;
    return copy_to_guest(context, &c, sizeof(c));
}

/* A timer interrupt and other triggers are x86's. */
int arch_vcpu_trigger(struct vcpu *v, unsigned int trigger)
{
    (void)v;
    (void)trigger;
    return -ENOSYS;
}

bool arch_kernel_mapped(const struct vcpu *v)
{
    (void)v;
    return true;
}

void arch_vcpu_dump(struct vcpu *v)
{
    const struct arch_vcpu *a = v->arch;

    printk("%pv: pc %016lx  spsr %08lx  sp %016lx  lr %016lx\n", v, (unsigned long)a->regs.pc,
           (unsigned long)a->regs.spsr, (unsigned long)a->sys.sp_el1, (unsigned long)a->regs.x[30]);
    printk("    sctlr %lx  ttbr1 %lx  list registers in use 0x%x\n", (unsigned long)a->sys.sctlr,
           (unsigned long)a->sys.ttbr1, a->vgic.lr_used);
}
